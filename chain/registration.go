package chain

import (
	"slices"
	"time"
)

// evictedPause is how long a server that was evicted waits before it registers again.
const evictedPause = 10 * time.Second

// registration is our record at the coordinator. Its version is our heartbeat, and each success of writing it our lease.
type registration struct {
	asked      bool // for, and not known to be missing: others may see it, and take us in
	registered bool // it is known to be there
	version    int64
	inFlight   bool
	first      bool // the request in flight creates it
	doubt      bool // whether it is there, and ours: one under our name may be another server's
	leaving    bool // the last request says that we leave
	sentAt     Time // of the last request
	confirmed  Time // when the last success came
	unsure     bool // the version may not be what we think: a list will tell
	judging    bool // the record is gone; the view will tell whether we were evicted
	notBefore  Time // of registering anew
	leaseUntil Time
	renamed    bool // we have a number that we have never registered
}

// heartbeatEvery is how often the registration is written.
func (r *Replica) heartbeatEvery() time.Duration { return r.timeout() / 4 }

// reachable tells whether the coordinator has lately taken our heartbeats.
func (g *registration) reachable(r *Replica) bool {
	return g.registered && r.now.Sub(g.confirmed) <= r.timeout()*3/4
}

// noVersion is one that no record has: a heartbeat with it is written only for an answer. It tells whether there is a record, and, where the chain
// is gone, that it is.
const noVersion = -1

// flushRegistration registers, or writes the next heartbeat. While the chain is gone it does not register anew, and once that is proven
// it writes nothing: others are to see that the server does not serve.
func (r *Replica) flushRegistration() {
	g := &r.reg
	switch {
	case g.inFlight || r.leave.done || r.lost.told:
	case !g.asked && r.lost.since == 0:
		if g.judging || r.now < g.notBefore || r.leave.then == toEnd {
			return
		}
		r.newIncarnation()
		g.asked, g.first, g.version, g.leaving = true, true, 0, r.leave.then != toStay
		g.inFlight, g.sentAt, g.notBefore = true, r.now, r.now.Add(r.heartbeatEvery())
		r.out.Ask = append(r.out.Ask, AskRegister{r.describe()})
	case !g.unsure && (r.now.Sub(g.sentAt) >= r.heartbeatEvery() || g.leaving != (r.leave.then != toStay) && r.lost.since == 0):
		g.inFlight, g.sentAt, g.leaving = true, r.now, r.leave.then != toStay
		version := g.version
		if !g.asked || g.doubt {
			version = noVersion
		}
		r.out.Ask = append(r.out.Ask, AskHeartbeat{Registered{r.describe(), version}})
	}
}

// describe is what we say of ourselves.
func (r *Replica) describe() Registration {
	reg := Registration{Member: r.self, Protocol: Protocol, Rules: Rules, Boot: r.cfg.Boot, Leaving: r.leave.then != toStay, Timeout: r.timeout()}
	if reg.Complete = r.complete; reg.Complete {
		reg.Last = r.log.last()
	}
	reg.Silent = r.silent()
	return reg
}

// newIncarnation makes us a member of nothing, until a view names what we are now.
func (r *Replica) newIncarnation() {
	if !r.reg.renamed {
		r.self.Incarnation++
	}
	r.reg.renamed = false
	for _, s := range r.watch.seen {
		s.base, s.moved = -1, false
	}
	r.index, r.learning = -1, false
	r.leave.left()
	r.order = order{}
	r.learn.from = MemberID{}
	r.up = upstream{}
	r.abandon()
	r.down.restart(r)
	r.endTransfer()
	t := &r.teach
	*t = teacher{transfers: t.transfers, arrived: t.arrived, base: t.base, size: t.size, paid: t.paid, reads: t.reads, reading: t.reading}
	// What has been asked for stays asked for: the answer names an epoch only, and we may want another view of the same one.
	r.change.due, r.change.create, r.change.waits = true, false, ""
	r.restartBarrier()
}

// coordRegistered takes the answer to a heartbeat.
func (r *Replica) coordRegistered(in CoordRegistered) {
	g := &r.reg
	if in.Member != r.self.MemberID {
		return
	}
	first := g.first
	g.inFlight, g.first = false, false
	if in.Outcome != OutcomeUnknown {
		r.lost.answered(r, in.Sent)
	}
	if !g.asked || r.lost.since != 0 && in.Outcome == OutcomeMissing {
		return // where the chain is gone, so may be the record, and come back with it
	}
	switch {
	case in.Outcome == OutcomeOK:
		r.watch.confirmed(r.now.Sub(g.confirmed), r.timeout())
		g.registered, g.version, g.unsure, g.confirmed = true, in.Version, false, r.now
		// Whoever wants to remove us must see the record stand still for T after this write.
		g.leaseUntil = max(g.leaseUntil, in.Sent.Add(r.timeout()*8/10))
		r.leave.announced = r.leave.announced || g.leaving && r.leave.going()
		r.watch.viewDue, r.watch.listDue = true, true
	case in.Outcome == OutcomeMissing:
		g.gone(r, r.now)
		g.judging = r.view.Chain != 0
		r.watch.viewDue, r.watch.syncing = true, false // one that was asked for before does not count
	case first && in.Outcome == OutcomeConflict:
		g.gone(r, 0) // of a former life: the next try has a number of its own
	default:
		g.unsure, r.watch.listDue = true, true
		g.doubt = g.doubt || first
	}
}

// gone notes that the record is no more: nobody can be sure any longer that we are a member.
func (g *registration) gone(r *Replica, notBefore Time) {
	g.asked, g.registered, g.leaseUntil, g.unsure, g.notBefore = false, false, 0, false, max(notBefore, g.notBefore)
	g.doubt = false
	r.publishLease()
}

// judge decides, with the newest view, whether we were evicted or only removed with the view. One that may be older does, too, if it
// does not name us.
func (g *registration) judge(r *Replica, newest bool) {
	_, named := r.view.Find(r.self.MemberID)
	if !g.judging || named && !newest {
		return
	}
	g.judging, g.notBefore = false, max(g.notBefore, r.now)
	if named {
		g.notBefore = r.now.Add(evictedPause)
	}
}

// listed learns the version of our record from a list, where we were not sure of it. It may be lower than we knew, where an older state of the
// coordinator was brought back; or only the list is old, and the next shows more, for a session shows why it has refused. A record under our name
// that is not ours is that of another server with our id, unless the list is older than ours. If it is newer, we have none, and the next try has a
// number of its own.
func (g *registration) listed(r *Replica, regs []Registered) {
	if !g.unsure || g.inFlight {
		return
	}
	g.unsure = false
	if i := slices.IndexFunc(regs, func(reg Registered) bool { return reg.MemberID == r.self.MemberID }); i >= 0 {
		switch ours := regs[i].Address == r.self.Address && regs[i].Boot == r.cfg.Boot; {
		case ours:
			g.doubt, g.version = false, regs[i].Version
		case g.doubt:
			g.gone(r, 0)
			return
		default:
			g.doubt = true
		}
	}
	g.sentAt = min(g.sentAt, r.now.Add(r.timeout()/16-r.heartbeatEvery())) // try soon: only the answer to a heartbeat proves anything
}

// publishLease lets connections read, or stops them.
func (r *Replica) publishLease() {
	until := Time(0)
	if r.isMember() && r.reg.registered && !r.cfg.NoLeases && !r.leave.leaseGiven && r.lost.since == 0 {
		until = r.reg.leaseUntil
	}
	before := Time(r.gate.lease.Load())
	if before == 0 && until != 0 {
		r.gate.term.Add(1) // before the lease can be seen
	}
	if before != until {
		r.gate.lease.Store(int64(until))
	}
}
