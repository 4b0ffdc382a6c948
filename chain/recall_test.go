package chain

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// librarian is a tutor with a disk, whose log the test has seen: seven entries, here called 1 to 7. In memory there are none: that log begins behind the
// last.
type librarian struct {
	*tutor
	log []Entry
}

func newLibrarian(t *testing.T, cfg Config) *librarian {
	cfg.Self.Durable = true
	s := &librarian{tutor: newTutorOf(t, cfg)}
	s.log = s.logged
	if n := len(s.log); n != 7 || s.r.log.base != s.log[n-1].Position() || s.log[n-1].Seq != s.seq(7) {
		t.Fatalf("it has logged %v, and its log in memory begins behind %v", s.log, s.r.log.base)
	}
	return s
}

// seq is the number of entry n.
func (s *librarian) seq(n Seq) Seq { return s.log[0].Seq + n - 1 }

// begin has the learner say that it holds the first entries.
func (s *librarian) begin(first int) {
	s.t.Helper()
	s.hear(Welcome{Link: s.r.down.link, Last: s.log[first-1].Position()})
	if len(s.reads) != 1 || s.reads[0].After != s.log[first-1].Position() {
		s.t.Fatalf("it reads %+v", s.reads)
	}
	s.sent = nil
}

// read answers the last read.
func (s *librarian) read(entries []Entry) {
	s.t.Helper()
	s.step(LogRead{Number: s.reads[len(s.reads)-1].Number, Entries: entries, Held: true})
}

// sentSeqs is what has been sent, in words.
func (s *librarian) sentSeqs() (said []string) {
	for _, m := range s.sent {
		switch m := m.(type) {
		case Append:
			entries := slices.Clone(m.Entries)
			for i := range entries {
				entries[i].Seq -= s.seq(0)
			}
			said = append(said, "log "+seqs(entries))
		case Snapshot:
			said = append(said, "snapshot")
		}
	}
	s.sent = nil
	return said
}

// TestRecallBelieves gives a tail what its disk may hold, or claim to: it sends what must be what stands there, or a snapshot.
func TestRecallBelieves(t *testing.T) {
	takeover := func(e Entry, skipped Seq) Entry {
		return Entry{Seq: e.Seq, Epoch: e.Epoch, Kind: KindTakeover, Skipped: skipped}
	}
	beyond := func(e Entry, n Seq) Entry {
		e.Seq += n
		return e
	}
	older := func(e Entry) Entry {
		e.Epoch--
		return e
	}
	for _, c := range []struct {
		name string
		of   func(l []Entry) []Entry // l[1] to l[7] are the entries; the learner has the first
		want string
	}{
		{"all", func(l []Entry) []Entry { return l[2:] }, "[log 2..7]"},
		{"some", func(l []Entry) []Entry { return l[2:4] }, "[log 2..3]"},
		{"more than is committed", func(l []Entry) []Entry { return append(l[2:], beyond(l[7], 1), beyond(l[7], 2)) }, "[log 2..7]"},
		{"a takeover", func(l []Entry) []Entry { return []Entry{l[2], l[3], takeover(l[5], l[4].Seq), l[6]} }, "[log 2..3,5..6]"},

		{"nothing", func([]Entry) []Entry { return nil }, "[snapshot log ]"},
		{"one missing", func(l []Entry) []Entry { return []Entry{l[2], l[4], l[5], l[6], l[7]} }, "[snapshot log ]"},
		{"one twice", func(l []Entry) []Entry { return []Entry{l[2], l[2], l[3]} }, "[snapshot log ]"},
		{"what the learner has", func(l []Entry) []Entry { return l[1:] }, "[snapshot log ]"},
		{"another last one", func(l []Entry) []Entry { return append(l[2:7], takeover(beyond(l[7], 1), l[7].Seq)) }, "[snapshot log ]"},
		{"the last one of another epoch", func(l []Entry) []Entry { l[7].Epoch++; return l[2:] }, "[snapshot log ]"},
		{"of a lower epoch", func(l []Entry) []Entry { return []Entry{l[2], older(l[3])} }, "[snapshot log ]"},
		{"a takeover of what is there", func(l []Entry) []Entry { return []Entry{l[2], l[3], takeover(l[5], l[3].Seq), l[6]} }, "[snapshot log ]"},
		{"a takeover from above", func(l []Entry) []Entry { return []Entry{l[2], takeover(l[1], l[3].Seq)} }, "[snapshot log ]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newLibrarian(t, Config{})
			s.begin(1)
			s.read(c.of(append([]Entry{{}}, s.log...)))
			if got := fmt.Sprint(s.sentSeqs()); got != c.want {
				t.Errorf("it sends %s, want %s", got, c.want)
			}
		})
	}
	t.Run("not held", func(t *testing.T) {
		s := newLibrarian(t, Config{})
		s.begin(1)
		s.step(LogRead{Number: s.reads[0].Number, Entries: s.log[1:]})
		if got := fmt.Sprint(s.sentSeqs()); got != "[snapshot log ]" {
			t.Errorf("it sends %s", got)
		}
	})
}

// An empty server gets the table, and one without a disk asks none.
func TestRecallAsksOrNot(t *testing.T) {
	s := newLibrarian(t, Config{})
	s.hear(Welcome{Link: s.r.down.link})
	if len(s.reads) != 0 || s.r.teach.transfer == nil {
		t.Errorf("for an empty server it reads %+v", s.reads)
	}
	m := newTutorOf(t, Config{})
	m.hear(Welcome{Link: m.r.down.link, Last: s.log[0].Position()})
	if len(m.reads) != 0 || m.r.teach.transfer == nil {
		t.Errorf("a server in memory reads %+v", m.reads)
	}
}

// TestRecallIsNotLevel: a learner that lacks what is in memory no more is not nearly level, however short the log in memory is. Writes wait for it only
// when it holds durably all that came from the disk.
func TestRecallIsNotLevel(t *testing.T) {
	s := newLibrarian(t, Config{})
	s.begin(1)
	ack := func(durable, received Seq) {
		s.hear(Ack{Link: s.r.down.link, Durable: s.seq(durable), Received: s.seq(received)})
	}
	ack(1, 1)
	if s.r.teach.fact {
		t.Fatal("writes wait for a learner of whose entries the disk has read none")
	}
	s.read(s.log[1:4])
	ack(4, 4)
	if s.r.teach.fact {
		t.Fatal("writes wait for a learner that lacks what the disk has yet to read")
	}
	s.read(s.log[4:])
	ack(4, 4)
	if s.r.teach.fact {
		t.Fatal("writes wait for a learner to which the last is on its way")
	}
	ack(4, 7)
	if s.r.teach.fact {
		t.Fatal("writes wait for the learner's disk")
	}
	ack(7, 7)
	s.run(300 * time.Millisecond)
	if s.r.view.Index(s.learner.MemberID) < 0 {
		t.Errorf("it is not taken in, having everything: %v", s.r.view.View)
	}
}

// TestRecallIsBounded: what was read and has not arrived is bounded, and there is one read at a time.
func TestRecallIsBounded(t *testing.T) {
	s := newLibrarian(t, Config{})
	s.begin(1)
	s.run(time.Second)
	if len(s.reads) != 1 {
		t.Fatalf("there are %d reads at a time", len(s.reads))
	}
	large := slices.Clone(s.log)
	large[1].Command = make([]byte, downWindowBytes)
	s.read(large[1:2])
	s.run(time.Second)
	if len(s.reads) != 1 {
		t.Fatal("it reads on while so much is under way")
	}
	s.hear(Ack{Link: s.r.down.link, Durable: s.seq(2), Received: s.seq(2)})
	if len(s.reads) != 2 || s.reads[1].After != s.log[1].Position() {
		t.Errorf("it does not go on when that has arrived: %+v", s.reads)
	}
}

// TestRecallCommitsMeanwhile: writes do not wait for one who is taught from the disk, also if they waited for it before.
func TestRecallCommitsMeanwhile(t *testing.T) {
	s := newLibrarian(t, Config{})
	s.hear(Welcome{Link: s.r.down.link, Last: s.log[6].Position()})
	s.hear(Ack{Link: s.r.down.link, Durable: s.seq(6), Received: s.seq(7)})
	if !s.r.teach.fact {
		t.Fatal("it does not wait for a learner that is nearly level")
	}
	s.step(LinkReset{s.learner.MemberID})
	s.begin(1) // it was not what it said
	for range 3 {
		before := s.r.committed
		if s.put(); s.r.committed == before {
			t.Fatal("writes wait for a learner that the disk teaches")
		}
	}
	s.read(s.log[1:])
	if got := fmt.Sprint(s.sentSeqs()); got != "[log 2..7 log 8..10]" {
		t.Errorf("it sends %s", got)
	}
}
