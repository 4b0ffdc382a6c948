package chain

// leaving is how a server goes without a trace: it says so, lets its own entries commit, gives up its lease, and only then takes
// itself out of the view.
type leaving struct {
	wanted     bool
	announced  bool // a heartbeat that says so has succeeded
	leaseGiven bool // for good
	ready      bool // to be taken out of the view
	deleting   bool
	done       bool
}

// flushLeave takes the next step.
func (r *Replica) flushLeave() {
	l := &r.leave
	switch {
	case !l.wanted || l.done || l.deleting:
	case r.lost.told:
		l.done, r.out.Left = true, true // there is nothing that we could be taken out of
	case r.lost.since != 0: // perhaps for a moment
	case r.isMember():
		if r.isHead() && l.announced {
			r.giveUpUnnumbered()
		}
		settled := r.committed == r.log.last().Seq || !r.isHead()
		if l.announced && settled && len(r.req.byID) == 0 {
			l.leaseGiven, l.ready = true, true
		}
		if l.ready && len(r.view.Members) == 1 && r.view.Learner.MemberID == (MemberID{}) {
			// Nobody is left to hand over to: the view keeps us.
			l.deleteOwn(r)
		}
	case !r.reg.inFlight:
		l.deleteOwn(r)
	}
}

// deleteOwn deletes our registration, if there is one.
func (l *leaving) deleteOwn(r *Replica) {
	if !r.reg.asked {
		l.done, r.out.Left = true, true
		return
	}
	if !r.reg.registered || r.reg.inFlight || r.reg.unsure || r.change.deleting {
		return // what we know of the record may be out of date
	}
	l.deleting = true
	r.delete(Registered{r.describe(), r.reg.version})
}

// deleted notes the answer. An unknown version is learned with the next heartbeat.
func (l *leaving) deleted(r *Replica, o Outcome) {
	l.deleting = false
	if o == OutcomeOK || o == OutcomeMissing {
		r.reg.gone(r, 0)
		l.done, r.out.Left = true, true
		return
	}
	r.reg.unsure, r.watch.listDue = true, true
}
