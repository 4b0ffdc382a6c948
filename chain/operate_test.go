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
