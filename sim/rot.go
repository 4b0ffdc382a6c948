package sim

import (
	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// rot is what a process's table suffers, and what the process must do about it. One that rots applies another command than the log has, as if
// a bit had flipped on the way from the log to the table; learners whom it teaches then have the same wrong table. It must be found at the next
// mark, leave the chain, and end. No other may, and the others' data must be right.
//
// Before it is found a rotten server would answer what is wrong, and nobody could know. So clients get from it no reads, and of writes
// what the right table says. Once it has been told that it differs it must answer nothing at all.
type rot struct {
	due   bool      // the next command that changes something is to be another one
	since chain.Seq // the table is wrong from here on; zero: it is right
	told  bool      // that it differs
	out   bool      // it has ended for that: what it kept is not to be used
}

// markEvery is how far marks are apart: the tables of all members are compared at the first entry at or beyond each multiple of it.
const markEvery = 64

// rots has a member's table go wrong. The others must be more, and right; so only one does at a time.
func (f *faults) rots(p *process) bool {
	v := f.w.coord.now().view
	if len(v.Members) < 3 || v.Index(p.id) < 0 {
		return false
	}
	for _, m := range v.Members {
		if q := f.w.check.processes[m.MemberID]; q == nil || q.dead || q.rot.due || q.rot.since > 0 {
			return false
		}
	}
	p.rot.due = true
	return true
}

// execute puts an entry into the table: by chance of a fault, a wrong one.
func (p *process) execute(e *chain.Entry) table.Result {
	if !p.rot.due || e.Kind != chain.KindCommand {
		return p.table.Apply(e)
	}
	n := author(e.Command)
	if n == 0 || n > len(p.w.check.ops) || len(p.w.check.ops[n-1].keys) == 0 {
		return p.table.Apply(e)
	}
	wrong := *e
	c := table.Command{Op: table.OpPut}
	for _, key := range []string{p.w.check.ops[n-1].keys[0], "rotten"} { // the second stays: nobody writes it
		c.Pairs = append(c.Pairs, table.Pair{Key: []byte(key), Value: []byte("rotten")})
	}
	wrong.Command = c.Append(nil)
	before := p.table.Digest().Sum
	res := p.table.Apply(&wrong)
	if p.table.Digest().Sum != before { // else it was a repeat
		p.rot.due, p.rot.since = false, e.Seq
		p.w.stats.Rotten++
		if p.w.story.on {
			p.w.tell("%v is rotten from %v on", p, e)
		}
	}
	return res
}

// rightly is what clients may be told of what a rotten server says.
func (p *process) rightly(o outcome) outcome {
	if p.rot.since == 0 {
		return o
	}
	switch h := p.seen.history; o.kind {
	case gotRead:
		return outcome{kind: gotUnsent}
	case gotResult:
		o.result = h.results[h.index[o.result.Seq]]
	}
	return o
}

// found tells whether a process that is rotten must have been found by now: a mark has been committed that its table has seen.
func (p *process) found() bool {
	last := p.w.check.of(p.chainID()).last().Seq
	return last/markEvery > (p.rot.since-1)/markEvery
}

// cleanse ends the servers that are rotten and may not have been found, for no mark has come since: nothing is to be wrong any more. A chain of which nobody
// who is right is alive, or has a disk, has nothing left.
func (f *faults) cleanse() {
	w := f.w
	right := false
	for _, m := range w.coord.now().view.Members {
		p := w.check.processes[m.MemberID]
		right = right || p == nil || p.rot.since == 0 && (!p.dead || p.srv.disk != nil)
	}
	if w.void = w.void || !right; w.void {
		return
	}
	v := w.coord.now().view
	for _, p := range w.up() {
		p.rot.due = false
		if p.rot.since > 0 && (v.Index(p.id) < 0 || !p.found()) {
			p.distrust()
			p.srv.crash()
		}
	}
}

// distrust has the next life here take everything from the chain.
func (p *process) distrust() {
	p.rot.out = true
	if d := p.srv.disk; d != nil && d.store != nil {
		d.distrust()
	}
}
