package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chaintable/chaintable/server/servertest"
)

// What was dumped can be loaded elsewhere, any bytes, and is the same then.
func TestDumpAndLoad(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	one, other := servertest.StartChain(t, 1, nil)[0], servertest.StartChain(t, 1, nil)[0]
	blob := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
			if random.IntN(3) > 0 {
				b[i] = "{}\"\\ \t\n\r\x00"[b[i]%9]
			}
		}
		return string(b)
	}
	var lines []byte
	for i := range 500 {
		line, err := encode(newRecord(blob(i%70), []byte(blob(random.IntN(300)))))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line...)
	}
	call("", one.Address, "load", writeFile(t, string(lines))).numbersLeft().check(t, "load", 0, "N lines in N s, N a second\n", "")
	path := filepath.Join(t.TempDir(), "dump")
	size := strings.TrimSpace(call("", one.Address, "size").out)
	o := call("", one.Address, "dump", path)
	var seq int
	if _, err := fmt.Sscanf(o.out, size+" keys at operation %d\n", &seq); err != nil || o.code != 0 || o.err != "" || seq < 500 {
		t.Errorf("%+v, %v, want %s keys", o, err, size)
	}
	call("", other.Address, "load", path).numbersLeft().check(t, "load the dump", 0, "N lines in N s, N a second\n", "")
	sorted := func(address string) string {
		lines := slices.Sorted(strings.Lines(call("", address, "dump", "-").out))
		return strings.Join(lines, "")
	}
	first, second := sorted(one.Address), sorted(other.Address)
	if first != second || fmt.Sprint(strings.Count(first, "\n")) != size || !strings.Contains(first, "key_base64") || !strings.Contains(first, `"key":`) {
		t.Errorf("%s keys; dumped and loaded they are others", size)
	}
	if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
		t.Errorf("left behind: %v, %v", all, err)
	}
}

// A dump that fails leaves nothing, and what was there before.
func TestDumpFails(t *testing.T) {
	t.Parallel()
	address := single(t, nil)
	path := writeFile(t, "before")
	call("put k\n v\nput l a\tb\n", address)
	call("put a\tb x\n", address).unnumbered().check(t, "a key with a tab", 0, "operation N\n", "")
	call("", address, "dump", "--format", "tsv", path).check(t, "tabs", 2, "", `the key "a\tb", or its value, has a tab or a line end: use --format json`)
	if got, err := os.ReadFile(path); string(got) != "before" {
		t.Errorf("%q, %v", got, err)
	}
	if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
		t.Errorf("left behind: %v, %v", all, err)
	}
	call("", address, "dump", filepath.Join(path, "x")).check(t, "no folder", 3, "", "cannot write")
	o := call("", address, "dump", "--prefix", "l", "--format", "tsv", "-")
	if o.code != 0 || o.out != "l\ta\tb\n" || !strings.Contains(o.err, "1 keys at operation ") {
		t.Errorf("%+v", o)
	}
	call("", nobody(t), "dump", path).check(t, "nobody", 3, "", "connection refused")
}
