package linear

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// authors are the puts by what they write; nil for what more than one may have written.
type authors map[string]*step

func authorsOf(steps []*step) authors {
	a := make(authors)
	for _, s := range steps {
		if s.Kind == Txn { // it may write the same more than once
			for _, one := range s.Steps {
				a[one.Value] = nil
			}
		}
		if s.Kind != Put {
			continue
		}
		_, err := strconv.ParseInt(s.Value, 10, 64) // a number can come from an increment, too
		if _, twice := a[s.Value]; twice || err == nil {
			a[s.Value] = nil
		} else {
			a[s.Value] = s
		}
	}
	return a
}

// bound ends puts with the first read that saw what they write: they may be long under way, or of whose end nobody knows.
func (a authors) bound(steps []*step) {
	for _, s := range steps {
		for _, v := range s.read {
			author := a[v.Text]
			if !v.Found || author == nil || s.end == 0 {
				continue
			}
			if author.end == 0 || s.end < author.end {
				author.end = max(s.end, author.Start) // a read from before it is not to be explained, but not an interval either
			}
		}
	}
}

// decisive leaves out reads that any order has room for, or the search would try each order of dozens that were under way together.
//
// What one write makes of a key stands from that write to the next, and so does what several make of several keys, from the last of them to
// the first that comes after. A read of it fits in if it begins before that time ends, and ends after it has begun: so among the
// reads that saw the same, the last to begin and the first to end speak for all.
func (a authors) decisive(steps []*step) []*step {
	type ends struct{ first, last *step }
	of := make(map[string]*ends)
	names := make([]string, len(steps))
	for i, s := range steps {
		name, ok := a.name(s)
		if !ok {
			continue
		}
		names[i] = name
		e := of[name]
		if e == nil {
			of[name] = &ends{s, s}
			continue
		}
		if s.end < e.first.end {
			e.first = s
		}
		if s.Start > e.last.Start {
			e.last = s
		}
	}
	kept := make([]*step, 0, len(steps))
	for i, s := range steps {
		if e := of[names[i]]; e == nil || e.first == s || e.last == s {
			kept = append(kept, s)
		}
	}
	return kept
}

// name is what a read saw, if it stood only once: a key can be missing, and a sum be there, more than once.
func (a authors) name(s *step) (name string, ok bool) {
	if s.Kind != Get || s.end == 0 {
		return "", false
	}
	var b strings.Builder
	for i, v := range s.read {
		switch {
		case v.Found && v.Version != 0:
			fmt.Fprintf(&b, "%d@%d=%d:%s ", s.cells[i], v.Version, len(v.Text), v.Text)
		case v.Found && a[v.Text] != nil:
			fmt.Fprintf(&b, "%d=%d:%s ", s.cells[i], len(v.Text), v.Text)
		default:
			return "", false
		}
	}
	return b.String(), true
}

// queued is steps and the queue of their reads. They are others than those given: a search that had no time may still be looking at these.
func (a authors) queued(steps []*step) ([]*step, *queue) {
	q := &queue{of: map[place][]*step{}}
	others := make([]*step, len(steps))
	for i, s := range steps {
		other := *s
		others[i] = &other
		if !s.reads() {
			continue
		}
		q.reads = append(q.reads, &other)
		for i, v := range s.read {
			if v.Found && a[v.Text] != nil {
				at := place{s.cells[i], v.Text}
				q.of[at] = append(q.of[at], &other)
			}
		}
	}
	slices.SortStableFunc(q.reads, func(a, b *step) int { return cmp.Compare(a.Start, b.Start) })
	for i, s := range q.reads {
		s.rank = i
	}
	inLog := slices.DeleteFunc(slices.Clone(others), func(s *step) bool { return s.reads() || s.Seq == 0 })
	slices.SortStableFunc(inLog, func(a, b *step) int { return cmp.Compare(a.Seq, b.Seq) })
	for i, s := range inLog[min(1, len(inLog)):] {
		s.after = inLog[i].Seq
	}
	return others, q
}
