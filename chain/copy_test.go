package chain

import (
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

// TestCopyInDoubt is a copy that is not told what became of its first registration, just after the member has registered: the record that it
// finds under its name, as young as its own would be, is not its own.
func TestCopyInDoubt(t *testing.T) {
	for name, member := range map[string]Registration{
		"at another address": {Member: Member{Address: "127.0.0.1:7001"}, Boot: "a"},
		"on another machine": {Member: Member{Address: "127.0.0.1:7002"}, Boot: "b"},
	} {
		t.Run(name, func(t *testing.T) {
			member.MemberID, member.Timeout, member.Rules = MemberID{Node: 7, Incarnation: 1}, time.Second, Rules
			view := View{Chain: 9, Epoch: 4, Members: []Member{member.Member}, Rules: Rules}
			g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 7}, Address: "127.0.0.1:7002"}, Boot: "a"}, view)
			g.regs = []Registered{{Registration: member}}
			g.holds = "register"
			g.run(10 * time.Millisecond)
			g.holds = ""
			g.step(g.otherwise(g.last("register"), g.now, OutcomeUnknown))
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
