package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server"
	"github.com/chaintable/chaintable/server/servertest"
	"github.com/chaintable/chaintable/storage"
	"github.com/chaintable/chaintable/table"
)

// A backup of a chain under load is of one moment: what is moved from one account to another is neither lost nor doubled.
func TestBackupOfOneMoment(t *testing.T) {
	t.Parallel()
	members, all := startChain(t)
	const accounts, each = 64, 100
	c, err := client.Open(client.Config{Servers: strings.Split(all, ",")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	key := func(i int) string { return fmt.Sprint("account-", i) }
	for i := range accounts {
		if _, err := c.Put(t.Context(), key(i), fmt.Append(nil, each)); err != nil {
			t.Fatal(err)
		}
	}
	// The values are padded, so that the backup has many chunks.
	padding := strings.Repeat("x", 32<<10)
	for i := range 100 {
		if _, err := c.Put(t.Context(), fmt.Sprint("padding-", i), []byte(padding)); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	var moving sync.WaitGroup
	moved := 0
	moving.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := move(t, c, key(i%accounts), key((i*7+1)%accounts)); err != nil {
				t.Error(err)
				return
			}
			moved++
		}
	})
	path := filepath.Join(t.TempDir(), "backup")
	for i := range 5 {
		for _, m := range members {
			if _, err := c.Put(t.Context(), key(accounts), fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
			o := call("", "-o", "json", m.Address, "backup", path)
			var sum backedUp
			if err := json.Unmarshal([]byte(o.out), &sum); err != nil || o.code != 0 || o.err != "" || sum.Keys != accounts+101 {
				t.Fatalf("%+v, %v", o, err)
			}
			tab, origin := readBackup(t, path)
			total := 0
			for i := range accounts {
				value, _, _ := tab.Get([]byte(key(i)))
				n := 0
				if _, err := fmt.Sscan(string(value), &n); err != nil {
					t.Fatal(err)
				}
				total += n
			}
			if value, _, _ := tab.Get([]byte(key(accounts))); string(value) != fmt.Sprint(i) {
				t.Fatalf("%s: the backup has %q of what was acknowledged before, %d", m.Address, value, i)
			}
			if total != accounts*each || uint64(origin.Position.Seq) != sum.Seq || origin.Chain.String() != sum.Chain {
				t.Fatalf("the accounts have %d, want %d: %+v, %+v", total, accounts*each, origin, sum)
			}
		}
	}
	close(stop)
	moving.Wait()
	if moved == 0 {
		t.Error("nothing was moved meanwhile")
	}
	o := call("", "backup", "--verify", path)
	if o.code != 0 || o.err != "" || !strings.HasPrefix(o.out, "whole: chain ") || !strings.Contains(o.out, fmt.Sprintf(": %d keys, ", accounts+101)) ||
		!strings.Contains(o.out, " session") {
		t.Errorf("%+v", o)
	}
}

// move moves 1 from one account to another, if it is there.
func move(t *testing.T, c *client.Client, from, to string) error {
	if from == to {
		return nil
	}
	a, err := c.Get(t.Context(), from)
	if err != nil {
		return err
	}
	b, err := c.Get(t.Context(), to)
	if err != nil {
		return err
	}
	var m, n int
	if _, err := fmt.Sscan(string(a.Value), &m); err != nil {
		return err
	}
	if _, err := fmt.Sscan(string(b.Value), &n); err != nil {
		return err
	}
	_, err = c.Txn(t.Context(), client.Txn{
		If:   []client.Compare{client.Version(from, client.Equal, a.Version), client.Version(to, client.Equal, b.Version)},
		Then: []client.Step{client.PutStep(from, fmt.Append(nil, m-1)), client.PutStep(to, fmt.Append(nil, n+1))},
	})
	return err
}

func readBackup(t *testing.T, path string) (*table.Table, storage.Origin) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tab, origin, err := storage.ReadSnapshot(f, table.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tab, origin
}

// A backup that fails leaves nothing, and what was there before.
func TestBackupFails(t *testing.T) {
	t.Parallel()
	address := single(t, nil)
	path := writeFile(t, "before")
	folder := filepath.Dir(path)
	call("", nobody(t), "backup", folder).check(t, "a folder, before anything is asked", 2, "", "cannot write "+folder+": is a folder\n")
	call("", nobody(t), "backup", os.DevNull).check(t, "a device", 2, "", "is no regular file; - is standard output")
	call("", nobody(t), "backup", path).check(t, "nobody", 3, "", "connection refused")
	call("", "backup", path).check(t, "no address", 2, "", "want the address first")
	call("", "backup", "--verify").check(t, "no file", 2, "", "want the name of a file")
	call("", "backup", "--verify", filepath.Join(folder, "missing")).check(t, "no such file", 2, "", "no such file")
	call("", "backup", "--verify", folder).check(t, "verify a folder", 2, "", "is no regular file")
	call("", "backup", "--verify", path).check(t, "no backup", 2, "", "is damaged at byte 6, or is no backup")
	if got, err := os.ReadFile(path); string(got) != "before" {
		t.Errorf("%q, %v", got, err)
	}
	call("put k v\n", address).unnumbered().check(t, "put", 0, "operation N\n", "")
	o := call("", address, "backup", "-")
	if o.code != 0 || !strings.HasPrefix(o.out, "chaintbl") || !strings.Contains(o.err, "at operation ") {
		t.Errorf("to standard output: %d, %q", o.code, o.err)
	}
	if err := os.WriteFile(path, []byte(o.out), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := call("", "backup", "--verify", path); o.code != 0 || !strings.Contains(o.out, ": 1 key, ") {
		t.Errorf("%+v", o)
	}
	changed := []byte(o.out)
	changed[len(changed)/2] ^= 4
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	call("", "backup", "--verify", path).check(t, "changed", 2, "", "is damaged at byte ")
	if all, err := os.ReadDir(folder); err != nil || len(all) != 1 {
		t.Errorf("left behind: %v, %v", all, err)
	}
}

// A backup begins again when the server goes away that it reads from, a few times.
func TestBackupBeginsAgain(t *testing.T) {
	t.Parallel()
	b := servertest.New()
	b.State.Chain = 7
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
	o := call("", address, "backup", path)
	if o.code != 0 || !strings.Contains(o.out, fmt.Sprintf("at operation %d: %d keys, ", n, n)) || !strings.Contains(o.err, "the connection broke: once more, from the beginning") {
		t.Errorf("%+v", o)
	}
	if tab, _ := readBackup(t, path); tab.Len() != n {
		t.Errorf("%d keys", tab.Len())
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l.times.Store(100)
	if o := call("", address, "backup", path); o.code != 3 || strings.Count(o.err, "once more") != maxDumps-1 {
		t.Errorf("for good: %+v", o)
	}
	after, err := os.ReadFile(path)
	all, listed := os.ReadDir(filepath.Dir(path))
	if err := errors.Join(err, listed); err != nil || len(all) != 1 || string(before) != string(after) {
		t.Errorf("left behind: %v, %v", all, err)
	}
}
