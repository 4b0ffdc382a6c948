package storage

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// small is a data directory with two snapshots and a few entries, all of them acknowledged, after a kill.
func small(t *testing.T) (mem *vfs.MemFS, end chain.Position, digest table.Digest) {
	t.Helper()
	mem = newMem(t)
	dir, err := newVFSDir(mem)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := reopen(t, dir)
	h := &history{t: t, store: s, states: []state{{chain: testChain}}, epoch: 1}
	steps := []func() error{
		func() error { return s.Register(1) },
		func() error { return s.Adopt(testChain, 1) },
		func() error { return h.append(10, 100, 0) },
		h.sync,
		func() error { return h.checkpoint(5) },
		func() error { return h.append(10, 100, 10) },
		h.sync,
		func() error { h.cut(18); return h.append(2, 100, 18) },
		h.sync,
		func() error { return h.checkpoint(15) },
		func() error { return h.append(3, 100, 20) },
		h.sync,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return mem, h.last(), digestOf(h.now().entries)
}

// files is what a directory holds.
type files map[string][]byte

// filesOf is a copy of them, but for the next segment.
func filesOf(t *testing.T, mem *vfs.MemFS) files {
	t.Helper()
	dir := vfsDir{mem, "/data"}
	names, err := dir.List()
	if err != nil {
		t.Fatal(err)
	}
	all := files{}
	for _, name := range names {
		if name == spareName {
			continue
		}
		b, err := mem.UnsafeGetFileDataBuffer(dir.join(name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = bytes.Clone(b)
	}
	return all
}

// with is a directory with these files, one of them changed.
func (f files) with(t *testing.T, name string, content []byte) FS {
	t.Helper()
	dir, err := newVFSDir(vfs.NewMem())
	if err != nil {
		t.Fatal(err)
	}
	for n, b := range f {
		if n == name {
			b = content
		}
		file, err := dir.Create(n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(b, 0); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// worthwhile tells whether a place in a file is one to try: of what is all zeros or spaces, only now and then.
func worthwhile(b []byte, i int) bool {
	return i%509 == 0 || len(bytes.Trim(b[max(0, i-8):min(len(b), i+8)], "\x00 ")) > 0
}

// verdict opens what is there. Either all is there that was acknowledged, or the Store knows that it is not.
func verdict(dir FS, end chain.Position, digest table.Digest) (doubt error, notes []string, err error) {
	s, rec, err := Open(testConfig(dir))
	if err != nil {
		return err, nil, nil
	}
	defer s.Close()
	if rec.Doubt != nil {
		if rec.Chain.Complete || rec.Table.Len() != 0 || len(rec.Chain.Log) != 0 {
			return nil, nil, fmt.Errorf("damaged, and yet of use: %+v", rec.Chain)
		}
		return rec.Doubt, rec.Notes, nil
	}
	if last, got := content(rec); last != end || got != digest {
		return nil, nil, fmt.Errorf("recovered %v %v instead of %v %v", last, got, end, digest)
	}
	return nil, rec.Notes, nil
}

// TestEveryByte changes each byte of each file, one after the other.
func TestEveryByte(t *testing.T) {
	mem, end, digest := small(t)
	all := filesOf(t, mem)
	if doubt, notes, err := verdict(all.with(t, "", nil), end, digest); doubt != nil || err != nil || notes != nil {
		t.Fatal(doubt, notes, err)
	}
	for name, b := range all {
		tried, found := 0, 0
		for i := range b {
			if !worthwhile(b, i) {
				continue
			}
			changed := bytes.Clone(b)
			changed[i] ^= 1 << (i % 8)
			doubt, notes, err := verdict(all.with(t, name, changed), end, digest)
			switch {
			case err != nil:
				t.Fatalf("%s, byte %d: %v", name, i, err)
			case doubt != nil && !strings.HasPrefix(name, logPrefix):
				t.Fatalf("%s, byte %d: there is another copy, and yet: %v", name, i, doubt)
			}
			if tried++; doubt != nil || notes != nil {
				found++
			}
		}
		t.Logf("%s: %d of %d changes make a difference", name, found, tried)
	}
}

// TestEveryTruncation cuts each file short, everywhere, and takes it away.
func TestEveryTruncation(t *testing.T) {
	mem, end, digest := small(t)
	all := filesOf(t, mem)
	newest := snapshotName(1, 15)
	for name, b := range all {
		for n := range b {
			if !worthwhile(b, n) {
				continue
			}
			doubt, notes, err := verdict(all.with(t, name, b[:n]), end, digest)
			switch {
			case err != nil:
				t.Fatalf("%s, %d of %d bytes: %v", name, n, len(b), err)
			case doubt == nil && strings.HasPrefix(name, logPrefix), notes == nil && name == newest:
				t.Fatalf("%s, %d of %d bytes: nobody has noticed", name, n, len(b))
			}
		}
		without := maps.Clone(all)
		delete(without, name)
		doubt, _, err := verdict(without.with(t, "", nil), end, digest)
		if err != nil || doubt == nil && !strings.HasPrefix(name, snapshotPrefix) {
			t.Errorf("without %s: %v, %v", name, doubt, err)
		}
	}
}
