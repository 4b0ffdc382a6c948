package chain

import (
	"fmt"
	"time"
)

// Status is a replica as it is at one moment.
type Status struct {
	Self      Member
	Role      string // head, middle, tail, single, learner, spare or outside
	Serving   bool   // clients' requests are taken
	View      View
	Last      Seq
	Stable    Seq
	Committed Seq
	Applied   Seq
	LeaseLeft time.Duration // zero for no lease
	Pending   int           // requests of this server that wait for an answer
	Learner   LearnerProgress
	State     string // member, or in words what this server is doing instead
	DiskFull  bool   // there is no space on this server's disk
	Full      string // address of a server, this one or one behind it, on whose disk there is none; at the head: writes are refused. Empty for none

	Predecessor, Successor Neighbour
	Hops                   Hops
	Counts                 Counts
}

// Serving tells whether clients are welcome: the replica is a member, as far as it knows, and not about to leave.
func (r *Replica) Serving() bool { return r.serving() && r.leave.then == toStay }

// Status tells how the replica is.
func (r *Replica) Status() Status {
	s := Status{
		Self: r.self, Role: r.role(), Serving: r.Serving(), View: r.view.View, Last: r.log.last().Seq, Stable: r.stable(), Committed: r.committed,
		Applied: r.applied, Pending: len(r.req.byID), State: r.state(),
		DiskFull: r.space.full, Full: r.addressOf(r.fullDisk()), Hops: r.hops.shown(r.now), Counts: r.counts,
	}
	s.Predecessor, s.Successor = r.neighbours()
	if until := Time(r.gate.lease.Load()); until > r.now {
		s.LeaseLeft = until.Sub(r.now)
	}
	s.Learner = r.learnerProgress()
	return s
}

func (r *Replica) role() string {
	switch {
	case r.isHead() && r.isTail():
		return "single"
	case r.isHead():
		return "head"
	case r.isTail():
		return "tail"
	case r.isMember():
		return "middle"
	case r.learning:
		return "learner"
	case r.reg.registered && r.view.Chain != 0:
		return "spare"
	}
	return "outside"
}

// state is member where nothing is amiss, or else says in words what the server is doing, or waits for.
func (r *Replica) state() string {
	switch {
	case r.lost.since != 0:
		return "the coordinator does not know this chain any more"
	case r.digest.err != nil:
		return "leaving: " + ErrDiffers.Error()
	case r.leave.then != toStay:
		return r.leave.state(r)
	case r.isMember() && !r.reg.asked:
		return "its registration is gone"
	case r.isMember() && r.reg.registered:
		return "member"
	case r.learning:
		return "learning from " + r.view.Tail().Address
	case !r.reg.asked && r.reg.notBefore > r.now:
		return "waiting to register again"
	case !r.reg.registered:
		return "registering"
	case r.view.Chain == 0:
		return "looking for the chain"
	case r.change.waits != "":
		return r.change.waits
	case r.view.Target > 0 && len(r.view.Members) >= r.view.Target:
		return "spare: the chain has as many members as it wants"
	}
	return "waiting to be taken in"
}

// Check tells which invariant does not hold, if any. It is for tests, after every step.
func (r *Replica) Check() error {
	last := r.log.last().Seq
	noted := last // by the gate, at most
	if s := r.learn.staging; s != nil {
		noted = max(noted, s.log.last().Seq)
	}
	switch {
	case !(r.applied <= r.applying && r.applying <= r.committed && r.committed <= r.stable() && r.stable() <= last):
		return fmt.Errorf("chain: want applied %d <= handed out %d <= committed %d <= stable %d <= last %d",
			r.applied, r.applying, r.committed, r.stable(), last)
	case r.log.base.Seq > r.applied:
		return fmt.Errorf("chain: log begins behind %v, but only %d is applied", r.log.base, r.applied)
	case r.durable > last:
		return fmt.Errorf("chain: durable %d is above last %d", r.durable, last)
	case r.gate.Applied() != r.applied || r.gate.All() < last || r.gate.All() > noted:
		return fmt.Errorf("chain: gate says applied %d and last %d, want %d and %d to %d", r.gate.Applied(), r.gate.All(), r.applied, last, noted)
	case r.index != r.view.Index(r.self.MemberID):
		return fmt.Errorf("chain: index %d in %v", r.index, r.view)
	case r.learn.staging != nil && !r.learn.staging.whole && !r.learning:
		return fmt.Errorf("chain: a snapshot comes in, but we are not the learner")
	case r.teach.fact && !r.isTail():
		return fmt.Errorf("chain: tail in fact with a learner, but not tail")
	case r.down.recall != nil && (!r.isTail() || r.teach.fact || r.teach.transfer != nil):
		return fmt.Errorf("chain: older log goes to the successor, of which tail in fact: %t, snapshot: %t", r.teach.fact, r.teach.transfer != nil)
	case r.req.cursor > len(r.req.queue):
		return fmt.Errorf("chain: cursor %d in a queue of %d", r.req.cursor, len(r.req.queue))
	case r.req.underWay < 0 || r.head.growing < 0:
		return fmt.Errorf("chain: %d bytes under way, %d growing", r.req.underWay, r.head.growing)
	case r.isHead() && r.log.count-r.log.after(r.committed) > MaxUncommitted:
		return fmt.Errorf("chain: window of the head overrun")
	}
	return nil
}

// Log is the entries above seq that are still in memory. Their slices are shared: do not change
// them. For tests.
func (r *Replica) Log(after Seq) []Entry { return r.log.slice(r.log.after(after), r.log.count) }

// Base is the position behind which Log begins. For tests.
func (r *Replica) Base() Position { return r.log.base }

// Holds tells whether the log in memory has exactly this entry, or begins behind it. For tests.
func (r *Replica) Holds(p Position) bool { return r.log.holds(p) }
