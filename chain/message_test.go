package chain

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// mail is a message from one member of the present view to another.
func (c *cluster) mail(from, to int, m Message) Envelope {
	v := c.coord.view
	return Envelope{Chain: v.Chain, Epoch: v.Epoch, From: c.servers[from].r.self.MemberID, To: c.servers[to].r.self.MemberID, Message: m}
}

// design.md, section 3, point 2: a successor takes an Append only if the entry before is its last, by seq and epoch; if it cannot use
// an Append it closes the link.
func TestAppendTakesOnlyWhatFollows(t *testing.T) {
	for name, change := range map[string]func(*Append){
		"a gap":                    func(m *Append) { m.Prev.Seq++; m.Entries[0].Seq++ },
		"one that it has":          func(m *Append) { m.Prev.Seq--; m.Entries[0].Seq-- },
		"another log":              func(m *Append) { m.Prev.Epoch++; m.Entries[0].Epoch++ },
		"seqs that do not rise":    func(m *Append) { m.Entries = append(m.Entries, m.Entries[0]) },
		"a seq not above the last": func(m *Append) { m.Entries[0].Seq = m.Prev.Seq },
		"epochs that go back":      func(m *Append) { m.Entries[0].Epoch = 0 },
	} {
		c := chainOf(t, 2)
		r := c.servers[2].r
		last := r.log.last()
		m := Append{Link: r.up.link, Prev: last, Entries: []Entry{{Seq: last.Seq + 1, Epoch: last.Epoch, Kind: KindBarrier}}, Stable: last.Seq + 1}
		change(&m)
		r.Step(c.now, Received{c.mail(1, 2, m)})
		if got := r.log.last(); got != last {
			t.Errorf("%s: taken, the log ends at %v and not %v", name, got, last)
		}
		if out := r.Ready(); len(out.Close) != 1 || r.committed > last.Seq {
			t.Errorf("%s: closed %v, committed %d", name, out.Close, r.committed)
		}
	}
}

// design.md, section 3: messages of an older link of the same epoch are dropped: what is on the newer one may contradict them.
func TestMessagesOfOldLinksAreDropped(t *testing.T) {
	c := chainOf(t, 3)
	r := c.servers[2].r
	last := r.log.last()
	next := Entry{Seq: last.Seq + 1, Epoch: last.Epoch, Kind: KindBarrier}
	for _, env := range []Envelope{
		c.mail(1, 2, Append{Link: r.up.link - 1, Prev: last, Entries: []Entry{next}, Stable: next.Seq}),
		c.mail(1, 2, Hello{Link: r.up.link - 1}),
		c.mail(3, 2, Welcome{Link: r.down.link - 1}),
		c.mail(3, 2, Ack{Link: r.down.link - 1, Committed: next.Seq, Durable: next.Seq, Received: next.Seq}),
		// And those of whom the view does not make our neighbour.
		c.mail(3, 2, Append{Link: r.up.link, Prev: last, Entries: []Entry{next}, Stable: next.Seq}),
		c.mail(1, 2, Ack{Link: r.down.link, Committed: next.Seq, Durable: next.Seq}),
		c.mail(3, 2, Hello{Link: r.up.link + 1}),
		c.mail(1, 2, Welcome{Link: r.down.link}),
	} {
		up, down := r.up, r.down
		r.Step(c.now, Received{env})
		if r.log.last() != last || r.up != up || r.down != down {
			t.Errorf("%s is not dropped: %+v %+v, last %v", c.show(env), r.up, r.down, r.log.last())
		}
		if out := r.Ready(); !out.Empty() {
			t.Errorf("%s is answered: %+v", c.show(env), out)
		}
	}
}

// A neighbour may name any seq as committed, also one that no entry has: what is committed is entries up to there.
func TestMarksBetweenEntries(t *testing.T) {
	c := chainOf(t, 3)
	r := c.servers[2].r
	last := r.log.last()
	gap := Entry{Seq: last.Seq + 1000, Epoch: last.Epoch, Kind: KindTakeover, Skipped: last.Seq + 1}
	r.Step(c.now, Received{c.mail(1, 2, Append{Link: r.up.link, Prev: last, Entries: []Entry{gap}})})
	for _, mark := range []Seq{last.Seq + 1, last.Seq + 999, last.Seq + 1000, last.Seq + 5000} {
		r.Step(c.now, Received{c.mail(1, 2, Append{Link: r.up.link, Prev: gap.Position(), Stable: mark, Committed: mark})})
		out := r.Ready()
		if n := len(out.Apply); n > 0 {
			r.Step(c.now, Applied{Through: out.Apply[n-1].Entry.Seq, Sums: sumsOf(out.Apply)})
		}
		want := last.Seq
		if mark >= gap.Seq {
			want = gap.Seq
		}
		if err := r.Check(); err != nil || r.committed != want || r.applied != want {
			t.Errorf("told %d: committed %d and applied %d, want %d; %v", mark, r.committed, r.applied, want, err)
		}
	}
}

// design.md, section 3, point 7: a head takes what a server forwards in the order of its stream: nothing is missed in between, nothing
// comes twice, and what was refused as busy is not overtaken by what follows.
func TestProposalsComeInOrder(t *testing.T) {
	c := chainOf(t, 2)
	r := c.servers[1].r
	number := uint64(100)
	proposals := func(n int) (all []Proposal) {
		for range n {
			number++
			all = append(all, Proposal{Kind: KindCommand, Request: RequestID{1, number}, DoneBelow: number, Command: []byte("put x y")})
		}
		return all
	}
	for _, x := range []struct {
		name  string
		m     Propose
		taken int
	}{
		{"a new stream", Propose{9, 0, proposals(2)}, 2},
		{"what follows", Propose{9, 2, proposals(1)}, 1},
		{"again", Propose{9, 2, proposals(1)}, 0},
		{"a gap", Propose{9, 5, proposals(1)}, 0},
		{"an older stream", Propose{8, 0, proposals(1)}, 0},
		{"a newer stream, not from its start", Propose{10, 1, proposals(1)}, 0},
		{"a newer stream", Propose{10, 0, proposals(1)}, 1},
	} {
		before := r.log.last().Seq
		r.Step(c.now, Received{c.mail(2, 1, x.m)})
		if got := int(r.log.last().Seq - before); got != x.taken {
			t.Errorf("%s: %d numbered, want %d", x.name, got, x.taken)
		}
	}
	r.leave.announced = true // it numbers nothing: busy
	r.Step(c.now, Received{c.mail(2, 1, Propose{10, 1, proposals(1)})})
	r.leave.announced = false
	before := r.log.last().Seq
	r.Step(c.now, Received{c.mail(2, 1, Propose{10, 2, proposals(1)})})
	r.Step(c.now, Received{c.mail(2, 1, Propose{10, 1, proposals(1)})})
	if got := r.log.last().Seq; got != before {
		t.Errorf("numbered %d..%d behind what was refused as busy", before+1, got)
	}
}

// design.md, section 5, "A server joins", rule 2: a learner takes the chunks of a snapshot in order, and each once.
func TestChunksComeInOrder(t *testing.T) {
	c := chainOf(t, 1)
	c.at(2).start()
	c.servers[1].step(Tick{})
	for range 50 {
		if c.servers[2].r.learning && c.servers[2].r.up.link > 0 {
			break
		}
		c.tick(10*time.Millisecond, false)
		c.deliver(func(e Envelope) bool { _, is := e.Message.(Hello); return is })
	}
	r := c.servers[2].r
	if !r.learning || r.up.link == 0 {
		t.Fatalf("%+v", r.Status())
	}
	for _, x := range []struct {
		transfer, index uint64
		taken           bool
	}{{7, 1, false}, {7, 0, true}, {7, 0, false}, {7, 2, false}, {7, 1, true}, {8, 1, false}, {8, 0, true}, {8, 1, true}} {
		r.Step(c.now, Received{c.mail(1, 2, Snapshot{Link: r.up.link, Transfer: x.transfer, Base: Position{3, 1}, Index: x.index})})
		if out := r.Ready(); (len(out.Restore) == 1) != x.taken {
			t.Errorf("chunk %d of snapshot %d: taken %v, want %v", x.index, x.transfer, len(out.Restore) == 1, x.taken)
		}
	}
}

// Nothing that comes from a neighbour, however wrong, ends the process.
func TestWrongMessagesDoNotPanic(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			c := chainOf(t, 2)
			c.cfg.RetainedLog = 1
			c.at(3).start()
			for range rng.IntN(6) {
				c.tick(50*time.Millisecond, rng.IntN(2) == 0)
			}
			for range 60 {
				from, to := 1+rng.IntN(3), 1+rng.IntN(3)
				r := c.servers[to].r
				seq := func() Seq { return max(r.log.last().Seq, 3) + Seq(rng.IntN(6)) - 3 }
				at := func() Position { return Position{seq(), r.view.Epoch - Epoch(rng.IntN(2))} }
				entries := make([]Entry, rng.IntN(3))
				for i := range entries {
					entries[i] = Entry{Seq: seq(), Epoch: at().Epoch, Kind: Kind(1 + rng.IntN(4)), Command: []byte("put x y")}
				}
				link := []uint64{r.up.link, r.down.link, 0, 1 << 63}[rng.IntN(4)]
				huge := []uint64{0, 1, 2, 1<<64 - 1}[rng.IntN(4)]
				env := c.mail(from, to, []Message{
					Hello{link},
					Welcome{link, at(), huge, huge},
					Append{link, at(), entries, seq(), seq()},
					Append{link, r.log.last(), entries, seq(), seq()},
					Ack{link, seq(), seq(), seq(), r.self.MemberID},
					Ack{link, Seq(huge), Seq(huge), Seq(huge), MemberID{NodeID(huge), 1}},
					Snapshot{link, huge, at(), huge, []byte("{"), rng.IntN(2) == 0},
					SnapshotAck{link, huge, huge},
					Propose{huge, huge, []Proposal{{Kind: KindCommand, Command: []byte("put x y"), WantSeq: true}}},
					Proposed{huge, huge, seq(), Refusal(rng.IntN(7)), MemberID{NodeID(huge), 1}},
					Barrier{huge},
					Ping{rng.IntN(2) == 0},
					Stale{Epoch(huge)},
					Digest{Seq(huge), make([]Sum, rng.IntN(4))},
					Digest{seq(), []Sum{{Known: true, Sum: huge}, {Known: true, Sum: 1, Learned: rng.IntN(2) == 0}, {}}[:1+rng.IntN(3)]},
				}[rng.IntN(15)])
				// Only the replica: what a table would make of such entries is not what this is about.
				r.Step(c.now, Received{env})
				out := r.Ready()
				if n := len(out.Apply); n > 0 {
					r.Step(c.now, Applied{Through: out.Apply[n-1].Entry.Seq, Sums: sumsOf(out.Apply)})
				}
				for _, m := range out.Restore {
					if m.Last {
						r.Step(c.now, Restored{Transfer: m.Transfer, Err: fmt.Errorf("cannot be read")})
					}
				}
				if out.Read != 0 {
					r.Step(c.now, Chunk{Transfer: out.Read, Data: []byte("x"), Last: rng.IntN(2) == 0})
				}
			}
		})
	}
}

// A connection breaks, and what its other side sent before is taken before the next Hello goes out: the Welcome in it may be of long
// ago, when the successor had less, and proves nothing.
func TestWelcomeOfABrokenLinkIsDropped(t *testing.T) {
	c := chainOf(t, 2)
	r, peer := c.servers[1].r, c.servers[2].r.self.MemberID
	late := c.mail(2, 1, Welcome{Link: r.down.link, Last: Position{1, r.view.Epoch + 1}})
	r.Step(c.now, LinkReset{Peer: peer})
	r.Step(c.now, Received{late})
	if r.down.up || r.change.deleting {
		t.Errorf("a late Welcome is taken: up %t, evicting %t", r.down.up, r.change.deleting)
	}
}

// design.md, section 3: a member whose last entry is not in its predecessor's log has lost data, or is not what it says: it is sent
// nothing, and has to leave.
func TestSuccessorThatLostDataIsEvicted(t *testing.T) {
	c := chainOf(t, 2)
	s := c.servers[1]
	r := s.r
	last := r.log.last()
	c.lose(r.self.MemberID, c.servers[2].r.self.MemberID) // a new link; its Hello is on its way
	for _, wrong := range []Position{{last.Seq + 1, last.Epoch}, {last.Seq, last.Epoch + 1}, {last.Seq, last.Epoch - 1}} {
		r.Step(c.now, Received{c.mail(2, 1, Welcome{Link: r.down.link, Last: wrong})})
		out := r.Ready()
		if r.down.up || len(out.Send) > 0 {
			t.Errorf("a successor that ends at %v is sent %v", wrong, out.Send)
		}
	}
	if !r.change.deleting {
		t.Error("it is not evicted")
	}
}
