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
	older, newer int32
}

type stored struct {
	number uint64
	Result
}

func newSessions(limit int) *sessions {
	return &sessions{limit: limit, at: make(map[chain.SessionID]int32), slots: make([]session, 1)}
}

// open opens a session, used at seq. At the limit the one that was not used for longest goes; its results are
// returned as a count.
func (s *sessions) open(id chain.SessionID, seq chain.Seq) (gone bool, results int) {
	var i int32
	if len(s.at) >= s.limit {
		i = s.slots[0].newer
		results, gone = len(s.slots[i].results), true
		s.unlink(i)
		delete(s.at, s.slots[i].id)
	} else {
		i = int32(len(s.slots))
		s.slots = append(s.slots, session{})
	}
	s.slots[i] = session{id: id, used: seq, doneBelow: 1}
	s.link(i)
	s.at[id] = i
	return gone, results
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

// done forgets the results below, and returns how many.
func (s *session) done(below uint64) int {
	if below <= s.doneBelow {
		return 0
	}
	s.doneBelow = below
	n := s.find(below)
	rest := s.results[n:]
	if n >= len(rest) {
		// Do not keep a long array for the few results at its end. This copies no more than what has gone.
		rest = append([]stored(nil), rest...)
	}
	s.results = rest
	return n
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
		return s.results[i].Result, true
	}
	return Result{}, false
}

// store keeps the result of a request above all that have one.
func (s *session) store(r stored) { s.results = append(s.results, r) }
