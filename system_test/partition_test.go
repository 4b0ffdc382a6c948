package system_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	linkv1 "github.com/chaintable/chaintable/api/chaintable/link/v1"
	"github.com/chaintable/chaintable/internal/needs"
)

// dialler tells which server opens a connection to another, from its first frame (package link), without taking anything.
func dialler(r *bufio.Reader) (string, error) {
	const preamble, header = 7, 8
	first, err := r.Peek(1)
	if err != nil {
		return "", err
	}
	if first[0] != 0xCA {
		return "no server", nil
	}
	b, err := r.Peek(preamble + header)
	if err != nil {
		return "", err
	}
	b, err = r.Peek(preamble + header + int(binary.BigEndian.Uint32(b[preamble:])))
	if err != nil {
		return "", err
	}
	var frame linkv1.Frame
	if err := proto.Unmarshal(b[preamble+header:], &frame); err != nil {
		return "", err
	}
	return fmt.Sprintf("%016x", frame.GetFrom().GetNode()), nil
}

// place is where a server is in a network that can fail.
type place struct {
	in *proxy // by which others reach it
	id string
}

// newSevered is a chain of n servers, each of which is reached through a proxy.
func newSevered(t *testing.T, n int) (*cluster, map[*server]place) {
	t.Helper()
	c := newCluster(t, needs.AnyZooKeeper(t)+chroot())
	places := map[*server]place{}
	for range n {
		p := startProxy(t, "", func(p *proxy) { p.whose = dialler })
		s := c.startAt("0", c.connect, "--advertise", p.Address)
		p.aim(s.listens)
		st, err := s.status()
		if err != nil {
			t.Fatal(err)
		}
		places[s] = place{p, st.ID}
		c.admit(s)
	}
	c.awaitPublished()
	return c, places
}

// TestPartition cuts two members off from each other, which both reach ZooKeeper and all others: first neighbours, then the head and the
// tail. One of the two goes, writes go on, and it comes back when the network does.
func TestPartition(t *testing.T) {
	t.Parallel()
	c, places := newSevered(t, 4)
	l := startLoad(t, c.addresses, nil)
	for _, pair := range [][2]int{{0, 1}, {0, 2}} {
		l.flow(200)
		l.lap()
		members := c.members()
		a, b := members[pair[0]], members[pair[1]]
		places[a].in.silence(places[b].id)
		places[b].in.silence(places[a].id)
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
	for _, p := range places {
		for _, other := range places {
			p.in.heal(other.id)
		}
	}
	waitFor(t, "all to be members again", func() bool {
		for s := range places {
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
	z := needs.AnyZooKeeper(t)
	c := newCluster(t, z+chroot())
	paths := map[*server]*proxy{}
	for range 3 {
		p := startProxy(t, z, nil)
		s := c.startAt("0", p.Address+c.chroot)
		paths[s] = p
		c.admit(s)
	}
	c.awaitPublished()
	l := startLoad(t, c.addresses, nil)
	for i, role := range roles {
		s := c.members()[i]
		l.flow(200)
		l.lap()
		paths[s].silence("")
		begin := time.Now()
		c.awaitGone(s)
		removed := time.Since(begin)
		l.flow(500)
		gap := l.lap()
		paths[s].heal("")
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
