package table

import (
	"sort"

	"github.com/chaintable/chaintable/chain"
)

// maxSessions is how many sessions the table keeps (design.md, section 6).
const maxSessions = 100_000

// sessions are those that clients have opened, in the order of their last use: applying any command of a session,
// also one that is refused or repeated, is a use. It is the writer's.
type sessions struct {
	limit int
	at    map[chain.SessionID]int32 // index in slots
	// slots is a doubly linked list; slots[0] is its two ends. Indices instead of pointers: a snapshot copies the
	// slice at once.
	slots []session
}

type session struct {
	id        chain.SessionID
	used      chain.Seq // the last use
	doneBelow uint64    // the client has the results of all requests below, of which the first is 1
	// results, of requests that were executed and are not below doneBelow, by number. The slice is appended to or cut at its
	// front, but its elements never change: a snapshot shares them.
	results      []stored
	found        *found // by their transactions; nil for nothing
	older, newer int32
}

// stored is a request's result, but for the steps of a transaction.
type stored struct {
	number uint64
	code   Code
	seq    chain.Seq
	count  int64
}

// found is what the steps of a session's transactions found. It never changes: a snapshot shares it. It is apart from the results because most
// have no steps, and what has no pointers costs the garbage collector nothing.
type found struct {
	of    []stepsOf // by number; appended to or cut at its front
	bytes int64     // of all, as stepsBytes counts them; at most MaxResultBytes
}

type stepsOf struct {
	number uint64
	steps  []StepResult
}

func newSessions(limit int) *sessions {
	return &sessions{limit: limit, at: make(map[chain.SessionID]int32), slots: make([]session, 1)}
}

// open opens a session, used at seq. At the limit the one that was not used for longest goes, and with it so many bytes of results.
func (s *sessions) open(id chain.SessionID, seq chain.Seq) (gone bool, freed int64) {
	var i int32
	if len(s.at) >= s.limit {
		i = s.slots[0].newer
		freed, gone = s.slots[i].resultBytes(), true
		s.unlink(i)
		delete(s.at, s.slots[i].id)
	} else {
		i = int32(len(s.slots))
		s.slots = append(s.slots, session{})
	}
	s.slots[i] = session{id: id, used: seq, doneBelow: 1}
	s.link(i)
	s.at[id] = i
	return gone, freed
}

// use is the session, now the last used; nil if it is unknown. The pointer is good until the next open.
func (s *sessions) use(id chain.SessionID, seq chain.Seq) *session {
	i, ok := s.at[id]
	if !ok {
		return nil
	}
	s.unlink(i)
	s.link(i)
	s.slots[i].used = seq
	return &s.slots[i]
}

// link makes slot i the newest. Behind the ends, slots[0], newer is the oldest session and older the newest.
func (s *sessions) link(i int32) {
	newest := s.slots[0].older
	s.slots[i].older, s.slots[i].newer = newest, 0
	s.slots[newest].newer = i
	s.slots[0].older = i
}

func (s *sessions) unlink(i int32) {
	older, newer := s.slots[i].older, s.slots[i].newer
	s.slots[older].newer = newer
	s.slots[newer].older = older
}

// all is a copy of the sessions, in no order.
func (s *sessions) all() []session { return append([]session(nil), s.slots[1:]...) }

// resultBytes is what Table.Bytes counts of the session's results.
func (s *session) resultBytes() int64 { return resultBytes*int64(len(s.results)) + s.found.size() }

// size is bytes, of nothing zero.
func (f *found) size() int64 {
	if f == nil {
		return 0
	}
	return f.bytes
}

// done forgets the results below, and returns how many bytes they had.
func (s *session) done(below uint64) (freed int64) {
	if below <= s.doneBelow {
		return 0
	}
	before := s.resultBytes()
	s.doneBelow = below
	n := s.find(below)
	rest := s.results[n:]
	if n >= len(rest) {
		// Do not keep a long array for the few results at its end. This copies no more than what has gone.
		rest = append([]stored(nil), rest...)
	}
	s.results = rest
	s.found = s.found.from(below)
	return before - s.resultBytes()
}

// from is what is not below number.
func (f *found) from(number uint64) *found {
	if f == nil || f.of[0].number >= number {
		return f
	}
	n, left := 0, f.bytes
	for ; n < len(f.of) && f.of[n].number < number; n++ {
		left -= stepsBytes(f.of[n].steps)
	}
	if n == len(f.of) {
		return nil
	}
	rest := f.of[n:]
	if f.bytes-left >= left {
		rest = append([]stepsOf(nil), rest...) // what is in front of rest would be kept with it
	}
	return &found{rest, left}
}

// find is the index of the first result whose number is not lower.
func (s *session) find(number uint64) int {
	// Requests come in order, but for repeats.
	if n := len(s.results); n == 0 || s.results[n-1].number < number {
		return n
	}
	return sort.Search(len(s.results), func(i int) bool { return s.results[i].number >= number })
}

// result is the stored result of the request.
func (s *session) result(number uint64) (Result, bool) {
	if i := s.find(number); i < len(s.results) && s.results[i].number == number {
		r := s.results[i]
		return Result{r.code, r.seq, r.count, s.found.by(number)}, true
	}
	return Result{}, false
}

// by is what the steps of the request found.
func (f *found) by(number uint64) []StepResult {
	if f == nil {
		return nil
	}
	i := sort.Search(len(f.of), func(i int) bool { return f.of[i].number >= number })
	if i == len(f.of) || f.of[i].number != number {
		return nil
	}
	return f.of[i].steps
}

// store keeps the result of a request above all that have one, and returns how many bytes that takes.
func (s *session) store(number uint64, r Result) (grown int64) {
	s.results = append(s.results, stored{number, r.Code, r.Seq, r.Count})
	steps := stepsBytes(r.Steps)
	if steps > 0 {
		var of []stepsOf
		if s.found != nil {
			of = s.found.of
		}
		s.found = &found{append(of, stepsOf{number, r.Steps}), s.found.size() + steps}
	}
	return resultBytes + steps
}

// Sessions is how many sessions the table knows. Only who applies commands may ask.
func (t *Table) Sessions() int { return len(t.sessions.at) }
