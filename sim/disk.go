package sim

import (
	"slices"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// disk is what a durable server finds again: the log as far as it was synced, behind a snapshot. Whole entries only; torn
// records and bad bytes come with storage.
type disk struct {
	incarnation chain.Incarnation
	chain       chain.ID
	epoch       chain.Epoch

	image     image
	log       []chain.Entry
	committed chain.Seq // a lower bound, written now and then
	reading   bool      // of older log

	full       bool // there is no room but the reserve
	distrusted bool // the table was found wrong: nothing is used of what was kept until then
	incomplete bool // hence it lacks what was acknowledged, until this server is a member again

	queue   []diskWrite // not yet synced, in order
	syncing bool
}

// image is a whole table at base.
type image struct {
	base   chain.Position
	chunks [][]byte
}

// diskWrite is one of: a cut behind truncate, entries, a new table; then runs when it is durable. With it goes how much was applied when
// it was queued: all of that is in the log as it is behind this write, which a log that is still to be cut must not claim.
type diskWrite struct {
	truncate *chain.Position
	entries  []chain.Entry
	install  *image
	applied  chain.Seq
	cuts     uint64 // of the Ready that wanted it
	then     func()
}

// write queues a write. One fsync at a time covers all that is queued when it begins.
func (d *disk) write(p *process, x diskWrite) {
	x.applied = p.gate.Applied()
	d.queue = append(d.queue, x)
	if !d.syncing {
		d.sync(p)
	}
}

func (d *disk) sync(p *process) {
	d.syncing = true
	n := len(d.queue)
	p.later(p.w.between(p.w.Disk)+p.srv.lag, func() {
		d.syncing = false
		p.w.stats.Syncs++
		done := d.queue[:n]
		d.queue = slices.Clone(d.queue[n:])
		for _, x := range done {
			d.apply(x)
		}
		p.push(chain.Persisted{Position: d.last(), Cuts: done[n-1].cuts})
		for _, x := range done {
			if x.then != nil {
				x.then()
			}
		}
		if len(d.queue) > 0 {
			d.sync(p)
		}
	})
}

// apply makes a write durable.
func (d *disk) apply(x diskWrite) {
	if x.truncate != nil {
		i := slices.IndexFunc(d.log, func(e chain.Entry) bool { return e.Seq > x.truncate.Seq })
		if i >= 0 {
			d.log = d.log[:i:i]
		}
	}
	if x.install != nil {
		d.image, d.log, d.committed = *x.install, nil, x.install.base.Seq
	}
	d.log = append(d.log, x.entries...)
	d.committed = max(d.committed, min(x.applied, d.last().Seq))
}

// readLog reads older log for the replica, as another goroutine does: what it finds is what was written until then, synced or not. It may hold less
// than what a server that starts is given, which is what the snapshot lacks; and a read may fail.
func (d *disk) readLog(p *process, q *chain.ReadLog) {
	w := p.w
	if d.reading {
		w.fail("%v: reads its log behind %v, and has not been told what it read before", p, q.After)
		return
	}
	d.reading = true
	p.later(w.between(w.Recall)+p.srv.lag, func() {
		d.reading = false
		in := chain.LogRead{Number: q.Number, Entries: d.behind(w, q)}
		if in.Held = len(in.Entries) > 0; in.Held {
			w.stats.Recalls++
		} else {
			w.stats.NotHeld++
		}
		if w.story.on {
			w.tell("%v: its disk holds %d entries behind %v", p, len(in.Entries), q.After)
		}
		p.push(in)
	})
}

// behind is the first entries behind a position, or none.
func (d *disk) behind(w *world, q *chain.ReadLog) []chain.Entry {
	now := disk{image: d.image, log: slices.Clip(d.log)}
	for _, x := range d.queue[:w.IntN(len(d.queue)+1)] {
		now.apply(x)
	}
	from := 0
	if q.After != now.image.base {
		from = 1 + slices.IndexFunc(now.log, func(e chain.Entry) bool { return e.Position() == q.After })
		if from == 0 {
			return nil
		}
	}
	kept := uint64(0) // of the newest log
	for i := len(now.log) - 1; i >= from && w.Kept > 0; i-- {
		if kept += uint64(len(now.log[i].Encoded)); kept > w.Kept {
			return nil
		}
	}
	if w.chance(w.Unread) && !w.healed {
		w.stats.Faults[Unread]++
		return nil
	}
	most := q.MaxBytes
	if !w.healed {
		most = min(most, w.Piece) // so that there are many reads, each of which takes its time
	}
	n, size := 0, 0
	for n < len(now.log)-from && (n == 0 || size+len(now.log[from+n].Encoded) <= most) {
		size += len(now.log[from+n].Encoded)
		n++
	}
	return slices.Clone(now.log[from : from+n])
}

func (d *disk) last() chain.Position {
	if n := len(d.log); n > 0 {
		return d.log[n-1].Position()
	}
	return d.image.base
}

// crash loses what was not synced, or not all of it: some prefix may have reached the disk.
func (d *disk) crash(w *world) {
	if n := len(d.queue); n > 0 && w.chance(0.5) {
		w.stats.Faults[TornSync]++
		keep := w.IntN(n + 1)
		for _, x := range d.queue[:keep] {
			d.apply(x)
		}
		if keep < n && len(d.queue[keep].entries) > 0 {
			es := d.queue[keep].entries
			d.apply(diskWrite{entries: es[:w.IntN(len(es)+1)]})
		}
	}
	d.queue, d.syncing, d.reading = nil, false, false
}

// recover gives p the table, and the replica the log, that the last life left.
func (d *disk) recover(p *process) *chain.Recovered {
	if d.distrusted {
		d.image, d.log, d.committed, d.distrusted, d.incomplete = image{}, nil, 0, false, true
	}
	if d.chain == 0 {
		return nil
	}
	if d.image.chunks != nil {
		r := table.NewRestorer(p.w.tableConfig())
		for _, c := range d.image.chunks {
			if err := r.Add(c); err != nil {
				p.w.fail("%v: recovery: %v", p, err)
				return nil
			}
		}
		t, err := r.Finish()
		if err != nil {
			p.w.fail("%v: recovery: %v", p, err)
			return nil
		}
		p.table = t
	}
	return &chain.Recovered{
		Chain: d.chain, Epoch: d.epoch, Base: d.image.base, Log: slices.Clone(d.log),
		Committed: min(d.committed, d.last().Seq), Complete: !d.incomplete, Table: p.table.Bytes(),
	}
}
