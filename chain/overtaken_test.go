package chain

import (
	"testing"
	"time"
)

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
