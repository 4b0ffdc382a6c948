package table

import (
	"fmt"
	"sort"

	"github.com/chaintable/chaintable/chain"
)

// Fate is what became of a number, or will.
type Fate uint8

// The fates. All but Pending are final.
const (
	Pending  Fate = 1 // above what is applied here: it may yet go either way
	Executed Fate = 2 // committed and taken by the table
	Lost     Fate = 3 // never took effect and never will: skipped by a new head, or refused by the table
	Unknown  Fate = 4 // decided so long ago that the table has forgotten it: see maxSpans
)

func (f Fate) String() string {
	switch f {
	case Pending:
		return "pending"
	case Executed:
		return "executed"
	case Lost:
		return "lost"
	case Unknown:
		return "unknown"
	}
	return fmt.Sprintf("fate(%d)", uint8(f))
}

// maxSpans bounds the memory of lost numbers: 16 MiB. Ranges, so a new head's 65,536 skipped numbers count once, and
// so do refused commands in a row. At the bound the oldest sixteenth is forgotten, and numbers up to its end become
// Unknown: an answer that might be false is worse than none.
const maxSpans = 1 << 20

// span is a range of lost numbers, both ends included.
type span struct{ first, last chain.Seq }

// lost is the numbers that never took effect, in rising order.
type lost struct {
	// older never change: only what follows them, and the slice. A copy of lost therefore stays as it is.
	older  []span
	newest span // zero for none
	// forgotten is the last number whose fate is no longer known; zero for none.
	forgotten chain.Seq
	limit     int // of len(older)
}

// add notes a range above all others, and returns how many spans there are more now.
func (l *lost) add(s span) int {
	if l.newest.last != 0 && l.newest.last+1 == s.first {
		l.newest.last = s.last
		return 0
	}
	before := len(l.older)
	if l.newest == (span{}) {
		l.newest = s
		return 1
	}
	if len(l.older) >= l.limit {
		n := max(1, l.limit/16)
		l.forgotten = l.older[n-1].last
		l.older = append(make([]span, 0, l.limit), l.older[n:]...)
	}
	l.older = append(l.older, l.newest)
	l.newest = s
	return len(l.older) - before
}

// has tells whether seq was lost.
func (l *lost) has(seq chain.Seq) bool {
	if l.newest.first <= seq && seq <= l.newest.last {
		return true
	}
	i := sort.Search(len(l.older), func(i int) bool { return l.older[i].last >= seq })
	return i < len(l.older) && l.older[i].first <= seq
}

// Fate tells what became of a number. Zero is no number and was never executed: Lost. That of a repeated request is Executed
// like the first try's: whoever was told it wants to know whether his request took effect.
func (t *Table) Fate(seq chain.Seq) Fate {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case seq > t.position.Seq:
		return Pending
	case seq == 0:
		return Lost
	case seq <= t.lost.forgotten:
		return Unknown
	case t.lost.has(seq):
		return Lost
	}
	return Executed
}

func (l *lost) len() int {
	if l.newest == (span{}) {
		return 0
	}
	return len(l.older) + 1
}

// at is the i-th span.
func (l *lost) at(i int) span {
	if i < len(l.older) {
		return l.older[i]
	}
	return l.newest
}
