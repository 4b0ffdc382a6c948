package storage

import (
	"testing"

	"github.com/chaintable/chaintable/chain"
)

// amid is a file system in which something happens just before a file gets another name.
type amid struct {
	FS
	rename func()
}

func (a *amid) Rename(from, to string) error {
	a.rename()
	return a.FS.Rename(from, to)
}

// TestPrepareWhileSpareIsTaken has somebody ask for the next segment while the spare, which is about to be one, still has its name: it must not be made
// anew, in its own place.
func TestPrepareWhileSpareIsTaken(t *testing.T) {
	dir, err := newVFSDir(newMem(t))
	if err != nil {
		t.Fatal(err)
	}
	fs := &amid{FS: dir, rename: func() {}}
	s, _ := reopen(t, fs)
	prepared := 0
	fs.rename = func() {
		if err := s.Prepare(); err != nil {
			t.Error(err)
		}
		prepared++
	}
	h := &history{t: t, store: s, states: []state{{chain: testChain}}, epoch: 1}
	steps := []func() error{s.Prepare, func() error { return s.Adopt(testChain, 1) }}
	for range 10 {
		steps = append(steps, s.Prepare, func() error { return h.append(20, 1000, 0) }, h.sync)
	}
	for _, step := range append(steps, s.Close) {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if prepared < 3 {
		t.Fatalf("%d segments were made", prepared)
	}
	s, rec := reopen(t, fs)
	defer s.Close()
	if rec.Doubt != nil {
		t.Fatal(rec.Doubt)
	}
	if last, digest := content(rec); last != (chain.Position{Seq: 200, Epoch: 1}) || digest != digestOf(h.now().entries) {
		t.Errorf("recovered %v %v, want %v", last, digest, h.last())
	}
}
