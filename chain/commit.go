package chain

// maxHashes is how much room is kept for the hashes of a command's keys.
const maxHashes = 1024

// touch raises the slots of a read for an entry, before anybody else can learn of it (design.md, section 4).
func (r *Replica) touch(e *Entry) {
	switch {
	case e.Kind != KindCommand:
		r.gate.raise(e.Seq, nil, false)
	case r.cfg.Touches == nil:
		r.gate.raise(e.Seq, nil, true)
	default:
		hashes, all := r.cfg.Touches(e.Command, r.hashes[:0])
		r.gate.raise(e.Seq, hashes, all)
		if r.hashes = hashes; cap(hashes) > maxHashes {
			r.hashes = nil
		}
	}
}

// push is the only way into our log, but for a snapshot's.
func (r *Replica) push(e Entry) {
	r.touch(&e)
	r.log.push(e)
	r.hops.appended(r, e.Seq)
	if r.cfg.Self.Durable {
		r.out.Append = append(r.out.Append, e)
	} else {
		r.durable = e.Seq
	}
}

// persisted notes that the log up to a position is on disk. Of a log that was cut since, or replaced, it says nothing: the same entries may have
// come again, and be lost from the disk with the cut that is still to come there.
func (r *Replica) persisted(in Persisted) {
	if in.Cuts == r.cuts && in.Seq > r.durable && r.log.holds(in.Position) {
		r.durable = in.Seq
		r.hops.durable(r)
	}
}

// stable is the seq up to which every replica from the head to us holds the log durably. It falls back to committed
// with each view, never lower.
func (r *Replica) stable() Seq {
	switch {
	case !r.isMember():
		return r.committed
	case r.isHead():
		return max(r.committed, r.durable)
	}
	return max(r.committed, min(r.durable, r.up.stable))
}

// advance lets the tail commit.
//
// It commits what is stable in its log; while it is tail in fact with its learner, or cannot know whether it still is the
// tail in name, only what the learner has acknowledged too (design.md, section 5, rules 3 and 4).
func (r *Replica) advance() {
	if !r.isTail() {
		return
	}
	limit := r.stable()
	if r.teach.fact || r.teach.proposed {
		limit = min(limit, r.down.durable)
	}
	r.commit(r.slowed(limit))
}

// commit raises committed to the last entry of our log that is not above seq.
func (r *Replica) commit(seq Seq) {
	if seq > r.committed {
		r.committed = max(r.committed, r.log.floor(seq).Seq)
		r.hops.committed(r)
	}
	if r.isHead() {
		r.headCommitted()
	}
}

// maxApplyEntries bounds one Ready, so that a long log does not hold up everything else.
const maxApplyEntries = 4096

// flushApply hands committed entries to the table.
func (r *Replica) flushApply() {
	if r.digest.err != nil {
		return
	}
	if r.applying >= r.committed || r.applying > r.applied {
		return
	}
	from, to := r.log.after(r.applying), r.log.after(r.committed)
	to = min(to, from+maxApplyEntries)
	r.out.Apply = make([]Apply, 0, to-from)
	for i := from; i < to; i++ {
		e := r.log.at(i)
		r.out.Apply = append(r.out.Apply, Apply{Entry: *e, ID: r.waiting(e), Sum: r.digest.handOut(r.applying, e)})
		r.applying = e.Seq
	}
}

// tableApplied raises applied, after the last effect of its entries.
func (r *Replica) tableApplied(in Applied) {
	if in.Through != r.applying {
		panic("chain: applied is not what was handed out")
	}
	r.applied, r.bytes = in.Through, in.Bytes
	raise(&r.gate.applied, uint64(r.applied))
	r.digest.applied(in.Sums)
	r.head.applied(r.applied)
	r.hops.applied(r)
	r.requestsApplied(in.Forgotten)
	r.barrierApplied()
}

// compact drops the part of the log that nobody needs: neither the table nor our successor.
func (r *Replica) compact() {
	limit := r.applied
	if _, ok := r.view.successor(r.self.MemberID); ok {
		limit = min(limit, r.down.received, r.down.sent.Seq)
	}
	r.log.compact(limit, r.cfg.RetainedLog)
}
