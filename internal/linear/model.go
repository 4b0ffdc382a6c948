package linear

import (
	"slices"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"
)

// step is an operation in the search, with its keys as places in the state.
type step struct {
	*Operation
	cells []int
	part  *part         // of Txn
	read  []Value       // of Get: for each of cells
	whole bool          // the state has all of the operation's keys
	end   time.Duration // End, or sooner if it is known to be over sooner
	rank  int           // of a read: its place in queue
	after uint64        // of a write with a Seq: that of the one before it in the log
}

// state is a table in the search. It never changes: a write makes another.
type state struct {
	cells []cell
	last  uint64   // the Seq of the last write that was put in order
	taken []uint64 // the reads that were put in order, a bit for the rank of each; nil without a queue
}

// queue is all reads, in two orders.
type queue struct {
	// reads are in the order in which they began.
	//
	// A read that fits in now may as well be taken now: it changes nothing, so what explains the rest explains it without the read, too. So nothing else that began
	// after such a read is taken before it, and the search does not try each place that each of many reads could have.
	reads []*step
	// of are the reads that saw what only one write can have made of a cell. Once that is overwritten it does not come back: a read of it
	// that was not taken never can be.
	of map[place][]*step
}

// place is a value in a cell, which is present.
type place struct {
	cell  int
	value string
}

func (s *state) has(r *step) bool { return s.taken[r.rank/64]&(1<<(r.rank%64)) != 0 }

// waits tells whether a read must be taken first.
func (q *queue) waits(s *step, now *state) bool {
	if q == nil {
		return false
	}
	for _, r := range q.reads {
		if r.Start > s.Start || s.reads() && r.rank >= s.rank {
			return false
		}
		if !now.has(r) && r.fits(now) {
			return true
		}
	}
	return false
}

// loses tells whether a write takes away what a read must still see.
func (q *queue) loses(was, next *state) bool {
	if q == nil {
		return false
	}
	for i := range was.cells {
		if was.cells[i] == next.cells[i] || !was.cells[i].present {
			continue // nobody saw the value of what was not there
		}
		for _, r := range q.of[place{i, was.cells[i].value}] {
			if !next.has(r) {
				return true
			}
		}
	}
	return false
}

// cell is what a key holds.
type cell struct {
	present bool
	value   string
	version uint64 // the Seq of the write that made it
}

// table is the model of n keys, with a queue of reads or nil.
func table(n int, q *queue) porcupine.Model {
	return porcupine.Model{
		Init: func() any {
			s := &state{cells: make([]cell, n)}
			if q != nil {
				s.taken = make([]uint64, len(q.reads)/64+1)
			}
			return s
		},
		Step: func(was, input, _ any) (bool, any) { return input.(*step).take(was.(*state), q) },
		Equal: func(a, b any) bool {
			s, t := a.(*state), b.(*state)
			return s == t || s.last == t.last && slices.Equal(s.cells, t.cells)
		},
	}
}

// fits tells whether a read sees the state.
func (s *step) fits(now *state) bool {
	if s.Kind == Size {
		return s.Count == now.size()
	}
	if s.Kind == Txn {
		_, told := s.txn(now)
		return told
	}
	for i, c := range s.cells {
		if saw, is := &s.read[i], &now.cells[c]; saw.Found != is.present || saw.Text != is.value || saw.Version != 0 && saw.Version != is.version {
			return false
		}
	}
	return true
}

// take puts the operation behind those that made the state, and tells whether what the client was told allows it.
func (s *step) take(was *state, q *queue) (bool, *state) {
	switch {
	case s.reads() && !s.fits(was), q.waits(s, was):
		return false, was
	case s.reads() && q == nil:
		return true, was
	case s.reads():
		next := *was
		next.taken = slices.Clone(was.taken)
		next.taken[s.rank/64] |= 1 << (s.rank % 64)
		return true, &next
	}
	if s.Seq != 0 && was.last != s.after {
		return false, was // what stands between them could not be taken any more
	}
	if s.Kind == Txn {
		cells, told := s.txn(was)
		if !told {
			return false, was
		}
		next := &state{cells: cells, last: max(was.last, s.Seq), taken: was.taken}
		return !q.loses(was, next), next
	}
	next, outcome, count := s.apply(was)
	if s.Outcome != Untold {
		counts := s.Kind == Increment || s.Kind == Delete && s.whole
		if outcome != s.Outcome || outcome == Done && counts && count != s.Count {
			return false, was
		}
	}
	return !q.loses(was, next), next
}

func (s *state) size() (n int64) {
	for i := range s.cells {
		if s.cells[i].present {
			n++
		}
	}
	return n
}

// apply is what a write makes of a state, and what its client is told.
func (s *step) apply(was *state) (next *state, outcome Outcome, count int64) {
	next = &state{cells: was.cells, last: max(was.last, s.Seq), taken: was.taken}
	if !s.holds(was) {
		return next, Failed, 0
	}
	write := cell{present: true, value: s.Value, version: s.Seq}
	switch s.Kind {
	case Increment:
		is := &was.cells[s.cells[0]]
		n, err := strconv.ParseInt(is.value, 10, 64)
		if is.present && err != nil {
			return next, NotInteger, 0
		}
		count = n + s.Delta
		write.value = strconv.FormatInt(count, 10)
	case Delete, Clear:
		write = cell{}
	}
	next.cells = slices.Clone(was.cells)
	if s.Kind == Clear {
		clear(next.cells)
	}
	for _, c := range s.cells {
		if s.Kind == Delete && was.cells[c].present {
			count++
		}
		next.cells[c] = write
	}
	return next, Done, count
}

// holds tells whether the condition does.
func (s *step) holds(was *state) bool {
	if s.If == Always {
		return true
	}
	is := &was.cells[s.cells[0]]
	switch s.If {
	case IfAbsent:
		return !is.present
	case IfPresent:
		return is.present
	}
	return is.version == s.Version
}
