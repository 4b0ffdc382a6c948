package chain

import "sync/atomic"

// slotCount is how many keys' newest seqs a Gate tells apart; keys that share a slot only wait needlessly.
const slotCount = 65_536

// Gate is what the goroutines of connections may know of a Replica without asking its loop: enough to serve a
// linearizable read from the table (design.md, section 4).
//
//  1. Note the Term, and then what the read must see: Key, or All for a read of many keys.
//  2. Wait until Applied is as high.
//  3. Read the table.
//  4. Check Leased, with the Term and the time now. If it is not, start over with a barrier.
//
// It is linearizable because whatever the tail committed for a key passed through this replica first, where its slot
// was raised before the entry was forwarded, acknowledged or counted into stable. The seqs go down only where a learner
// drops what it was taught (lower). All methods may be called concurrently; only the Replica writes.
type Gate struct {
	slots   [slotCount]atomic.Uint64 // newest seq appended here that touches a key of the slot
	floor   atomic.Uint64            // newest seq appended here that touches all keys
	last    atomic.Uint64            // newest seq appended here
	applied atomic.Uint64            // seq up to which the table holds everything
	lease   atomic.Int64             // Time until which reads may be answered; zero for no lease
	term    atomic.Uint64            // rises whenever the replica becomes one that may serve reads
}

// Key is the seq that must be applied before a read of a key with this hash.
func (g *Gate) Key(hash uint64) Seq {
	return Seq(max(g.slots[hash%slotCount].Load(), g.floor.Load()))
}

// All is the seq that must be applied before a read of many keys.
func (g *Gate) All() Seq { return Seq(g.last.Load()) }

// Applied is the seq up to which the table holds everything.
func (g *Gate) Applied() Seq { return Seq(g.applied.Load()) }

// Term names this spell of membership. A reader that began before the replica became a member, the first time or again, must
// not take its lease for its own: what it noted, and read, is of the time before.
func (g *Gate) Term() uint64 { return g.term.Load() }

// Leasing tells whether there is a lease, which may have run out: whether it is worth reading without a barrier.
func (g *Gate) Leasing() bool { return g.lease.Load() != 0 }

// Leased tells whether a value read before now, in this term, may be answered.
func (g *Gate) Leased(term uint64, now Time) bool {
	until := g.lease.Load() // before the term: a new lease comes after its term
	return until != 0 && int64(now) < until && g.term.Load() == term
}

// raise notes an entry before anybody else can learn of it.
func (g *Gate) raise(seq Seq, hashes []uint64, all bool) {
	if all {
		raise(&g.floor, uint64(seq))
	}
	for _, h := range hashes {
		raise(&g.slots[h%slotCount], uint64(seq))
	}
	raise(&g.last, uint64(seq))
}

// lower forgets what stood above seq, for a learner that has dropped it too: it might never come again, and reads would wait for
// it. Nobody can be answered who noted it, for this replica serves nobody until its next term.
func (g *Gate) lower(seq Seq) {
	for i := range g.slots {
		lower(&g.slots[i], uint64(seq))
	}
	lower(&g.floor, uint64(seq))
	lower(&g.last, uint64(seq))
}

func lower(a *atomic.Uint64, v uint64) {
	if a.Load() > v {
		a.Store(v)
	}
}

// raise stores v unless a is higher. There is one writer.
func raise(a *atomic.Uint64, v uint64) {
	if a.Load() < v {
		a.Store(v)
	}
}
