package chain

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestCopy starts a server with the id of a member that lives elsewhere, as a copy of a data directory would be: it tries incarnations until one is free,
// is not taken in, and says why.
func TestCopy(t *testing.T) {
	member := Member{MemberID: MemberID{Node: 7, Incarnation: 1}, Address: "127.0.0.1:7001"}
	view := View{Chain: 9, Epoch: 4, Members: []Member{member}, Rules: Rules}
	g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 7}, Address: "127.0.0.1:7002"}}, view, member)
	g.lives = []MemberID{member.MemberID}
	g.run(5 * time.Second)
	var tried []Incarnation
	for _, a := range g.asked {
		switch a := a.(type) {
		case AskRegister:
			tried = append(tried, a.Registration.Incarnation)
		case AskChange:
			t.Errorf("it asks for the view %v", a.View)
		}
	}
	if len(tried) != 2 || tried[0] != 1 || tried[1] != 2 {
		t.Errorf("it tried the incarnations %v, want 1, which is taken, and 2", tried)
	}
	if !strings.Contains(g.said, "127.0.0.1:7001 in the chain has the id of this one") {
		t.Errorf("it said:\n%s", g.said)
	}
}

// TestCopyInDoubt is a copy that is not told what became of its first registration, while the member registers: the record that it
// finds under its name, as young as its own would be, is not its own.
func TestCopyInDoubt(t *testing.T) {
	for _, c := range []struct {
		name   string
		member Registration
		late   bool // the member registers only when the copy has looked for its record
	}{
		{"at another address", Registration{Member: Member{Address: "127.0.0.1:7001"}, Boot: "a"}, false},
		{"on another machine", Registration{Member: Member{Address: "127.0.0.1:7002"}, Boot: "b"}, false},
		{"late", Registration{Member: Member{Address: "127.0.0.1:7001"}, Boot: "a"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			member := c.member
			member.MemberID, member.Timeout, member.Rules = MemberID{Node: 7, Incarnation: 1}, time.Second, Rules
			view := View{Chain: 9, Epoch: 4, Members: []Member{member.Member}, Rules: Rules}
			g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 7}, Address: "127.0.0.1:7002"}, Boot: "a"}, view)
			if !c.late {
				g.regs = []Registered{{Registration: member}}
			}
			g.holds = "register"
			g.run(10 * time.Millisecond)
			g.holds = ""
			g.step(g.otherwise(g.last("register"), g.now, OutcomeUnknown))
			if c.late {
				g.regs = []Registered{{Registration: member}}
			}
			g.run(time.Second)
			if got := g.regs[0]; got.Version != 0 || got.Address != member.Address || got.Boot != member.Boot {
				t.Errorf("it has written the member's record: %+v", got)
			}
			if id := g.r.self.MemberID; id != (MemberID{7, 2}) || g.index(id) < 0 {
				t.Errorf("it is %v; registered are %+v", id, g.regs)
			}
		})
	}
}

// TestCopyOfTheEvicted: a member whose record is gone finds one of a copy in its place, and leaves it alone.
func TestCopyOfTheEvicted(t *testing.T) {
	me := Member{MemberID: MemberID{7, 1}, Address: "127.0.0.1:7001"}
	g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 7}, Address: me.Address}, Boot: "a"},
		View{Chain: 9, Epoch: 4, Members: []Member{me}, Rules: Rules})
	g.run(300 * time.Millisecond)
	at := g.index(me.MemberID)
	g.regs[at].Address, g.regs[at].Boot, g.regs[at].Version = "127.0.0.1:7002", "b", 0
	g.run(600 * time.Millisecond)
	if got := g.regs[at]; got.Version != 0 || got.Boot != "b" {
		t.Errorf("it has written the copy's record: %+v", got)
	}
	if g.r.self.Incarnation != 2 || g.r.serving() {
		t.Errorf("it is %v, serving: %v", g.r.self, g.r.serving())
	}
}

// TestRegistrationInDoubt: a server whose registration was carried out, without its being told, keeps the name under which others know it by
// now, and leaves no record behind when it is told to leave, however old the list is in which it looks for it.
func TestRegistrationInDoubt(t *testing.T) {
	other, me := Member{MemberID: MemberID{1, 1}, Address: "127.0.0.1:7001"}, Member{MemberID: MemberID{7, 1}, Address: "127.0.0.1:7007"}
	for _, leaves := range []bool{false, true} {
		t.Run(fmt.Sprint("leaves ", leaves), func(t *testing.T) {
			g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 7}, Address: me.Address}},
				View{Chain: 9, Epoch: 4, Members: []Member{other}, Rules: Rules}, other)
			g.lives = []MemberID{other.MemberID}
			g.holds = "register"
			old := g.execute(AskList{}, g.now)
			g.run(10 * time.Millisecond)
			g.execute(g.last("register"), g.now)
			if leaves {
				g.step(Leave{})
			} else {
				g.view = Recorded{View{Chain: 9, Epoch: 6, Members: []Member{other, me}, Rules: Rules}, 6}
			}
			g.run(600 * time.Millisecond)
			g.holds = "list"
			g.step(g.otherwise(g.last("register"), g.now, OutcomeUnknown))
			g.holds = ""
			g.step(old)
			g.run(time.Second)
			switch {
			case leaves && (!g.left || g.index(me.MemberID) >= 0):
				t.Errorf("it has left: %v; registered are %+v", g.left, g.regs)
			case !leaves && !(g.r.self.MemberID == me.MemberID && g.r.serving()):
				t.Errorf("it is %v, serving: %v", g.r.self, g.r.serving())
			}
		})
	}
}

// TestCopyWhileTheChainIsGone: a server in doubt finds that it has no record, and then that there is no view. The record that a copy makes
// meanwhile is as young as the one it looked for.
func TestCopyWhileTheChainIsGone(t *testing.T) {
	other, copied := Member{MemberID: MemberID{1, 1}, Address: "127.0.0.1:7001"}, Member{MemberID: MemberID{7, 1}, Address: "127.0.0.1:7002"}
	g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 7}, Address: "127.0.0.1:7007"}},
		View{Chain: 9, Epoch: 4, Members: []Member{other}, Rules: Rules}, other)
	g.holds = "register"
	g.run(10 * time.Millisecond)
	g.step(g.otherwise(g.last("register"), g.now, OutcomeUnknown))
	g.holds = "view"
	for range 100 {
		if g.run(10 * time.Millisecond); g.r.reg.judging {
			break
		}
	}
	g.exists, g.holds = false, ""
	g.session++
	g.step(CoordView{Session: g.session, Outcome: OutcomeMissing})
	g.run(20 * time.Millisecond)
	if !g.r.reg.asked {
		t.Fatal("it does not look for its record any more")
	}
	g.register(copied)
	g.run(400 * time.Millisecond)
	if got := g.regs[g.index(copied.MemberID)]; got.Version != 0 || got.Address != copied.Address {
		t.Errorf("it has written the copy's record: %+v", got)
	}
}

// TestOldListShowsACopy: a list that is older than a member's record shows that of a copy, which has gone since. The member stays one.
func TestOldListShowsACopy(t *testing.T) {
	me, copied := Member{MemberID: MemberID{7, 1}, Address: "127.0.0.1:7001"}, Member{MemberID: MemberID{7, 1}, Address: "127.0.0.1:7002"}
	g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 7}, Address: me.Address}}, View{Chain: 9, Epoch: 4, Members: []Member{me}, Rules: Rules})
	g.register(copied)
	old := g.execute(AskList{}, g.now)
	g.regs = nil
	g.run(600 * time.Millisecond)
	g.holds = "heartbeat"
	g.run(300 * time.Millisecond)
	g.holds = "list"
	g.step(g.otherwise(g.last("heartbeat"), g.now, OutcomeUnknown))
	g.holds = ""
	g.step(old)
	g.run(300 * time.Millisecond)
	if g.r.self.MemberID != me.MemberID || !g.r.serving() {
		t.Errorf("it is %v, serving: %v", g.r.self, g.r.serving())
	}
}
