package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server"
	"github.com/chaintable/chaintable/server/servertest"
	"github.com/chaintable/chaintable/table"
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
	call("put \ufeffl x\n", address).unnumbered().check(t, "a byte order mark", 0, "operation N\n", "")
	call("", address, "dump", "--format", "tsv", "--prefix", "\ufeff", path).check(t, "it as the first key", 2, "", "begins with a byte order mark: use --format json")
	call("del \ufeffl\n", address).unnumbered().check(t, "without it", 0, "operation N\n", "")
	dangling := filepath.Join(filepath.Dir(path), "dangling")
	if err := os.Symlink("missing", dangling); err != nil {
		t.Fatal(err)
	}
	call("", nobody(t), "dump", dangling).check(t, "a link to nothing", 2, "", "is a link to what is not there")
	if err := os.Remove(dangling); err != nil {
		t.Fatal(err)
	}
	call("", address, "dump", filepath.Join(path, "x")).check(t, "no folder", 2, "", "cannot write "+filepath.Join(path, "x")+": not a directory\n")
	call("", nobody(t), "dump", filepath.Dir(path)).check(t, "a folder, before anything is asked", 2, "", "cannot write "+filepath.Dir(path)+": is a folder\n")
	call("", nobody(t), "dump", os.DevNull).check(t, "a device", 2, "", "is no regular file; - is standard output")
	missing := filepath.Join(filepath.Dir(path), "missing", "file")
	call("", address, "dump", missing).check(t, "a folder that is not there", 2, "", "cannot write "+missing+": no such file or directory\n")
	o := call("", address, "dump", "--prefix", "l", "--format", "tsv", "-")
	if o.code != 0 || o.out != "l\ta\tb\n" || !strings.Contains(o.err, "1 key at operation ") {
		t.Errorf("%+v", o)
	}
	o = call("", "-o", "json", address, "dump", "-")
	if o.code != 0 || strings.Count(o.out, "\n") != 2 || strings.Contains(o.out, "keys") || !strings.HasSuffix(o.err, `,"keys":2}`+"\n") {
		t.Errorf("%+v", o)
	}
	call("", nobody(t), "dump", path).check(t, "nobody", 3, "", "connection refused")
}

// A dump takes the place of the file that a link names, not of the link.
func TestDumpFollowsLinks(t *testing.T) {
	address := single(t, nil)
	path := writeFile(t, "before")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	call("", address, "dump", link).unnumbered().check(t, "a link", 0, "0 keys at operation N\n", "")
	if target, err := os.Readlink(link); target != path {
		t.Errorf("the link names %q, %v", target, err)
	}
	if got, err := os.ReadFile(path); len(got) > 0 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// breaking is a listener whose connections break when they have sent 2 MiB, so many times.
type breaking struct {
	net.Listener
	times atomic.Int64
}

type breakingConn struct {
	net.Conn
	of   *breaking
	sent int
}

func (b *breaking) Accept() (net.Conn, error) {
	c, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &breakingConn{Conn: c, of: b}, nil
}

func (c *breakingConn) Write(b []byte) (int, error) {
	if c.sent += len(b); c.sent > 2<<20 && c.of.times.Add(-1) >= 0 {
		c.Conn.Close()
	}
	return c.Conn.Write(b)
}

// A dump begins again when the server goes away that it reads from; one to standard output cannot.
func TestDumpBeginsAgain(t *testing.T) {
	t.Parallel()
	b := servertest.New()
	l := &breaking{Listener: listen(t)}
	serve(t, l, server.Config{Replica: b})
	address := l.Addr().String()
	const n = 16
	for i := range n {
		c := table.Command{Op: table.OpPut, Pairs: []table.Pair{{Key: fmt.Append(nil, i), Value: make([]byte, 512<<10)}}}
		calls := []*replica.Call{{Command: c.Append(nil)}}
		if b.Write(t.Context(), calls); calls[0].Err != nil {
			t.Fatal(calls[0].Err)
		}
	}
	path := writeFile(t, "before")
	l.times.Store(1)
	o := call("", address, "dump", path)
	if o.code != 0 || o.out != fmt.Sprintf("%d keys at operation %d\n", n, n) || !strings.Contains(o.err, "the connection broke: once more, from the beginning") {
		t.Errorf("%+v", o)
	}
	if got, err := os.ReadFile(path); err != nil || strings.Count(string(got), "\n") != n {
		t.Errorf("%d lines, %v", strings.Count(string(got), "\n"), err)
	}
	l.times.Store(1)
	if o := call("", address, "dump", "-"); o.code != 3 || !strings.Contains(o.err, "the server that was read from went away") {
		t.Errorf("to standard output: exit code %d, %s", o.code, o.err)
	}
	l.times.Store(100)
	if o := call("", address, "dump", path); o.code != 3 || strings.Count(o.err, "once more") != maxDumps-1 {
		t.Errorf("for good: %+v", o)
	}
	if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
		t.Errorf("left behind: %v, %v", all, err)
	}
}
