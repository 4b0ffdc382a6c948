package chain

import (
	"testing"
	"time"
)

// TestOlderRegistration: the coordinator was brought back as it was a while ago. The view is the same, and our registration has a lower version
// than we knew. The heartbeat must go on from there, and not be tried without a pause.
func TestOlderRegistration(t *testing.T) {
	me := Member{MemberID: MemberID{1, 1}, Address: "10.0.0.1:7000"}
	r, err := New(Config{Self: Member{MemberID: MemberID{Node: 1}, Address: me.Address}, SessionTimeout: time.Second, NewChain: 1})
	if err != nil {
		t.Fatal(err)
	}
	now, version, session, tried, written := Time(time.Hour), int64(0), uint64(1), 0, 0
	answer := func(a Ask) Input {
		switch a := a.(type) {
		case AskRegister:
			return CoordRegistered{Member: me.MemberID, Sent: now, Outcome: OutcomeOK}
		case AskHeartbeat:
			if tried++; a.Version != version {
				return CoordRegistered{Member: me.MemberID, Sent: now, Outcome: OutcomeConflict}
			}
			written++
			version++
			return CoordRegistered{Member: me.MemberID, Sent: now, Version: version, Outcome: OutcomeOK}
		case AskList:
			return CoordList{Session: session, Outcome: OutcomeOK, Registered: []Registered{{Registration{Member: me, Timeout: time.Second}, version}}}
		case AskView:
			return CoordView{Recorded: Recorded{View{Chain: 7, Epoch: 5, Members: []Member{me}, Rules: Rules}, 9}, Session: session, Outcome: OutcomeOK}
		}
		t.Fatalf("it asks for %+v", a)
		return nil
	}
	run := func(d time.Duration) {
		for end := now.Add(d); now < end; now = now.Add(10 * time.Millisecond) {
			r.Step(now, Tick{})
			for n := 0; n < 20; n++ {
				for _, a := range r.Ready().Ask {
					r.Step(now, answer(a))
				}
			}
		}
	}
	run(30 * time.Second)
	version, session, tried, written = 50, 2, 0, 0
	run(3 * time.Second)
	if written < 10 || tried > 2*written {
		t.Errorf("in 3 s %d of %d heartbeats succeed", written, tried)
	}
}
