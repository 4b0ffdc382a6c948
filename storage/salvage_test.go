package storage

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// salvaged checks what was found against the history: it is a beginning of that, and whoever asks is told if it is not all.
func salvaged(t *testing.T, dir FS, digests map[chain.Position]table.Digest, end chain.Position, what string) *Salvaged {
	t.Helper()
	v, err := Salvage(testConfig(dir))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	last := v.Table.Position()
	want, ok := digests[last]
	switch {
	case !ok || v.Table.Digest() != want:
		t.Fatalf("%s: salvaged %v, %v, which never was", what, last, v.Table.Digest())
	case last != end && len(v.Damage) == 0:
		t.Fatalf("%s: salvaged %v of %v, and told nothing", what, last, end)
	case v.Known.Seq > last.Seq || v.Beyond != 0 && v.Beyond <= last.Seq:
		t.Fatalf("%s: salvaged %v, known %v, beyond %v", what, last, v.Known, v.Beyond)
	}
	return v
}

// smallDigests are those of the tables that the directory of small may hold: also that of what was cut.
func smallDigests(t *testing.T) map[chain.Position]table.Digest {
	t.Helper()
	digests := make(map[chain.Position]table.Digest)
	old := puts(chain.Position{}, 20, 1, 100)
	for _, entries := range [][]chain.Entry{old, append(old[:18:18], puts(old[17].Position(), 5, 2, 100)...)} {
		for n := range len(entries) + 1 {
			digests[tableOf(entries[:n]).Position()] = digestOf(entries[:n])
		}
	}
	return digests
}

// TestSalvageEveryByte changes bytes of each file of a data directory, one at a time, and cuts each short: what is salvaged is what the server once held, and whoever
// asks is told that it is not all.
func TestSalvageEveryByte(t *testing.T) {
	mem, end, _ := small(t)
	all, digests := filesOf(t, mem), smallDigests(t)
	v := salvaged(t, all.with(t, "", nil), digests, end, "undamaged")
	if v.Table.Position() != end || len(v.Damage) > 0 || v.Chain != testChain || v.Known.Seq != 20 || v.Uncertain != 3 {
		t.Fatalf("undamaged: %+v", v)
	}
	least, beyond := end.Seq, chain.Seq(0)
	for name, b := range all {
		for i := range b {
			if i%3 != 0 || !worthwhile(b, i) {
				continue
			}
			changed := bytes.Clone(b)
			changed[i] ^= 1 << (i % 8)
			v := salvaged(t, all.with(t, name, changed), digests, end, fmt.Sprintf("%s, byte %d", name, i))
			last := v.Table.Position().Seq
			if least = min(least, last); last < 15 || last < 23 && !strings.HasPrefix(name, logPrefix) {
				t.Fatalf("%s, byte %d: only %d: %v", name, i, last, v.Damage)
			}
			if name == segmentName(1) && i >= segmentHeader && i < segmentHeader+blockBytes && last != end.Seq {
				t.Fatalf("%s, byte %d: the snapshot holds that, and yet: %d", name, i, last)
			}
			beyond = max(beyond, v.Beyond)
		}
		for n := range b {
			if n%3 == 0 && worthwhile(b, n) {
				v := salvaged(t, all.with(t, name, b[:n]), digests, end, fmt.Sprintf("%s, %d bytes", name, n))
				least = min(least, v.Table.Position().Seq)
			}
		}
	}
	if least > 15 || beyond != end.Seq {
		t.Errorf("never less than %d, and the log seen up to %d", least, beyond)
	}
}

// TestSalvageOlder has the newer snapshot damaged, and the log from the older one.
func TestSalvageOlder(t *testing.T) {
	mem, end, _ := small(t)
	all := filesOf(t, mem)
	name := snapshotName(1, 15)
	v := salvaged(t, all.with(t, name, all[name][:60]), smallDigests(t), end, "older")
	if v.Table.Position() != end || len(v.Damage) != 1 || !strings.Contains(v.Damage[0].Error(), name) {
		t.Errorf("%+v", v)
	}
}

// TestSalvageNothing has nothing to salvage.
func TestSalvageNothing(t *testing.T) {
	mem, _, _ := small(t)
	all := filesOf(t, mem)
	for name := range all {
		if name != identityName {
			delete(all, name)
		}
	}
	if _, err := Salvage(testConfig(all.with(t, "", nil))); !errors.Is(err, ErrNothing) {
		t.Errorf("%v", err)
	}
}

// TestSalvageWithoutIdentity needs no identity.
func TestSalvageWithoutIdentity(t *testing.T) {
	mem, end, _ := small(t)
	all := filesOf(t, mem)
	delete(all, identityName)
	dir := all.with(t, "", nil)
	v := salvaged(t, dir, smallDigests(t), end, "without identity")
	if v.Table.Position() != end || v.Identity != (Identity{}) {
		t.Errorf("%+v", v)
	}
	if _, err := v.Rebuild(testConfig(dir), goOn); err != nil {
		t.Fatal(err)
	}
	s, rec := reopen(t, dir)
	defer s.Close()
	if last, _ := content(rec); last != end || rec.Doubt != nil {
		t.Errorf("%v, %v", last, rec.Doubt)
	}
}

// TestSalvageDistrusted says why what is whole need not be all.
func TestSalvageDistrusted(t *testing.T) {
	dir, err := newVFSDir(newMem(t))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := reopen(t, dir)
	entries := puts(chain.Position{}, 3, 1, 10)
	if err := errors.Join(s.Adopt(testChain, 1), s.Append(entries, 3), s.Sync(), s.Distrust("it differs"), s.Close()); err != nil {
		t.Fatal(err)
	}
	v, err := Salvage(testConfig(dir))
	if err != nil || v.Table.Position().Seq != 3 || len(v.Damage) != 1 || v.Damage[0].Error() != "it differs" {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestRebuildCrash damages a directory, and stops the machine at each operation of a Rebuild: what was salvaged is there, before and after.
func TestRebuildCrash(t *testing.T) {
	mem, _, _ := small(t)
	all, digests := filesOf(t, mem), smallDigests(t)
	log := bytes.Clone(all[segmentName(1)])
	log[bytes.Index(log, fmt.Appendf(nil, "%100d", 22))+50] ^= 1
	for _, percent := range []int{0, 100} {
		finished := 0
		for n, over := 0, false; !over; n++ {
			damaged := vfs.NewCrashableMem()
			copyFiles(t, all.with(t, segmentName(1), log), damaged)
			salvage := func(fs FS) error {
				v, err := Salvage(testConfig(fs))
				if err != nil {
					return err
				}
				_, err = v.Rebuild(testConfig(fs), goOn)
				return err
			}
			damaged, over = crashAfter(t, damaged, n, percent, salvage)
			damaged, _ = crashAfter(t, damaged, n%31, percent, salvage)
			dir, err := newVFSDir(damaged)
			if err != nil {
				t.Fatal(err)
			}
			what := fmt.Sprintf("%d%%, after %d operations", percent, n)
			before, err := Salvage(testConfig(dir))
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if p := before.Table.Position(); p.Seq != 20 || before.Table.Digest() != digests[p] || before.Beyond != 0 && before.Beyond != 23 {
				t.Fatalf("%s: %v, beyond %v", what, p, before.Beyond)
			}
			if len(before.Damage) == 0 {
				finished++
			}
			id, err := before.Rebuild(testConfig(dir), goOn)
			if err != nil {
				t.Fatal(err)
			}
			s, rec := reopen(t, dir)
			if rec.Doubt != nil || rec.Table.Digest() != digests[before.Table.Position()] || rec.Chain.Chain != id.Chain || !rec.Chain.Found {
				t.Fatalf("%s: %+v, %v", what, rec.Chain, rec.Doubt)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if names, err := dir.List(); err != nil || len(names) != 3 {
				t.Fatalf("%s: left: %v, %v", what, names, err)
			}
		}
		if finished == 0 {
			t.Error("never finished")
		}
	}
}

// copyFiles puts the files of a directory on a disk.
func copyFiles(t *testing.T, from FS, mem *vfs.MemFS) {
	t.Helper()
	to, err := newVFSDir(mem)
	if err != nil {
		t.Fatal(err)
	}
	root, err := mem.OpenDir("/")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(root.Sync(), root.Close()); err != nil {
		t.Fatal(err)
	}
	names, err := from.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := from.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		size, err := f.Size()
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, size)
		if _, err := f.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		g, err := to.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.WriteAt(b, 0); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Close(), g.Sync(), g.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Sync(); err != nil {
		t.Fatal(err)
	}
}
