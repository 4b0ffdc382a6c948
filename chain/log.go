package chain

import "sort"

// entryLog is the end of a replica's log, in memory: everything that may still be needed by the table, a neighbour or a
// learner. Entries up to base are in the table alone.
type entryLog struct {
	base    Position
	entries []Entry
	sizes   []uint64 // sizes[i] is the bytes of all entries that ever stood before entries[i]
	total   uint64   // bytes of all entries that ever stood in the log
}

func (l *entryLog) last() Position {
	if n := len(l.entries); n > 0 {
		return l.entries[n-1].Position()
	}
	return l.base
}

func (l *entryLog) push(e Entry) {
	if e.Seq <= l.last().Seq {
		panic("chain: log: seq " + e.Position().String() + " does not rise above " + l.last().String())
	}
	l.sizes = append(l.sizes, l.total)
	l.total += uint64(e.bytes())
	l.entries = append(l.entries, e)
}

// after is the index of the first entry above seq.
func (l *entryLog) after(seq Seq) int {
	return sort.Search(len(l.entries), func(i int) bool { return l.entries[i].Seq > seq })
}

// holds tells whether the log has exactly this entry, or begins right behind it.
func (l *entryLog) holds(p Position) bool {
	if p == l.base {
		return true
	}
	i := l.after(p.Seq) - 1
	return i >= 0 && l.entries[i].Position() == p
}

// floor is the position of the last entry not above seq, at least base.
func (l *entryLog) floor(seq Seq) Position {
	if i := l.after(seq); i > 0 {
		return l.entries[i-1].Position()
	}
	return l.base
}

// bytesAfter is how many bytes of entries stand above seq.
func (l *entryLog) bytesAfter(seq Seq) uint64 {
	if i := l.after(seq); i < len(l.entries) {
		return l.total - l.sizes[i]
	}
	return 0
}

// truncate forgets what stands above seq.
func (l *entryLog) truncate(seq Seq) {
	i := l.after(seq)
	if i == len(l.entries) {
		return
	}
	l.total = l.sizes[i]
	clear(l.entries[i:])
	l.entries, l.sizes = l.entries[:i], l.sizes[:i]
}

// compact drops entries up to seq for as long as more than keep bytes of log remain.
func (l *entryLog) compact(seq Seq, keep uint64) {
	n := sort.Search(l.after(seq), func(i int) bool { return l.total-l.sizes[i] <= keep })
	if n == 0 {
		return
	}
	l.base = l.entries[n-1].Position()
	clear(l.entries[:n]) // the array lives on until append outgrows it
	l.entries, l.sizes = l.entries[n:], l.sizes[n:]
}
