package sim

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

const (
	// porcupineTimeout is how long the search may take for one key; longer is a failure.
	porcupineTimeout = 30 * time.Second
	// porcupineTry is how long it may take with writes as long as their clients waited for them.
	porcupineTry = 500 * time.Millisecond
)

// step is an operation on one key, for porcupine.
type step struct {
	kind  opKind
	value string
	delta int64
	cond  table.Condition
	want  chain.Seq // of table.IfVersion
	seq   chain.Seq // the version that a write gives
}

// saw is the outcome of a step. Where known is not set the client never heard, and anything will do.
type saw struct {
	known   bool
	item    item
	version bool // item.version was told too
	code    table.Code
	count   int64
}

// cell is a key in the search: what it holds, and the last write that was put in order.
type cell struct {
	item
	last chain.Seq
}

// register is the model of one key. Writes are taken in the order of the log only: the search is for the places of the reads and
// for an order that real time allows. (Any order that it finds is a proof; without this rule a few dozen writes that
// were under way together make the search endless.)
var register = porcupine.Model{
	Init: func() any { return cell{} },
	Step: func(state, input, output any) (bool, any) {
		was, in, out := state.(cell), input.(step), output.(saw)
		if in.kind == opGet {
			return was.value == out.item.value && (was.version == 0) == (out.item.version == 0) &&
				(!out.version || was.version == out.item.version), was
		}
		if in.seq <= was.last {
			return false, was
		}
		next, code, count := in.apply(was.item)
		return !out.known || out.code == code && (in.kind != opIncrement || out.count == count), cell{next, in.seq}
	},
	Equal:             func(a, b any) bool { return a.(cell) == b.(cell) },
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
}

// apply is what a write makes of a key.
func (s step) apply(was item) (item, table.Code, int64) {
	holds := s.cond == table.IfAny || s.cond == table.IfAbsent && was.version == 0 ||
		s.cond == table.IfPresent && was.version != 0 || s.cond == table.IfVersion && was.version == s.want
	switch {
	case !holds:
		return was, table.CodeConditionFailed, 0
	case s.kind == opDelete, s.kind == opClear:
		return item{}, table.CodeOK, 0
	case s.kind == opIncrement:
		n, err := strconv.ParseInt(was.value, 10, 64)
		if was.version != 0 && err != nil {
			return was, table.CodeNotInteger, 0
		}
		return item{strconv.FormatInt(n+s.delta, 10), s.seq}, table.CodeOK, n + s.delta
	}
	return item{s.value, s.seq}, table.CodeOK, 1
}

// linearizable asks porcupine about every key of every chain. What never took effect is left out. A write whose client never
// heard of it is over when it was first applied anywhere.
//
// With dozens of reads under way beside a write that waits, the search can be too long. Then writes are taken for as short as
// they really were, from the first log to the first table that had them: an order for these is one for the longer
// ones too.
func (x *examination) linearizable() error {
	for _, r := range x.chains {
		keys, steps := x.byKey(r, false)
		var short map[string][]porcupine.Operation
		for _, k := range keys {
			res := porcupine.CheckOperationsTimeout(register, decisive(steps[k]), porcupineTry)
			if res == porcupine.Unknown {
				if short == nil {
					_, short = x.byKey(r, true)
				}
				res = porcupine.CheckOperationsTimeout(register, decisive(short[k]), porcupineTimeout)
			}
			switch res {
			case porcupine.Illegal:
				return fmt.Errorf("key %s of chain %v: %d operations are not linearizable", k, r.id, len(steps[k]))
			case porcupine.Unknown:
				return fmt.Errorf("key %s of chain %v: no answer about %d operations in %v", k, r.id, len(steps[k]), porcupineTimeout)
			}
		}
	}
	return nil
}

// decisive leaves out reads that any order has room for, or the search would try each order of dozens that were under way together.
//
// A version stands from its write to the next one. A read of it fits in if it begins before the next write and ends after its
// own: so among the reads of a version the last to begin and the first to end speak for all.
func decisive(steps []porcupine.Operation) []porcupine.Operation {
	type ends struct{ first, last int }
	of := make(map[chain.Seq]ends)
	version := func(p *porcupine.Operation) chain.Seq {
		if out := p.Output.(saw); p.Input.(step).kind == opGet && out.version {
			return out.item.version // zero is no version: a key can be missing more than once
		}
		return 0
	}
	for i := range steps {
		v := version(&steps[i])
		e, ok := of[v]
		if !ok {
			e = ends{i, i}
		}
		if steps[i].Return < steps[e.first].Return {
			e.first = i
		}
		if steps[i].Call > steps[e.last].Call {
			e.last = i
		}
		of[v] = e
	}
	kept := make([]porcupine.Operation, 0, len(steps))
	for i := range steps {
		if v := version(&steps[i]); v == 0 || of[v].first == i || of[v].last == i {
			kept = append(kept, steps[i])
		}
	}
	return kept
}

// byKey is the operations on each key of a chain, and the keys in order of appearance. Short writes are those that
// are not longer than the system took for them.
func (x *examination) byKey(r *replayed, short bool) (keys []string, steps map[string][]porcupine.Operation) {
	steps = make(map[string][]porcupine.Operation)
	add := func(k string, o *op, in step, out saw) {
		if steps[k] == nil {
			keys = append(keys, k)
		}
		p := porcupine.Operation{Input: in, Call: int64(o.start), Output: out, Return: int64(o.end)}
		if !o.kind.reads() {
			i := r.index[x.effects[o].seq]
			if applied := int64(r.at[i]); short || o.end == 0 || o.kind == opNumbered {
				p.Return = applied
			}
			if l, ok := r.logged[r.committed[i].Position()]; short && ok {
				p.Call = int64(l.at)
			}
		}
		steps[k] = append(steps[k], p)
	}
	var everything []*op
	for _, o := range x.ops {
		e, took := x.effects[o]
		switch {
		case o.state == opDone && o.chain == r.id && (o.kind == opGet || o.kind == opMany):
			for i, k := range o.keys {
				add(k, o, step{kind: opGet}, saw{known: true, item: o.read.items[i], version: o.kind == opGet})
			}
		case !took || e.history != r:
		case o.kind == opClear:
			everything = append(everything, o)
		default:
			in := step{kind: o.kind, value: o.value, delta: int64(o.id), cond: o.cond, want: o.version, seq: e.seq}
			out := saw{known: o.state == opDone && o.kind != opNumbered, code: o.result.Code, count: o.result.Count}
			for i, k := range o.keys {
				if !slices.Contains(o.keys[:i], k) {
					add(k, o, in, out)
				}
			}
		}
	}
	for _, o := range everything {
		e := x.effects[o]
		for _, k := range keys {
			add(k, o, step{kind: opClear, seq: e.seq}, saw{known: o.state == opDone, code: o.result.Code})
		}
	}
	return keys, steps
}
