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
	MaxArguments    = 1_048_576 // keys and values of one command
)

// Op says what a command does. Zero is none.
type Op uint8

// The operations. Each takes effect as one: no reader of several keys sees a part of it.
const (
	OpPut       Op = 1 // sets Pairs, in order
	OpDelete    Op = 2 // removes Keys
	OpIncrement Op = 3 // adds Delta to the decimal number under Keys[0]; a missing key counts from 0
	OpClear     Op = 4 // removes all keys
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
}

// Validate tells what is wrong with the command, limits included. All of it but MaxCommandBytes.
func (c *Command) Validate() error {
	if c.Op == 0 || c.Op > OpClear {
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
		c.Op == OpClear && (pairs > 0 || keys > 0):
		return fmt.Errorf("table: command: operation %d with %d pairs and %d keys", c.Op, pairs, keys)
	case c.Delta != 0 && c.Op != OpIncrement:
		return fmt.Errorf("table: command: operation %d with a delta", c.Op)
	case c.If != IfAny && (c.Op > OpDelete || pairs+keys != 1):
		return fmt.Errorf("table: command: operation %d of %d keys with a condition", c.Op, pairs+keys)
	case c.Version != 0 && c.If != IfVersion:
		return fmt.Errorf("table: command: condition %d with a version", c.If)
	case 2*pairs+keys > MaxArguments:
		return fmt.Errorf("table: command: %d arguments are more than %d", 2*pairs+keys, MaxArguments)
	}
	for _, p := range c.Pairs {
		if len(p.Value) > MaxValueBytes {
			return fmt.Errorf("table: command: a value of %d bytes is longer than %d", len(p.Value), MaxValueBytes)
		}
		if len(p.Key) > MaxKeyBytes {
			return fmt.Errorf("table: command: a key of %d bytes is longer than %d", len(p.Key), MaxKeyBytes)
		}
	}
	for _, k := range c.Keys {
		if len(k) > MaxKeyBytes {
			return fmt.Errorf("table: command: a key of %d bytes is longer than %d", len(k), MaxKeyBytes)
		}
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
	return hashes, c.Op == OpClear
}

// maxNumberBytes is the longest decimal int64.
const maxNumberBytes = 20

// Growth is by how many bytes at most the command's keys and values make Table.Bytes grow: zero for one that only removes, which
// must go in when the table is full. Its result or its place among the lost numbers is not included; of these
// there are at most chain.MaxSessionResults a session, and maxSpans. It is for chain.Config.Growth.
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
	return grow
}

// Code says how a command ended.
type Code uint8

// The codes. Up to CodeOverflow the command was executed, if only to find that it must not change anything: its
// result is kept in the session, and Fate says Executed. With the others it was refused, for ever.
const (
	CodeOK              Code = 1
	CodeConditionFailed Code = 2
	CodeNotInteger      Code = 3 // the value is not a decimal int64
	CodeOverflow        Code = 4 // the sum is not an int64

	CodeForgotten Code = 5 // the session is unknown: the outcome of earlier tries of the request is, too
	CodeStale     Code = 6 // the client has said that it has the request's result
	CodeInvalid   Code = 7 // the command cannot be decoded, or is beyond a limit
	CodeFull      Code = 8 // the session has chain.MaxSessionResults results that the client has not said it has
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
	// session's id for the opening of one. Zero unless Code is CodeOK.
	Count int64
}
