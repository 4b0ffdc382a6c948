package chain

import (
	"strings"
	"testing"
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
