package chain

import "time"

const (
	// recallBytes is about how much one read of the log on disk brings.
	recallBytes = 1 << 20
	// recallLeast is how much it brings where JoinBandwidth allows little.
	recallLeast = 64 << 10
	// paceBurst is how much may go at once after a silence, in time of what JoinBandwidth allows.
	paceBurst = 250 * time.Millisecond
)

// recall is older log on its way to the learner: what that lacks we have in memory no more, but our own disk has it. It is read from there a
// piece at a time, up to where the log in memory begins, which goes on from there.
//
// It belongs to a link, and ends with it: whatever breaks, or changes, ends in a Welcome, which says anew what the learner lacks.
//
// The log in memory is not compacted meanwhile, because the learner has not received it (compact): so it grows by what is committed while the
// learner catches up, as it does behind a snapshot, and slowed bounds it in the same way. By how many bytes the learner is behind beyond that
// nobody has counted; it needs no memory, and becomes only less.
type recall struct {
	wants    uint64  // number of the read whose answer is to be sent next; zero for none
	pieces   []piece // sent, and not known to have arrived
	underWay uint64  // bytes of these
	bytes    uint64  // of those that have arrived
	whole    bool    // all of it has been sent: the log in memory goes on
}

// piece is what one read brought.
type piece struct {
	upto  Seq
	bytes uint64
}

// recalls tells whether to ask the disk for what follows an entry that is not in memory. Whether it has that, it will tell.
//
// A server that has nothing gets the table, which is seldom larger than all entries that have led to it.
func (r *Replica) recalls(after Position) bool {
	return r.cfg.Self.Durable && after != (Position{}) && after.Seq < r.log.base.Seq
}

// beginRecall begins to send older log: writes do not wait for who needs it.
func (r *Replica) beginRecall() {
	r.down.recall = &recall{}
	r.counts.Recalls++
	r.stepForth()
}

// flushRecall reads on. It is true once the log in memory goes on behind what has been sent.
func (r *Replica) flushRecall() bool {
	t, d := &r.teach, &r.down
	x := d.recall
	if !x.whole && r.log.holds(d.sent) {
		x.whole, t.base, t.size = true, max(t.base, d.sent.Seq), 0
	}
	switch {
	case x.whole:
		return true
	case !r.paced():
		if len(x.pieces) == 0 {
			t.progressAt = r.now // it waits for us, not we for it
		}
	case !t.reading && x.underWay < downWindowBytes:
		t.reads++
		t.reading, x.wants = true, t.reads
		r.out.ReadLog = &ReadLog{Number: t.reads, After: d.sent, MaxBytes: r.recallSize()}
	}
	return false
}

// logRead sends what the disk has read. An answer that was asked for on another link counts no more: nobody waits for those entries.
//
// Only what we hold in memory no more is taken: that is applied, and so committed, and durable; of what follows, memory has the truth. The disk
// must have every entry from the one to the next, and the one that the log in memory begins behind; otherwise nothing of it is believed.
func (r *Replica) logRead(in LogRead) {
	t, d := &r.teach, &r.down
	t.reading = t.reading && in.Number != t.reads
	x := d.recall
	if x == nil || x.wants != in.Number {
		return
	}
	x.wants = 0
	entries, ok := r.older(in.Entries)
	if !in.Held || !ok {
		r.beginTransfer()
		return
	}
	p := piece{upto: entries[len(entries)-1].Seq}
	for i := range entries {
		p.bytes += uint64(entries[i].bytes())
	}
	x.pieces, x.underWay = append(x.pieces, p), x.underWay+p.bytes
	r.tell(r.view.Learner, d.sent, entries, r.stable())
	d.sent = entries[len(entries)-1].Position()
	r.spend(p.bytes)
}

// older is those of the entries that our log in memory begins behind. It is false if they cannot be what stands between that and what has been sent.
func (r *Replica) older(entries []Entry) ([]Entry, bool) {
	base, prev := r.log.base, r.down.sent
	n := 0
	for ; n < len(entries) && entries[n].Seq <= base.Seq; n++ {
		e := &entries[n]
		next := e.Seq
		if e.Kind == KindTakeover {
			next = e.Skipped
		}
		if next != prev.Seq+1 || e.Seq < next || e.Epoch < prev.Epoch {
			return nil, false
		}
		prev = e.Position()
	}
	return entries[:n], n > 0 && (prev == base || prev.Seq < base.Seq && n == len(entries))
}

// arrive is how many bytes of older log had not been known to have arrived up to seq.
func (d *downstream) arrive(seq Seq) (bytes uint64) {
	x := d.recall
	if x == nil {
		return 0
	}
	for len(x.pieces) > 0 && x.pieces[0].upto <= seq {
		bytes += x.pieces[0].bytes
		x.pieces = x.pieces[1:]
	}
	x.underWay, x.bytes = x.underWay-bytes, x.bytes+bytes
	if x.whole && len(x.pieces) == 0 {
		d.recall = nil
	}
	return bytes
}

// recallSize is how much to read at a time.
func (r *Replica) recallSize() int {
	if rate := r.cfg.JoinBandwidth; rate != 0 {
		return int(min(max(rate/4, recallLeast), recallBytes))
	}
	return recallBytes
}

// paced tells whether JoinBandwidth lets more go to the learner now. It limits chunks of snapshots, and entries from disk; not those in memory, which
// are what has been written lately: a learner that got them more slowly than clients write would never be level.
func (r *Replica) paced() bool { return r.cfg.JoinBandwidth == 0 || r.teach.paid <= r.now }

// spend accounts for what has gone to the learner: it is paid for by the time that passes. What has not been used counts for paceBurst only. A
// piece that is larger than that goes whole, and is paid for afterwards.
func (r *Replica) spend(bytes uint64) {
	if rate := r.cfg.JoinBandwidth; rate != 0 {
		r.teach.paid = max(r.teach.paid, r.now.Add(-paceBurst)).Add(time.Duration(float64(bytes) / float64(rate) * float64(time.Second)))
	}
}
