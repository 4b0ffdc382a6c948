package chain

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// The claims of van Renesse & Schneider, "Chain Replication for Supporting High Throughput and Availability" (OSDI '04), one a test.

// members is the running members of the newest view, head first.
func (c *cluster) members() (all []*server) {
	for _, m := range c.coord.view.Members {
		if s := c.servers[numberOf(m.Node)]; s.r != nil && s.r.self.MemberID == m.MemberID && s.r.view.Chain == c.coord.view.Chain {
			all = append(all, s)
		}
	}
	return all
}

// Section 3.2, Update Propagation Invariant: for servers i before j in the chain, the history of j is a prefix of that of i. It holds
// among all members of the newest view, whether they have adopted it or not, and whatever fails.
func TestUpdatePropagationInvariant(t *testing.T) {
	schedules(t, 40, 3, 300, everything, func(s *schedule) {
		s.after = func() {
			all := s.members()
			for i, a := range all {
				for _, b := range all[i+1:] {
					last := b.r.log.last()
					if last.Seq > a.r.log.base.Seq && !a.r.Holds(last) {
						t.Fatalf("%d ends at %v, which is not in the log of %d before it, %v to %v\n%s",
							b.number, last, a.number, a.r.log.base, a.r.log.last(), s.out.String())
					}
				}
			}
		}
	}, nil)
}

// Section 3.2, Inprocess Requests Invariant: the history of i is that of its successor j, and then Sent_i, what i may have to send
// again. Here Sent_i is the log behind what j has acknowledged: i still holds all of it, and j has no less than it acknowledged.
func TestInprocessRequestsInvariant(t *testing.T) {
	schedules(t, 40, 3, 300, everything, func(s *schedule) {
		s.after = func() {
			all := s.members()
			for i := range max(len(all)-1, 0) {
				a, b := all[i].r, all[i+1].r
				if next, ok := a.view.successor(a.self.MemberID); !ok || next.MemberID != b.self.MemberID || a.view.Epoch != b.view.Epoch {
					continue
				}
				if last := b.log.last().Seq; a.down.durable > last || a.down.received > last {
					t.Fatalf("%d acknowledged %d to %d, and ends at %d", all[i+1].number, a.down.durable, all[i].number, last)
				} else if a.log.base.Seq > last {
					t.Fatalf("%d cannot send again what %d lacks behind %d: its log begins at %v", all[i].number, all[i+1].number, last, a.log.base)
				}
			}
		}
	}, nil)
}

// chainOf is a chain of n servers that has opened a session at each and executed one command.
func chainOf(t *testing.T, n int) *cluster {
	c := newCluster(t)
	c.quiet = true
	for i := 1; i <= n; i++ {
		c.at(i).start()
		c.tick(400*time.Millisecond, true)
	}
	if got := len(c.coord.view.Members); got != n {
		t.Fatalf("%d members\n%s", got, c.out.String())
	}
	for i := 1; i <= n; i++ {
		c.servers[i].put(Request{Command: []byte("put x before")}, "before")
		c.settle()
	}
	return c
}

// write has server n write x = value.
func (c *cluster) write(n int, value string) {
	c.servers[n].put(Request{Command: []byte("put x " + value)}, value)
}

// fails crashes server n, with everything that it has sent and that is sent to it, and waits until the others have gone on.
func (c *cluster) fails(n int) {
	node := c.servers[n].r.self.Node
	c.servers[n].crash()
	c.flying = slices.DeleteFunc(c.flying, func(e Envelope) bool { return e.From.Node == node || e.To.Node == node })
	c.tick(3*time.Second, true)
}

// values is x at each running server.
func (c *cluster) values() (all []string) {
	for _, n := range c.numbers() {
		if s := c.servers[n]; s.r != nil {
			all = append(all, s.value("x"))
		}
	}
	return all
}

// Section 3.2, Failure of the Head: requests that only the head knew are lost, as if they had been lost on their way to it; whatever
// its successor got is executed. The paper leaves it to the client to ask again; a server here does it for requests that it forwarded.
func TestFailureOfTheHead(t *testing.T) {
	for sent := range 4 {
		c := chainOf(t, 3)
		for _, v := range []string{"one", "two", "three"} {
			c.write(1, v)
		}
		for range sent {
			c.deliver(func(e Envelope) bool { _, is := e.Message.(Append); return is && numberOf(e.To.Node) == 2 })
		}
		c.fails(1)
		want := []string{"before", "one", "two", "three"}[sent]
		if got := c.values(); !slices.Equal(got, []string{want, want}) {
			t.Errorf("%d of 3 reached the second server: x is %v, want %s", sent, got, want)
		}
	}
}

// Section 3.2, Failure of the Tail: its predecessor becomes the tail, and what it holds is thereby executed: the set of pending
// requests only shrinks.
func TestFailureOfTheTail(t *testing.T) {
	for sent := range 4 {
		c := chainOf(t, 3)
		for _, v := range []string{"one", "two", "three"} {
			c.write(1, v)
		}
		for range sent {
			c.deliver(func(e Envelope) bool { _, is := e.Message.(Append); return is && numberOf(e.To.Node) == 2 })
		}
		s := c.servers[2].r
		committed, last := s.committed, s.log.last().Seq
		c.servers[3].crash()
		v := c.coord.view.without(func(m MemberID) bool { return numberOf(m.Node) == 3 })
		s.Step(c.now, CoordView{Recorded: Recorded{v, c.coord.view.Version + 1}, Session: 1, Outcome: OutcomeOK})
		c.servers[2].step(Tick{})
		if s.committed < committed || s.committed > last {
			t.Errorf("the new tail had %d..%d pending, and has committed %d", committed, last, s.committed)
		}
		if s.committed != committed && s.committed != last {
			t.Errorf("the new tail committed up to %d of %d", s.committed, last)
		}
	}
}

// Section 3.2, Failure of Other Servers: S- first sends S+ what S+ lacks, before anything new: so it must hear from S+ what that is.
func TestFailureOfOtherServers(t *testing.T) {
	for got := range 4 {
		t.Run(fmt.Sprint(got), func(t *testing.T) {
			c := chainOf(t, 3)
			to := func(n int) func(Envelope) bool {
				return func(e Envelope) bool { _, is := e.Message.(Append); return is && numberOf(e.To.Node) == n }
			}
			for i, v := range []string{"one", "two", "three"} {
				c.write(1, v)
				if i < got {
					c.deliver(to(2))
					c.deliver(to(3))
				}
			}
			plus := c.servers[3].r
			has, last := plus.log.last(), c.servers[1].r.log.last()
			c.servers[2].crash()
			c.flying = nil
			c.tick(time.Second, false)
			for range 1000 {
				if c.coord.view.Epoch > plus.view.Epoch || len(plus.view.Members) == 2 {
					break
				}
				c.tick(10*time.Millisecond, false)
			}
			c.write(1, "new")
			// The first Append of the new link begins where S+ ends, and everything comes in order.
			first := true
			for range 200 {
				i := slices.IndexFunc(c.flying, to(3))
				if i >= 0 && c.flying[i].Epoch == plus.view.Epoch {
					m := c.flying[i].Message.(Append)
					if first && m.Prev != has {
						t.Fatalf("S+ ends at %v, and is sent what follows %v", has, m.Prev)
					}
					first = false
				}
				if len(c.flying) == 0 {
					c.tick(10*time.Millisecond, false)
					continue
				}
				c.deliver(func(Envelope) bool { return true })
			}
			if !plus.Holds(last) || c.servers[3].value("x") != "new" {
				t.Errorf("S+ has not got all up to %v: ends at %v, x = %s", last, plus.log.last(), c.servers[3].value("x"))
			}
		})
	}
}

// Section 3.2, Extending a Chain: while the new tail T+ gets the history of T, T goes on as tail; T+ becomes the tail only when it
// holds all that T has committed. (The paper has T forward its queries then; here every replica answers reads itself.)
func TestExtendingAChain(t *testing.T) {
	f := everything
	f.crashes = false
	schedules(t, 30, 2, 150, f, func(s *schedule) {
		s.at(3).start()
		tail := Seq(0)
		s.after = func() {
			// checks.changed asserts that a new member holds all that is committed. Here: nobody else ever waits for the learner without
			// the tail having stepped back.
			for _, x := range s.members() {
				if x.r.isTail() && !x.r.teach.fact && !x.r.teach.proposed && x.r.committed < x.r.stable() {
					t.Fatalf("tail %d has committed %d, though %d is stable and it waits for no learner", x.number, x.r.committed, x.r.stable())
				}
				tail = max(tail, x.r.committed)
			}
		}
	}, healed)
}
