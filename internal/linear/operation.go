package linear

import (
	"fmt"
	"strings"
	"time"
)

// Operation is what one client asked for, and what it was told.
type Operation struct {
	Kind  Kind
	Keys  []string  // of Clear and Size none; of a write all different
	Value string    // of Put: what each of Keys gets
	Delta int64     // of Increment
	If    Condition // of Put and Delete, on the one key; of a write to several none
	// Version is what IfVersion asks for: the Seq of the write that the key has its value from, zero for no such key.
	Version uint64
	// Seq is the place of a write in the order of the log, zero where that is not known. The search takes writes with a Seq in this
	// order alone: any order that it finds is a proof, and without a hint a few dozen writes that were under way together
	// make the search endless.
	//
	// A write with a Seq was executed, all before it in the log too, and so it needs an End, unless it was Refused: that it never
	// took effect cannot be, and that it comes last only where it is the last of the log.
	Seq uint64

	// Of Txn: what it compared, whether all that held, and the steps that it did then, or else.
	Compares []Compare
	Then     bool
	Steps    []Step

	Outcome Outcome
	Read    []Value // of Get, for each of Keys
	Count   int64   // of Size: the keys there are; of Increment the sum, of Delete how many of Keys there were

	// Start and End are on one clock. An End of zero means that nobody knows that it is over: it may take effect at any time
	// after Start, or never. What has an answer, or a Seq, has an End.
	Start, End time.Duration
}

// Kind is what is asked for.
type Kind uint8

// The kinds.
const (
	Get Kind = iota + 1
	Size
	Put
	Delete
	Increment
	Clear
	Txn
)

// Condition is what must hold of a key for a write of it to be executed.
type Condition uint8

// The conditions.
const (
	Always Condition = iota
	IfAbsent
	IfPresent
	IfVersion
)

// Outcome is what the client was told.
type Outcome uint8

// The outcomes. Of a read only Done tells anything; others are not looked at.
const (
	Untold     Outcome = iota // nothing, and so anything may be true; with an End it has taken effect by then
	Done                      // executed, with this result
	Failed                    // executed, and found that the condition does not hold
	NotInteger                // an Increment executed, and found that the value is no number
	Refused                   // not executed, and it never will be
)

// Value is what a read saw of a key.
type Value struct {
	Found   bool
	Text    string
	Version uint64 // the Seq of the write that made it; zero where that was not told
}

func (o Operation) reads() bool { return o.Kind <= Size || o.Kind == Txn && o.Seq == 0 }

func (o Operation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%v, ", o.Start)
	if o.End == 0 {
		b.WriteString("?] ")
	} else {
		fmt.Fprintf(&b, "%v] ", o.End)
	}
	b.WriteString([...]string{"", "get ", "size ", "put ", "delete ", "increment ", "clear ", "txn "}[o.Kind])
	b.WriteString(strings.Join(o.Keys, ","))
	switch o.Kind {
	case Put:
		fmt.Fprintf(&b, "=%.24s", o.Value)
	case Increment:
		fmt.Fprintf(&b, " by %d", o.Delta)
	}
	b.WriteString([...]string{"", " if absent", " if present", fmt.Sprintf(" if version %d", o.Version)}[o.If])
	if o.Seq > 0 {
		fmt.Fprintf(&b, " at %d", o.Seq)
	}
	b.WriteString([...]string{": untold", ":", ": condition failed", ": not an integer", ": refused"}[o.Outcome])
	if o.Outcome != Done {
		return b.String()
	}
	switch o.Kind {
	case Get:
		for _, v := range o.Read {
			switch {
			case !v.Found:
				b.WriteString(" nothing")
			case v.Version > 0:
				fmt.Fprintf(&b, " %.24q@%d", v.Text, v.Version)
			default:
				fmt.Fprintf(&b, " %.24q", v.Text)
			}
		}
	case Txn:
		b.WriteString(o.text())
	case Size, Increment, Delete:
		fmt.Fprintf(&b, " %d", o.Count)
	default:
		b.WriteString(" done")
	}
	return b.String()
}
