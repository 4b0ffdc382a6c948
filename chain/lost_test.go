package chain

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestLostChain is what becomes of a member that finds something else at the coordinator than the chain that it knows.
func TestLostChain(t *testing.T) {
	me := Member{MemberID: MemberID{1, 1}, Address: "10.0.0.1:7000"}
	other := Member{MemberID: MemberID{2, 1}, Address: "10.0.0.2:7000"}
	mine := View{Chain: 7, Epoch: 5, Members: []Member{me, other}, Rules: Rules}
	// A head has an entry at once, its no-op; a tail that gets none has none.
	with := func(change func(*View)) *View {
		v := mine
		change(&v)
		return &v
	}
	for _, c := range []struct {
		name    string
		finds   *View // nil for none
		durable bool
		empty   bool // it holds no entries
		want    string
	}{
		{"the same", &mine, false, false, "serves"},
		{"nothing", nil, false, false, "waits"},
		{"nothing, and it holds nothing", nil, false, true, "waits"},
		{"nothing, and it has a disk", nil, true, false, "halts"},
		{"an older view", with(func(v *View) { v.Epoch = 4 }), false, false, "waits"},
		{"an older view, and it holds nothing", with(func(v *View) { v.Epoch = 4 }), false, true, "halts"},
		{"an older view, and it has a disk", with(func(v *View) { v.Epoch = 4 }), true, false, "halts"},
		{"the same epoch with other members", with(func(v *View) { v.Members = []Member{me} }), false, false, "waits"},
		{"the same epoch with a learner", with(func(v *View) { v.Members, v.Learner = []Member{me}, other }), false, false, "waits"},
		{"a chain made since", with(func(v *View) { v.Chain, v.Epoch = 8, 1 }), false, false, "waits"},
		{"a chain begun anew in a later epoch", with(func(v *View) { v.Chain, v.Epoch = 8, 6 }), false, false, "halts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			view := mine
			view.Members = []Member{{MemberID: me.MemberID, Address: me.Address, Durable: c.durable}, other}
			if c.empty {
				view.Members[0], view.Members[1] = view.Members[1], view.Members[0]
			}
			g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 1}, Address: me.Address, Durable: c.durable}}, view)
			g.holds = "change"
			g.run(300 * time.Millisecond)
			if !g.r.serving() {
				t.Fatalf("it does not serve at first: %s", g.r.Status().State)
			}
			switch c.finds {
			case &mine:
			case nil:
				g.exists = false
			default:
				g.view.View = *c.finds
			}
			g.run(600 * time.Millisecond)
			if serves := g.r.serving(); serves != (c.want == "serves") {
				t.Errorf("serving: %v", serves)
			}
			if g.halted != nil {
				t.Fatalf("it halts before it has looked again: %v", g.halted)
			}
			leaving := c.want == "waits"
			if leaving {
				g.step(Leave{})
				g.run(100 * time.Millisecond)
				if g.left {
					t.Error("told to leave, it ends before it has looked again")
				}
			}
			g.run(time.Second)
			got := "serves"
			switch {
			case g.halted != nil:
				got = "halts"
			case strings.Contains(g.said, "SERVING NOBODY"):
				got = "waits"
			}
			if got != c.want {
				t.Errorf("it %s, want %s: %v %s", got, c.want, g.halted, g.said)
			}
			if leaving && !g.left {
				t.Error("told to leave, it does not end once it is clear that there is nothing to leave")
			}
		})
	}
}

// Nobody answers for the newest state but who carries out a write: a leader of ZooKeeper that was deposed and does not know yet answers even a
// sync with what was there before. A server is not to end itself for that, and serves again when it is over.
func TestOnlyAWriteProvesThatTheChainIsLost(t *testing.T) {
	const beat = 250 * time.Millisecond
	me := Member{MemberID: MemberID{1, 1}, Address: "10.0.0.1:7000", Durable: true}
	start := func(t *testing.T) *rig {
		g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 1}, Address: me.Address, Durable: true}},
			View{Chain: 7, Epoch: 5, Members: []Member{me}, Rules: Rules})
		g.run(beat)
		return g
	}
	// unanswered lets time pass in which nobody knows what becomes of a heartbeat.
	unanswered := func(g *rig, d time.Duration) {
		unknown := func() {
			if last := g.last("heartbeat"); last != nil {
				g.step(g.otherwise(last, g.now, OutcomeUnknown))
			}
		}
		g.holds = "heartbeat"
		for range d / beat {
			g.run(beat)
			unknown()
		}
		g.holds = ""
		unknown()
	}
	check := func(t *testing.T, g *rig, why string) {
		t.Helper()
		if g.halted != nil {
			t.Fatalf("it halts %s: %v", why, g.halted)
		}
		g.view.Epoch = 5
		g.run(2 * beat)
		if !g.r.serving() {
			t.Error("its view is there again, and it does not serve")
		}
	}
	t.Run("no write is answered", func(t *testing.T) {
		g := start(t)
		g.view.Epoch = 4
		unanswered(g, 5*time.Second)
		check(t, g, "and no write was answered")
	})
	t.Run("in another session", func(t *testing.T) {
		g := start(t)
		g.view.Epoch = 4
		g.run(2 * beat)
		g.session++
		unanswered(g, 5*time.Second)
		check(t, g, "and no write was answered in this session")
	})
	t.Run("sent before", func(t *testing.T) {
		g := start(t)
		g.holds = "heartbeat"
		g.run(2 * beat)
		sent := g.now
		g.session++
		g.view.Epoch = 4
		g.run(beat)
		g.step(g.execute(g.last("heartbeat"), sent))
		unanswered(g, 5*time.Second)
		check(t, g, "and no write was answered that was sent since")
	})
	t.Run("evicted in another session", func(t *testing.T) {
		g := start(t)
		g.regs = nil
		g.run(2 * beat)
		if g.r.reg.asked {
			t.Fatal("it has not found its record gone")
		}
		g.session++
		g.view.Epoch = 4
		unanswered(g, 5*time.Second)
		if g.halted != nil {
			t.Errorf("it halts, and wrote nothing in this session: %v", g.halted)
		}
	})
	t.Run("looked for before the answer", func(t *testing.T) {
		g := start(t)
		g.view.Epoch = 4
		unanswered(g, 2*time.Second)
		g.holds = "view"
		g.run(4 * beat) // a write is answered while a view is under way
		old := g.view
		g.view.Epoch, g.holds = 5, ""
		g.step(CoordView{Recorded: old, Session: g.session, Outcome: OutcomeOK})
		check(t, g, "for a view that may be of before the write")
	})
	for name, registered := range map[string]bool{"answered": true, "nothing to write to": false} {
		t.Run(name, func(t *testing.T) {
			g := start(t)
			g.view.Epoch = 4
			if !registered {
				g.regs = nil
			}
			g.run(2 * time.Second)
			if g.halted == nil {
				t.Error("its view is gone, and it goes on")
			}
		})
	}
}

// The coordinator's records can come back as they were, together. Who found his own gone with the view has lost nothing, and serves
// again at once, or leaves if it was told to; and nothing is registered or kept alive meanwhile in what may be another history.
func TestLostChainComesBack(t *testing.T) {
	for i := range 4 {
		leaves, recordFirst := i&1 != 0, i&2 != 0 // which of the two is missed first
		for _, gone := range []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 3 * time.Second} {
			told := gone > 2*time.Second
			if told && leaves {
				continue // it ends at once: TestLostChain
			}
			t.Run(fmt.Sprint(gone, " leaves ", leaves, " record first ", recordFirst), func(t *testing.T) {
				me, other := Member{MemberID: MemberID{1, 1}, Address: "10.0.0.1:7000"}, Member{MemberID: MemberID{2, 1}, Address: "10.0.0.2:7000"}
				g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 1}, Address: me.Address}},
					View{Chain: 7, Epoch: 5, Members: []Member{other, me}, Rules: Rules}, other)
				g.lives = []MemberID{other.MemberID}
				g.run(300 * time.Millisecond)
				g.holds = "change"
				regs := slices.Clone(g.regs)
				g.exists, g.regs, g.asked = false, nil, nil
				g.session++
				if !recordFirst {
					g.step(CoordNews{})
				}
				g.run(gone)
				if told != strings.Contains(g.said, "SERVING NOBODY") {
					t.Errorf("it said: %s", g.said)
				}
				before := len(g.asked)
				if told {
					g.run(2 * time.Second)
				} else if leaves {
					g.step(Leave{})
					g.run(100 * time.Millisecond)
				}
				for i, a := range g.asked {
					if kind := kindOf(a); kind == "register" || kind == "heartbeat" && told && i >= before {
						t.Errorf("it asks for %+v", a)
					}
				}
				if n := len(g.asked) - before; leaves && n > 20 {
					t.Errorf("it asks %d times in 100 ms", n)
				}
				g.exists, g.regs, g.holds = true, regs, ""
				g.session++
				g.step(CoordNews{})
				g.run(800 * time.Millisecond)
				switch {
				case leaves && !g.left:
					t.Error("it does not leave")
				case !leaves && (!g.r.serving() || g.view.Epoch != 5):
					t.Errorf("it is %s, in epoch %d", g.r.Status().State, g.view.Epoch)
				}
			})
		}
	}
}

// Who has no record writes only to be answered while the chain is gone, so that it learns that it is: not into a record that has been brought back,
// and no new one. An answer means nothing once the chain is there again.
func TestEvictedBeforeTheChainIsLost(t *testing.T) {
	const beat = 250 * time.Millisecond
	for _, comesBack := range []bool{false, true} {
		t.Run(fmt.Sprint("comes back ", comesBack), func(t *testing.T) {
			me := Member{MemberID: MemberID{1, 1}, Address: "10.0.0.1:7000"}
			g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 1}, Address: me.Address}},
				View{Chain: 7, Epoch: 5, Members: []Member{me}, Rules: Rules})
			g.run(beat)
			regs := slices.Clone(g.regs)
			g.regs = nil
			g.run(2 * beat)
			evicted := g.now
			if g.r.reg.notBefore < evicted {
				t.Fatal("it has not noticed that it is evicted")
			}
			g.exists = false
			g.session++
			g.run(beat)
			g.regs = slices.Clone(regs)
			g.run(beat)
			if !slices.EqualFunc(g.regs, regs, func(a, b Registered) bool { return a.MemberID == b.MemberID && a.Version == b.Version }) {
				t.Errorf("it has written %+v, which was %+v", g.regs, regs)
			}
			g.regs = nil
			if !comesBack {
				g.run(2 * evictedPause)
				if !strings.Contains(g.said, "SERVING NOBODY") || len(g.regs) > 0 {
					t.Errorf("registered are %+v, and it said: %s", g.regs, g.said)
				}
				return
			}
			g.holds = "heartbeat"
			g.run(beat + beat/2)
			written := g.last("heartbeat")
			g.exists, g.holds = true, ""
			g.session++
			g.step(CoordNews{})
			g.step(g.execute(written, g.now))
			g.run(evictedPause - g.now.Sub(evicted) + beat)
			if g.index(MemberID{1, 2}) < 0 {
				t.Errorf("it has not registered anew after its pause; registered are %+v", g.regs)
			}
		})
	}
}

// A member whose record is gone, and then for a moment its view, may have been evicted: it serves again only if it can write the record.
func TestEvictedAndTheChainBlinks(t *testing.T) {
	me := Member{MemberID: MemberID{1, 1}, Address: "10.0.0.1:7000"}
	g := newRig(t, Config{Self: Member{MemberID: MemberID{Node: 1}, Address: me.Address}}, View{Chain: 7, Epoch: 5, Members: []Member{me}, Rules: Rules})
	g.run(300 * time.Millisecond)
	g.regs, g.view.Epoch = nil, 4
	g.session++
	for range 30 {
		g.run(10 * time.Millisecond)
		if g.r.lost.since != 0 && g.view.Epoch == 4 {
			g.view.Epoch = 5
			g.session++
			g.step(CoordNews{})
		}
		if g.r.lost.since == 0 && g.r.serving() && g.view.Epoch == 5 && g.index(me.MemberID) < 0 {
			t.Fatal("it serves without a record")
		}
	}
	g.run(time.Second)
	if g.view.Epoch != 5 || g.r.reg.asked || g.r.reg.notBefore < g.now.Add(evictedPause/2) {
		t.Errorf("it does not take itself for evicted: %s", g.r.Status().State)
	}
}
