package chain

// leaving is how a server goes out of the chain without a trace: it says so, lets its own entries commit, gives up its lease, and only then
// takes itself out of the view. What then says what follows.
type leaving struct {
	then       purpose
	announced  bool // a heartbeat that says so has succeeded
	leaseGiven bool // for good in this incarnation, unless a newer view keeps us
	ready      bool // to be taken out of the view
	asked      bool // a view without us has been asked for, and may be in force until a newer one is known
	deleting   bool
	notBefore  Time // of deleting our registration, after it failed
	out        bool // drained: we have registered anew, and nobody takes us in
	done       bool // to end: nothing is left to do
}

// purpose is why a server leaves, which is what it does afterwards.
type purpose uint8

const (
	toStay  purpose = iota // it does not leave
	toEnd                  // its process ends
	toDrain                // it stays outside until an operator wants it back
	toSpare                // it waits to be taken in again: the chain is longer than wanted
)

// going tells whether the server is on its way out.
func (l *leaving) going() bool { return l.then != toStay && !l.out }

// remain gives up leaving, where all others who live are on their way out, too: if they end, they take the chain with them.
func (l *leaving) remain(r *Replica) {
	if l.then == toDrain {
		r.out.News = append(r.out.News, News{Text: "gave up what an operator had ordered: to drain this server", Cause: "all other members are leaving", View: r.view.View})
	}
	*l = leaving{}
}

// holds tells whether a head numbers nothing, because it goes. Where only its place is given up, and the coordinator is away, it goes on: a chain
// needs no coordinator to serve, and nobody knows when it comes back. If it turns out to be out of the view by then, what it has numbered is with those
// behind it, as with a head that dies.
func (l *leaving) holds(r *Replica) bool {
	return l.announced && (l.then == toEnd || r.reg.reachable(r))
}

// begin starts to leave, or changes what for. Who ends, ends.
func (l *leaving) begin(r *Replica, then purpose) {
	if l.then != toEnd {
		l.then, l.out = then, false
		r.order = order{}
	}
}

// left notes that we are a member of nothing: we register anew.
func (l *leaving) left() {
	switch l.then {
	case toDrain:
		*l = leaving{then: toDrain, out: true}
	case toSpare:
		*l = leaving{}
	}
}

// viewChanged notes a newer view: what we asked for in the last one can no longer be in force later. Who is still a member, and has no
// reason to go any more, stays.
func (l *leaving) viewChanged(r *Replica) {
	l.asked = false
	if r.isMember() && (l.then == toSpare && !r.surplus() || l.then == toDrain && len(r.view.Members) == 1) {
		*l = leaving{}
	}
}

// undo ends a drain. Where a view without us has been asked for, only a newer view tells whether we are still a member; and who is a member no
// more registers anew before it is taken in: what it was may hold what the chain does not.
func (l *leaving) undo(r *Replica) {
	if l.out || r.isMember() && !l.asked {
		*l = leaving{}
	} else {
		l.then = toSpare
	}
}

// state is what to tell of it.
func (l *leaving) state(r *Replica) string {
	switch {
	case l.out:
		return "drained: an operator has taken it out"
	case l.then == toDrain:
		return "leaving: an operator takes it out"
	case l.then == toSpare && r.surplus():
		return "leaving: the chain has more members than it wants"
	case l.then == toSpare:
		return "leaving, to be taken in again"
	}
	return "leaving"
}

// flushLeave takes the next step.
func (r *Replica) flushLeave() {
	l := &r.leave
	switch {
	case !l.going() || l.done || l.deleting:
	case r.lost.told && l.then == toEnd:
		l.end(r) // there is nothing that we could be taken out of
	case r.lost.since != 0: // perhaps for a moment
	case r.isMember():
		if r.isHead() && l.announced {
			r.giveUpUnnumbered()
		}
		if l.announced && r.settled() && len(r.req.byID) == 0 {
			l.leaseGiven, l.ready = true, true
		}
		if l.ready && l.then == toEnd && len(r.view.Members) == 1 && r.view.Learner.MemberID == (MemberID{}) {
			// Nobody is left to hand over to: the view keeps us.
			l.deleteOwn(r)
		}
	case !r.reg.inFlight:
		l.deleteOwn(r)
	}
}

// settled tells whether nothing that we numbered is under way.
func (r *Replica) settled() bool { return r.committed == r.log.last().Seq || !r.isHead() }

// deleteOwn deletes our registration, if there is one.
func (l *leaving) deleteOwn(r *Replica) {
	g := &r.reg
	if !g.asked {
		l.gone(r)
		return
	}
	if !g.registered || g.inFlight || g.unsure || g.doubt || r.change.deleting || r.now < l.notBefore {
		return // what we know of the record may be out of date, or it may not be ours
	}
	l.deleting = true
	r.delete(Registered{r.describe(), g.version})
}

// deleted notes the answer. An unknown version is learned with the next list.
func (l *leaving) deleted(r *Replica, o Outcome) {
	l.deleting = false
	if o == OutcomeOK || o == OutcomeMissing {
		r.reg.gone(r, 0)
		l.gone(r)
		return
	}
	l.notBefore = r.now.Add(r.timeout() / 16)
	r.reg.unsure, r.watch.listDue = true, true
}

// gone notes that our registration is no more: the server may end, or registers anew.
func (l *leaving) gone(r *Replica) {
	if l.then == toEnd {
		l.end(r)
	}
}

// end lets the process end, or makes it, where it leaves because it differs.
func (l *leaving) end(r *Replica) {
	l.done = true
	if r.digest.err != nil {
		r.halt("%w", r.digest.err)
	} else {
		r.out.Left = true
	}
}
