package chain

import "time"

const (
	// appendBytes is about the most that one Append carries.
	appendBytes = 1 << 20
	// downWindowBytes is the most that is under way to the successor.
	downWindowBytes = 16 << 20
	// helloFirst is after how long a Hello is repeated, and then after twice as long each time, up to helloMost: the first
	// often comes before its receiver has adopted the view.
	helloFirst = 4 * time.Millisecond
	helloMost  = 100 * time.Millisecond
)

// downstream is our side of the link to the successor: the next member, or the learner of a tail.
type downstream struct {
	link    uint64 // of the last Hello; rises for the life of the replica
	up      bool   // Welcome has come for link
	helloAt Time   // when the next Hello is due; zero: at once, with a new link
	wait    time.Duration

	sent      Position // end of what was sent on this link
	received  Seq      // end of what has arrived, as told in this epoch
	recall    *recall  // older log that a learner is sent on this link, from our disk; nil for none
	acked     bool     // an Ack has come in this epoch
	durable   Seq      // what the successor acknowledged as durable in this epoch
	full      MemberID // who it said has a full disk, in this epoch
	stable    Seq      // last told
	committed Seq      // last told
}

// restart begins a new epoch: nothing told in another one counts.
func (d *downstream) restart(r *Replica) { *d = downstream{link: d.link} }

// relink begins a new link in the same epoch. What was acknowledged stays acknowledged.
func (d *downstream) relink() {
	d.up, d.helloAt, d.recall = false, 0, nil
}

// flushDown sends the successor what it has not been sent.
func (r *Replica) flushDown() {
	to, ok := r.view.successor(r.self.MemberID)
	if !ok {
		return
	}
	d := &r.down
	if !d.up {
		if d.helloAt == 0 {
			d.link++
			d.wait = helloFirst
		}
		if r.now >= d.helloAt {
			d.helloAt = max(r.now, 1).Add(d.wait)
			d.wait = min(2*d.wait, helloMost)
			r.sendTo(to, Hello{Link: d.link})
		}
		return
	}
	if x := r.teach.transfer; x != nil && x.sent == 0 {
		return // the learner cannot place entries before the first chunk
	}
	if d.recall != nil && !r.flushRecall() {
		return
	}
	if !r.log.holds(d.sent) {
		d.relink() // what it needs next is no longer in the log
		return
	}
	stable := r.stable()
	for d.sent.Seq < r.log.last().Seq && r.log.bytesAfter(d.received)-r.log.bytesAfter(d.sent.Seq) < downWindowBytes {
		from := r.log.after(d.sent.Seq)
		upto, size := from, 0
		for upto < r.log.count && (upto == from || size < appendBytes) {
			size += r.log.at(upto).bytes()
			upto++
		}
		r.tell(to, d.sent, r.log.slice(from, upto), stable)
		d.sent = r.log.at(upto - 1).Position()
	}
	if stable > d.stable || r.committed > d.committed && r.isTail() {
		r.tell(to, d.sent, nil, stable)
	}
}

func (r *Replica) tell(to Member, prev Position, entries []Entry, stable Seq) {
	r.down.stable, r.down.committed = stable, r.committed
	r.sendTo(to, Append{Link: r.down.link, Prev: prev, Entries: entries, Stable: stable, Committed: r.committed})
}

// welcome goes on where the successor is.
func (r *Replica) welcome(from MemberID, m Welcome) {
	to, ok := r.view.successor(r.self.MemberID)
	d := &r.down
	if !ok || to.MemberID != from || m.Link != d.link || d.up || d.helloAt == 0 {
		return // one of a link that has broken can be of long ago, when the successor had less
	}
	if r.isTail() {
		if r.teach.proposed && !r.log.holds(m.Last) {
			// It may be a member by now, of whom we count what it has acknowledged: a snapshot from before that must not take the place of its log.
			// So it gives way like a member, whatever it is.
			from, ok := r.overrules(m.Last)
			if !ok {
				return // only a newer view tells how to go on
			}
			m.Last = from
		}
		if !r.resume(m) {
			return // a snapshot begins; it opens the link
		}
	} else if !r.log.holds(m.Last) {
		from, ok := r.overrules(m.Last)
		if !ok {
			// Its last entry did not pass through us: it has lost data, or is not what it says.
			r.evict(to, LostData+m.Last.String()+", which is not in the log of its predecessor")
			return
		}
		m.Last = from
	}
	d.up, d.sent, d.received = true, m.Last, m.Last.Seq
	d.stable, d.committed = 0, 0 // to be told again, also without traffic
}

// ack takes the marks of the successor.
func (r *Replica) ack(from MemberID, m Ack) {
	to, ok := r.view.successor(r.self.MemberID)
	if !ok || to.MemberID != from || m.Link != r.down.link {
		return
	}
	last := r.log.last().Seq
	d := &r.down
	if rec := min(m.Received, last); rec > d.received || min(m.Durable, last) > d.durable {
		r.teach.progressAt = r.now
	}
	r.change.due = r.change.due || r.isTail() // the learner may be level
	d.acked, d.full = true, m.Full
	if rec := min(m.Received, last); rec > d.received {
		bytes := r.log.bytesAfter(d.received) - r.log.bytesAfter(rec) + d.arrive(rec)
		r.teach.credit += bytes / 2
		r.teach.arrival.add(bytes, r.now)
		d.received = rec
	}
	d.durable = max(d.durable, min(m.Durable, last))
	r.hops.received(r)
	if r.isTail() {
		return // a learner commits nothing
	}
	r.commit(m.Committed)
}

// linkReset begins anew with a peer to whom messages may have been lost.
func (r *Replica) linkReset(peer MemberID) {
	if to, ok := r.view.successor(r.self.MemberID); ok && to.MemberID == peer {
		r.down.relink()
		r.hops.relinked()
		r.counts.Resets++
	}
	if from, ok := r.view.predecessor(r.self.MemberID); ok && from.MemberID == peer {
		r.up.ackDue = true
		r.learn.ackDue = true
	}
	if r.isMember() && r.view.Head().MemberID == peer {
		r.restartRequests()
		r.restartBarrier()
	}
	r.unsure(peer)
}
