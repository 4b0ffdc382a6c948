package chain

import (
	"sync"
	"testing"
)

func TestGate(t *testing.T) {
	g := new(Gate)
	g.raise(5, []uint64{1, 2}, false)
	g.raise(4, []uint64{1}, false) // never goes down
	g.raise(7, nil, true)
	g.raise(9, []uint64{3 + slotCount}, false)
	for hash, want := range map[uint64]Seq{1: 7, 2: 7, 3: 9, 4: 7, slotCount + 3: 9} {
		if got := g.Key(hash); got != want {
			t.Errorf("Key(%d) = %d, want %d", hash, got, want)
		}
	}
	if got := g.All(); got != 9 {
		t.Errorf("All() = %d, want 9", got)
	}
}

// TestGateLease: a reader may answer with what it read in one spell of membership only before the lease ends, and never by the lease of
// another spell.
func TestGateLease(t *testing.T) {
	c := chainOf(t, 2)
	s := c.servers[2]
	g := s.r.Gate()
	term, until := g.Term(), Time(g.lease.Load())
	for _, check := range []struct {
		name string
		term uint64
		now  Time
		want bool
	}{
		{"in time", term, until - 1, true},
		{"at the end", term, until, false},
		{"too late", term, until + 1, false},
		{"another term", term + 1, until - 1, false},
	} {
		if got := g.Leased(check.term, check.now); got != check.want {
			t.Errorf("%s: leased: %v, want %v", check.name, got, check.want)
		}
	}
	// Its registration goes, it is removed, and comes back.
	c.coord.regs = nil
	c.tick(30_000_000_000, true)
	if s.r.index < 0 || !g.Leased(g.Term(), c.now) {
		t.Fatalf("server 2 has not come back: %+v", s.r.Status())
	}
	if g.Leased(term, c.now) {
		t.Error("what was read before the server left may be answered after it has come back")
	}
}

// TestGateConcurrently is for the race detector: readers never see a seq go down, nor a lease of a term that they did not note.
func TestGateConcurrently(t *testing.T) {
	g := new(Gate)
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		readers.Go(func() {
			var key, all, applied Seq
			for {
				select {
				case <-done:
					return
				default:
				}
				a, k, l := g.Applied(), g.Key(7), g.All()
				if k < key || l < all || a < applied {
					t.Errorf("key %d, last %d, applied %d after %d, %d, %d", k, l, a, key, all, applied)
					return
				}
				key, all, applied = k, l, a
				g.Leased(g.Term(), 5)
				g.Leasing()
			}
		})
	}
	for seq := Seq(1); seq < 20_000; seq++ {
		g.raise(seq, []uint64{uint64(seq) % 16}, seq%1000 == 0)
		raise(&g.applied, uint64(seq))
		if seq%100 == 0 {
			g.lease.Store(int64(seq % 200))
			g.term.Add(1)
		}
	}
	close(done)
	readers.Wait()
}
