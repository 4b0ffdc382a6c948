package chain

import (
	"strings"
	"testing"
	"time"
)

// TestLeavingTakesWhatHasCome: until a server has announced that it leaves, it takes requests: connections that have one at hand see
// only then that they had better go elsewhere.
func TestLeavingTakesWhatHasCome(t *testing.T) {
	for n := 1; n <= 2; n++ {
		c := chainOf(t, 2)
		c.coord.hold = map[string]bool{"heartbeat": true}
		s := c.servers[n]
		s.step(Leave{})
		if s.r.Serving() {
			t.Errorf("server %d says that it serves", n)
		}
		c.out.Reset()
		s.put(Request{Command: []byte("put x late")}, "late")
		c.settle()
		if got := c.out.String(); !strings.Contains(got, "late done") {
			t.Errorf("server %d: a request got %q", n, got)
		}
	}
}

// TestServing: who leaves, or whose registration is gone, says that it takes no requests, as long as the view still names it.
func TestServing(t *testing.T) {
	for name, stop := range map[string]func(*cluster, *server){
		"leaving": func(_ *cluster, s *server) {
			s.step(Leave{})
			s.r.leave.announced = true
		},
		"registration gone": func(c *cluster, s *server) {
			c.coord.regs = nil
			s.step(CoordRegistered{Member: s.r.self.MemberID, Outcome: OutcomeMissing})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := chainOf(t, 2)
			c.coord.hold = map[string]bool{"heartbeat": true, "change": true, "register": true}
			s := c.servers[2]
			if !s.r.Status().Serving {
				t.Fatal("a member does not serve")
			}
			stop(c, s)
			if s.r.Status().Serving {
				t.Error("it says that it serves")
			}
			if s.r.index < 0 {
				t.Fatal("it is no member any more: the test tests nothing")
			}
			c.out.Reset()
			s.put(Request{Command: []byte("put x late")}, "late")
			if got := c.out.String(); !strings.HasSuffix(got, " late not executed: outside\n") {
				t.Errorf("a request got %q", got)
			}
		})
	}
}

// TestLeavingKeepsItsPace: where writes to the coordinator fail at once, and reads do not, a server that leaves tries again as often as any other.
func TestLeavingKeepsItsPace(t *testing.T) {
	g := leaver(t)
	g.holds = "heartbeat"
	g.step(Leave{})
	before := len(g.asked)
	for range 100 {
		if last := g.last("heartbeat"); g.r.reg.inFlight {
			g.step(g.otherwise(last, g.now, OutcomeUnknown))
		}
		g.run(10 * time.Millisecond)
	}
	if n := len(g.asked) - before; n > 50 {
		t.Errorf("it asks %d times in a second", n)
	}
	g.holds = ""
	if g.r.reg.inFlight {
		g.step(g.otherwise(g.last("heartbeat"), g.now, OutcomeUnknown))
	}
	g.run(300 * time.Millisecond)
	if !g.left {
		t.Error("it does not leave once they succeed")
	}
}

// TestLeavingKeepsItsPaceInDeleting: so it does where only the deletion of its record fails.
func TestLeavingKeepsItsPaceInDeleting(t *testing.T) {
	g := leaver(t)
	g.holds = "delete"
	g.step(Leave{})
	for range 100 {
		if g.r.change.deleting {
			g.step(g.otherwise(g.last("delete"), g.now, OutcomeUnknown))
		}
		g.run(10 * time.Millisecond)
	}
	n := 0
	for _, a := range g.asked {
		if kindOf(a) == "delete" {
			n++
		}
	}
	if n < 5 || n > 20 {
		t.Errorf("it asks %d times in a second", n)
	}
	g.holds = ""
	if g.r.change.deleting {
		g.step(g.otherwise(g.last("delete"), g.now, OutcomeUnknown))
	}
	g.run(300 * time.Millisecond)
	if !g.left {
		t.Error("it does not leave once they succeed")
	}
}

// TestLeavingSparesACopy: a record that may be that of another server with our id is not ours to delete.
func TestLeavingSparesACopy(t *testing.T) {
	g := leaver(t)
	i := g.index(g.r.self.MemberID)
	g.regs[i].Address, g.regs[i].Version = "127.0.0.1:9999", 100 // somebody else has registered under our name
	g.step(Leave{})
	g.run(2 * time.Second)
	if g.last("delete") != nil {
		t.Errorf("it deletes %+v", g.last("delete"))
	}
	if !g.left {
		t.Error("it does not leave")
	}
}

// leaver is a server outside a chain of one, registered.
func leaver(t *testing.T) *rig {
	other := Member{MemberID: MemberID{1, 1}, Address: "127.0.0.1:7001"}
	g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 7}, Address: "127.0.0.1:7007"}},
		View{Chain: 9, Epoch: 4, Members: []Member{other}, Rules: Rules}, other)
	g.run(300 * time.Millisecond)
	return g
}
