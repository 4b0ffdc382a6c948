package table

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/chaintable/chaintable/chain"
)

// MaxResultBytes bounds what a session keeps of what the steps of transactions found: the values, 40 bytes for each step and 64 for
// each transaction. One that would go beyond is refused before it changes anything; without a session one may find as much.
const MaxResultBytes = 1 << 20

// Compare is one condition of an OpTxn.
type Compare struct {
	Key      []byte
	Target   CompareTarget
	Relation Relation  // of TargetVersion and TargetValue
	Version  chain.Seq // of TargetVersion; a missing key has version 0
	Value    []byte    // of TargetValue; a comparison of a missing key's value never holds, NotEqual included
	Exists   bool      // of TargetExistence
}

// CompareTarget is what a Compare looks at. Zero is nothing.
type CompareTarget uint8

// The targets.
const (
	TargetVersion   CompareTarget = 1 // the seq of the key's last write
	TargetValue     CompareTarget = 2 // compared as bytes.Compare does
	TargetExistence CompareTarget = 3
)

// Relation is that of what is there to what is given. Zero is none.
type Relation uint8

// The relations.
const (
	Equal    Relation = 1
	NotEqual Relation = 2
	Less     Relation = 3
	Greater  Relation = 4
)

// Step is one thing that a branch of an OpTxn does. They are done in order, and a later one sees what earlier ones did.
type Step struct {
	Op    StepOp
	Key   []byte
	Value []byte // of StepPut
}

// StepOp says what a step does. Zero is nothing.
type StepOp uint8

// The steps.
const (
	StepPut    StepOp = 1
	StepDelete StepOp = 2
	StepGet    StepOp = 3
)

// StepResult is what came of a step.
type StepResult struct {
	Found   bool      // the key was there before
	Value   []byte    // of a StepGet; nil if empty. Shared: not to be changed
	Version chain.Seq // of a StepGet the seq of the key's last write, or 0; of a StepPut the entry's seq
}

// Equal tells whether the two are the same, steps included.
func (r Result) Equal(o Result) bool {
	if r.Code != o.Code || r.Seq != o.Seq || r.Count != o.Count || len(r.Steps) != len(o.Steps) {
		return false
	}
	for i, s := range r.Steps {
		p := o.Steps[i]
		if s.Found != p.Found || s.Version != p.Version || !bytes.Equal(s.Value, p.Value) {
			return false
		}
	}
	return true
}

// Writes tells whether the command can change anything but its session.
func (c *Command) Writes() bool {
	return c.Op != OpTxn || writes(c.Then) || writes(c.Else)
}

func writes(branch []Step) bool {
	for i := range branch {
		if branch[i].Op != StepGet {
			return true
		}
	}
	return false
}

func (c *Compare) validate() error {
	switch {
	case c.Target == 0 || c.Target > TargetExistence:
		return fmt.Errorf("unknown target %d", c.Target)
	case c.Relation > Greater:
		return fmt.Errorf("unknown relation %d", c.Relation)
	case (c.Relation == 0) != (c.Target == TargetExistence):
		return fmt.Errorf("target %d with relation %d", c.Target, c.Relation)
	case c.Version != 0 && c.Target != TargetVersion:
		return fmt.Errorf("target %d with a version", c.Target)
	case len(c.Value) > 0 && c.Target != TargetValue:
		return fmt.Errorf("target %d with a value", c.Target)
	case c.Exists && c.Target != TargetExistence:
		return fmt.Errorf("target %d with existence", c.Target)
	}
	if err := checkKey(c.Key); err != nil {
		return err
	}
	return checkValue(c.Value)
}

// arguments is how many the comparison counts.
func (c *Compare) arguments() int {
	if c.Target == TargetValue {
		return 2
	}
	return 1
}

var errStepValue = errors.New("only a put has a value")

func (s *Step) validate() error {
	switch {
	case s.Op == 0 || s.Op > StepGet:
		return fmt.Errorf("unknown step %d", s.Op)
	case len(s.Value) > 0 && s.Op != StepPut:
		return errStepValue
	}
	if err := checkKey(s.Key); err != nil {
		return err
	}
	return checkValue(s.Value)
}

// arguments is how many the step counts.
func (s *Step) arguments() int {
	if s.Op == StepPut {
		return 2
	}
	return 1
}

// validateTxn tells what is wrong with the parts of a command that only an OpTxn has.
func (c *Command) validateTxn() error {
	for i := range c.Compares {
		if err := c.Compares[i].validate(); err != nil {
			return fmt.Errorf("table: command: compare: %w", err)
		}
	}
	for _, branch := range [][]Step{c.Then, c.Else} {
		for i := range branch {
			if err := branch[i].validate(); err != nil {
				return fmt.Errorf("table: command: step: %w", err)
			}
		}
	}
	return nil
}

// arguments is how many keys and values the command has.
func (c *Command) arguments() int {
	n := 2*len(c.Pairs) + len(c.Keys)
	for i := range c.Compares {
		n += c.Compares[i].arguments()
	}
	for i := range c.Then {
		n += c.Then[i].arguments()
	}
	for i := range c.Else {
		n += c.Else[i].arguments()
	}
	return n
}

// branchGrowth is Growth of a branch: of its puts; and its gets count a little, so that a full table takes no more of what can fill
// the sessions, but still what only removes.
func branchGrowth(branch []Step) (grow int64) {
	for i := range branch {
		switch s := &branch[i]; s.Op {
		case StepPut:
			grow += entryBytes(len(s.Key), len(s.Value))
		case StepGet:
			grow += stepBytes
		}
	}
	return grow
}
