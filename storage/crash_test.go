package storage

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/chaintable/chaintable/chain"
)

// life does a little of everything.
func (h *history) life() error {
	s := h.store
	if err := s.Register(1); err != nil {
		return err
	}
	h.states = append(h.states, state{chain: testChain})
	if err := s.Adopt(testChain, 1); err != nil {
		return err
	}
	h.acknowledged()
	h.epoch = 1
	for i := range 6 {
		if err := h.append(5, 100, h.last().Seq); err != nil {
			return err
		}
		if i%2 == 0 {
			if err := h.sync(); err != nil {
				return err
			}
		}
	}
	h.cut(27)
	if err := h.append(3, 200, 20); err != nil {
		return err
	}
	if err := h.sync(); err != nil {
		return err
	}
	if err := h.checkpoint(25); err != nil {
		return err
	}
	if err := s.Prepare(); err != nil {
		return err
	}
	// Into the next segments.
	for range 5 {
		if err := h.append(40, 1000, h.last().Seq); err != nil {
			return err
		}
		if err := h.sync(); err != nil {
			return err
		}
	}
	if err := h.checkpoint(180); err != nil {
		return err
	}
	if err := h.checkpoint(200); err != nil {
		return err
	}
	if err := h.append(3, 70_000, 210); err != nil { // each larger than a segment
		return err
	}
	if err := h.sync(); err != nil {
		return err
	}
	if err := s.Adopt(testChain, 9); err != nil {
		return err
	}
	h.epoch = 9
	h.cut(220)
	if err := h.sync(); err != nil {
		return err
	}
	if err := h.install(puts(chain.Position{Seq: 500}, 30, 8, 50)); err != nil {
		return err
	}
	if err := h.append(10, 100, h.last().Seq); err != nil {
		return err
	}
	return h.sync()
}

var errCrashed = errors.New("the machine has stopped")

// crasher stops everything at an operation.
type crasher struct{ left int }

func (c *crasher) String() string { return "(crasher)" }

func (c *crasher) MaybeError(errorfs.Op) error {
	if c.left--; c.left < 0 {
		return errCrashed
	}
	return nil
}

// crashAfter runs work on the file system and stops it after so many operations. The result is what a machine finds that starts again: with all that was
// not synced, or without. Over says that there were not so many.
func crashAfter(t *testing.T, mem *vfs.MemFS, n, percent int, work func(FS) error) (_ *vfs.MemFS, over bool) {
	t.Helper()
	dir, err := newVFSDir(errorfs.Wrap(mem, errorfs.InjectorFunc((&crasher{n}).MaybeError)))
	if err != nil && !errors.Is(err, errCrashed) {
		t.Fatal(err)
	}
	err = work(dir)
	if err != nil && !errors.Is(err, errCrashed) {
		t.Fatalf("after %d operations: %v", n, err)
	}
	return mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(1, 1))}), err == nil
}

// newMem is one with an empty data directory, on disk.
func newMem(t *testing.T) *vfs.MemFS {
	t.Helper()
	mem := vfs.NewCrashableMem()
	if _, err := newVFSDir(mem); err != nil {
		t.Fatal(err)
	}
	root, err := mem.OpenDir("/")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(root.Sync(), root.Close()); err != nil {
		t.Fatal(err)
	}
	return mem
}

func reopen(t *testing.T, fs FS) (*Store, *Recovery) {
	t.Helper()
	s, rec, err := Open(testConfig(fs))
	if err != nil {
		t.Fatal(err)
	}
	return s, rec
}

// TestCrashAtEveryOperation stops a machine at each operation of a life, with nothing and with all of what was not synced on disk, then twice while it
// recovers, and looks at what is there afterwards.
func TestCrashAtEveryOperation(t *testing.T) {
	for _, percent := range []int{0, 100} {
		over := false
		n := 0
		for ; !over; n++ {
			h := &history{t: t, states: []state{{}}}
			var mem *vfs.MemFS
			mem, over = crashAfter(t, newMem(t), n, percent, func(fs FS) error {
				s, _, err := Open(testConfig(fs))
				if err != nil {
					return err
				}
				h.store = s
				return h.life()
			})
			// It starts again, and stops again in the middle of that, now here, now there.
			for _, m := range []int{n % 7, n % 17} {
				mem, _ = crashAfter(t, mem, m, percent, func(fs FS) error {
					s, _, err := Open(testConfig(fs))
					if err != nil {
						return err
					}
					return s.Close()
				})
			}
			dir, err := newVFSDir(mem)
			if err != nil {
				t.Fatal(err)
			}
			s, rec, err := Open(testConfig(dir))
			if err != nil {
				t.Fatalf("%d%%, after %d operations: %v", percent, n, err)
			}
			if err := h.check(rec); err != nil {
				t.Fatalf("%d%%, after %d operations: %v", percent, n, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if n < 100 {
			t.Errorf("only %d operations", n)
		}
		t.Logf("%d operations, %d%% of what was not synced", n, percent)
	}
}
