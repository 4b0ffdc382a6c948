package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// Of a large transaction the result is so many reads of a value of so many bytes: two thirds of what a session may keep, or more than that.
const (
	largeBytes = 20_000
	largeFits  = 34
	largeNever = 60
)

// transact makes up a transaction over the operation's keys: compare and set, mostly by what the client has seen of them.
func (c *client) transact(o *op, reads bool) {
	o.txn = &table.Command{Op: table.OpTxn}
	if !reads && c.w.Memory == 0 && c.chance(0.02) {
		o.large = largeFits
		if c.chance(0.4) {
			o.large = largeNever
		}
		o.txn.Then = append(o.txn.Then, step(table.StepPut, o.keys[0]))
		for range o.large {
			o.txn.Then = append(o.txn.Then, step(table.StepGet, o.keys[0]))
		}
		return
	}
	for _, k := range o.keys {
		if c.chance(0.7) {
			o.txn.Compares = append(o.txn.Compares, c.compare(k))
		}
	}
	o.txn.Then, o.txn.Else = c.branch(o.keys, reads, 0.6), c.branch(o.keys, reads, 0.2)
}

// compare makes up a comparison of a key.
func (c *client) compare(key string) table.Compare {
	x := table.Compare{Key: []byte(key), Target: table.CompareTarget(1 + c.IntN(3))}
	if x.Target != table.TargetExistence {
		x.Relation = table.Equal
		if c.chance(0.4) {
			x.Relation = table.Relation(1 + c.IntN(4))
		}
	}
	switch x.Target {
	case table.TargetVersion:
		x.Version = c.known[key]
	case table.TargetValue:
		x.Value = []byte(c.seen[key])
	case table.TargetExistence:
		x.Exists = c.chance(0.5)
	}
	return x
}

// branch makes up the steps of a branch, so many of which write.
func (c *client) branch(keys []string, reads bool, writes float64) (steps []table.Step) {
	for range c.IntN(4) {
		s := step(table.StepGet, keys[c.IntN(len(keys))])
		if !reads && c.chance(writes) {
			s.Op = table.StepPut
			if c.chance(0.3) {
				s.Op = table.StepDelete
			}
		}
		steps = append(steps, s)
	}
	return steps
}

func step(op table.StepOp, key string) table.Step { return table.Step{Op: op, Key: []byte(key)} }

// sign makes the transaction the operation's own: its value is what is put, and the marker, which nobody writes, is in it somewhere.
func (o *op) sign() {
	value := []byte(o.value)
	if o.large > 0 {
		value = append(value, strings.Repeat("x", largeBytes)...)
	}
	for _, branch := range [][]table.Step{o.txn.Then, o.txn.Else} {
		for i := range branch {
			if branch[i].Op == table.StepPut {
				branch[i].Value = value
			}
		}
	}
	if len(o.txn.Compares) > 0 {
		absent := table.Compare{Key: []byte(o.marker()), Target: table.TargetExistence}
		o.txn.Compares = slices.Insert(o.txn.Compares, 0, absent)
		return
	}
	o.txn.Then = slices.Insert(o.txn.Then, 0, step(table.StepGet, o.marker()))
}

// learn remembers what the steps of a transaction found, for comparisons to come.
func (c *client) learn(o *op, r table.Result) {
	branch := o.txn.Else
	if r.Count == 1 {
		branch = o.txn.Then
	}
	for i, s := range r.Steps[:min(len(r.Steps), len(branch))] { // one that is broken on purpose may say anything
		k := string(branch[i].Key)
		switch branch[i].Op {
		case table.StepGet:
			c.known[k], c.seen[k] = s.Version, string(s.Value)
		case table.StepPut:
			c.known[k], c.seen[k] = s.Version, string(branch[i].Value)
		case table.StepDelete:
			c.known[k], c.seen[k] = 0, ""
		}
	}
}

// judge is what a transaction finds, as entry seq of a store that get describes, and what it leaves behind of the keys that it writes. It
// is written again here, as plainly as can be.
func judge(c *table.Command, seq chain.Seq, get func(key string) item) (r table.Result, left map[string]item) {
	r = table.Result{Code: table.CodeOK, Seq: seq, Count: 1}
	branch := c.Then
	for i := range c.Compares {
		if !compares(&c.Compares[i], get(string(c.Compares[i].Key))) {
			branch, r.Count = c.Else, 0
			break
		}
	}
	left = make(map[string]item)
	for _, s := range branch {
		k := string(s.Key)
		it, ok := left[k]
		if !ok {
			it = get(k)
		}
		found := table.StepResult{Found: it.version != 0}
		switch s.Op {
		case table.StepGet:
			found.Value, found.Version = []byte(it.value), it.version
		case table.StepPut:
			found.Version = seq
			left[k] = item{string(s.Value), seq}
		case table.StepDelete:
			left[k] = item{}
		}
		r.Steps = append(r.Steps, found)
	}
	return r, left
}

func compares(c *table.Compare, it item) bool {
	var order int
	switch c.Target {
	case table.TargetExistence:
		return (it.version != 0) == c.Exists
	case table.TargetVersion:
		order = cmp.Compare(it.version, c.Version)
	case table.TargetValue:
		if order = strings.Compare(it.value, string(c.Value)); it.version == 0 {
			return false
		}
	}
	switch c.Relation {
	case table.Equal:
		return order == 0
	case table.NotEqual:
		return order != 0
	case table.Less:
		return order < 0
	}
	return order > 0
}

// foundBytes is what a session keeps of the steps of a result: see table.MaxResultBytes.
func foundBytes(r table.Result) (n int) {
	if len(r.Steps) > 0 {
		n = 64
	}
	for _, s := range r.Steps {
		n += 40 + len(s.Value)
	}
	return n
}

// txnText tells the steps of a result.
func txnText(r table.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v seq=%d then=%d", r.Code, r.Seq, r.Count)
	for _, s := range r.Steps[:min(len(r.Steps), 8)] {
		fmt.Fprintf(&b, " %v,%.16q@%d", s.Found, s.Value, s.Version)
	}
	return b.String()
}
