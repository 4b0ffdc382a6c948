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
	stepBytes    int32 // of their steps; at most MaxResultBytes
	older, newer int32
}

// stored is a request's result. Most have no steps, and no room for any.
type stored struct {
	number uint64
	code   Code
	seq    chain.Seq
	count  int64
	steps  *[]StepResult // nil for none
}

func newStored(number uint64, r Result) stored {
	s := stored{number: number, code: r.Code, seq: r.Seq, count: r.Count}
	if len(r.Steps) > 0 {
		steps := r.Steps // not &r.Steps, for which every r would be on the heap
		s.steps = &steps
	}
	return s
}

// all is the result's steps.
func (s *stored) all() []StepResult {
	if s.steps == nil {
		return nil
	}
	return *s.steps
}

func (s *stored) result() Result { return Result{s.code, s.seq, s.count, s.all()} }

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
func (s *session) resultBytes() int64 { return resultBytes*int64(len(s.results)) + int64(s.stepBytes) }

// done forgets the results below, and returns how many bytes they had.
func (s *session) done(below uint64) (freed int64) {
	if below <= s.doneBelow {
		return 0
	}
	s.doneBelow = below
	before := s.resultBytes()
	n := s.find(below)
	for i := range s.results[:n] {
		s.stepBytes -= int32(stepsBytes(s.results[i].all()))
	}
	rest := s.results[n:]
	s.results = rest
	after := s.resultBytes()
	if freed = before - after; freed >= after {
		// Do not keep a long array, and what its front points to, for the few results at its end. This copies no more than what has gone.
		s.results = append([]stored(nil), rest...)
	}
	return freed
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
		return s.results[i].result(), true
	}
	return Result{}, false
}

// store keeps the result of a request above all that have one, and returns how many bytes that takes.
func (s *session) store(number uint64, r Result) (grown int64) {
	steps := stepsBytes(r.Steps)
	s.results = append(s.results, newStored(number, r))
	s.stepBytes += int32(steps)
	return resultBytes + steps
}
