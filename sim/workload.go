package sim

import (
	"fmt"

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
	case x < 0.48:
		o.kind, o.keys = opLook, c.some()
		c.transact(o, true)
	case x < 0.50:
		o.kind, o.keys = opSize, nil
	case c.chance(w.Free):
		o.kind = opDelete
		if c.sessions && c.chance(0.3) {
			o.kind, o.keys = opClear, nil
		}
	case x < 0.60:
		o.kind, o.keys = opTxn, c.some()
		c.transact(o, c.chance(0.2))
	case x < 0.70:
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
	case x < 0.945 && c.sessions && w.Means[Rot] == 0: // it would make what is rotten right again
		o.kind, o.keys = opClear, nil
	default:
		o.kind = opPut
	}
	if o.kind == opPut && !c.sessions && c.chance(w.Async) {
		o.kind = opNumbered
	}
	return o
}

// some is one key or two.
func (c *client) some() []string {
	keys := []string{c.key()}
	if k := c.key(); k != keys[0] && c.chance(0.6) {
		keys = append(keys, k)
	}
	return keys
}

func (c *client) key() string { return fmt.Sprintf("k%d", c.IntN(c.w.Keys)) }

// visit sends two clients to every living member: one reads and verifies, and writes a little, and the other opens a session.
func (w *world) visit() (visitors []*client) {
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
		if p == nil || p.dead {
			continue
		}
		s := w.newClient()
		s.sessions, s.ch, s.stream = true, p.connect(s), &stream{retried: true}
		s.begin(&op{kind: opOpen})
		c := w.newClient()
		c.ch, c.stream = p.connect(c), &stream{}
		c.begin(&op{kind: opDelete, keys: []string{c.key()}})
		c.begin(&op{kind: opPut, keys: []string{c.key()}})
		visitors = append(visitors, s, c)
		all := &op{kind: opMany}
		for i := range w.Keys {
			all.keys = append(all.keys, fmt.Sprintf("k%d", i), fmt.Sprintf("n%d", i))
		}
		c.begin(all)
		c.begin(&op{kind: opGet, keys: []string{c.key()}})
		c.begin(&op{kind: opSize})
		look := &op{kind: opLook, keys: []string{c.key()}}
		c.transact(look, true)
		c.begin(look)
		for _, t := range told {
			c.begin(&op{kind: opVerify, target: t})
		}
	}
	return visitors
}
