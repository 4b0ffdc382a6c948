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

// TestStandingStillCountsWithinASession: the version of another member's registration stood still, for less than T, when the session ended. In the
// next one an older state may have been brought back, and the member may have written since what stands there again: T begins anew.
func TestStandingStillCountsWithinASession(t *testing.T) {
	me, other := Member{MemberID: MemberID{1, 1}, Address: "10.0.0.1:7000"}, Member{MemberID: MemberID{2, 1}, Address: "10.0.0.2:7000"}
	r, err := New(Config{Self: Member{MemberID: MemberID{Node: 1}, Address: me.Address}, SessionTimeout: time.Second, NewChain: 1})
	if err != nil {
		t.Fatal(err)
	}
	now, version, session, asked := Time(time.Hour), int64(0), uint64(1), 0
	answer := func(a Ask) Input {
		switch a := a.(type) {
		case AskRegister:
			return CoordRegistered{Member: me.MemberID, Sent: now, Outcome: OutcomeOK}
		case AskHeartbeat:
			version++
			return CoordRegistered{Member: me.MemberID, Sent: now, Version: version, Outcome: OutcomeOK}
		case AskList:
			return CoordList{Session: session, Outcome: OutcomeOK, Registered: []Registered{
				{Registration{Member: me, Timeout: time.Second}, version}, {Registration{Member: other, Timeout: time.Second}, 39},
			}}
		case AskView:
			return CoordView{Recorded: Recorded{View{Chain: 7, Epoch: 5, Members: []Member{me, other}, Rules: Rules}, 9}, Session: session, Outcome: OutcomeOK}
		case AskChange:
			if a.Session == session { // in another it is not carried out
				asked++
			}
			return CoordChanged{Epoch: a.View.Epoch, Outcome: OutcomeConflict}
		}
		t.Fatalf("it asks for %+v", a)
		return nil
	}
	for _, s := range []struct {
		session uint64
		lasts   time.Duration
		removes bool
	}{{1, 900 * time.Millisecond, false}, {2, 900 * time.Millisecond, false}, {2, 400 * time.Millisecond, true}} {
		session = s.session
		for end := now.Add(s.lasts); now < end; now = now.Add(10 * time.Millisecond) {
			r.Step(now, Tick{})
			for n := 0; n < 20; n++ {
				for _, a := range r.Ready().Ask {
					r.Step(now, answer(a))
				}
			}
		}
		if removes := asked > 0; removes != s.removes {
			t.Errorf("after %v in session %d it removes the member: %t", s.lasts, s.session, removes)
		}
	}
}
