package chain

import (
	"strings"
	"testing"
)

// TestServing: who leaves, or whose registration is gone, says that it takes no requests, as long as the view still names it.
func TestServing(t *testing.T) {
	for name, stop := range map[string]func(*cluster, *server){
		"leaving": func(_ *cluster, s *server) { s.step(Leave{}) },
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
