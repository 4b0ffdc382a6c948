package chain

import (
	"testing"
	"time"
)

// tutor is the only member of a chain, that holds a few entries and has compacted its log. Its learner, which has a disk, is played by the test.
type tutor struct {
	*rig
	learner Member
	id      uint64
}

func newTutor(t *testing.T) *tutor {
	s := newTutorOf(t, Config{})
	s.hear(Welcome{Link: s.r.down.link})
	if x := s.r.teach.transfer; x == nil || !x.whole || len(x.chunks) != 1 {
		t.Fatalf("not all of a snapshot is on its way: %+v", x)
	}
	return s
}

// newTutorOf is one to whom the learner has not said yet where it is.
func newTutorOf(t *testing.T, cfg Config) *tutor {
	me := Member{MemberID: MemberID{1, 1}, Address: "10.0.0.1:7000", Durable: cfg.Self.Durable}
	cfg.Self.Node, cfg.Self.Address, cfg.RetainedLog = 1, me.Address, 1
	s := &tutor{rig: newRig(t, cfg, View{Chain: 9, Epoch: 3, Members: []Member{me}, Rules: Rules})}
	s.learner = Member{MemberID: MemberID{3, 1}, Address: "10.0.0.3:7000", Durable: true}
	s.run(300 * time.Millisecond)
	for range 5 {
		s.put()
	}
	s.register(s.learner)
	s.lives = []MemberID{s.learner.MemberID}
	s.run(300 * time.Millisecond)
	return s
}

// hear takes a message of the learner.
func (s *tutor) hear(m Message) { s.rig.hear(s.learner, m) }

func (s *tutor) put() {
	s.id++
	s.step(Request{ID: s.id, Command: []byte("x")})
}

// The last chunk has arrived, and then the connection breaks: what acknowledged it names the old link, and only the Welcome of the new one says
// so. While the learner's disk is busy it has no reason to say it again.
func TestTransferEndsWithAWelcome(t *testing.T) {
	s := newTutor(t)
	base := s.r.teach.transfer.base
	s.run(learnerPatience - time.Second)
	s.step(LinkReset{s.learner.MemberID})
	s.hear(Welcome{Link: s.r.down.link, Last: base, Transfer: 1, NextChunk: 1})
	s.run(2 * time.Second)
	if s.r.view.Learner.MemberID != s.learner.MemberID {
		t.Fatal("the learner is given up although the last chunk has just arrived")
	}
	s.step(LinkReset{s.learner.MemberID})
	s.hear(Welcome{Link: s.r.down.link, Last: base, Transfer: 1, NextChunk: 1})
	if s.r.teach.transfer != nil {
		t.Fatal("what has arrived is sent again")
	}
	for range 5 {
		s.put()
		last := s.r.log.last().Seq
		s.hear(Ack{Link: s.r.down.link, Committed: s.r.committed, Durable: last, Received: last})
		s.run(100 * time.Millisecond)
	}
	if s.r.view.Index(s.learner.MemberID) < 0 {
		t.Errorf("the learner has everything and is not taken in: %v, transfer %+v", s.r.view.View, s.r.teach.transfer)
	}
}

// A tail waits with its writes for a learner that is nearly level, never for a snapshot: neither one that is being put in place on a slow disk,
// nor another after that was refused.
func TestWritesDoNotWaitForASnapshot(t *testing.T) {
	s := newTutor(t)
	commits := func(when string) {
		t.Helper()
		for range 50 {
			before := s.r.committed
			s.put()
			if s.r.committed == before {
				t.Fatalf("writes wait %s", when)
			}
			s.run(20 * time.Millisecond)
		}
	}
	commits("for the last chunk")
	s.hear(SnapshotAck{Link: s.r.down.link, Transfer: 1, Next: 1})
	s.hear(Ack{Link: s.r.down.link, Received: s.r.log.last().Seq})
	if s.r.teach.transfer != nil {
		t.Fatalf("the transfer goes on: %+v", s.r.teach.transfer)
	}
	commits("for the disk of the learner")
	s.step(LinkReset{s.learner.MemberID})
	s.hear(Welcome{Link: s.r.down.link})
	if s.r.teach.transfer == nil {
		t.Fatal("there is no second snapshot")
	}
	commits("for another snapshot")
}

// A learner that was level has lost what it had, and gets a snapshot: from then on nobody waits for it.
func TestWritesDoNotWaitForALearnerThatBeginsAnew(t *testing.T) {
	s := newTutor(t)
	s.put()
	s.hear(SnapshotAck{Link: s.r.down.link, Transfer: 1, Next: 1})
	s.hear(Ack{Link: s.r.down.link, Durable: s.r.teach.base, Received: s.r.log.last().Seq})
	if !s.r.teach.fact {
		t.Fatal("it does not wait for a learner that is nearly level")
	}
	before := s.r.committed
	s.put()
	if s.r.committed != before {
		t.Fatal("it commits what the learner has not acknowledged")
	}
	s.step(LinkReset{s.learner.MemberID})
	s.hear(Welcome{Link: s.r.down.link})
	if s.r.teach.fact || s.r.committed == before {
		t.Errorf("it waits for a learner that has begun anew: committed %d of %d", s.r.committed, s.r.log.last().Seq)
	}
}
