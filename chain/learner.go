package chain

// learner is our side of being taught by a tail (design.md, section 5, "A server joins").
type learner struct {
	// from is the tail that we last began to learn from, as what we are registered now. What we acknowledged to it we never drop, whatever
	// happens to the link; only another one makes us forget again. (The same one does, when we register anew: between the two we may have been
	// moved to the head, and hold what never reached it.)
	from    MemberID
	staging *staging // the snapshot that is coming in; nil for none
	ackDue  bool     // tell the tail which chunk we need
}

// staging is a state that is not whole yet. Until it is, log and table stay what they were.
type staging struct {
	transfer  uint64
	base      Position // the snapshot contains everything up to here
	next      uint64   // chunk that we need
	bytes     uint64   // of those that have come
	whole     bool     // the last chunk has come: the new table is being put in the place of the old one
	log       entryLog // behind base; came between the chunks
	committed Seq
}

// holdsEntries tells whether there are entries here, or a snapshot of some that is whole and about to be put in place.
func (r *Replica) holdsEntries() bool {
	s := r.learn.staging
	return r.log.last() != (Position{}) || s != nil && s.whole
}

// abandon drops a snapshot that is not whole. One that is may already be in place: a committed state may always follow an older one,
// whatever the view says by then.
func (r *Replica) abandon() {
	if s := r.learn.staging; s != nil && !s.whole {
		r.unstage()
	}
}

// unstage drops a snapshot, if there is one, with the entries behind it. Reads are not to wait for these.
func (r *Replica) unstage() {
	if r.learn.staging != nil {
		r.out.Unstage, r.out.Restore = true, nil
	}
	r.learn.staging = nil
	r.gate.lower(r.log.last().Seq)
}

// forget drops what we do not know to be committed, once, before we learn from a tail that has not taught us. It is the only
// place where a replica forgets anything.
func (r *Replica) forget(from MemberID) {
	r.learn.from = from
	r.cut(r.committed)
	r.unstage()
}

// cut drops what stands in the log behind seq.
func (r *Replica) cut(seq Seq) {
	r.log.truncate(seq)
	r.hops.forget()
	end := r.log.last()
	r.durable = end.Seq
	if r.cfg.Self.Durable {
		r.durable = 0 // a crash may bring back what is cut, until that is durable: no member's log may be so
	}
	r.out.Truncate = &end
	r.cuts++
	kept := r.out.Append[:0]
	for _, e := range r.out.Append {
		if e.Seq <= end.Seq {
			kept = append(kept, e)
		}
	}
	r.out.Append = kept
	r.forgetNumbers(end.Seq)
}

// snapshot takes a chunk.
func (r *Replica) snapshot(from MemberID, m Snapshot) {
	if !r.learning || from != r.view.Tail().MemberID || m.Link != r.up.link || r.learn.from != from {
		return
	}
	s := r.learn.staging
	if s == nil || s.transfer != m.Transfer {
		if m.Index != 0 || s != nil && s.whole {
			return
		}
		r.unstage()
		s = &staging{transfer: m.Transfer, base: m.Base, log: entryLog{base: m.Base}, committed: m.Base.Seq}
		r.learn.staging = s
	}
	r.learn.ackDue = true
	if m.Index != s.next {
		return
	}
	s.next++
	s.bytes += uint64(len(m.Data))
	s.whole = m.Last
	r.out.Restore = append(r.out.Restore, m)
}

// restored puts the new state in the place of the old one.
func (r *Replica) restored(in Restored) {
	s := r.learn.staging
	if s == nil || s.transfer != in.Transfer {
		return
	}
	if in.Err != nil {
		r.unstage()
		r.out.News = append(r.out.News, News{Text: "snapshot refused", Cause: in.Err.Error(), View: r.view.View})
		if r.learning {
			r.out.Close = append(r.out.Close, r.learn.from)
		}
		return
	}
	r.log, r.learn.staging = s.log, nil
	r.hops.forget()
	r.cuts++
	r.snapshotTaken()
	r.applying, r.applied, r.bytes = s.base.Seq, s.base.Seq, in.Bytes
	r.digest.learn()
	r.committed = s.base.Seq
	if !r.isMember() {
		r.gate.lower(r.log.last().Seq) // our tail may have taught us what was overruled since (up.go)
	}
	raise(&r.gate.last, uint64(s.base.Seq))
	raise(&r.gate.applied, uint64(s.base.Seq))
	r.durable = s.base.Seq // the table itself is durable before it is whole
	if r.cfg.Self.Durable {
		r.out.Append = append(r.out.Append, s.log.slice(0, s.log.count)...)
	} else {
		r.durable = s.log.last().Seq
	}
	r.commit(s.committed)
	r.up.ackDue = true
}

// flushLearning tells the tail which chunk we need next.
func (r *Replica) flushLearning() {
	if !r.learn.ackDue {
		return
	}
	r.learn.ackDue = false
	if s := r.learn.staging; s != nil && r.learning && r.up.link != 0 {
		r.sendTo(r.view.Tail(), SnapshotAck{Link: r.up.link, Transfer: s.transfer, Next: s.next})
	}
}
