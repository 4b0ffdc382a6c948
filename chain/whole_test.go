package chain

import (
	"fmt"
	"testing"
	"time"
)

// taught is a learner that has a chunk of a snapshot up to 1000, and perhaps the last one; it is not in place yet, for the disk is slow. It
// gets along with an honest coordinator (answer), of which only the view is of interest.
type taught struct {
	t        *testing.T
	r        *Replica
	now      Time
	me, tail Member
	view     Recorded
	version  int64
	halted   error
	holds    bool       // what is asked for next, of changes of the view, gets no answer
	asked    *AskChange // that one
	unstaged bool
}

func newTaught(t *testing.T, whole bool) *taught {
	s := &taught{t: t, now: Time(time.Hour)}
	s.tail = Member{MemberID: MemberID{1, 1}, Address: "10.0.0.1:7000"}
	s.me = Member{MemberID: MemberID{3, 1}, Address: "10.0.0.3:7000"}
	s.view = Recorded{View{Chain: 9, Epoch: 3, Members: []Member{s.tail}, Learner: s.me, Rules: Rules}, 4}
	var err error
	if s.r, err = New(Config{Self: Member{MemberID: MemberID{Node: 3}, Address: s.me.Address}, SessionTimeout: time.Second, NewChain: 77}); err != nil {
		t.Fatal(err)
	}
	s.run(300 * time.Millisecond)
	entry := Entry{Kind: KindCommand, Seq: 1001, Epoch: 2, Command: []byte("x")}
	for _, m := range []Message{
		Hello{Link: 1},
		Snapshot{Link: 1, Transfer: 1, Base: Position{1000, 2}, Last: whole},
		Append{Link: 1, Prev: Position{1000, 2}, Entries: []Entry{entry}},
	} {
		s.step(Received{Envelope{Chain: 9, Epoch: 3, From: s.tail.MemberID, To: s.me.MemberID, Message: m}})
	}
	if st := s.r.learn.staging; st == nil || st.whole != whole || st.log.last() != (Position{1001, 2}) {
		t.Fatalf("this is staged: %+v", st)
	}
	return s
}

// hear takes a message of the tail.
func (s *taught) hear(m Message) {
	s.step(Received{Envelope{Chain: 9, Epoch: 3, From: s.tail.MemberID, To: s.me.MemberID, Message: m}})
}

func (s *taught) step(in Input) {
	s.r.Step(s.now, in)
	for ready := s.r.Ready(); !ready.Empty(); ready = s.r.Ready() {
		s.halted = ready.Halt
		if s.halted != nil {
			return
		}
		s.unstaged = s.unstaged || ready.Unstage
		if n := len(ready.Apply); n > 0 {
			s.r.Step(s.now, Applied{Through: ready.Apply[n-1].Entry.Seq})
		}
		for _, m := range ready.Probe {
			s.r.Step(s.now, ProbeDone{Member: m.MemberID, Dead: true})
		}
		for _, a := range ready.Ask {
			if c, ok := a.(AskChange); ok && s.holds {
				s.asked = &c
			} else {
				s.r.Step(s.now, s.answer(a))
			}
		}
	}
}

func (s *taught) answer(a Ask) Input {
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

func (s *taught) run(d time.Duration) {
	for end := s.now.Add(d); s.now < end && s.halted == nil; s.now = s.now.Add(10 * time.Millisecond) {
		s.step(Tick{})
	}
}

// design.md, section 5: a server that holds entries neither begins an empty chain nor joins another. What is about to be put in place counts:
// it would come into the log of the other chain.
func TestWholeSnapshotIsHeld(t *testing.T) {
	t.Run("the chain has died", func(t *testing.T) {
		s := newTaught(t, true)
		s.run(5 * time.Second)
		if s.r.view.Chain != 9 {
			t.Errorf("it begins another chain: %v", s.r.view.View)
		}
	})
	t.Run("another chain has begun", func(t *testing.T) {
		s := newTaught(t, true)
		s.view = Recorded{View{Chain: 10, Epoch: 5, Members: []Member{{MemberID: MemberID{2, 1}, Address: "10.0.0.2:7000"}}, Learner: s.me, Rules: Rules}, 6}
		s.run(5 * time.Second)
		if s.r.view.Chain != 9 || s.halted == nil {
			t.Errorf("it follows another chain: %v, halted: %v", s.r.view.View, s.halted)
		}
	})
}

// design.md, section 4: reads wait for entries that were appended here. Those behind a snapshot that never became whole are not: nobody
// would ever send them again.
func TestReadsDoNotWaitForAnAbandonedSnapshot(t *testing.T) {
	s := newTaught(t, false)
	s.run(5 * time.Second)
	if s.r.view.Chain == 9 || !s.r.serving() {
		t.Fatalf("it has not begun another chain: %v, %s", s.r.view.View, s.r.Status().State)
	}
	if g := s.r.Gate(); g.Key(0) != 0 || g.All() != 0 {
		t.Errorf("in an empty chain reads wait for %d, and for %d", g.Key(0), g.All())
	}
	if !s.unstaged {
		t.Error("nobody is told that the chunk is of no use any more")
	}
}

// design.md, section 5: a chain that begins anew is empty. What comes from the old one while the new one is being asked for, however long it
// was on its way, would stand in it; and whoever still sends is to notice.
func TestNothingOfTheOldChainComesIntoANewOne(t *testing.T) {
	for _, outcome := range []Outcome{OutcomeOK, OutcomeUnknown} {
		t.Run(fmt.Sprint(outcome), func(t *testing.T) {
			s := newTaught(t, false)
			s.holds = true
			s.run(5 * time.Second)
			if s.asked == nil || s.asked.View.Chain == 9 {
				t.Fatalf("it has not asked for another chain, but for %v", s.asked)
			}
			s.holds = false
			s.view = Recorded{s.asked.View, s.asked.From + 1}
			if outcome == OutcomeUnknown {
				s.r.Step(s.now, CoordChanged{Epoch: s.asked.View.Epoch, Outcome: outcome})
			}
			s.hear(Snapshot{Link: 1, Transfer: 1, Base: Position{1000, 2}, Index: 1, Last: true})
			if outcome == OutcomeOK {
				s.step(CoordChanged{Epoch: s.asked.View.Epoch, Outcome: outcome})
			}
			s.run(time.Second)
			s.step(Restored{Transfer: 1})
			s.step(Request{ID: 1, Command: []byte("x")})
			if log := s.r.Log(0); s.r.view.Chain == 9 || len(log) != 2 || log[0].Epoch != s.r.view.Epoch || s.r.committed != 2 {
				t.Errorf("chain %v has committed up to %d: %v", s.r.view.Chain, s.r.committed, log)
			}
		})
	}
}

// design.md, section 5: a server whose log is not whole does not restart a chain. One that has been taught since, and was a member, may.
func TestWhoHasBeenAMemberIsComplete(t *testing.T) {
	me := Member{MemberID: MemberID{1, 1}, Address: "10.0.0.1:7000", Durable: true}
	r, err := New(Config{
		Self: Member{MemberID: MemberID{Node: 1}, Address: me.Address, Durable: true}, SessionTimeout: time.Second, NewChain: 77,
		Recovered: &Recovered{Chain: 9, Epoch: 3},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.newIncarnation()
	if r.describe().Complete {
		t.Fatal("it says that it lacks nothing")
	}
	r.adopt(Recorded{View{Chain: 9, Epoch: 4, Members: []Member{me}, Rules: Rules}, 5}, 1)
	r.newIncarnation()
	if !r.describe().Complete {
		t.Error("it has been a member, and says that its log is not whole")
	}
}
