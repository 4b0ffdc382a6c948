package chain

import (
	"testing"
	"time"
)

// between delivers the next message from one server to another, so much later.
func (c *cluster) between(from, to int, later time.Duration) {
	c.t.Helper()
	c.now = c.now.Add(later)
	if !c.deliver(func(e Envelope) bool { return numberOf(e.From.Node) == from && numberOf(e.To.Node) == to }) {
		c.t.Fatalf("nothing is on its way from %d to %d", from, to)
	}
}

// expectLast holds the newest times of a server to what is wanted; below zero: none at all.
func (s *server) expectLast(received, committed, applied time.Duration) {
	s.c.t.Helper()
	h := s.r.Status().Hops
	for _, x := range []struct {
		name string
		got  Timing
		want time.Duration
	}{{"received", h.Received, received}, {"committed", h.Committed, committed}, {"applied", h.Applied, applied}} {
		switch {
		case x.want < 0 && x.got.Count > 0:
			s.c.t.Errorf("server %d: %s took %v, want nothing", s.number, x.name, x.got.Last)
		case x.want >= 0 && (x.got.Count == 0 || x.got.Last != x.want):
			s.c.t.Errorf("server %d: %s took %v (of %d), want %v", s.number, x.name, x.got.Last, x.got.Count, x.want)
		}
	}
}

// TestHops: what a server measures is its own hop and all those behind it, so that the difference between neighbours is a hop.
func TestHops(t *testing.T) {
	const ms = time.Millisecond
	c := chainOf(t, 3)
	for _, s := range c.servers {
		s.r.hops = hops{}
	}
	c.at(1).put(Request{Command: []byte("put x 1")}, "")
	c.between(1, 2, 3*ms)
	c.between(2, 3, 5*ms)
	c.between(3, 2, 2*ms)
	c.between(2, 1, 1*ms)
	c.at(3).expectLast(-1, 0, 0)
	c.at(2).expectLast(7*ms, 7*ms, 7*ms)
	c.at(1).expectLast(11*ms, 11*ms, 11*ms)
	for n, want := range map[int]time.Duration{1: 11 * ms, 2: 7 * ms} {
		h := c.at(n).r.Status().Hops
		if mean, ok := h.Committed.Recent(); !ok || mean != want {
			t.Errorf("server %d: mean %v, %v, want %v", n, mean, ok, want)
		}
		if h.Committed.Sum != want || h.Committed.Count != 1 {
			t.Errorf("server %d: %v in %d", n, h.Committed.Sum, h.Committed.Count)
		}
	}
	c.tick(3*recently, true)
	h := c.at(1).r.Status().Hops
	if mean, ok := h.Committed.Recent(); ok {
		t.Errorf("long afterwards there is still a mean of %v", mean)
	}
}

// TestHopsOneAtATime: while an entry is watched, others are not; the next one is.
func TestHopsOneAtATime(t *testing.T) {
	const ms = time.Millisecond
	c := chainOf(t, 2)
	c.at(1).r.hops = hops{}
	c.at(1).put(Request{Command: []byte("put x 1")}, "")
	c.now = c.now.Add(4 * ms)
	c.at(1).put(Request{Command: []byte("put x 2")}, "")
	c.between(1, 2, ms)
	c.between(2, 1, ms)
	c.at(1).expectLast(6*ms, 6*ms, 6*ms)
	c.settle()
	if n := c.at(1).r.Status().Hops.Committed.Count; n != 1 {
		t.Errorf("%d entries were watched, want 1", n)
	}
	c.at(1).put(Request{Command: []byte("put x 3")}, "")
	c.between(1, 2, 2*ms)
	c.between(2, 1, ms)
	c.at(1).expectLast(3*ms, 3*ms, 3*ms)
}

// TestHopsOfAPausedServer: a server that stops for a moment shows at its predecessor, and not as a slow successor at itself.
func TestHopsOfAPausedServer(t *testing.T) {
	c := chainOf(t, 3)
	for _, s := range c.servers {
		s.r.hops = hops{}
	}
	c.at(1).put(Request{Command: []byte("put x 1")}, "")
	c.between(1, 2, 0)
	c.at(2).paused = true
	c.tick(400*time.Millisecond, true)
	c.at(2).paused = false
	c.at(2).step(Tick{})
	c.settle()
	if d := c.at(1).r.Status().Hops.Committed.Last; d < 400*time.Millisecond {
		t.Errorf("its predecessor saw %v", d)
	}
	for range 500 {
		c.at(1).put(Request{Command: []byte("put x 2")}, "")
		c.settle()
	}
	for _, x := range []struct {
		after time.Duration
		shown bool
	}{{29 * time.Second, true}, {61 * time.Second, false}} {
		c.tick(x.after, true)
		h := c.at(1).r.Status().Hops
		if d := h.Committed.Worst(); (d >= 400*time.Millisecond) != x.shown {
			t.Errorf("%v later the worst is %v", x.after, d)
		}
	}
	if h := c.at(2).r.Status().Hops; h.Committed.Last > 0 || h.Received.Last > 0 {
		t.Errorf("it saw its own absence at its successor: %v", h.Committed.Last)
	}
}

// TestHopsOfAFailover: an entry whose way led through a change of the view is one that took so long.
func TestHopsOfAFailover(t *testing.T) {
	c := chainOf(t, 3)
	c.at(1).r.hops = hops{}
	c.at(3).crash()
	c.at(1).put(Request{Command: []byte("put x 1")}, "")
	c.tick(3*time.Second, true)
	h := c.at(1).r.Status().Hops
	if len(c.at(1).r.view.Members) != 2 || h.Committed.Count != 1 || h.Committed.Last < time.Second {
		t.Errorf("%v in %d, with the view %v", h.Committed.Last, h.Committed.Count, c.at(1).r.view)
	}
}

// TestPingTimes: an answer counts for the ping that it answers, and one that is lost for none.
func TestPingTimes(t *testing.T) {
	const ms = time.Millisecond
	c := chainOf(t, 2)
	s := c.at(1)
	toSend := func() { // lets time pass until a ping is on its way
		before := s.r.hops.ping.unanswered
		for range 200 {
			if s.r.hops.ping.unanswered > before {
				return
			}
			c.tick(10*ms, false)
		}
		t.Fatal("no ping is sent")
	}
	pings := func(from int) func(Envelope) bool {
		return func(e Envelope) bool {
			m, ok := e.Message.(Ping)
			return ok && numberOf(e.From.Node) == from && m.Reply == (from == 2)
		}
	}
	c.settle()
	s.r.hops = hops{}
	toSend()
	sent := c.now
	toSend() // not watched
	took := c.now.Sub(sent) + 3*ms
	c.now = c.now.Add(3 * ms)
	c.deliver(pings(1))
	c.deliver(pings(2))
	if got := s.r.hops.Ping; got.Last != took || got.Count != 1 {
		t.Errorf("a ping took %v of %d, want %v", got.Last, got.Count, took)
	}
	c.settle() // the second is answered
	if got := s.r.hops.Ping.Count; got != 1 {
		t.Errorf("%d pings count, want 1", got)
	}
	toSend()
	c.lose(s.r.self.MemberID, c.at(2).r.self.MemberID)
	c.tick(20*ms, true)
	if got := s.r.hops.Ping.Count; got != 1 {
		t.Errorf("a lost ping counts")
	}
	toSend()
	c.now = c.now.Add(ms)
	c.settle()
	if got := s.r.hops.Ping; got.Last != ms || got.Count != 2 {
		t.Errorf("the next took %v of %d", got.Last, got.Count)
	}
}

// TestCounts: changes of the view count by what they were, and so do barriers and what they were for.
func TestCounts(t *testing.T) {
	c := newCluster(t)
	c.at(1).start()
	c.tick(400*time.Millisecond, true)
	c.at(2).start()
	c.tick(time.Second, true)
	c.at(2).step(Leave{})
	c.tick(time.Second, true)
	c.at(3).start()
	c.tick(time.Second, true)
	c.at(3).crash()
	c.tick(3*time.Second, true)
	got := c.at(1).r.Status().Counts.Changes
	want := [ChangeCount]uint64{ChangeMade: 1, ChangeLearning: 2, ChangeJoined: 2, ChangeLeft: 1, ChangeRemoved: 1}
	if got != want {
		t.Errorf("changes %v, want %v", got, want)
	}
	c.at(1).step(ReadBarrier{ID: 1})
	c.at(1).step(ReadBarrier{ID: 2})
	if n := c.at(1).r.Status().Counts; n.Barriers < 1 || n.Reads != 2 {
		t.Errorf("%d barriers for %d reads", n.Barriers, n.Reads)
	}
}

// TestNeighbours: the links are those of the view, and down until they are open.
func TestNeighbours(t *testing.T) {
	c := chainOf(t, 3)
	for n, want := range map[int][2]Neighbour{
		1: {{}, {address(2), LinkUp}}, 2: {{address(1), LinkUp}, {address(3), LinkUp}}, 3: {{address(2), LinkUp}, {}},
	} {
		if s := c.at(n).r.Status(); s.Predecessor != want[0] || s.Successor != want[1] {
			t.Errorf("server %d: %+v, %+v", n, s.Predecessor, s.Successor)
		}
	}
	c.lose(c.at(2).r.self.MemberID, c.at(3).r.self.MemberID)
	if s := c.at(2).r.Status(); s.Successor.Link != LinkDown || s.Counts.Resets != 1 {
		t.Errorf("a link that broke: %+v, %d", s.Successor, s.Counts.Resets)
	}
}
