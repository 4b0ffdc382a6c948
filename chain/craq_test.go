package chain

import (
	"testing"
	"time"
)

// The claims of Terrace & Freedman, "Object Storage on CRAQ" (ATC '09), and of design.md, sections 2 to 5, one a test.

// places are the stages of one write in a chain of three: how many of its messages have been delivered.
func places(t *testing.T, each func(c *cluster, delivered int)) {
	for n := range 7 {
		c := chainOf(t, 3)
		c.write(1, "after")
		for range n {
			c.deliver(func(Envelope) bool { return true })
		}
		each(c, n)
	}
}

// Section 2.3: a replica whose newest version of an object is clean answers at once, whatever goes on with other objects.
func TestCleanReadsAreAnsweredAtOnce(t *testing.T) {
	places(t, func(c *cluster, delivered int) {
		for n, s := range c.servers {
			if g := s.r.Gate(); g.Key(hashOf("y")) > g.Applied() {
				t.Errorf("%d messages of a write to x delivered: server %d makes a read of y wait", delivered, n)
			}
		}
	})
}

// Section 2.3: a replica that has a dirty version asks the tail. Here it waits until that version is clean (design.md, section 4): it
// waits if it has logged the write and does not know it to be committed, and only then.
func TestDirtyReadsWait(t *testing.T) {
	places(t, func(c *cluster, delivered int) {
		for n, s := range c.servers {
			g := s.r.Gate()
			if dirty, waits := s.r.committed < s.r.log.last().Seq, g.Key(hashOf("x")) > g.Applied(); dirty != waits {
				t.Errorf("%d messages delivered: server %d has a dirty version: %v, and a read waits: %v", delivered, n, dirty, waits)
			}
		}
	})
}

// Section 2.2, strong consistency: once a read anywhere has returned a write, every later read anywhere returns it or a newer one.
func TestReadsNeverGoBack(t *testing.T) {
	places(t, func(c *cluster, delivered int) {
		seen := false
		for _, s := range c.servers {
			seen = seen || s.value("x") == "after"
		}
		for n, s := range c.servers {
			g := s.r.Gate()
			if seen && s.value("x") != "after" && g.Key(hashOf("x")) <= g.Applied() {
				t.Errorf("%d messages delivered: one server shows the write, and server %d answers with the one before", delivered, n)
			}
		}
	})
}

// design.md, section 3, points 1 and 3: a head sends at once and the disks of all replicas work in parallel; nothing commits before
// each of them has it, in whatever order they finish.
func TestNothingCommitsBeforeEveryDisk(t *testing.T) {
	for _, order := range [][]int{{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}} {
		c := newCluster(t)
		c.quiet = true
		for n := 1; n <= 3; n++ {
			c.at(n).durable = true
			c.at(n).start()
			c.tick(400*time.Millisecond, true)
		}
		c.write(1, "before")
		c.settle()
		before := c.servers[1].r.committed
		c.holdDisks = true
		c.write(1, "after")
		c.settle()
		if c.servers[3].r.log.last().Seq != before+1 {
			t.Fatal("the entry did not pass through while the disks worked")
		}
		for i, n := range order {
			for m := range 3 {
				if got := c.servers[m+1].r.committed; got > before {
					t.Errorf("order %v: server %d has committed after %d disks", order, m+1, i)
				}
			}
			c.servers[n].sync()
			c.rest()
			c.settle()
		}
		for n, s := range c.servers {
			if s.r.committed != before+1 {
				t.Errorf("order %v: server %d has not committed after all disks", order, n)
			}
		}
	}
}

// design.md, section 2, Seq: a head has at most 65,536 uncommitted entries, so no number that it handed out can be given to another
// operation by the next one, which skips as many.
func TestNoNumberIsGivenTwice(t *testing.T) {
	c := chainOf(t, 2)
	head := c.servers[1].r
	handed := map[Seq]bool{}
	for i := range MaxUncommitted + 10 {
		p := &Proposal{Kind: KindCommand, Request: RequestID{1, uint64(i + 2)}, DoneBelow: uint64(i + 2), Command: []byte("put x lost")}
		seq, refuse := head.admit(p)
		if refuse == RefuseNone {
			handed[seq] = true
		} else if i < MaxUncommitted-1 {
			t.Fatalf("refused the %dth", i)
		}
	}
	if len(handed) != MaxUncommitted {
		t.Errorf("the head numbered %d commands that are not committed, want %d", len(handed), MaxUncommitted)
	}
	c.fails(1)
	c.write(2, "new")
	for _, e := range c.servers[2].r.Log(0) {
		if e.Seq > head.committed && handed[e.Seq] {
			t.Fatalf("%v has a number that the lost head had handed out", &e)
		}
	}
	for seq := range handed {
		if got := c.servers[2].table.fate(seq); got != "lost" {
			t.Fatalf("%d is %s", seq, got)
		}
	}
}

// design.md, section 3, point 7: what one server's clients want enters the log in the order in which they asked, and once, whatever
// happens to heads, links and views.
func TestOrderOfAServersRequests(t *testing.T) {
	schedules(t, 30, 3, 300, faults{pauses: true, links: true, coordinators: true}, func(s *schedule) {
		s.after = func() {
			for _, x := range s.members() {
				at := map[SessionID]uint64{}
				for _, e := range x.r.Log(0) {
					if e.Kind != KindCommand || e.Seq > x.r.applied || x.table.Refused[e.Seq] {
						continue
					}
					if e.Request.Number < at[e.Request.Session] {
						t.Fatalf("%v takes effect behind request %d of its session", &e, at[e.Request.Session])
					}
					at[e.Request.Session] = e.Request.Number
				}
			}
		}
	}, healed)
}

// design.md, section 5, "A server joins", rule 2: while it learns from one tail, a learner drops nothing that it has acknowledged.
func TestLearnerKeepsWhatItAcknowledged(t *testing.T) {
	f := everything
	f.crashes = false
	schedules(t, 30, 2, 200, f, func(s *schedule) {
		s.at(3).start()
		acked := map[MemberID]map[MemberID]Seq{} // by learner and teacher
		s.after = func() {
			for _, e := range s.flying {
				if a, ok := e.Message.(Ack); ok {
					if acked[e.From] == nil {
						acked[e.From] = map[MemberID]Seq{}
					}
					acked[e.From][e.To] = max(acked[e.From][e.To], a.Durable)
				}
			}
			for _, x := range s.servers {
				if x.r == nil || !x.r.learning || x.r.learn.staging != nil {
					continue
				}
				if want := acked[x.r.self.MemberID][x.r.learn.from]; x.r.durable < want {
					t.Fatalf("learner %d acknowledged %d to the tail that teaches it, and holds %d", x.number, want, x.r.durable)
				}
			}
		}
	}, nil)
}

// design.md, section 5: the first surviving member in chain order acts when the dead one's registration has stood still for T before
// its eyes, each other one 50 ms later than the one before it would.
func TestTurns(t *testing.T) {
	c := chainOf(t, 4)
	c.coord.hold["change"] = true
	dead := c.servers[2].r.self.MemberID
	c.servers[2].crash()
	asked := map[int]time.Duration{}
	for range 200 {
		c.tick(10*time.Millisecond, true)
		for _, h := range c.coord.held {
			if _, ok := asked[h.s.number]; !ok {
				asked[h.s.number] = c.now.Sub(h.s.r.watch.seen[dead].at)
			}
		}
	}
	for i, s := range c.members() {
		want := c.cfg.SessionTimeout + time.Duration(i)*turn
		if got := asked[s.number]; got < want || got > want+20*time.Millisecond {
			t.Errorf("the survivor at place %d asked after %v, want %v", i, got, want)
		}
	}
}
