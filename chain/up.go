package chain

// receivedAckBytes is how much may arrive before it is acknowledged even if nothing has committed.
const receivedAckBytes = 4 << 20

// upstream is our side of the link from the predecessor.
type upstream struct {
	link   uint64 // of the newest Hello in this epoch; zero for none
	stable Seq    // the predecessor's, told in this epoch
	told   Seq    // the end of what the predecessor knows to be committed, told in this epoch
	acked  Ack    // last sent on the link
	ackDue bool   // send one even if it says nothing new
	fresh  bool   // no Append has come on the link: the predecessor may still say that it goes on from another entry than our last
}

// hello answers a predecessor that opens a link. A tail that has not taught us before makes us forget what we do not know to be
// committed: its chain may have gone on without it.
func (r *Replica) hello(from MemberID, m Hello) {
	pred, ok := r.view.predecessor(r.self.MemberID)
	if !ok || pred.MemberID != from || m.Link < r.up.link {
		return
	}
	if s := r.learn.staging; s != nil && s.whole && r.learn.from != from {
		return // another tail's snapshot is about to be our state: the Hello will be repeated
	}
	if r.learning && r.learn.from != from {
		r.forget(from)
	}
	r.up.link, r.up.ackDue, r.up.fresh = m.Link, true, true
	w := Welcome{Link: m.Link, Last: r.log.last()}
	if s := r.learn.staging; s != nil {
		w.Last, w.Transfer, w.NextChunk = s.log.last(), s.transfer, s.next
	}
	r.sendTo(pred, w)
}

// appendEntries takes entries and marks from the predecessor (van Renesse & Schneider, OSDI '04, section 3).
//
// It takes entries only behind the entry that they followed there; otherwise the link cannot be used, and closes.
func (r *Replica) appendEntries(from MemberID, m Append) {
	pred, ok := r.view.predecessor(r.self.MemberID)
	if !ok || pred.MemberID != from || m.Link != r.up.link {
		return
	}
	if !rising(m.Prev, m.Entries) {
		r.out.Close = append(r.out.Close, from)
		return
	}
	if s := r.learn.staging; s != nil {
		if m.Prev != s.log.last() {
			r.out.Close = append(r.out.Close, from)
			return
		}
		for _, e := range m.Entries {
			r.touch(&e)
			s.log.push(e)
		}
		s.committed = max(s.committed, m.Committed)
		return
	}
	if m.Prev != r.log.last() {
		if !r.overruled(m) {
			r.out.Close = append(r.out.Close, from)
			return
		}
		r.cut(m.Prev.Seq)
	}
	r.up.fresh, r.up.told = false, max(r.up.told, m.Committed)
	for _, e := range m.Entries {
		r.push(e)
	}
	r.up.stable = max(r.up.stable, m.Stable)
	r.commit(m.Committed)
}

// overruled tells whether the end of our log is to give way to m, the first Append of a link. That is so where a member was moved to the head
// and the old head, which had given that up, has gone on numbering: it and those who followed it hold entries that the new head lacks.
//
// Nothing committed is lost. Whatever committed in an epoch was logged by all its members while in it, and who is taught logs it before it is a
// member: so a member of this epoch holds all that committed in those before. What it does not hold has not committed. Nor will it: no head has it.
// A learner gives way likewise to a tail that has proposed it as a member, and says so by going on from another entry.
// The new head's first entry skips all numbers that the old one can have handed out, so the slots of a read only rise.
func (r *Replica) overruled(m Append) bool {
	last := r.log.last()
	return r.up.fresh && (r.isMember() || r.learning) && len(m.Entries) > 0 && m.Entries[0].Seq > last.Seq && m.Entries[0].Epoch > last.Epoch &&
		m.Prev.Seq >= r.committed && r.log.holds(m.Prev)
}

// overrules is from where our log goes on for a successor whose last entry is not in it, or false if it must have lost data.
func (r *Replica) overrules(last Position) (from Position, ok bool) {
	i := r.log.after(last.Seq)
	if last.Seq <= r.log.base.Seq || i == r.log.count || r.log.at(i).Epoch <= last.Epoch {
		return Position{}, false
	}
	return r.log.floor(last.Seq), true
}

// rising tells whether entries can follow prev.
func rising(prev Position, entries []Entry) bool {
	for i := range entries {
		p := entries[i].Position()
		if p.Seq <= prev.Seq || p.Epoch < prev.Epoch {
			return false
		}
		prev = p
	}
	return true
}

// flushUp acknowledges what has changed.
func (r *Replica) flushUp() {
	pred, ok := r.view.predecessor(r.self.MemberID)
	if !ok || r.up.link == 0 {
		return
	}
	a := Ack{Link: r.up.link, Committed: r.committed, Durable: r.durable, Received: r.log.last().Seq, Full: r.fullDisk()}
	if s := r.learn.staging; s != nil {
		a.Committed, a.Durable, a.Received = 0, 0, s.log.last().Seq
	}
	last := r.up.acked
	due := r.up.ackDue || a.Committed > last.Committed || a.Full != last.Full
	due = due || r.learning && (a.Durable > last.Durable || a.Received > last.Received)
	if !due && (a.Received == last.Received || r.log.bytesAfter(last.Received) < receivedAckBytes) {
		return
	}
	r.up.acked, r.up.ackDue = a, false
	r.sendTo(pred, a)
}
