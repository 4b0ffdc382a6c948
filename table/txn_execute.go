package table

import (
	"bytes"
	"runtime"

	"github.com/chaintable/chaintable/chain"
)

// txn carries out an OpTxn, whose result may have so many bytes (stepsBytes). What is too large is found before anything changes: the
// branch is first played on what earlier steps of it would leave behind, and only then done.
func (t *Table) txn(c *Command, seq chain.Seq, room int64) Result {
	r := Result{Code: CodeOK, Seq: seq}
	branch := c.branch(&r, t.find)
	if !r.play(branch, t.find, seq, room) {
		return r
	}
	// Values in memory of their own: the session must not keep nodes, with their keys, that the table has forgotten.
	r.Steps = ownSteps(r.Steps)
	for i := range branch {
		switch s := &branch[i]; s.Op {
		case StepPut:
			t.put(s.Key, s.Value, seq)
		case StepDelete:
			t.remove(s.Key)
		}
	}
	return r
}

// find is the node of the key, or nil.
func (t *Table) find(key []byte) *node { return t.index.lookup(t.index.hash(key), key) }

// branch is the one to do, and sets Count to what says so.
func (c *Command) branch(r *Result, find func(key []byte) *node) []Step {
	for i := range c.Compares {
		if !c.Compares[i].holds(find(c.Compares[i].Key)) {
			return c.Else
		}
	}
	r.Count = 1
	return c.Then
}

// holds tells whether the comparison does of a node, nil for a missing key.
func (c *Compare) holds(n *node) bool {
	order := 0 // of what is there to what is given
	switch c.Target {
	case TargetExistence:
		return (n != nil) == c.Exists
	case TargetValue:
		if n == nil {
			return false
		}
		order = bytes.Compare(n.value(), c.Value)
	case TargetVersion:
		var version chain.Seq
		if n != nil {
			version = n.version
		}
		switch {
		case version < c.Version:
			order = -1
		case version > c.Version:
			order = 1
		}
	}
	switch c.Relation {
	case Equal:
		return order == 0
	case NotEqual:
		return order != 0
	case Less:
		return order < 0
	default:
		return order > 0
	}
}

// entry is what stands under a key: of the table, or as the steps so far would leave it.
type entry struct {
	there   bool
	value   []byte
	version chain.Seq
}

// play sets r.Steps to what the steps of the branch will have found, as entry seq, and changes nothing. If that is more
// bytes than there is room for, r is a refusal.
func (r *Result) play(branch []Step, find func(key []byte) *node, seq chain.Seq, room int64) bool {
	full := func() bool {
		*r = Result{Code: CodeFull, Seq: r.Seq}
		return false
	}
	if len(branch) == 0 {
		return true
	}
	if room -= txnBytes + stepBytes*int64(len(branch)); room < 0 {
		return full()
	}
	r.Steps = make([]StepResult, len(branch))
	var left map[string]entry // by the writes so far; nil for none, and where no later step could see them
	for i := range branch {
		s := &branch[i]
		before, ok := left[string(s.Key)]
		if !ok {
			if n := find(s.Key); n != nil {
				before = entry{true, n.value(), n.version}
			}
		}
		result := &r.Steps[i]
		result.Found = before.there
		switch s.Op {
		case StepGet:
			if room -= int64(len(before.value)); room < 0 {
				return full()
			}
			result.Version = before.version
			if len(before.value) > 0 {
				result.Value = before.value
			}
			continue
		case StepPut:
			result.Version = seq
			before = entry{true, s.Value, seq}
		case StepDelete:
			before = entry{}
		}
		if i+1 < len(branch) {
			if left == nil {
				left = make(map[string]entry)
			}
			left[string(s.Key)] = before
		}
	}
	return true
}

// ownSteps is a copy of the steps' results that shares no memory with anything else.
func ownSteps(steps []StepResult) []StepResult {
	n := 0
	for i := range steps {
		n += len(steps[i].Value)
	}
	if n == 0 {
		return steps
	}
	values := make([]byte, 0, n)
	for i := range steps {
		if v := &steps[i].Value; len(*v) > 0 {
			at := len(values)
			values = append(values, *v...)
			*v = values[at:len(values):len(values)]
		}
	}
	return steps
}

// stepsBytes is what MaxResultBytes bounds and Table.Bytes counts of a result's steps.
func stepsBytes(steps []StepResult) (n int64) {
	if len(steps) == 0 {
		return 0
	}
	n = txnBytes
	for i := range steps {
		n += stepBytes + int64(len(steps[i].Value))
	}
	return n
}

// ReadTxn is the result of an OpTxn of which neither branch writes, as it would be between two entries: Seq is that of the
// last one it saw. Any other command, and one beyond a limit, is CodeInvalid. The log knows nothing of it. The values are shared: do not
// change them.
func (t *Table) ReadTxn(c *Command) Result {
	if c.Op != OpTxn || c.Writes() || c.Validate() != nil {
		return Result{Code: CodeInvalid, Seq: t.Seq()}
	}
	read := func(find func(key []byte) *node, seq chain.Seq) Result {
		r := Result{Code: CodeOK, Seq: seq}
		r.play(c.branch(&r, find), find, 0, MaxResultBytes)
		return r
	}
	for left := patience; left > 0; left -= len(c.Compares) + max(len(c.Then), len(c.Else)) + 1 {
		before := t.version.Load()
		if before%2 != 0 {
			runtime.Gosched()
			continue
		}
		r := read(t.find, t.Seq())
		if t.version.Load() == before {
			return r
		}
	}
	t.mu.Lock()
	d, seq := t.index.freeze(), t.position.Seq
	t.mu.Unlock()
	return read(func(key []byte) *node { return d.find(t.index.hash(key), key) }, seq)
}
