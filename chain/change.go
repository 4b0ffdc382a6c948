package chain

import (
	"cmp"
	"slices"
	"time"
)

// turn is how long each member waits for those before it to change the view.
const turn = 50 * time.Millisecond

// change is a change of the view that we have asked for, or may.
type change struct {
	due       bool // something has happened that may be a reason to
	create    bool // there is no view: make one
	inFlight  bool
	view      Recorded // asked for; Version is that of the record it replaces
	session   uint64   // that this version was read in
	notBefore Time
	deleting  bool   // an AskDelete is in flight
	deletes   uint64 // how many have been answered
	waits     string // what a newcomer waits for, in words
}

// flushCoordinator asks the coordinator for whatever is due.
func (r *Replica) flushCoordinator() {
	r.flushRegistration()
	r.flushReads()
	r.flushLeave()
	if !r.change.due {
		return
	}
	r.change.due = false
	if r.change.inFlight || r.now < r.change.notBefore || !r.reg.reachable(r) || r.lost.since != 0 {
		return
	}
	switch {
	case r.view.Chain == 0 || r.found:
		if r.change.create && r.leave.then == toStay {
			r.ask(View{Chain: cmp.Or(r.view.Chain, r.cfg.NewChain), Members: []Member{r.self}, Target: r.cfg.Target, Rules: Rules}, nil)
		}
	case r.isMember():
		r.changeAsMember()
	default:
		r.restartChain()
	}
}

// ask proposes a view to follow the one that we are in.
func (r *Replica) ask(v View, gone []Member) {
	v.Epoch = r.view.Epoch + 1
	if v.Chain != r.view.Chain {
		r.made = v.Chain
	}
	r.change.inFlight, r.change.view, r.change.session = true, Recorded{v, r.view.Version}, r.watch.viewSession
	r.out.Ask = append(r.out.Ask, AskChange{From: r.view.Version, Session: r.change.session, View: v, Delete: r.watch.deletions(gone)})
}

// coordChanged takes the answer. Whatever it is, only a newer view settles the matter.
func (r *Replica) coordChanged(in CoordChanged) {
	c := &r.change
	if !c.inFlight || in.Epoch != c.view.Epoch {
		return
	}
	c.inFlight, c.create = false, false
	if in.Outcome == OutcomeOK {
		v := c.view
		v.Version++
		r.adopt(v, c.session) // which has made it, and shows nothing older from now on
		return
	}
	c.notBefore = r.now.Add(r.timeout() / 16)
	r.watch.viewDue, r.watch.viewSync, r.watch.listDue = true, true, true
}

// changeAsMember proposes what the view lacks (design.md, section 5).
func (r *Replica) changeAsMember() {
	if r.digest.err != nil {
		// It takes out nobody but itself: who is right may seem dead, and the chain would be what is wrong.
		if r.canGo() {
			r.goOut()
		}
		return
	}
	switch {
	case r.removeDead():
	case r.carryOutOrder():
	case r.isTail() && r.long() && r.view.Learner.MemberID != (MemberID{}):
		r.giveUpLearner(nil)
	case r.leave.ready && !r.leave.asked && r.leave.then != toEnd && !r.othersRemain():
		r.leave.remain(r)
	case r.canGo():
		r.goOut()
	case r.isTail() && (r.teach.proposed || r.learnerReady()):
		// From here on only a newer view tells who is the tail.
		r.teach.proposed = true
		next := r.view.View
		next.Members = append(slices.Clone(next.Members), next.Learner)
		next.Learner = Member{}
		r.ask(next, nil)
	case r.isTail() && r.view.Learner.MemberID != (MemberID{}):
		r.dropLearner()
	case r.isTail():
		r.pickLearner()
	}
	r.shrink()
	r.evictNamed()
	r.evictSilent()
	r.sweep()
}

// canGo tells whether we may take ourselves out of the view.
func (r *Replica) canGo() bool {
	return r.leave.ready && !r.teach.proposed && r.settled() && r.othersStay()
}

// goOut proposes the view without us.
func (r *Replica) goOut() {
	r.leave.asked = true
	r.ask(r.view.without(func(m MemberID) bool { return m == r.self.MemberID }), nil)
}

// othersStay tells whether a chain without us would have a member that lives, as far as anybody knows.
func (r *Replica) othersStay() bool {
	return slices.ContainsFunc(r.view.Members, func(m Member) bool {
		return m.MemberID != r.self.MemberID && r.watch.fresh(r, m.MemberID)
	})
}

// othersRemain tells whether one of them is not on its way out itself.
func (r *Replica) othersRemain() bool {
	return slices.ContainsFunc(r.view.Members, func(m Member) bool {
		return m.MemberID != r.self.MemberID && r.watch.fresh(r, m.MemberID) && !r.watch.seen[m.MemberID].Leaving
	})
}

// removeDead proposes the view without those who may be removed, if it is our turn. The last member is never removed: whoever asks
// survives.
func (r *Replica) removeDead() bool {
	var gone []Member
	var since time.Duration
	before := 0 // survivors before us
	for i, m := range r.view.Members {
		switch {
		case r.watch.removable(r, m.MemberID):
			gone = append(gone, m)
			since = max(since, r.watch.stillSince(r.watch.seen[m.MemberID])+r.timeout())
		case i < r.index:
			before++
		}
	}
	if len(gone) == 0 || r.watch.observed < since+time.Duration(before)*turn {
		return false
	}
	if r.watch.removable(r, r.view.Learner.MemberID) {
		gone = append(gone, r.view.Learner)
	}
	r.ask(r.view.without(func(id MemberID) bool {
		return slices.ContainsFunc(gone, func(m Member) bool { return m.MemberID == id })
	}), gone)
	return true
}

// dropLearner gives a learner up that is dead, or has made no progress for long.
func (r *Replica) dropLearner() {
	l := r.view.Learner
	dead := r.watch.removable(r, l.MemberID)
	full := r.down.full != (MemberID{}) // its log grows with ours, and it would stop all writes as a member
	if !dead && !full && r.now.Sub(r.teach.progressAt) <= r.patience() {
		return
	}
	var gone []Member
	if dead {
		gone = []Member{l}
	} else if s := r.watch.seen[l.MemberID]; s != nil {
		s.dropped, s.full = r.now, full
	}
	r.giveUpLearner(gone)
}

// giveUpLearner proposes the view without a learner. One that has been proposed as tail may be that by now, which only a newer view tells.
func (r *Replica) giveUpLearner(gone []Member) {
	r.teach.fact = r.teach.fact && r.teach.proposed
	r.ask(r.view.without(func(m MemberID) bool { return m == r.view.Learner.MemberID }), gone)
}

// long tells whether the chain has as many members as it wants.
func (r *Replica) long() bool { return r.view.Target > 0 && len(r.view.Members) >= r.view.Target }

// shrink has the tail of a chain that is longer than wanted go.
func (r *Replica) shrink() {
	if r.surplus() && r.leave.then == toStay && r.view.Learner.MemberID == (MemberID{}) && r.othersRemain() {
		r.leave.begin(r, toSpare)
	}
}

// surplus tells whether it is for us to go, because the chain is longer than wanted.
func (r *Replica) surplus() bool {
	return r.isTail() && r.view.Target > 0 && len(r.view.Members) > r.view.Target
}

// pickLearner takes in a registered server, if the chain wants one: those that were given up before come last.
func (r *Replica) pickLearner() {
	if r.long() || r.leave.then != toStay {
		return
	}
	if !r.watch.listCurrent {
		return // what we know may be older than the view: whoever has just left may stand in it
	}
	waiting := slices.DeleteFunc(r.watch.byOrder(), func(s *sighting) bool {
		return r.view.HasNode(s.Node) || s.Leaving || s.Timeout != r.timeout() || s.Rules < r.view.Rules || !r.watch.fresh(r, s.MemberID) || r.watch.outdated(s.MemberID) ||
			s.full && r.now.Sub(s.dropped) <= learnerPatience
	})
	if len(waiting) == 0 {
		return
	}
	slices.SortStableFunc(waiting, func(a, b *sighting) int { return cmp.Compare(a.dropped, b.dropped) })
	next := r.view.View
	next.Learner = waiting[0].Member
	r.ask(next, nil)
}

// sweep deletes a registration that nobody has written for an hour and no view names.
func (r *Replica) sweep() {
	if !r.isHead() || r.change.deleting {
		return
	}
	for _, s := range r.watch.byOrder() {
		if _, named := r.view.Find(s.MemberID); !named && !s.deleted && r.watch.observed-s.still >= sweepAfter {
			r.delete(s.Registered)
			return
		}
	}
}

// delete asks for a registration to be deleted.
func (r *Replica) delete(reg Registered) {
	r.change.deleting = true
	if s := r.watch.seen[reg.MemberID]; s != nil {
		s.deleted = true
	}
	r.out.Ask = append(r.out.Ask, AskDelete{reg})
}

func (r *Replica) coordDeleted(in CoordDeleted) {
	r.change.deleting = false
	r.change.deletes++
	r.watch.listDue = true
	if m, ok := r.view.Find(in.Member); ok && (in.Outcome == OutcomeOK || in.Outcome == OutcomeMissing) {
		r.watch.miss(r, m)
	}
	if in.Member == r.self.MemberID && r.leave.deleting {
		r.leave.deleted(r, in.Outcome)
	}
}
