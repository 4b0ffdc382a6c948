package chain

import (
	"testing"
	"time"
)

// wholeSnapshot is a learner that has the last chunk of a snapshot up to 1000, which is not in place yet: its disk is slow. It gets along
// with an honest coordinator (answer), of which only the view is of interest.
type wholeSnapshot struct {
	t        *testing.T
	r        *Replica
	now      Time
	me, tail Member
	view     Recorded
	version  int64
	halted   error
}

func newWholeSnapshot(t *testing.T) *wholeSnapshot {
	s := &wholeSnapshot{t: t, now: Time(time.Hour)}
	s.tail = Member{MemberID: MemberID{1, 1}, Address: "10.0.0.1:7000"}
	s.me = Member{MemberID: MemberID{3, 1}, Address: "10.0.0.3:7000"}
	s.view = Recorded{View{Chain: 9, Epoch: 3, Members: []Member{s.tail}, Learner: s.me, Rules: Rules}, 4}
	var err error
	if s.r, err = New(Config{Self: Member{MemberID: MemberID{Node: 3}, Address: s.me.Address}, SessionTimeout: time.Second, NewChain: 77}); err != nil {
		t.Fatal(err)
	}
	s.run(300 * time.Millisecond)
	for _, m := range []Message{Hello{Link: 1}, Snapshot{Link: 1, Transfer: 1, Base: Position{1000, 2}, Last: true}} {
		s.step(Received{Envelope{Chain: 9, Epoch: 3, From: s.tail.MemberID, To: s.me.MemberID, Message: m}})
	}
	if st := s.r.learn.staging; st == nil || !st.whole {
		t.Fatal("there is no whole snapshot")
	}
	return s
}

func (s *wholeSnapshot) step(in Input) {
	s.r.Step(s.now, in)
	for ready := s.r.Ready(); !ready.Empty(); ready = s.r.Ready() {
		s.halted = ready.Halt
		if s.halted != nil {
			return
		}
		for _, m := range ready.Probe {
			s.r.Step(s.now, ProbeDone{Member: m.MemberID, Dead: true})
		}
		for _, a := range ready.Ask {
			s.r.Step(s.now, s.answer(a))
		}
	}
}

func (s *wholeSnapshot) answer(a Ask) Input {
	switch a := a.(type) {
	case AskRegister:
		return CoordRegistered{Member: a.Registration.MemberID, Sent: s.now, Outcome: OutcomeOK}
	case AskHeartbeat:
		s.version = a.Version + 1
		return CoordRegistered{Member: a.MemberID, Sent: s.now, Version: s.version, Outcome: OutcomeOK}
	case AskList: // the tail's registration stands still
		return CoordList{Session: 1, Outcome: OutcomeOK, Registered: []Registered{
			{Registration{Member: s.me, Timeout: time.Second}, s.version}, {Registration{Member: s.tail, Timeout: time.Second}, 10},
		}}
	case AskView:
		return CoordView{Recorded: s.view, Session: 1, Outcome: OutcomeOK}
	case AskChange:
		s.view = Recorded{a.View, a.From + 1}
		return CoordChanged{Epoch: a.View.Epoch, Outcome: OutcomeOK}
	}
	s.t.Fatalf("it asks for %+v", a)
	return nil
}

func (s *wholeSnapshot) run(d time.Duration) {
	for end := s.now.Add(d); s.now < end && s.halted == nil; s.now = s.now.Add(10 * time.Millisecond) {
		s.step(Tick{})
	}
}

// design.md, section 5: a server that holds entries neither begins an empty chain nor joins another. What is about to be put in place counts:
// it would come into the log of the other chain.
func TestWholeSnapshotIsHeld(t *testing.T) {
	t.Run("the chain has died", func(t *testing.T) {
		s := newWholeSnapshot(t)
		s.run(5 * time.Second)
		if s.r.view.Chain != 9 {
			t.Errorf("it begins another chain: %v", s.r.view.View)
		}
	})
	t.Run("another chain has begun", func(t *testing.T) {
		s := newWholeSnapshot(t)
		s.view = Recorded{View{Chain: 10, Epoch: 5, Members: []Member{{MemberID: MemberID{2, 1}, Address: "10.0.0.2:7000"}}, Learner: s.me, Rules: Rules}, 6}
		s.run(5 * time.Second)
		if s.r.view.Chain != 9 || s.halted == nil {
			t.Errorf("it follows another chain: %v, halted: %v", s.r.view.View, s.halted)
		}
	})
}
