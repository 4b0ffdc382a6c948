package storage

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// backup is a table's file.
func backup(t *testing.T, entries []chain.Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	snap := tableOf(entries).Snapshot()
	defer snap.Close()
	w, err := NewSnapshotWriter(&b, Origin{testChain, snap.Position()})
	if err != nil {
		t.Fatal(err)
	}
	for last := false; !last; {
		var chunk []byte
		if chunk, last, err = snap.Chunk(200); err != nil {
			t.Fatal(err)
		}
		if err := w.Add(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestBackupEveryByte changes each byte of a backup, and cuts it everywhere: whoever reads it notices.
func TestBackupEveryByte(t *testing.T) {
	entries := puts(chain.Position{}, 20, 3, 50)
	whole := backup(t, entries)
	got, o, err := ReadSnapshot(bytes.NewReader(whole), table.Config{}, nil)
	if err != nil || o != (Origin{testChain, entries[19].Position()}) || got.Digest() != digestOf(entries) {
		t.Fatal(o, err)
	}
	if o, err := CheckSnapshot(bytes.NewReader(whole)); err != nil || o.Chain != testChain {
		t.Fatal(o, err)
	}
	refused := func(what string, b []byte) {
		t.Helper()
		_, _, err := ReadSnapshot(bytes.NewReader(b), table.Config{}, nil)
		if _, quick := CheckSnapshot(bytes.NewReader(b)); !isDamage(err) || !isDamage(quick) {
			t.Fatalf("%s: read: %v, checked: %v", what, err, quick)
		}
	}
	for i := range whole {
		for bit := range 8 {
			changed := bytes.Clone(whole)
			changed[i] ^= 1 << bit
			refused(fmt.Sprintf("bit %d of byte %d", bit, i), changed)
		}
		refused(fmt.Sprintf("%d bytes", i), whole[:i])
	}
	refused("a byte too many", append(bytes.Clone(whole), 0))
}

// TestRestore makes a directory of a table, and opens it.
func TestRestore(t *testing.T) {
	for _, n := range []int{0, 1, 300} {
		entries := puts(chain.Position{}, n, 3, 1000)
		dir, err := newVFSDir(newMem(t))
		if err != nil {
			t.Fatal(err)
		}
		c := testConfig(dir)
		id, err := Restore(c, tableOf(entries), goOn)
		if err != nil {
			t.Fatal(err)
		}
		if id.Chain == 0 || id.Chain == testChain || id.Node != c.Node || !id.Restored {
			t.Errorf("%d entries: %+v", n, id)
		}
		s, rec := reopen(t, dir)
		if rec.Doubt != nil || !rec.Chain.Found || !rec.Chain.Complete || rec.Chain.Chain != id.Chain || rec.Chain.Epoch != max(1, rec.Table.Position().Epoch) ||
			rec.Table.Digest() != digestOf(entries) || len(rec.Chain.Log) != 0 {
			t.Errorf("%d entries: %+v %v", n, rec.Chain, rec.Doubt)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(c, tableOf(nil), goOn); err == nil || !strings.Contains(err.Error(), "data directory already") {
			t.Errorf("over another: %v", err)
		}
	}
	dir, err := newVFSDir(newMem(t))
	if err != nil {
		t.Fatal(err)
	}
	if f, err := dir.Create("letters.txt"); err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	if _, err := Restore(testConfig(dir), tableOf(nil), goOn); err == nil || !strings.Contains(err.Error(), "holds letters.txt") {
		t.Errorf("in a folder of something else: %v", err)
	}
	if names, err := dir.List(); err != nil || len(names) != 1 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func goOn(int) error { return nil }

// TestRestoreCrash stops the machine at each operation of a Restore: afterwards the directory is empty, is whole, or says that it is unfinished, and then
// Restore can be called again.
func TestRestoreCrash(t *testing.T) {
	entries := puts(chain.Position{}, 30, 3, 100)
	for _, percent := range []int{0, 100} {
		seen := map[string]int{}
		for n, over := 0, false; !over; n++ {
			mem := newMem(t)
			work := func(fs FS) error {
				_, err := Restore(testConfig(fs), tableOf(entries), goOn)
				return err
			}
			mem, over = crashAfter(t, mem, n, percent, work)
			mem, _ = crashAfter(t, mem, n%13, percent, func(fs FS) error {
				names, err := fs.List()
				if err != nil || Vacant(names) != nil {
					return err
				}
				return work(fs)
			})
			dir, err := newVFSDir(mem)
			if err != nil {
				t.Fatal(err)
			}
			names, err := dir.List()
			if err != nil {
				t.Fatal(err)
			}
			if Vacant(names) == nil {
				seen["empty"]++
				if slices.Contains(names, restoring) {
					seen["unfinished"]++
					if _, _, err := Open(testConfig(dir)); !errors.Is(err, ErrUnfinished) {
						t.Fatalf("%d%%, after %d operations: opened: %v", percent, n, err)
					}
				}
				if err := work(dir); err != nil {
					t.Fatalf("%d%%, after %d operations: again: %v", percent, n, err)
				}
			}
			seen["all"]++
			s, rec := reopen(t, dir)
			if rec.Doubt != nil || rec.Table.Digest() != digestOf(entries) || !rec.Identity.Restored {
				t.Fatalf("%d%%, after %d operations: %v", percent, n, rec.Doubt)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if seen["empty"] == 0 || seen["unfinished"] == 0 || seen["all"] < seen["empty"]+3 {
			t.Errorf("%d%%: %v", percent, seen)
		}
	}
}
