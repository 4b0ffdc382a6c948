package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/internal/needs"
	"github.com/chaintable/chaintable/storage"
)

// backUp makes a backup of the chain that a server is in, as table-client does.
func backUp(t *testing.T, address, path string) {
	t.Helper()
	c, err := client.Open(client.Config{Servers: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := c.Backup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id, err := chain.ParseID(b.Chain)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := storage.NewSnapshotWriter(f, storage.Origin{Chain: id, Position: chain.Position{Seq: chain.Seq(b.At), Epoch: chain.Epoch(b.Epoch)}})
	if err != nil {
		t.Fatal(err)
	}
	for chunk, err := range b.Chunks() {
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
}

// startServing starts a server and waits until it serves.
func startServing(t *testing.T, args ...string) (p *process, address string) {
	t.Helper()
	p = start(t, append([]string{"0", "64"}, args...)...)
	address = p.expect(`msg=listening listen=(\S+)`)[1]
	p.expect("msg=serving")
	return p, address
}

// ran is how a command has ended.
func ran(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	p := start(t, args...)
	return p.exit(), p.output()
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.exit()
}

// TestRestore restores a backup beside a chain that lives, and makes another chain of it.
func TestRestore(t *testing.T) {
	zk := needs.StartZooKeeper(t)
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	first, address := startServing(t, zk.Address, "--session-timeout", "500ms", "--data-dir", in("one"))
	c := dialRESP(t, address)
	for i := range 100 {
		c.must(t, "OK", "SET", fmt.Sprint("k", i), fmt.Sprint("v", i))
	}
	backUp(t, address, in("backup"))
	c.must(t, "OK", "SET", "k0", "later")

	refused := func(what, want string, args ...string) {
		t.Helper()
		if code, output := ran(t, args...); code != 1 || !strings.Contains(output, want) {
			t.Errorf("%s: exit code %d, %s", what, code, output)
		}
	}
	refused("over a directory in use", "server's data directory already", "restore", in("backup"), "--data-dir", in("one"))
	refused("over other files", "it holds", "restore", in("backup"), "--data-dir", folder)
	refused("no such file", "no such file", "restore", in("none"), "--data-dir", in("two"))
	whole, err := os.ReadFile(in("backup"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(whole)
	damaged[len(damaged)/2] ^= 1
	if err := os.WriteFile(in("damaged"), damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	refused("a damaged file", in("damaged")+", at byte ", "restore", in("damaged"), "--data-dir", in("two"))
	if _, err := os.Stat(in("two")); err == nil {
		t.Error("a damaged file has left a directory")
	}
	if code, output := ran(t, "restore", in("backup"), "--data-dir", in("two")); code != 0 || !strings.Contains(output, "100 keys") ||
		!strings.Contains(output, "table-server PORT LISTS [ZOOKEEPER] --data-dir "+in("two")) {
		t.Fatalf("restore: exit code %d, %s", code, output)
	}
	refused("twice", "server's data directory already", "restore", in("backup"), "--data-dir", in("two"))

	// It does not come into the chain that lives.
	stranger := start(t, "0", "64", zk.Address, "--session-timeout", "500ms", "--data-dir", in("two"))
	stranger.expect("stops rather than join another history")
	if code := stranger.exit(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	c.must(t, "later", "GET", "k0")
	first.kill(t)

	// It makes one of its own.
	_, address = startServing(t, zk.Address, "--chain", "other", "--session-timeout", "500ms", "--data-dir", in("two"))
	_, joined := startServing(t, zk.Address, "--chain", "other", "--session-timeout", "500ms", "--data-dir", in("three"))
	for _, a := range []string{address, joined} {
		c := dialRESP(t, a)
		for i := range 100 {
			c.must(t, fmt.Sprint("v", i), "GET", fmt.Sprint("k", i))
		}
	}
	dialRESP(t, joined).must(t, "OK", "SET", "k0", "new")
	dialRESP(t, address).must(t, "new", "GET", "k0")
}

// TestRecoverAsNewChain damages the log of a server that has no other: what stands before the damage becomes a chain of its own.
func TestRecoverAsNewChain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	recover := []string{"recover", "--data-dir", dir, "--as-new-chain"}
	if code, output := ran(t, recover...); code != 1 || !strings.Contains(output, "there is no such directory") {
		t.Errorf("without a directory: exit code %d, %s", code, output)
	}
	p, address := startServing(t, "--data-dir", dir)
	c := dialRESP(t, address)
	for i := range 100 {
		c.must(t, "OK", "SET", fmt.Sprint("k", i), fmt.Sprint("value-", i))
	}
	if code, output := ran(t, recover...); code != 1 || !strings.Contains(output, "another process has it open") {
		t.Errorf("in use: exit code %d, %s", code, output)
	}
	p.kill(t)
	log := filepath.Join(dir, "log-0000000000000001")
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	b[bytes.Index(b, []byte("value-50"))] ^= 1
	if err := os.WriteFile(log, b, 0o600); err != nil {
		t.Fatal(err)
	}
	p = start(t, "0", "64", "--data-dir", dir)
	p.expect("--as-new-chain")
	if code := p.exit(); code != 1 {
		t.Errorf("a server on damaged data: exit code %d", code)
	}
	code, output := ran(t, recover...)
	if code != 1 || !strings.Contains(output, "DAMAGED: log-0000000000000001, at byte ") || !strings.Contains(output, "50 keys") ||
		!strings.Contains(output, "LOST HERE") || !strings.Contains(output, "nothing is done yet") {
		t.Errorf("without --yes: exit code %d, %s", code, output)
	}
	if now, err := os.ReadFile(log); err != nil || !bytes.Equal(now, b) {
		t.Errorf("without --yes the log changed, %v", err)
	}
	if code, output := ran(t, append(recover, "--yes")...); code != 0 {
		t.Fatalf("with --yes: exit code %d, %s", code, output)
	}
	_, address = startServing(t, "--data-dir", dir)
	c = dialRESP(t, address)
	c.must(t, "value-0", "GET", "k0")
	c.must(t, "value-49", "GET", "k49")
	if answer, err := c.do("EXISTS", "k50"); err != nil || answer != "0" {
		t.Errorf("EXISTS k50: %q, %v", answer, err)
	}
	c.must(t, "OK", "SET", "k50", "again")
}

// TestRecoverWithoutZooKeeper has all servers and all that ZooKeeper held gone, but for the data directories.
func TestRecoverWithoutZooKeeper(t *testing.T) {
	zk := needs.StartZooKeeper(t)
	folder := t.TempDir()
	var servers []*process
	var c *respClient
	for _, name := range []string{"one", "two"} {
		p, address := startServing(t, zk.Address, "--session-timeout", "500ms", "--data-dir", filepath.Join(folder, name))
		servers, c = append(servers, p), dialRESP(t, address)
	}
	for i := range 100 {
		c.must(t, "OK", "SET", fmt.Sprint("k", i), fmt.Sprint("v", i))
	}
	for _, p := range servers {
		p.kill(t)
	}
	zk.Kill()
	zk.Wipe()
	zk.Start()
	dir := filepath.Join(folder, "two")
	p := start(t, "0", "64", zk.Address, "--session-timeout", "500ms", "--data-dir", dir)
	p.expect("has no view of chain")
	if code := p.exit(); code != 1 {
		t.Errorf("a server whose chain is gone: exit code %d", code)
	}
	// That of a coordinator is not taken for one's own.
	p = start(t, "0", "64", "--data-dir", dir)
	p.expect("recover --data-dir .* --as-new-chain")
	p.exit()
	code, output := ran(t, "recover", "--data-dir", dir, "--as-new-chain", "--yes")
	if code != 0 || strings.Contains(output, "DAMAGED") || !regexp.MustCompile(`up to operation \d+: 100 keys`).MatchString(output) {
		t.Fatalf("exit code %d, %s", code, output)
	}
	_, address := startServing(t, zk.Address, "--session-timeout", "500ms", "--data-dir", dir)
	if err := os.RemoveAll(filepath.Join(folder, "one")); err != nil {
		t.Fatal(err)
	}
	_, joined := startServing(t, zk.Address, "--session-timeout", "500ms", "--data-dir", filepath.Join(folder, "one"))
	for _, a := range []string{address, joined} {
		c := dialRESP(t, a)
		c.must(t, "v0", "GET", "k0")
		c.must(t, "v99", "GET", "k99")
	}
}

// TestRecoverUsage tells the two forms of recover apart.
func TestRecoverUsage(t *testing.T) {
	for args, want := range map[string]string{
		"recover":                "--as-new-chain",
		"recover --data-dir x":   "add --as-new-chain",
		"recover --as-new-chain": "is of a data directory",
		"recover --as-new-chain --data-dir x 1.2.3.4:2181":  "is of a data directory",
		"recover --data-dir x --as-new-chain --chain other": "is of a data directory",
		"restore":                        "want the name of one backup",
		"restore file":                   "want --data-dir",
		"restore file --data-dir /x/y/z": "no such file or directory",
	} {
		code, output := ran(t, strings.Fields(args)...)
		if code != 2 && !strings.Contains(args, "/x/y/z") || !strings.Contains(output, want) {
			t.Errorf("%s: exit code %d, %s", args, code, output)
		}
	}
}
