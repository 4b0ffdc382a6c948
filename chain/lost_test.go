package chain

import (
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
			r, err := New(Config{Self: Member{MemberID: MemberID{Node: 1}, Address: me.Address, Durable: c.durable}, SessionTimeout: time.Second, NewChain: 1})
			if err != nil {
				t.Fatal(err)
			}
			view := mine
			view.Members = []Member{{MemberID: me.MemberID, Address: me.Address, Durable: c.durable}, other}
			if c.empty {
				view.Members[0], view.Members[1] = view.Members[1], view.Members[0]
			}
			shown, version, leaving := &view, int64(0), false
			now, said, left := Time(time.Hour), "", false
			var halted error
			run := func(d time.Duration) {
				for end := now.Add(d); now < end; now = now.Add(10 * time.Millisecond) {
					r.Step(now, Tick{})
					for ready := r.Ready(); !ready.Empty(); ready = r.Ready() {
						left = left || ready.Left
						if ready.Halt != nil {
							halted = ready.Halt
							return
						}
						for _, n := range ready.News {
							said += n.Text + "\n"
						}
						for _, a := range ready.Ask {
							switch a := a.(type) {
							case AskRegister:
								r.Step(now, CoordRegistered{Member: a.Registration.MemberID, Sent: now, Outcome: OutcomeOK})
							case AskHeartbeat:
								version = a.Version + 1
								r.Step(now, CoordRegistered{Member: a.MemberID, Sent: now, Version: version, Outcome: OutcomeOK})
							case AskList:
								r.Step(now, CoordList{Session: 1, Outcome: OutcomeOK, Registered: []Registered{{Registration{Member: me, Timeout: time.Second}, version}}})
							case AskView:
								if shown == nil {
									r.Step(now, CoordView{Session: 1, Outcome: OutcomeMissing})
								} else {
									r.Step(now, CoordView{Recorded: Recorded{View: *shown, Version: 9}, Session: 1, Outcome: OutcomeOK})
								}
							}
						}
					}
				}
			}
			run(300 * time.Millisecond)
			if !r.serving() {
				t.Fatalf("it does not serve at first: %s", r.Status().State)
			}
			if c.finds != &mine {
				shown = c.finds
			}
			run(600 * time.Millisecond)
			if serves := r.serving(); serves != (c.want == "serves") {
				t.Errorf("serving: %v", serves)
			}
			if halted != nil {
				t.Fatalf("it halts before it has looked again: %v", halted)
			}
			leaving = c.want == "waits"
			if leaving {
				r.Step(now, Leave{})
				run(100 * time.Millisecond)
				if left {
					t.Error("told to leave, it ends before it has looked again")
				}
			}
			run(time.Second)
			got := "serves"
			switch {
			case halted != nil:
				got = "halts"
			case strings.Contains(said, "SERVING NOBODY"):
				got = "waits"
			}
			if got != c.want {
				t.Errorf("it %s, want %s: %v %s", got, c.want, halted, said)
			}
			if leaving && !left {
				t.Error("told to leave, it does not end once it is clear that there is nothing to leave")
			}
		})
	}
}
