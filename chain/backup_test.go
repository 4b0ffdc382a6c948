package chain

import (
	"testing"
	"time"
)

// TestOlderRegistration: the coordinator was brought back as it was a while ago. The view is the same, and our registration has a lower version
// than we knew. The heartbeat must go on from there, and not be tried without a pause.
func TestOlderRegistration(t *testing.T) {
	me := Member{MemberID: MemberID{1, 1}, Address: "10.0.0.1:7000"}
	g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 1}, Address: me.Address}}, View{Chain: 7, Epoch: 5, Members: []Member{me}, Rules: Rules})
	g.run(30 * time.Second)
	g.regs[0].Version, g.session, g.asked = 50, 2, nil
	g.run(3 * time.Second)
	var tried int64
	for _, a := range g.asked {
		if kindOf(a) == "heartbeat" {
			tried++
		}
	}
	if written := g.regs[0].Version - 50; written < 10 || tried > 2*written {
		t.Errorf("in 3 s %d of %d heartbeats succeed", written, tried)
	}
}

// TestStandingStillCountsWithinASession: the version of another member's registration stood still, for less than T, when the session ended. In the
// next one an older state may have been brought back, and the member may have written since what stands there again: T begins anew.
func TestStandingStillCountsWithinASession(t *testing.T) {
	me, other := Member{MemberID: MemberID{1, 1}, Address: "10.0.0.1:7000"}, Member{MemberID: MemberID{2, 1}, Address: "10.0.0.2:7000"}
	view := View{Chain: 7, Epoch: 5, Members: []Member{me, other}, Rules: Rules}
	g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 1}, Address: me.Address}}, view, other)
	for _, s := range []struct {
		session uint64
		lasts   time.Duration
		removes bool
	}{{1, 900 * time.Millisecond, false}, {2, 900 * time.Millisecond, false}, {2, 400 * time.Millisecond, true}} {
		g.session = s.session
		g.run(s.lasts)
		if removes := len(g.view.Members) == 1; removes != s.removes {
			t.Errorf("after %v in session %d it removes the member: %t", s.lasts, s.session, removes)
		}
	}
}
