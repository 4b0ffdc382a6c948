package system_test

import (
	"testing"
	"time"

	"github.com/chaintable/chaintable/internal/needs"
)

// TestPartition cuts two members off from each other, which both reach ZooKeeper and all others: first neighbours, then the head and the
// tail. One of the two goes, writes go on, and it comes back when the network does.
func TestPartition(t *testing.T) {
	t.Parallel()
	c := newNetwork(t, []string{needs.AnyZooKeeper(t)}, 4, nil)
	l := startLoad(t, c.addresses, nil)
	for _, pair := range [][2]int{{0, 1}, {0, 2}} {
		l.flow(200)
		l.lap()
		members := c.members()
		a, b := members[pair[0]], members[pair[1]]
		c.places[a].in.silence(c.places[b].id)
		c.places[b].in.silence(c.places[a].id)
		begin := time.Now()
		waitFor(t, "one of the two to go", func() bool { return len(c.view().Members) == len(members)-1 })
		took := time.Since(begin)
		gone := a
		if c.view().index(a.address) >= 0 {
			gone = b
		}
		if v := c.view(); v.index(gone.address) >= 0 {
			t.Errorf("neither %s nor %s is gone: %v", a.address, b.address, v.addresses())
		}
		l.flow(200)
		t.Logf("members %d and %d of %d cut off from each other: %d removed after %v; %v without an acknowledged write",
			pair[0]+1, pair[1]+1, len(members), pair[indexOf(gone, a, b)]+1, took.Round(time.Millisecond), l.lap().Round(time.Millisecond))
	}
	for _, p := range c.places {
		for _, other := range c.places {
			p.in.heal(other.id)
		}
	}
	waitFor(t, "all to be members again", func() bool {
		for s := range c.places {
			if c.view().index(s.address) < 0 || !s.serving() {
				return false
			}
		}
		return true
	})
	c.awaitPublished()
	l.end()
	for _, s := range c.members() {
		l.verify(s)
	}
	t.Log(l)
}

// TestCutFromZooKeeper cuts each role off from ZooKeeper alone, under load: it is removed, although clients and the others reach it, and answers no
// read with what is old. When it can reach ZooKeeper again, it comes back.
func TestCutFromZooKeeper(t *testing.T) {
	t.Parallel()
	c := newNetwork(t, []string{needs.AnyZooKeeper(t)}, 3, nil)
	l := startLoad(t, c.addresses, nil)
	for i, role := range roles {
		s := c.members()[i]
		l.flow(200)
		l.lap()
		out := c.places[s].out[0]
		out.silence("")
		begin := time.Now()
		c.awaitGone(s)
		removed := time.Since(begin)
		l.flow(500)
		gap := l.lap()
		out.heal("")
		begin = time.Now()
		c.admit(s)
		c.awaitPublished()
		t.Logf("the %s cut off from ZooKeeper: removed after %v, %v without an acknowledged write; back %v after it could", role,
			removed.Round(time.Millisecond), gap.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
	}
	l.end()
	for _, s := range c.members() {
		l.verify(s)
	}
	t.Log(l)
}

func indexOf(s *server, all ...*server) int {
	for i, other := range all {
		if s == other {
			return i
		}
	}
	return -1
}
