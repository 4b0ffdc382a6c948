package chain

import (
	"testing"
	"time"
)

// slowDisk is a learner of nodes 1 and 2, in turn, whose disk does nothing unless the test says so.
type slowDisk struct {
	*Replica
	self Member
	now  Time
}

func newSlowDisk(t *testing.T) *slowDisk {
	s := &slowDisk{self: onDisk(3), now: 1}
	cfg := Config{Self: s.self, SessionTimeout: time.Second, NewChain: 1}
	cfg.Self.Incarnation = 0
	var err error
	if s.Replica, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	s.step(Tick{})
	s.step(CoordRegistered{Member: s.self.MemberID, Sent: s.now, Outcome: OutcomeOK})
	return s
}

// onDisk is a member with a disk.
func onDisk(n NodeID) Member {
	return Member{MemberID: MemberID{Node: n, Incarnation: 1}, Address: "127.0.0.1:700" + string(rune('0'+n)), Durable: true}
}

func (s *slowDisk) step(in Input) Ready {
	s.now++
	s.Step(s.now, in)
	return s.Ready()
}

// learns has it learn in the given epoch from the last of the members; it is said Hello.
func (s *slowDisk) learns(epoch Epoch, members ...Member) Ready {
	s.step(CoordView{Recorded: Recorded{View{Chain: 9, Epoch: epoch, Members: members, Learner: s.self}, int64(epoch)}, Session: 1, Outcome: OutcomeOK})
	return s.hears(Hello{Link: 1})
}

// hears takes a message of the tail.
func (s *slowDisk) hears(m Message) Ready {
	return s.step(Received{Envelope{Chain: 9, Epoch: s.view.Epoch, From: s.view.Tail().MemberID, To: s.self.MemberID, Message: m}})
}

// TestPersistedBeforeACut has a learner on a slow disk log entries, cut them away for another tail, and log the same ones again, before its disk has done
// any of it. That the first are durable says nothing of the second, which the cut that is still to come on the disk stands before.
func TestPersistedBeforeACut(t *testing.T) {
	s := newSlowDisk(t)
	entries := []Entry{{Seq: 1, Epoch: 1, Kind: KindBarrier}, {Seq: 2, Epoch: 1, Kind: KindBarrier}}
	s.learns(1, onDisk(1), onDisk(2))
	first := s.hears(Append{Link: 1, Entries: entries})
	cut := s.learns(2, onDisk(1))
	again := s.hears(Append{Link: 1, Entries: entries})
	if len(first.Append) != 2 || cut.Truncate == nil || len(again.Append) != 2 {
		t.Fatalf("it logs %d entries, cuts at %v, and logs %d: the test tests nothing", len(first.Append), cut.Truncate, len(again.Append))
	}
	s.step(Persisted{entries[1].Position(), first.Cuts})
	if s.durable != 0 {
		t.Errorf("%d is durable, when only what stood before the cut is", s.durable)
	}
	s.step(Persisted{entries[1].Position(), again.Cuts})
	if s.durable != 2 {
		t.Errorf("%d is durable, want 2", s.durable)
	}
}

// TestACutIsToBeDurable: a crash may bring back what was cut away on a disk that has not done it yet. A member's log must not be so: where the
// whole chain restarts it would not be part of the longest.
func TestACutIsToBeDurable(t *testing.T) {
	s := newSlowDisk(t)
	entries := []Entry{{Seq: 1, Epoch: 1, Kind: KindBarrier}, {Seq: 2, Epoch: 1, Kind: KindBarrier}}
	s.learns(1, onDisk(1), onDisk(2))
	first := s.hears(Append{Link: 1, Entries: entries, Stable: 1, Committed: 1})
	s.step(Persisted{entries[1].Position(), first.Cuts})
	cut := s.learns(2, onDisk(1))
	if s.committed != 1 || cut.Truncate == nil || *cut.Truncate != entries[0].Position() {
		t.Fatalf("committed %d, cut at %v: the test tests nothing", s.committed, cut.Truncate)
	}
	if s.durable != 0 {
		t.Errorf("it has %d durably, and its disk holds what it has cut", s.durable)
	}
	s.step(Persisted{entries[0].Position(), cut.Cuts})
	if s.durable != 1 {
		t.Errorf("%d is durable, want 1", s.durable)
	}
}
