package chain

import "sort"

// entryLog is the end of a replica's log, in memory: everything that may still be needed by the table, a neighbour or a
// learner. Entries up to base are in the table alone.
//
// It is a ring: what goes in at one end makes use of the room of what has been dropped at the other. Entries are numbered from 0,
// the oldest, to count-1.
type entryLog struct {
	base  Position
	ring  []loggedEntry // its length is zero or a power of two
	first int           // where entry 0 stands in ring
	count int
	total uint64 // bytes of all entries that ever stood in the log
}

type loggedEntry struct {
	Entry
	before uint64 // bytes of all entries that ever stood before this one
}

// at is entry i. It is valid until the log changes.
func (l *entryLog) at(i int) *Entry { return &l.logged(i).Entry }

func (l *entryLog) logged(i int) *loggedEntry { return &l.ring[(l.first+i)&(len(l.ring)-1)] }

// slice is a copy of the entries from up to, not including, to.
func (l *entryLog) slice(from, to int) []Entry {
	entries := make([]Entry, to-from)
	for i := range entries {
		entries[i] = *l.at(from + i)
	}
	return entries
}

func (l *entryLog) last() Position {
	if l.count > 0 {
		return l.at(l.count - 1).Position()
	}
	return l.base
}

func (l *entryLog) push(e Entry) {
	if e.Seq <= l.last().Seq {
		panic("chain: log: seq " + e.Position().String() + " does not rise above " + l.last().String())
	}
	if l.count == len(l.ring) {
		ring := make([]loggedEntry, max(16, 2*len(l.ring)))
		for i := range l.count {
			ring[i] = *l.logged(i)
		}
		l.ring, l.first = ring, 0
	}
	l.count++
	*l.logged(l.count - 1) = loggedEntry{e, l.total}
	l.total += uint64(e.bytes())
}

// after is the number of the first entry above seq.
func (l *entryLog) after(seq Seq) int {
	last := l.last().Seq
	if seq >= last {
		return l.count
	}
	// Where no head took over, seqs are dense.
	if behind := last - seq; behind < Seq(l.count) {
		if i := l.count - int(behind); l.at(i-1).Seq == seq {
			return i
		}
	}
	return sort.Search(l.count, func(i int) bool { return l.at(i).Seq > seq })
}

// holds tells whether the log has exactly this entry, or begins right behind it.
func (l *entryLog) holds(p Position) bool {
	if p == l.base {
		return true
	}
	i := l.after(p.Seq) - 1
	return i >= 0 && l.at(i).Position() == p
}

// floor is the position of the last entry not above seq, at least base.
func (l *entryLog) floor(seq Seq) Position {
	if i := l.after(seq); i > 0 {
		return l.at(i - 1).Position()
	}
	return l.base
}

// bytesAfter is how many bytes of entries stand above seq.
func (l *entryLog) bytesAfter(seq Seq) uint64 {
	if i := l.after(seq); i < l.count {
		return l.total - l.logged(i).before
	}
	return 0
}

// truncate forgets what stands above seq.
func (l *entryLog) truncate(seq Seq) {
	for keep := l.after(seq); l.count > keep; l.count-- {
		e := l.logged(l.count - 1)
		l.total = e.before
		*e = loggedEntry{}
	}
}

// compact drops entries up to seq for as long as more than keep bytes of log remain.
func (l *entryLog) compact(seq Seq, keep uint64) {
	for l.count > 0 && l.at(0).Seq <= seq && l.total-l.logged(0).before > keep {
		l.base = l.at(0).Position()
		*l.logged(0) = loggedEntry{}
		l.first = (l.first + 1) & (len(l.ring) - 1)
		l.count--
	}
}
