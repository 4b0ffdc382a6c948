package table

import (
	"fmt"

	"github.com/chaintable/chaintable/chain"
)

// Limits of design.md, section 9. They decide results: all members of a chain must have the same.
const (
	MaxKeyBytes     = 64 << 10
	MaxValueBytes   = 16 << 20
	MaxCommandBytes = 64 << 20  // encoded
	MaxArguments    = 1_048_576 // keys and values of one command, those that are only compared included
)

// Op says what a command does. Zero is none.
type Op uint8

// The operations. Each takes effect as one: no reader of several keys sees a part of it.
const (
	OpPut       Op = 1 // sets Pairs, in order
	OpDelete    Op = 2 // removes Keys
	OpIncrement Op = 3 // adds Delta to the decimal number under Keys[0]; a missing key counts from 0
	OpClear     Op = 4 // removes all keys
	OpTxn       Op = 5 // if all Compares hold, does Then, else Else
)

// Condition is what must hold for the one key of an OpPut or OpDelete; if it does not, nothing changes.
type Condition uint8

// The conditions.
const (
	IfAny     Condition = 0
	IfAbsent  Condition = 1
	IfPresent Condition = 2
	IfVersion Condition = 3 // the key's version is Command.Version; a missing key has version 0
)

// Pair is a key and its new value.
type Pair struct {
	Key, Value []byte
}

// Command is what an entry does to the table.
type Command struct {
	Op      Op
	Pairs   []Pair    // of OpPut
	Keys    [][]byte  // of OpDelete, and the one key of OpIncrement
	Delta   int64     // of OpIncrement
	If      Condition // of an OpPut or OpDelete of one key
	Version chain.Seq // of IfVersion

	// Of OpTxn. Without compares Then is done. One with nothing at all changes nothing, but uses its session.
	Compares   []Compare
	Then, Else []Step
}

// Validate tells what is wrong with the command, limits included. All of it but MaxCommandBytes.
func (c *Command) Validate() error {
	if c.Op == 0 || c.Op > OpTxn {
		return fmt.Errorf("table: command: unknown operation %d", c.Op)
	}
	if c.If > IfVersion {
		return fmt.Errorf("table: command: unknown condition %d", c.If)
	}
	pairs, keys := len(c.Pairs), len(c.Keys)
	switch {
	case c.Op == OpPut && (pairs == 0 || keys > 0),
		c.Op == OpDelete && (pairs > 0 || keys == 0),
		c.Op == OpIncrement && (pairs > 0 || keys != 1),
		c.Op >= OpClear && (pairs > 0 || keys > 0):
		return fmt.Errorf("table: command: operation %d with %d pairs and %d keys", c.Op, pairs, keys)
	case c.Delta != 0 && c.Op != OpIncrement:
		return fmt.Errorf("table: command: operation %d with a delta", c.Op)
	case c.If != IfAny && (c.Op > OpDelete || pairs+keys != 1):
		return fmt.Errorf("table: command: operation %d of %d keys with a condition", c.Op, pairs+keys)
	case c.Version != 0 && c.If != IfVersion:
		return fmt.Errorf("table: command: condition %d with a version", c.If)
	case c.Op != OpTxn && len(c.Compares)+len(c.Then)+len(c.Else) > 0:
		return fmt.Errorf("table: command: operation %d with parts of a transaction", c.Op)
	}
	if n := c.arguments(); n > MaxArguments {
		return fmt.Errorf("table: command: %d arguments are more than %d", n, MaxArguments)
	}
	for i := range c.Pairs {
		if err := checkValue(c.Pairs[i].Value); err != nil {
			return fmt.Errorf("table: command: %w", err)
		}
		if err := checkKey(c.Pairs[i].Key); err != nil {
			return fmt.Errorf("table: command: %w", err)
		}
	}
	for _, k := range c.Keys {
		if err := checkKey(k); err != nil {
			return fmt.Errorf("table: command: %w", err)
		}
	}
	return c.validateTxn()
}

func checkKey(key []byte) error {
	if len(key) > MaxKeyBytes {
		return fmt.Errorf("a key of %d bytes is longer than %d", len(key), MaxKeyBytes)
	}
	return nil
}

func checkValue(value []byte) error {
	if len(value) > MaxValueBytes {
		return fmt.Errorf("a value of %d bytes is longer than %d", len(value), MaxValueBytes)
	}
	return nil
}

// Touches adds to hashes the Hash of each key that the command may change, or tells that it may change all. It is
// for chain.Config.Touches. A command that cannot be decoded changes nothing.
func Touches(command []byte, hashes []uint64) (_ []uint64, all bool) {
	var c Command
	if c.decode(command) != nil {
		return hashes, false
	}
	for _, p := range c.Pairs {
		hashes = append(hashes, Hash(p.Key))
	}
	for _, k := range c.Keys {
		hashes = append(hashes, Hash(k))
	}
	for _, branch := range [][]Step{c.Then, c.Else} {
		for i := range branch {
			if branch[i].Op != StepGet {
				hashes = append(hashes, Hash(branch[i].Key))
			}
		}
	}
	return hashes, c.Op == OpClear
}

// maxNumberBytes is the longest decimal int64.
const maxNumberBytes = 20

// Growth is by how many bytes at most the command's keys and values make Table.Bytes grow: zero for one that only removes, which
// must go in when the table is full. Its result or its place among the lost numbers is not included; of these
// there are at most chain.MaxSessionResults and MaxResultBytes a session, and maxSpans. Of a transaction it is that of the branch that
// grows more. It is for chain.Config.Growth.
func Growth(command []byte) (grow int64) {
	var c Command
	if c.decode(command) != nil {
		return 0
	}
	for _, p := range c.Pairs {
		grow += entryBytes(len(p.Key), len(p.Value))
	}
	if c.Op == OpIncrement {
		grow += entryBytes(len(c.Keys[0]), maxNumberBytes)
	}
	return grow + max(branchGrowth(c.Then), branchGrowth(c.Else))
}

// Code says how a command ended.
type Code uint8

// The codes. Up to CodeOverflow the command was executed, if only to find that it must not change anything: its
// result is kept in the session, and Fate says Executed. With the others it was refused, for ever. (The session keeps that, too, where a
// transaction's result was too large for it, which that of a repeat need not be.)
const (
	CodeOK              Code = 1
	CodeConditionFailed Code = 2
	CodeNotInteger      Code = 3 // the value is not a decimal int64
	CodeOverflow        Code = 4 // the sum is not an int64

	CodeForgotten Code = 5 // the session is unknown: the outcome of earlier tries of the request is, too
	CodeStale     Code = 6 // the client has said that it has the request's result
	CodeInvalid   Code = 7 // the command cannot be decoded, or is beyond a limit
	CodeFull      Code = 8 // the session has chain.MaxSessionResults results that the client has not said it has, or would have more than MaxResultBytes
	CodeOvertaken Code = 9 // a later request of the session was executed before: this one never was, and must not be now
)

func (c Code) String() string {
	switch c {
	case CodeOK:
		return "ok"
	case CodeConditionFailed:
		return "condition failed"
	case CodeNotInteger:
		return "not an integer"
	case CodeOverflow:
		return "overflow"
	case CodeForgotten:
		return "session forgotten"
	case CodeStale:
		return "request stale"
	case CodeInvalid:
		return "invalid command"
	case CodeFull:
		return "session full"
	case CodeOvertaken:
		return "a later request was executed before"
	}
	return fmt.Sprintf("code(%d)", uint8(c))
}

// executed tells a result from a refusal.
func (c Code) executed() bool { return c >= CodeOK && c <= CodeOverflow }

// Result is what came of an entry.
type Result struct {
	Code Code
	// Seq is the entry that took effect: for a repeated request the first one.
	Seq chain.Seq
	// Count is 1 for a put, the number of keys removed for a delete or clear, the new number for an increment, the
	// session's id for the opening of one, 1 for a transaction that did Then. Zero unless Code is CodeOK.
	Count int64
	// Steps is of a transaction: one for each step of the branch that was done. Shared: not to be changed.
	Steps []StepResult
}
