package chain

import (
	"testing"
	"time"
)

// TestAnswerToAFormerIncarnation: a server asks for the first view, loses its registration, and registers anew. Then it must not ask for
// another first view before it is told what became of the one: an answer names only the epoch.
func TestAnswerToAFormerIncarnation(t *testing.T) {
	r, err := New(Config{
		Self:           Member{MemberID: MemberID{Node: 1}, Address: "10.0.0.1:7000"},
		SessionTimeout: time.Second, NewChain: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	now, asked := Time(time.Hour), []View(nil)
	step := func(in Input) {
		r.Step(now, in)
		for ready := r.Ready(); !ready.Empty(); ready = r.Ready() {
			for _, a := range ready.Ask {
				if c, ok := a.(AskChange); ok {
					asked = append(asked, c.View)
				}
			}
		}
	}
	missing := CoordView{Session: 1, Outcome: OutcomeMissing}
	step(Tick{})
	step(CoordRegistered{Member: MemberID{1, 1}, Sent: now, Outcome: OutcomeOK})
	step(missing)
	now = now.Add(300 * time.Millisecond)
	step(Tick{})
	step(CoordRegistered{Member: MemberID{1, 1}, Sent: now, Outcome: OutcomeMissing})
	step(CoordNews{})
	step(missing)
	now = now.Add(300 * time.Millisecond)
	step(Tick{})
	step(CoordRegistered{Member: MemberID{1, 2}, Sent: now, Outcome: OutcomeOK})
	step(CoordNews{})
	step(missing)
	if r.self.Incarnation != 2 {
		t.Fatalf("it is %v, and should have registered anew", r.self)
	}
	if len(asked) != 1 {
		t.Errorf("it has asked for %v before it was told of the first", asked)
	}
	step(CoordChanged{Epoch: 1, Outcome: OutcomeOK})
	if got := r.view.View; !got.same(asked[0]) || r.isMember() {
		t.Errorf("it takes the view for %v, which is %v", got, asked[0])
	}
}

// TestAnOvertakenAnswerIsNoLostChain: the answer to a read of the view comes after we have made the view, though it was given before.
// It does not show that the coordinator has forgotten the chain (design.md, section 5: after a sync finds no view).
func TestAnOvertakenAnswerIsNoLostChain(t *testing.T) {
	r, err := New(Config{
		Self:           Member{MemberID: MemberID{Node: 1}, Address: "10.0.0.1:7000"},
		SessionTimeout: time.Second, NewChain: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	now := Time(time.Hour)
	step := func(in Input) {
		r.Step(now, in)
		for ready := r.Ready(); !ready.Empty(); ready = r.Ready() {
			if ready.Halt != nil {
				t.Fatal(ready.Halt)
			}
		}
	}
	step(Tick{})
	step(CoordRegistered{Member: MemberID{1, 1}, Sent: now, Outcome: OutcomeOK})
	step(CoordView{Session: 1, Outcome: OutcomeMissing}) // it makes the view
	step(CoordNews{})                                    // and looks again
	step(CoordChanged{Epoch: 1, Outcome: OutcomeOK})
	step(CoordView{Session: 1, Outcome: OutcomeMissing})
	if !r.serving() || !r.Gate().Leasing() {
		t.Errorf("it does not serve: %s", r.Status().State)
	}
}
