package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/internal/linear"
	"github.com/chaintable/chaintable/table"
)

// porcupineTimeout is how long one search may take; longer is a failure.
const porcupineTimeout = 30 * time.Second

// linearizable asks porcupine about every chain: each key, and all of them if the history is short, which it counts. What never took effect is left out.
//
// Writes are taken for as short as they really were, from the first log to the first table that had them, which is within the time that
// their clients waited: an order for these is one for the longer ones too, and there always is one (design.md, section 4). With longer
// ones, and dozens of reads beside them, the search could be endless.
func (x *examination) linearizable() (whole uint64, err error) {
	for _, r := range x.chains {
		ops := x.operations(r)
		if err := linear.Check(ops, porcupineTimeout); err != nil {
			return whole, fmt.Errorf("chain %v: %w", r.id, err)
		}
		if len(ops) > 0 && len(ops) <= linear.MaxWhole {
			whole++
		}
	}
	return whole, nil
}

// What the checker has other words for.
var (
	linearKinds = map[opKind]linear.Kind{
		opGet: linear.Get, opMany: linear.Get, opSize: linear.Size, opPut: linear.Put, opPutMany: linear.Put, opNumbered: linear.Put,
		opDelete: linear.Delete, opIncrement: linear.Increment, opClear: linear.Clear, opTxn: linear.Txn, opLook: linear.Txn,
	}
	conditions = map[table.Condition]linear.Condition{
		table.IfAny: linear.Always, table.IfAbsent: linear.IfAbsent, table.IfPresent: linear.IfPresent, table.IfVersion: linear.IfVersion,
	}
	outcomes = map[table.Code]linear.Outcome{
		table.CodeOK: linear.Done, table.CodeConditionFailed: linear.Failed, table.CodeNotInteger: linear.NotInteger,
	}
)

// operations are what the clients of a chain did, with the places of writes in its history.
func (x *examination) operations(r *replayed) (ops []linear.Operation) {
	for _, o := range x.ops {
		l := linear.Operation{Kind: linearKinds[o.kind], Keys: o.keys, Start: o.start, End: o.end}
		e, took := x.effects[o]
		switch {
		case l.Kind == 0: // it is about no key
			continue
		case o.kind.reads():
			if o.state != opDone || o.chain != r.id {
				continue
			}
			l.Outcome, l.Count = linear.Done, int64(o.read.size)
			if o.kind == opLook {
				transaction(&l, o, o.read.txn)
			}
			for _, it := range o.read.items {
				v := linear.Value{Found: it.version != 0, Text: it.value}
				if o.kind == opGet {
					v.Version = uint64(it.version)
				}
				l.Read = append(l.Read, v)
			}
		case !took || e.history != r:
			continue
		default:
			l.Keys = distinct(o.keys)
			l.Value, l.Delta, l.If, l.Version, l.Seq = o.value, int64(o.id), conditions[o.cond], uint64(o.version), uint64(e.seq)
			if o.state == opDone && o.kind != opNumbered {
				l.Outcome, l.Count = outcomes[o.result.Code], o.result.Count
			}
			if o.kind == opTxn {
				transaction(&l, o, e.result) // what its client was told is the same, or examine had failed
			}
			i := r.index[e.seq]
			if l.End = r.at[i]; o.end > 0 {
				l.End = min(l.End, o.end)
			}
			if first, ok := r.logged[r.committed[i].Position()]; ok {
				l.Start = max(o.start, first.at)
			}
		}
		ops = append(ops, l)
	}
	return ops
}

// transaction describes one with its result. The marker is no key of the store.
func transaction(l *linear.Operation, o *op, r table.Result) {
	l.Keys, l.Then, l.Outcome = distinct(o.keys), r.Count == 1, linear.Done
	for i := range o.txn.Compares {
		if c := &o.txn.Compares[i]; c.Key[0] != '#' {
			l.Compares = append(l.Compares, linear.Compare{Key: string(c.Key), Holds: func(v linear.Value) bool {
				it := item{v.Text, chain.Seq(v.Version)}
				return compares(c, it)
			}})
		}
	}
	branch := o.txn.Else
	if l.Then {
		branch = o.txn.Then
	}
	for i, s := range branch {
		if s.Key[0] != '#' {
			found := r.Steps[i]
			l.Steps = append(l.Steps, linear.Step{
				Kind: map[table.StepOp]linear.Kind{table.StepGet: linear.Get, table.StepPut: linear.Put, table.StepDelete: linear.Delete}[s.Op],
				Key:  string(s.Key), Value: string(s.Value),
				Found: linear.Value{Found: found.Found, Text: string(found.Value), Version: uint64(found.Version)},
			})
		}
	}
}

// distinct is keys without repeats.
func distinct(keys []string) (all []string) {
	for i, k := range keys {
		if !slices.Contains(keys[:i], k) {
			all = append(all, k)
		}
	}
	return all
}
