package chain

import (
	"strings"
	"testing"
	"time"
)

// TestOrdersRefused: what cannot be is refused, with words that say what to do.
func TestOrdersRefused(t *testing.T) {
	c := chainOf(t, 3)
	for _, o := range []struct {
		at    int
		order Operation
		want  string
	}{
		{1, SetTarget{-1}, "no negative length"},
		{2, SetTarget{2}, "this is for s1 to do"},
		{3, MoveHead{2}, "this is for s1 to do"},
		{1, MoveHead{9}, "no member 0000000000000009"},
		{1, Evict{1}, "this is for s2 to do"},
		{3, Evict{2}, "this is for s1 to do"},
		{1, Evict{9}, "no server 0000000000000009 is registered"},
	} {
		c.out.Reset()
		c.servers[o.at].order(o.order)
		if got := c.out.String(); !strings.Contains(got, "refused: ") || !strings.Contains(got, o.want) {
			t.Errorf("%T%+v at %d: %q, want %q", o.order, o.order, o.at, got, o.want)
		}
	}
	if c.coord.view.Epoch != 3 && len(c.coord.view.Members) != 3 {
		t.Errorf("the view is %v", c.coord.view)
	}
}

// TestOrdersOutside: who knows of no chain, or has lost it, carries nothing out.
func TestOrdersOutside(t *testing.T) {
	c := newCluster(t)
	c.coord.hold = map[string]bool{"view": true}
	c.at(1).start()
	c.out.Reset()
	c.servers[1].order(Drain{})
	if got := c.out.String(); !strings.Contains(got, "outside") {
		t.Errorf("got %q", got)
	}
}

// TestTaughtWhatIsOverruled: a learner holds an entry that its tail had to give up, and takes a snapshot from before that. Its reads are not to
// wait for it.
func TestTaughtWhatIsOverruled(t *testing.T) {
	tail, me := Member{MemberID: MemberID{1, 1}, Address: "127.0.0.1:7001"}, Member{MemberID: MemberID{7, 1}, Address: "127.0.0.1:7007"}
	g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 7}, Address: me.Address}},
		View{Chain: 9, Epoch: 4, Members: []Member{tail}, Learner: me, Rules: Rules}, tail)
	g.run(300 * time.Millisecond)
	g.hear(tail, Hello{Link: 1})
	g.hear(tail, Append{Link: 1, Entries: []Entry{{Seq: 1, Epoch: 3, Kind: KindBarrier}, {Seq: 2, Epoch: 3, Kind: KindBarrier}}, Stable: 1, Committed: 1})
	g.hear(tail, Hello{Link: 2})
	g.hear(tail, Snapshot{Link: 2, Transfer: 1, Base: Position{1, 3}, Data: []byte("table"), Last: true})
	g.step(Restored{Transfer: 1})
	if g.r.log.last() != (Position{1, 3}) || g.r.Gate().All() != 1 {
		t.Errorf("its log ends at %v, and reads wait for %d", g.r.log.last(), g.r.Gate().All())
	}
}

// TestMovingHeadIsGivenUp: however long the coordinator is away, the head stands still for T at most.
func TestMovingHeadIsGivenUp(t *testing.T) {
	c := chainOf(t, 2)
	c.coord.down = true
	s := c.servers[1]
	s.order(MoveHead{2})
	began := c.now
	s.put(Request{Command: []byte("put x a")}, "x")
	c.out.Reset()
	for !strings.Contains(c.out.String(), "x done") {
		c.tick(10*time.Millisecond, true)
		if c.now.Sub(began) > 1100*time.Millisecond {
			t.Fatalf("the write is not done after %v:\n%s", c.now.Sub(began), c.out.String())
		}
	}
	if d := c.now.Sub(began); d < 900*time.Millisecond {
		t.Errorf("it was done after %v: the test tests nothing", d)
	}
}

// TestMovingHeadWithoutCoordinator: while the coordinator is away, which no order can change, an order given again and again does not make the head
// stand still again and again.
func TestMovingHeadWithoutCoordinator(t *testing.T) {
	c := chainOf(t, 2)
	c.coord.down = true
	c.tick(2*time.Second, true)
	s := c.servers[1]
	c.out.Reset()
	s.order(MoveHead{2})
	if got := c.out.String(); !strings.Contains(got, "refused: the coordinator does not answer") {
		t.Errorf("the order got %q", got)
	}
	s.put(Request{Command: []byte("put x a")}, "x")
	c.settle()
	if got := c.out.String(); !strings.Contains(got, "x done") {
		t.Errorf("a write got %q", got)
	}
}

// TestDrainingWithoutCoordinator: a head that cannot leave, because the coordinator is away, goes on numbering, also when nobody knows whether it is
// still a member. It leaves when that is back.
func TestDrainingWithoutCoordinator(t *testing.T) {
	for _, asked := range []bool{false, true} {
		c := chainOf(t, 2)
		head, other := c.servers[1], c.servers[2]
		c.coord.hold = map[string]bool{"change": true}
		if !asked {
			head.put(Request{Command: []byte("put x a")}, "x") // which is not to commit before the coordinator is away
			c.isolated = map[int]bool{2: true}
		}
		head.order(Drain{})
		for i := 0; !head.r.leave.announced; i++ {
			if i == 100 {
				t.Fatal("it does not say that it leaves")
			}
			c.tick(10*time.Millisecond, asked)
		}
		if asked {
			c.tick(10*time.Millisecond, true)
			if !head.r.leave.asked {
				t.Fatal("it has not asked to be taken out: the test tests nothing")
			}
		}
		c.coord.hold, c.coord.down, c.isolated = nil, true, nil
		for _, s := range c.servers {
			s.step(LinkReset{MemberID{1, 1}})
			s.step(LinkReset{MemberID{2, 1}})
		}
		c.tick(1100*time.Millisecond, true)
		c.out.Reset()
		other.put(Request{Command: []byte("put y b")}, "y")
		c.tick(1200*time.Millisecond, true)
		if got := c.out.String(); !strings.Contains(got, "y done") {
			t.Errorf("asked=%v: a write at the other member got %q", asked, got)
		}
		c.coord.down = false
		c.coord.resume()
		c.tick(3*time.Second, true)
		if v := c.coord.view; len(v.Members) != 1 || v.Head() != other.r.self || !head.r.leave.out {
			t.Errorf("asked=%v: in the end the view is %v", asked, v)
		}
	}
}

// TestDrainingWhileOthersEnd: a member is not taken out where all that would be left are about to end, and take the data along.
func TestDrainingWhileOthersEnd(t *testing.T) {
	c := chainOf(t, 2)
	c.coord.hold = map[string]bool{"change": true}
	stays, ends := c.servers[1], c.servers[2]
	ends.step(Leave{})
	c.tick(500*time.Millisecond, true)
	c.out.Reset()
	stays.order(Drain{})
	if got := c.out.String(); !strings.Contains(got, "refused: all other members are leaving") {
		t.Errorf("the order got %q", got)
	}

	// It was ordered just before, and waits for what is under way.
	c = chainOf(t, 2)
	stays, ends = c.servers[1], c.servers[2]
	c.isolated = map[int]bool{2: true}
	c.coord.hold = map[string]bool{"change": true}
	stays.put(Request{Command: []byte("put x a")}, "x")
	stays.order(Drain{})
	ends.step(Leave{})
	c.tick(500*time.Millisecond, false)
	c.isolated = nil
	c.lose(stays.r.self.MemberID, ends.r.self.MemberID)
	c.tick(50*time.Millisecond, true)
	if stays.r.leave.asked || !stays.r.Serving() {
		t.Errorf("it is %s", stays.r.state())
	}
	c.coord.hold = nil
	c.coord.resume()
	c.tick(3*time.Second, true)
	if v := c.coord.view; len(v.Members) != 1 || v.Head() != stays.r.self || !ends.left {
		t.Errorf("in the end the view is %v", v)
	}
}
