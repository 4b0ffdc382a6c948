package chain

import "time"

const (
	// transferChunks is how many chunks of a snapshot are under way at most.
	transferChunks = 4
	// levelBytes is how far behind a learner may be when the tail begins to wait for it.
	levelBytes = 1 << 20
	// learnerPatience is how long a learner may make no progress.
	learnerPatience = 10 * time.Second
	// placingRate is how many bytes of a snapshot, at least, a learner is expected to put in place in a second.
	placingRate = 4 << 20
)

// teacher is what a tail knows of its learner.
type teacher struct {
	transfer   *transfer // the snapshot under way; nil for none
	transfers  uint64    // number of the last transfer; rises for the life of the replica
	arrived    uint64    // the last transfer of which every chunk has arrived
	base       Seq       // up to where its snapshot, or the log from our disk, goes: a learner that is not there yet is still putting it in place
	size       uint64    // bytes of that snapshot; zero for log
	progressAt Time      // when the learner last got ahead
	credit     uint64    // bytes of log that may yet be committed while writes are slowed
	arrival    meter     // of what gets there
	paid       Time      // until then JoinBandwidth lets nothing more go

	// Of our disk; they outlive every link and view.
	reads   uint64 // number of the last read of older log; rises for the life of the replica
	reading bool   // it is under way

	// fact: we are tail in name only, and commit only what the learner has acknowledged. May be given up until proposed.
	fact   bool
	mark   Seq  // end of our log when fact began
	since  Time // when fact began
	notYet Time // when fact may begin again, after it was given up

	// proposed: we have asked for the view with the learner as tail, and cannot know that it is not in force until we have
	// adopted a newer view.
	proposed bool
}

// transfer is a snapshot on its way to the learner.
type transfer struct {
	id      uint64
	started bool       // the table has been asked for the iteration; base is known
	base    Position   // last entry in the snapshot
	chunks  []Snapshot // not yet acknowledged; the first has index acked
	acked   uint64     // chunks below have arrived
	bytes   uint64     // of these
	total   uint64     // about how many there will be
	sent    uint64     // chunks below have been sent on this link
	reading bool       // a chunk has been asked of the table
	whole   bool       // the last chunk has been read
}

// restart begins a new epoch. A transfer outlives it if teacher and learner stay the same.
func (t *teacher) restart(r *Replica, old View) {
	*t = teacher{
		transfer: t.transfer, transfers: t.transfers, arrived: t.arrived, base: t.base, size: t.size, progressAt: r.now,
		arrival: t.arrival, paid: t.paid, reads: t.reads, reading: t.reading,
	}
	if !r.isTail() || r.view.Learner.MemberID != old.Learner.MemberID {
		r.endTransfer()
	}
	if r.view.Chain != old.Chain {
		t.base, t.size = 0, 0
	}
}

// endTransfer lets go of the iteration.
func (r *Replica) endTransfer() {
	if x := r.teach.transfer; x != nil && x.started {
		r.out.Stop = x.id
	}
	r.teach.transfer = nil
}

// resume decides how to go on with a learner that says where it is. It is true where entries go on behind m.Last, from memory or from disk,
// false where a snapshot begins.
func (r *Replica) resume(m Welcome) bool {
	if x := r.teach.transfer; x != nil {
		known := m.NextChunk >= x.acked && m.NextChunk <= x.acked+uint64(len(x.chunks))
		if x.started && m.Transfer == x.id && known && r.log.holds(m.Last) {
			r.arrive(m.NextChunk)
			x.sent = x.acked
			return true
		}
		r.endTransfer()
	}
	if m.Transfer == 0 || m.Transfer == r.teach.arrived {
		switch {
		case r.log.holds(m.Last):
			return true
		case r.recalls(m.Last):
			r.beginRecall()
			return true
		}
	}
	r.beginTransfer()
	return false
}

// beginTransfer begins with a snapshot: writes do not wait for who needs one.
func (r *Replica) beginTransfer() {
	r.down.recall = nil
	r.counts.Snapshots++
	r.teach.transfers++
	r.teach.transfer = &transfer{id: r.teach.transfers}
	r.stepForth()
}

// arrive forgets chunks that have arrived, and ends the transfer with the last.
func (r *Replica) arrive(next uint64) {
	t, x := &r.teach, r.teach.transfer
	if next <= x.acked {
		return
	}
	t.progressAt = r.now
	n := min(next-x.acked, uint64(len(x.chunks)))
	for _, c := range x.chunks[:n] {
		t.credit += uint64(len(c.Data)) / 2
		x.bytes += uint64(len(c.Data))
		t.arrival.add(uint64(len(c.Data)), r.now)
	}
	x.chunks = x.chunks[n:]
	x.acked += n
	x.sent = max(x.sent, x.acked)
	if x.whole && len(x.chunks) == 0 {
		t.arrived, t.base, t.size = x.id, x.base.Seq, x.bytes
		r.endTransfer()
	}
}

// chunk takes what the table has read.
func (r *Replica) chunk(in Chunk) {
	x := r.teach.transfer
	if x == nil || x.id != in.Transfer || !x.reading {
		return
	}
	x.reading, x.whole = false, in.Last
	x.chunks = append(x.chunks, Snapshot{
		Transfer: x.id, Base: x.base, Index: x.acked + uint64(len(x.chunks)), Data: in.Data, Last: in.Last,
	})
}

// snapshotAck makes room for further chunks.
func (r *Replica) snapshotAck(from MemberID, m SnapshotAck) {
	x := r.teach.transfer
	if x == nil || m.Transfer != x.id || m.Link != r.down.link || from != r.view.Learner.MemberID {
		return
	}
	r.arrive(m.Next)
}

// flushTeaching carries the snapshot on, and steps back as tail when the learner is nearly level.
func (r *Replica) flushTeaching() {
	to := r.view.Learner
	if !r.isTail() || to.MemberID == (MemberID{}) || r.digest.err != nil {
		return
	}
	t, d := &r.teach, &r.down
	if x := t.transfer; x != nil {
		if !x.started {
			x.started, x.base = true, r.log.floor(r.applying)
			x.total = uint64(max(0, r.bytes))
			r.out.Start = x.id
			d.up, d.sent, d.received, d.stable, d.committed = true, x.base, x.base.Seq, 0, 0
		}
		for ; d.up && x.sent < x.acked+uint64(len(x.chunks)) && r.paced(); x.sent++ {
			m := x.chunks[x.sent-x.acked]
			m.Link = d.link
			r.sendTo(to, m)
			r.spend(uint64(len(m.Data)))
		}
		if d.up && x.sent == x.acked && !r.paced() {
			t.progressAt = r.now // it waits for us, not we for it
		}
		if !x.reading && !x.whole && len(x.chunks) < transferChunks {
			x.reading = true
			r.out.Read = x.id
		}
		return
	}
	switch {
	case t.proposed:
	case t.fact && r.now.Sub(t.since) > r.timeout()/2:
		// It does not keep up: writes must not wait for it longer. Begin again with the log of a later moment.
		t.notYet = r.now.Add(r.timeout() / 4)
		r.stepForth()
	case !t.fact && d.up && d.recall == nil && d.acked && d.full == (MemberID{}) && r.now >= t.notYet && d.durable >= t.base && r.log.bytesAfter(d.durable) <= levelBytes:
		t.fact, t.mark, t.since = true, r.log.last().Seq, r.now
	}
}

// stepForth makes us tail in fact again, unless somebody else may be by now.
func (r *Replica) stepForth() {
	if !r.teach.proposed {
		r.teach.fact = false
		r.advance()
	}
}

// slowed bounds what the tail commits while its learner is cfg.TransferLog bytes of log behind, or behind the snapshot that it takes:
// from then on what arrives there lets half its size of entries commit. So the log that is kept for the learner stays bounded,
// and writes never stop while it makes progress. Of a learner that lacks older log (recall.go) the whole log in memory counts.
func (r *Replica) slowed(limit Seq) Seq {
	t := &r.teach
	if r.view.Learner.MemberID == (MemberID{}) || !r.down.up {
		return limit
	}
	from := r.down.received
	if x := t.transfer; x != nil {
		from = x.base.Seq
	}
	if r.log.bytesAfter(from) < r.log.bytesAfter(r.committed)+r.cfg.TransferLog {
		t.credit = 0
		return limit
	}
	upto := r.committed
	for i := r.log.after(upto); i < r.log.count && r.log.at(i).Seq <= limit; i++ {
		e := r.log.at(i)
		if uint64(e.bytes()) > t.credit {
			break
		}
		upto = e.Seq
		t.credit -= uint64(e.bytes())
	}
	return min(upto, limit)
}

// patience is how long the learner may make no progress before another one has its turn. While it puts a whole snapshot in place, which may have come
// faster than its disk writes, nothing that it could say would prove more than that it lives, as its heartbeats do: it has the more time the more
// that is.
func (r *Replica) patience() time.Duration {
	t := &r.teach
	if t.transfer == nil && r.down.durable < t.base {
		return learnerPatience + time.Duration(t.size/placingRate)*time.Second
	}
	return learnerPatience
}

// learnerReady tells whether the learner holds the whole log that we had when we stepped back: a new tail's log has entries
// that its predecessors committed and it does not yet know to be, so committed alone would not do.
func (r *Replica) learnerReady() bool {
	t := &r.teach
	return r.isTail() && t.fact && t.transfer == nil && r.down.durable >= t.mark && r.down.durable >= r.committed && r.down.full == (MemberID{})
}
