package retry

import (
	"slices"
	"time"
)

// Pauses before another round of tries: they double from the shortest to the longest.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = 250 * time.Millisecond
)

// How long a server may take for an answer: the time doubles from round to round, so that a long value gets through a slow network.
const (
	shortestTimeout = time.Second
	longestTimeout  = 32 * time.Second
)

// Outcome is whether a request took effect.
type Outcome uint8

// The outcomes.
const (
	DidNotHappen    Outcome = 1 // and never will
	MayHaveHappened Outcome = 2 // or may happen yet
	Happened        Outcome = 3
)

func (o Outcome) String() string {
	switch o {
	case DidNotHappen:
		return "not executed"
	case MayHaveHappened:
		return "may have been executed"
	case Happened:
		return "executed"
	}
	return "unknown outcome"
}

// Report is how a try ended.
type Report uint8

// The reports.
const (
	Answered  Report = 1 // its result is here
	Unserved  Report = 2 // this try did not happen; elsewhere, or later, it may be served
	Silent    Report = 3 // this try may have happened: it was sent, and no answer came
	Refused   Report = 4 // this try did not happen, and another would not either
	Forgotten Report = 5 // the session is forgotten: it may have happened before that, in this try or an earlier one, and another will not
)

// Try is what to do next.
type Try struct {
	Pause   time.Duration // wait so long first
	Server  string
	Timeout time.Duration // and then so long for the answer
}

// Request is one request, from its first try to its last.
type Request struct {
	write   bool
	outcome Outcome
	round   []string // whom to ask in this round, yet
	rounds  int      // begun
}

// NewRequest is a read, or a write: in a session, or the opening of one.
func NewRequest(write bool) *Request { return &Request{write: write, outcome: DidNotHappen} }

// Next is the next try: all servers in turn, and then again after a pause. It is false if there is no server to ask now.
//
// A write that is to be answered with its number asks for that only as long as Outcome is DidNotHappen, and for its result afterwards: the number
// of a repeat names nothing.
func (r *Request) Next(s *Servers, now time.Duration) (t Try, ok bool) {
	r.round = slices.DeleteFunc(r.round, s.stranger)
	if len(r.round) == 0 {
		if r.round = s.order(r.write, now); len(r.round) == 0 {
			return t, false
		}
		if r.rounds > 0 {
			t.Pause = min(shortestPause<<min(r.rounds-1, 10), longestPause)
		}
		r.rounds++
	}
	t.Server, r.round = r.round[0], r.round[1:]
	t.Timeout = min(shortestTimeout<<min(r.rounds-1, 10), longestTimeout)
	return t, true
}

// Renew begins a new round with the next try: the client has learned of another view.
func (r *Request) Renew() { r.round = nil }

// Ended takes the report of a try. It is true if there may be another.
func (r *Request) Ended(report Report) (more bool) {
	switch report {
	case Answered:
		r.outcome = Happened
		return false
	case Unserved:
		return true
	case Silent:
		if r.write {
			r.outcome = MayHaveHappened
		}
		return true
	case Forgotten:
		r.outcome = MayHaveHappened
	}
	return false
}

// Outcome is what is known of the request, whether it is given up now or has come to its end.
func (r *Request) Outcome() Outcome { return r.outcome }
