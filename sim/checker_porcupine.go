package sim

import (
	"fmt"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// porcupineTimeout is how long the search may take for one key; longer is a failure.
const porcupineTimeout = 30 * time.Second

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

// register is the model of one key.
var register = porcupine.Model{
	Init: func() any { return item{} },
	Step: func(state, input, output any) (bool, any) {
		was, in, out := state.(item), input.(step), output.(saw)
		if in.kind == opGet {
			return !out.known || was.value == out.item.value && (was.version == 0) == (out.item.version == 0) &&
				(!out.version || was.version == out.item.version), was
		}
		next, code, count := in.apply(was)
		return !out.known || out.code == code && (in.kind != opIncrement || out.count == count), next
	},
	Equal:             func(a, b any) bool { return a.(item) == b.(item) },
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

// linearizable asks porcupine about every key of every chain. It knows nothing of the order in the history; only what
// never took effect is left out. A write whose client never heard of it is over when it was first applied anywhere: without
// an end, a few of them would make the search endless.
func (x *examination) linearizable() error {
	for _, r := range x.chains {
		keys, steps := x.byKey(r)
		for _, k := range keys {
			switch porcupine.CheckOperationsTimeout(register, steps[k], porcupineTimeout) {
			case porcupine.Illegal:
				return fmt.Errorf("key %s of chain %v: %d operations are not linearizable", k, r.id, len(steps[k]))
			case porcupine.Unknown:
				return fmt.Errorf("key %s of chain %v: no answer about %d operations in %v", k, r.id, len(steps[k]), porcupineTimeout)
			}
		}
	}
	return nil
}

// byKey is the operations on each key of a chain, and the keys in order of appearance.
func (x *examination) byKey(r *replayed) (keys []string, steps map[string][]porcupine.Operation) {
	steps = make(map[string][]porcupine.Operation)
	add := func(k string, o *op, in step, out saw) {
		if steps[k] == nil {
			keys = append(keys, k)
		}
		p := porcupine.Operation{Input: in, Call: int64(o.start), Output: out, Return: int64(o.end)}
		if !o.kind.reads() && (o.end == 0 || o.kind == opNumbered) {
			p.Return = int64(r.at[r.index[x.effects[o].seq]])
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
			for _, k := range o.keys {
				add(k, o, in, out)
			}
		}
	}
	for _, o := range everything {
		for _, k := range keys {
			add(k, o, step{kind: opClear}, saw{known: o.state == opDone, code: o.result.Code})
		}
	}
	return keys, steps
}
