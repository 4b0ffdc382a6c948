package chain

import (
	"slices"
	"testing"
	"time"
)

// takes has the learner take chunks of a snapshot and entries as they come, for some time; it holds durably what it takes. It tells how many bytes of
// chunks and older log came.
func (s *librarian) takes(d time.Duration) (bytes int) {
	s.t.Helper()
	for end := s.now.Add(d); s.now < end; {
		s.run(10 * time.Millisecond)
		sent := s.sent
		s.sent = nil
		for _, m := range sent {
			switch m := m.(type) {
			case Snapshot:
				bytes += len(m.Data)
				s.hear(SnapshotAck{Link: m.Link, Transfer: m.Transfer, Next: m.Index + 1})
			case Append:
				for i := range m.Entries {
					bytes += m.Entries[i].bytes()
				}
				if n := len(m.Entries); n > 0 {
					seq := m.Entries[n-1].Seq
					s.hear(Ack{Link: m.Link, Received: seq, Durable: seq})
				}
			}
		}
	}
	return bytes
}

// givenUp tells whether it has proposed a view without the learner.
func (s *librarian) givenUp() bool {
	return slices.ContainsFunc(s.changes(), func(c AskChange) bool { return len(c.View.Members) == 1 && c.View.Learner == (Member{}) })
}

// TestJoinBandwidth: chunks go as fast as is allowed and no faster, but for a burst of a quarter of a second, and one chunk.
func TestJoinBandwidth(t *testing.T) {
	const rate, size = 64 << 10, 8 << 10
	s := newLibrarian(t, Config{JoinBandwidth: rate})
	s.chunk, s.chunks = make([]byte, size), 199
	s.sent = nil
	s.hear(Welcome{Link: s.r.down.link})
	total := 0
	for i := 1; i <= 10; i++ {
		total += s.takes(time.Second)
		if least, most := i*rate-size, i*rate+rate/4+size; total < least || total > most {
			t.Errorf("after %d s it has sent %d bytes, want %d to %d", i, total, least, most)
		}
	}
	if p := s.r.Status().Learner; p.How != TeachSnapshot || p.Bytes != uint64(total) || p.Rate < rate*9/10 || p.Rate > rate*11/10 {
		t.Errorf("its status shows %+v", p)
	}
}

// TestJoinBandwidthOfLog: the same holds for older log, of which less is read at a time. What is written now is not held back behind it.
func TestJoinBandwidthOfLog(t *testing.T) {
	const rate = 64 << 10
	s := newLibrarian(t, Config{JoinBandwidth: rate})
	for i := range s.log {
		s.log[i].Command = make([]byte, rate)
	}
	s.begin(1)
	if n := s.reads[0].MaxBytes; n != recallLeast {
		t.Errorf("it reads %d bytes at a time, want %d", n, recallLeast)
	}
	for i := 1; i <= 5; i++ {
		s.read(s.log[i : i+1])
		s.takes(500 * time.Millisecond)
		if len(s.reads) != i {
			t.Fatalf("half a second after the %d. entry the next one is read", i)
		}
		s.takes(600 * time.Millisecond)
		if len(s.reads) != i+1 {
			t.Fatalf("1.1 s after the %d. entry the next one is not read", i)
		}
	}
	if p := s.r.Status().Learner; p.How != TeachDisk || p.Entries != 1 || p.Bytes != 5*uint64(s.log[1].bytes()) {
		t.Errorf("its status shows %+v", p)
	}
	s.read(s.log[6:])
	s.put()
	if s.takes(10*time.Millisecond) < rate {
		t.Error("an entry that is in memory waits")
	}
}

// TestJoinBandwidthIsNoFault: a learner that waits because little may be sent is not given up, one that does not take that is.
func TestJoinBandwidthIsNoFault(t *testing.T) {
	s := newLibrarian(t, Config{JoinBandwidth: 1 << 10})
	s.chunk, s.chunks = make([]byte, 32<<10), 10
	s.hear(Welcome{Link: s.r.down.link})
	if n := s.takes(70 * time.Second); n != 3*len(s.chunk) || s.givenUp() {
		t.Fatalf("after %d bytes the view is %v", n, s.r.view.View)
	}
	s.run(60 * time.Second) // it takes none of those that follow
	if !s.givenUp() {
		t.Error("a learner that takes nothing is not given up")
	}

	s = newLibrarian(t, Config{JoinBandwidth: 1 << 10})
	for i := range s.log {
		s.log[i].Command = make([]byte, 32<<10)
	}
	s.begin(1)
	for i := 1; i <= 2; i++ {
		s.read(s.log[i : i+1])
		s.takes(33 * time.Second)
	}
	if len(s.reads) != 3 || s.givenUp() {
		t.Fatalf("after %d reads the view is %v", len(s.reads), s.r.view.View)
	}
	s.read(s.log[3:4])
	s.run(20 * time.Second)
	if !s.givenUp() {
		t.Error("a learner that takes no entries is not given up")
	}
}

// TestPlacing: a learner may take the longer to put a snapshot in place, in a chain where nothing else happens, the larger that is; not for ever.
func TestPlacing(t *testing.T) {
	s := newLibrarian(t, Config{})
	s.chunk, s.chunks = make([]byte, 8<<20), 19 // 160 MiB: 40 s more
	s.hear(Welcome{Link: s.r.down.link})
	s.takes(time.Second)
	if p := s.r.Status().Learner; p.How != TeachPlacing || p.Bytes != 160<<20 {
		t.Fatalf("its status shows %+v", p)
	}
	s.run(45 * time.Second)
	if s.givenUp() {
		t.Fatal("the learner is given up while it puts the snapshot in place")
	}
	s.run(10 * time.Second)
	if !s.givenUp() {
		t.Error("a learner whose disk stands still is not given up")
	}
}

// TestLearnerShowsItself: a learner tells what of a snapshot has come, and then how far behind it is.
func TestLearnerShowsItself(t *testing.T) {
	s := newSlowDisk(t)
	s.learns(1, onDisk(1))
	for i := range uint64(2) {
		s.hears(Snapshot{Link: 1, Transfer: 4, Base: Position{8, 1}, Index: i, Data: make([]byte, 100), Last: i == 1})
		want := LearnerProgress{How: TeachSnapshot, Chunks: i + 1, Bytes: 100 * (i + 1)}
		if i == 1 {
			want.How = TeachPlacing
		}
		if got := s.Status().Learner; got != want {
			t.Errorf("it shows %+v, want %+v", got, want)
		}
	}
	s.step(Restored{Transfer: 4})
	s.hears(Append{Link: 1, Prev: Position{8, 1}, Entries: []Entry{{Seq: 9, Epoch: 1, Kind: KindBarrier}}, Committed: 20})
	if got, want := s.Status().Learner, (LearnerProgress{How: TeachLog, Entries: 11}); got != want {
		t.Errorf("it shows %+v, want %+v", got, want)
	}
}
