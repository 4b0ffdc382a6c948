package sim

import (
	"slices"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/storage"
)

// acked is what the checkers know of a disk: the log as the last sync that returned has left it, and what has been asked for since. After a
// crash the disk may hold that log, or be somewhere on the way to what was asked for.
type acked struct {
	base    chain.Position
	log     []chain.Position
	under   []diskWork       // under way, then
	maybe   []chain.Position // of a server that died: what may stand behind log
	unknown bool             // it died amid a cut or with a new table, or unsynced

	unsynced bool // what it had only written may be lost: its machine died
}

func (a *acked) last() chain.Position {
	if n := len(a.log); n > 0 {
		return a.log[n-1]
	}
	return a.base
}

func (a *acked) begins(work []diskWork) { a.under = work }

// ends takes in what has been done.
func (a *acked) ends(d *disk, work []diskWork, errs []error) {
	a.under = nil
	for i := range work {
		x := &work[i]
		switch {
		case x.truncate != nil && !d.doubt:
			n := slices.IndexFunc(a.log, func(p chain.Position) bool { return p.Seq > x.truncate.Seq })
			if n >= 0 {
				a.log = a.log[:n:n]
			}
		case x.install != nil && errs[i] == nil:
			a.base, a.log, a.unsynced, d.doubt, d.distrusted = x.install.base, nil, false, false, false
		case x.entries != nil:
			if d.doubt {
				a.base, a.log, a.unsynced, d.doubt, d.distrusted = chain.Position{}, nil, false, false, false
			}
			for i := range x.entries {
				a.log = append(a.log, x.entries[i].Position())
			}
		}
	}
}

// dies notes what may have happened of all that was asked for.
func (a *acked) dies(d *disk, power bool) {
	work := append(slices.Clone(a.under), d.queue...)
	a.under = nil
	a.unsynced = a.unsynced || d.interval && (power || d.srv.boot == "")
	a.unknown = a.unknown || d.doubt || a.unsynced
	for i := range work {
		a.unknown = a.unknown || work[i].truncate != nil || work[i].install != nil
		for k := range work[i].entries {
			a.maybe = append(a.maybe, work[i].entries[k].Position())
		}
	}
}

// holds tells whether the log that was synced has the position, and will have it after a crash.
func (d *disk) holds(p chain.Position) bool {
	a := &d.acked
	if a.unknown {
		return true // who knows
	}
	for _, x := range append(slices.Clone(a.under), d.queue...) {
		if x.truncate != nil && x.truncate.Seq < p.Seq || x.install != nil && x.install.base.Seq < p.Seq {
			return false // a crash may leave the log as it is behind this write, and before the next
		}
	}
	if p.Seq <= a.base.Seq {
		return true
	}
	i, ok := slices.BinarySearchFunc(a.log, p.Seq, func(q chain.Position, s chain.Seq) int { return int(q.Seq) - int(s) })
	return ok && a.log[i] == p
}

// recovers judges what a server has found on its disk: all that was synced, and nothing that was not at least asked for. Bytes that changed, and
// a machine that ended before it had synced, are reasons to have nothing, and say so.
func (c *checker) recovers(p *process, rec *storage.Recovery) {
	d := p.srv.disk
	a := &d.acked
	defer func() {
		a.unsynced = a.unsynced && d.doubt
		a.unknown, a.maybe = false, nil
	}()
	switch {
	case rec.Chain == nil:
		if !a.unknown && a.last() != (chain.Position{}) {
			c.w.fail("%v: forgets that it was in a chain, and holds its log up to %v", p, a.last())
		}
		return
	case !rec.Chain.Complete:
		c.w.stats.Incomplete++
		d.lost = p.serial
		if !d.spoiled && !a.unsynced && !d.distrusted {
			c.w.fail("%v: finds its disk damaged, which it is not: %v", p, rec.Doubt)
		}
		a.base, a.log = chain.Position{}, nil
		return
	}
	end := rec.Chain.Base
	if n := len(rec.Chain.Log); n > 0 {
		end = rec.Chain.Log[n-1].Position()
	}
	if !a.unknown && end != a.last() && !slices.Contains(a.maybe, end) {
		c.w.fail("%v: recovers a log that ends at %v; the last entry that was synced is %v, and behind it were to come %v", p, end, a.last(), a.maybe)
	}
	a.base, a.log = rec.Chain.Base, nil
	for i := range rec.Chain.Log {
		a.log = append(a.log, rec.Chain.Log[i].Position())
	}
}
