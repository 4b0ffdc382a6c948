package sim

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// effect is an operation's place in a history.
type effect struct {
	history *replayed
	seq     chain.Seq
	result  table.Result
}

// replayed is a history with its meaning.
type replayed struct {
	*history
	model   *model
	effects map[chain.Seq]*op
}

// requestKey names a request of a client's session.
type requestKey struct {
	chain   chain.ID
	request chain.RequestID
}

// examination holds what clients were told against what was committed, in linear time and without a search: the history
// gives the order, every operation must have a place in it that real time and program order allow.
type examination struct {
	ops     []*op
	chains  []*replayed
	effects map[*op]effect
	opened  map[chain.Tag]bool // sessions that a client was told of
	sum     int64              // of all counters, as the history leaves them
	problem error
}

// examine judges a finished run.
func examine(ops []*op, histories []*history) (*examination, error) {
	x := &examination{ops: ops, effects: make(map[*op]effect), opened: make(map[chain.Tag]bool)}
	requests := make(map[requestKey]*op)
	for _, o := range ops {
		if o.session != nil && o.number > 0 {
			requests[requestKey{o.session.chain, chain.RequestID{Session: o.session.id, Number: o.number}}] = o
		}
	}
	for _, h := range histories {
		x.replay(h, requests)
	}
	for _, o := range ops {
		x.told(o)
	}
	for _, r := range x.chains {
		x.inTime(r)
	}
	x.libraries()
	return x, x.problem
}

func (x *examination) fail(format string, args ...any) {
	if x.problem == nil {
		x.problem = fmt.Errorf(format, args...)
	}
}

// replay gives a history its meaning and finds the operations in it: each at most once.
func (x *examination) replay(h *history, requests map[requestKey]*op) {
	r := &replayed{history: h, model: newModel(h.sessions), effects: make(map[chain.Seq]*op)}
	x.chains = append(x.chains, r)
	for i := range h.committed {
		e := &h.committed[i]
		before := r.model.bytes
		res, took := r.model.apply(e)
		if h.memory > 0 && r.model.bytes > max(h.memory, before) {
			x.fail("%v makes the table %d bytes large, of %d", e, r.model.bytes, h.memory)
			return
		}
		if i < len(h.results) && !res.Equal(h.results[i]) {
			x.fail("result of %v is %+v, the replicas had %+v", e, res, h.results[i])
			return
		}
		if e.Kind != chain.KindCommand {
			continue
		}
		o := requests[requestKey{h.id, e.Request}]
		if n := author(e.Command); n > 0 && n <= len(x.ops) {
			if o != nil && o != x.ops[n-1] {
				x.fail("entry %v has the request of %v and the command of %v", e, o, x.ops[n-1])
			}
			o = x.ops[n-1]
		}
		if o == nil {
			x.fail("nobody asked for %v", e)
			return
		}
		if g := h.given[e.Seq]; g != nil && g != o {
			x.fail("number %d was given to %v and names %v", e.Seq, g, o)
		}
		if !took {
			continue
		}
		if was, twice := x.effects[o]; twice {
			x.fail("%v of %v takes effect twice: at %d of chain %v and %d of chain %v", o, o.client, was.seq, was.history.id, e.Seq, h.id)
			return
		}
		x.effects[o] = effect{r, e.Seq, res}
		r.effects[e.Seq] = o
	}
}

// told holds what a client was told about one operation against the history.
func (x *examination) told(o *op) {
	e, took := x.effects[o]
	switch {
	case o.kind == opVerify && o.state == opDone:
		if _, took := x.effects[o.target]; o.fate == table.Executed && !took || o.fate == table.Lost && took {
			x.fail("%v of %v was told %v, and it is not so", o, o.client, o.fate)
		}
	case o.kind == opOpen && o.state == opDone:
		x.toldSession(o)
	case o.kind.reads() && o.state == opDone:
		x.toldByNobody(o)
	case o.kind.reads() || o.kind == opOpen:
	case o.state == opRefused && took:
		x.fail("%v of %v was refused and takes effect at %d", o, o.client, e.seq)
	case o.kind == opNumbered && o.state == opDone:
		x.toldNumber(o, e, took)
	case o.state == opDone && !took:
		x.fail("%v of %v was acknowledged (%s) and is not in the history", o, o.client, o.outcomeText())
	case o.state == opDone && (!o.result.Equal(e.result) || o.chain != e.history.id):
		x.fail("%v of %v was told %+v, the history says %+v", o, o.client, o.result, e.result)
	}
}

// toldSession checks that a session was opened, and for nobody else.
func (x *examination) toldSession(o *op) {
	for _, r := range x.chains {
		if i, ok := r.index[o.seq]; ok && r.id == o.chain && r.committed[i].Kind == chain.KindSession && !x.opened[r.committed[i].Tag] {
			x.opened[r.committed[i].Tag] = true
			return
		}
	}
	x.fail("%v of %v was told session %d of chain %v, which was not opened, or for somebody else", o, o.client, o.seq, o.chain)
}

// toldByNobody checks a read of a chain that has no history: nothing can have been there to read.
func (x *examination) toldByNobody(o *op) {
	if slices.ContainsFunc(x.chains, func(r *replayed) bool { return r.id == o.chain }) {
		return // it is held against that
	}
	something := o.read.size > 0 || slices.ContainsFunc(o.read.txn.Steps, func(s table.StepResult) bool { return s.Found }) || o.kind == opVerify || slices.ContainsFunc(o.read.items, func(it item) bool { return it.version != 0 })
	if o.chain == 0 || something {
		x.fail("%v of %v saw %s in chain %v, which has no history", o, o.client, o.outcomeText(), o.chain)
	}
}

// toldNumber checks that a number names the operation that it was given to, and that verify told the truth.
func (x *examination) toldNumber(o *op, e effect, took bool) {
	switch {
	case took && (e.seq != o.seq || e.history.id != o.chain):
		x.fail("%v of %v was told number %d and takes effect at %d", o, o.client, o.seq, e.seq)
	case o.fate == table.Executed && !took:
		x.fail("%v of %v: verify said executed, and number %d never took effect", o, o.client, o.seq)
	case o.fate == table.Lost && took:
		x.fail("%v of %v: verify said lost, and number %d took effect", o, o.client, o.seq)
	case o.fate == table.Unknown:
		x.fail("%v of %v: verify does not know number %d", o, o.client, o.seq)
	}
}

// placed is an operation with the place in the history that was found for it: right behind the entry pos.
type placed struct {
	op  *op
	end time.Duration
	pos chain.Seq
}

// inTime gives every operation on a chain its place, in the order in which they started.
//
// A write is over when it was first applied anywhere, which is before its client hears of it, if it ever does: whatever is
// committed, every read that starts later sees (design.md, section 4). A write's place is its seq. A read's is the earliest one that shows what it saw and is not before anything that
// was over when it started, or that its own stream had done. Taking the earliest leaves most room to those that
// come later, so if some order exists this finds one.
func (x *examination) inTime(r *replayed) {
	var todo []*placed
	for _, o := range x.ops {
		e, took := x.effects[o]
		switch {
		case took && e.history == r:
			p := &placed{op: o, end: r.at[r.index[e.seq]], pos: e.seq}
			if o.end > 0 {
				p.end = min(p.end, o.end)
			}
			todo = append(todo, p)
		case o.kind.reads() && o.state == opDone && o.chain == r.id:
			todo = append(todo, &placed{op: o, end: o.end})
		}
	}
	slices.SortStableFunc(todo, func(a, b *placed) int { return int(a.op.start - b.op.start) })
	over := slices.Clone(todo)
	slices.SortStableFunc(over, func(a, b *placed) int {
		switch {
		case a.end < b.end:
			return -1
		case a.end > b.end:
			return 1
		}
		return 0
	})
	var floor chain.Seq
	var why *op
	streams := make(map[*stream]*placed) // the furthest place of each
	known := make(map[*stream]*placed)   // of what its client was told: no read need see a write of which it was told nothing
	for _, p := range todo {
		for len(over) > 0 && over[0].end < p.op.start {
			if over[0].pos > floor {
				floor, why = over[0].pos, over[0].op
			}
			over = over[1:]
		}
		least, because := floor, why
		before := streams
		if p.op.kind.reads() {
			before = known
		}
		if s := before[p.op.stream]; s != nil && s.pos > least {
			least, because = s.pos, s.op
		}
		if !x.place(r, p, least, because) {
			return
		}
		if p.op.stream != nil && (!p.op.stream.retried || !p.op.kind.reads()) {
			furthest(streams, p)
			if p.op.state == opDone {
				furthest(known, p)
			}
		}
	}
}

// furthest takes p for its stream's, if it is.
func furthest(of map[*stream]*placed, p *placed) {
	if s := of[p.op.stream]; s == nil || p.pos > s.pos {
		of[p.op.stream] = p
	}
}

// place finds a place not before least, or says that there is none.
func (x *examination) place(r *replayed, p *placed, least chain.Seq, because *op) bool {
	o := p.op
	if !o.kind.reads() {
		if p.pos <= least {
			x.fail("%v of %v [%v, %v] takes effect at %d, before %d of %s", o, o.client, o.start, o.end, p.pos, least, span(because))
			return false
		}
		return true
	}
	pos, ok := r.find(o, least)
	if !ok {
		x.fail("%v of %v [%v, %v] saw %s, which is not there at or after %d of %s", o, o.client, o.start, o.end, o.outcomeText(), least,
			span(because))
		return false
	}
	p.pos = pos
	return true
}

func span(o *op) string {
	if o == nil {
		return "the beginning"
	}
	return fmt.Sprintf("%v of %v [%v, %v] (%s)", o, o.client, o.start, o.end, o.outcomeText())
}

// find is the earliest place, not before least, where the store looks as the read saw it.
func (r *replayed) find(o *op, least chain.Seq) (chain.Seq, bool) {
	switch o.kind {
	case opVerify:
		if o.fate == table.Pending {
			return least, least < o.target.seq
		}
		return max(least, o.target.seq), true
	case opSize:
		return search(least, [][]change{r.model.sizes}, func(seq chain.Seq) bool { return at(r.model.sizes, seq).size == o.read.size })
	}
	lists := make([][]change, len(o.keys))
	for i, k := range o.keys {
		lists[i] = r.model.changes[k]
	}
	if o.kind == opLook {
		shows := func(seq chain.Seq) bool {
			saw, _ := judge(o.txn, o.read.txn.Seq, func(key string) item { return at(r.model.changes[key], seq).item })
			return saw.Equal(o.read.txn)
		}
		pos, ok := search(least, lists, shows)
		return pos, ok && pos <= o.read.txn.Seq && shows(o.read.txn.Seq)
	}
	return search(least, lists, func(seq chain.Seq) bool {
		for i, list := range lists {
			was, saw := at(list, seq).item, o.read.items[i]
			if was.value != saw.value || (was.version == 0) != (saw.version == 0) || o.kind == opGet && was.version != saw.version {
				return false
			}
		}
		return true
	})
}

// search is the first place from least on that suits: least, or one where something changes.
func search(least chain.Seq, lists [][]change, suits func(chain.Seq) bool) (chain.Seq, bool) {
	if suits(least) {
		return least, true
	}
	var seqs []chain.Seq
	for _, list := range lists {
		for _, c := range list[upTo(list, least):] {
			seqs = append(seqs, c.seq)
		}
	}
	sort.Slice(seqs, func(i, j int) bool { return seqs[i] < seqs[j] })
	for _, seq := range seqs {
		if suits(seq) {
			return seq, true
		}
	}
	return 0, false
}
