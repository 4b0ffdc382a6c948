package chain

import (
	"fmt"
	"testing"
	"time"
)

// taught is a learner that has a chunk of a snapshot up to 1000, and perhaps the last one; it is not in place yet, for the disk is slow. The
// tail's registration stands still.
type taught struct {
	*rig
	me, tail Member
}

func newTaught(t *testing.T, whole bool) *taught {
	s := &taught{tail: Member{MemberID: MemberID{1, 1}, Address: "10.0.0.1:7000"}, me: Member{MemberID: MemberID{3, 1}, Address: "10.0.0.3:7000"}}
	view := View{Chain: 9, Epoch: 3, Members: []Member{s.tail}, Learner: s.me, Rules: Rules}
	s.rig = newRig(t, Config{Self: Member{MemberID: MemberID{Node: 3}, Address: s.me.Address}}, view, s.tail)
	s.run(300 * time.Millisecond)
	entry := Entry{Kind: KindCommand, Seq: 1001, Epoch: 2, Command: []byte("x")}
	s.hear(s.tail, Hello{Link: 1})
	s.hear(s.tail, Snapshot{Link: 1, Transfer: 1, Base: Position{1000, 2}, Last: whole})
	s.hear(s.tail, Append{Link: 1, Prev: Position{1000, 2}, Entries: []Entry{entry}})
	if st := s.r.learn.staging; st == nil || st.whole != whole || st.log.last() != (Position{1001, 2}) {
		t.Fatalf("this is staged: %+v", st)
	}
	return s
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
			s.holds = "change"
			s.run(5 * time.Second)
			asked := s.changes()
			if len(asked) != 1 || asked[0].View.Chain == 9 {
				t.Fatalf("it has not asked for another chain, but for %v", asked)
			}
			s.holds = ""
			changed := s.execute(asked[0], s.now)
			if outcome == OutcomeUnknown {
				s.r.Step(s.now, s.otherwise(asked[0], s.now, outcome))
			}
			s.hear(s.tail, Snapshot{Link: 1, Transfer: 1, Base: Position{1000, 2}, Index: 1, Last: true})
			if outcome == OutcomeOK {
				s.step(changed)
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
