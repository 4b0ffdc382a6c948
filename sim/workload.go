package sim

import (
	"fmt"
	"time"

	"github.com/chaintable/chaintable/table"
)

// invent makes up an operation.
func (c *client) invent() *op {
	w := c.w
	o := &op{keys: []string{c.key()}}
	if c.at != nil {
		o.kind = opGet
		if c.chance(0.1) {
			o.kind = opMany
		}
		return o
	}
	switch x := c.Float64(); {
	case x < 0.40:
		o.kind = opGet
	case x < 0.46:
		o.kind = opMany
		for range c.IntN(4) {
			o.keys = append(o.keys, c.key())
		}
	case x < 0.49:
		o.kind, o.keys = opSize, nil
	case c.chance(w.Free):
		o.kind = opDelete
		if c.sessions && c.chance(0.3) {
			o.kind, o.keys = opClear, nil
		}
	case x < 0.68:
		o.kind = opPut
	case x < 0.78:
		o.kind = opPut
		o.cond = table.Condition(1 + c.IntN(3))
		if o.cond == table.IfVersion {
			o.version = c.known[o.keys[0]]
		}
	case x < 0.82:
		o.kind = opPutMany
		o.keys = append(o.keys, c.key())
	case x < 0.88:
		o.kind = opDelete
		if c.sessions && c.chance(0.3) {
			o.cond = table.IfVersion
			o.version = c.known[o.keys[0]]
		}
	case x < 0.94:
		o.kind = opIncrement
		if c.chance(0.7) {
			o.keys[0] = "n" + o.keys[0][1:]
		}
	case x < 0.945 && c.sessions:
		o.kind, o.keys = opClear, nil
	default:
		o.kind = opPut
	}
	if o.kind == opPut && !c.sessions && c.chance(w.Async) {
		o.kind = opNumbered
	}
	return o
}

func (c *client) key() string { return fmt.Sprintf("k%d", c.IntN(c.w.Keys)) }

// askAll begins a read of every key at every member, each through a client of its own, and asks what became of some numbers.
func (w *world) askAll() (asked []*op) {
	first := len(w.check.ops)
	w.Patience = time.Hour
	var told []*op
	for _, o := range w.check.ops {
		if o.kind == opNumbered && o.state == opDone && o.chain == w.coord.now().view.Chain {
			told = append(told, o)
		}
	}
	w.Shuffle(len(told), func(i, j int) { told[i], told[j] = told[j], told[i] })
	told = told[:min(len(told), 10)]
	for _, m := range w.coord.now().view.Members {
		p := w.check.processes[m.MemberID]
		c := w.newClient()
		c.ch, c.stream = p.connect(c), &stream{}
		all := &op{kind: opMany}
		for i := range w.Keys {
			all.keys = append(all.keys, fmt.Sprintf("k%d", i), fmt.Sprintf("n%d", i))
		}
		c.begin(all)
		c.begin(&op{kind: opGet, keys: []string{c.key()}})
		c.begin(&op{kind: opSize})
		for _, t := range told {
			c.begin(&op{kind: opVerify, target: t})
		}
	}
	return w.check.ops[first:]
}
