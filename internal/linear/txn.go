package linear

import (
	"fmt"
	"slices"
	"strings"
)

// A transaction is an Operation of kind Txn: it compares keys, and what it did about that is known, for its client or the log told. It writes if
// it has a Seq; without one it must be all reads. In the search for one key its comparisons and steps of that key are looked at, and all that is asked of
// them is that they can have been.

// Compare is a comparison of a transaction.
type Compare struct {
	Key   string
	Holds func(Value) bool // of what is there; its Version is the Seq of the write that made it
}

// Step is one thing that a transaction did, and what it found.
type Step struct {
	Kind  Kind // Get, Put or Delete
	Key   string
	Value string // of Put
	Found Value  // before; of Put and Delete only Found counts. Of an Outcome other than Done not looked at
}

// part is what a transaction does to the cells of a state.
type part struct {
	compares []Compare
	steps    []Step
	cells    map[string]int
}

// partOf is the part of a transaction in a state that has these keys.
func partOf(o *Operation, cells map[string]int) *part {
	if o.Kind != Txn {
		return nil
	}
	p := &part{cells: cells}
	for _, c := range o.Compares {
		if _, ok := cells[c.Key]; ok {
			p.compares = append(p.compares, c)
		}
	}
	for _, s := range o.Steps {
		if _, ok := cells[s.Key]; ok {
			p.steps = append(p.steps, s)
		}
	}
	return p
}

// txn is what the transaction makes of a state, and whether that is what was told. All its keys are in the state, or only some.
func (s *step) txn(was *state) (cells []cell, told bool) {
	all := true
	for _, c := range s.part.compares {
		all = all && c.Holds(was.cells[s.part.cells[c.Key]].seen())
	}
	if len(s.part.compares) == len(s.Compares) && all != s.Then || s.Then && !all {
		return nil, false
	}
	cells = slices.Clone(was.cells)
	for _, one := range s.part.steps {
		c := &cells[s.part.cells[one.Key]]
		if s.Outcome == Done && (c.present != one.Found.Found || one.Kind == Get && c.seen() != one.Found) {
			return nil, false
		}
		switch one.Kind {
		case Put:
			*c = cell{present: true, value: one.Value, version: s.Seq}
		case Delete:
			*c = cell{}
		}
	}
	return cells, true
}

// seen is the cell as a read sees it.
func (c *cell) seen() Value { return Value{Found: c.present, Text: c.value, Version: c.version} }

// text tells the branch and its steps.
func (o *Operation) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, " then=%v", o.Then)
	for _, s := range o.Steps {
		fmt.Fprintf(&b, " %s %s=%.24q found %v %.24q@%d", [...]string{"", "get", "size", "put", "delete"}[s.Kind], s.Key, s.Value,
			s.Found.Found, s.Found.Text, s.Found.Version)
	}
	return b.String()
}
