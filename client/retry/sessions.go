package retry

import (
	"slices"
	"time"
)

// sessionAge is how long a session is kept that nobody uses. The servers keep it longer, unless others open 100,000.
const sessionAge = 5 * time.Minute

// Session is a session that the client has opened. Whoever has it from Sessions.Take uses it alone.
type Session struct {
	Chain, ID uint64
	number    uint64 // of its last request
	doubt     bool   // that request was given up and may take effect yet
	used      time.Duration
}

// NewSession is one that was opened just now.
func NewSession(chain, id uint64) *Session { return &Session{Chain: chain, ID: id} }

// Begin gives the next request its number. All its tries have the same. It is also its done-below: whatever was before has been answered, or is
// given up.
func (s *Session) Begin() (number uint64) {
	s.number++
	return s.number
}

// Action is what to do for a session.
type Action uint8

// The actions.
const (
	Use    Action = 1 // the one that Take returns, for the write
	Open   Action = 2 // open one, and say Opened; it is for the write
	Settle Action = 3 // do something in the one that Take returns that changes nothing, and give that back; then Take again
	Wait   Action = 4 // until a session is given back, or was not opened after all; then Take again
)

// Sessions are a client's, of one chain. Its writes take one each.
type Sessions struct {
	limit    int // how many there may be
	chain    uint64
	idle     []*Session // the last one was used last
	doubtful []*Session // idle too
	out      int        // in use, or being opened
	settling int        // of those in use, doubtful before
}

// NewSessions has none. There may be limit at a time, which bounds the client's writes under way.
func NewSessions(limit int) *Sessions { return &Sessions{limit: limit} }

// Take is what a write that begins now is to do. It settles the doubt that there is, by itself if that is of one session; of several, no
// write is behind all but one.
func (p *Sessions) Take(now time.Duration) (*Session, Action) {
	p.idle = slices.DeleteFunc(p.idle, func(s *Session) bool { return now-s.used > sessionAge })
	switch {
	case len(p.doubtful) > 0:
		s := p.doubtful[0]
		p.doubtful = p.doubtful[1:]
		p.out++
		p.settling++
		if len(p.doubtful)+p.settling > 1 {
			return s, Settle
		}
		return s, Use
	case p.settling > 0:
		return nil, Wait
	case len(p.idle) > 0:
		s := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		p.out++
		return s, Use
	case p.out < p.limit:
		p.out++
		return nil, Open
	}
	return nil, Wait
}

// Opened notes that the session that Take wanted is there, and in use by its opener; nil if it could not be opened.
func (p *Sessions) Opened(s *Session) {
	switch {
	case s == nil:
		p.out--
	case p.chain == 0:
		p.chain = s.Chain
	}
}

// Give takes a session back, with what became of its request: forgotten tells that the servers do not know the session any more. A request that
// was answered with its number alone has proved nothing yet, and leaves none behind that is to be tried again: for the session it is as if it had not
// happened.
func (p *Sessions) Give(s *Session, outcome Outcome, forgotten bool, now time.Duration) {
	p.out--
	if s.doubt {
		p.settling--
	}
	switch outcome {
	case Happened:
		s.doubt = false
	case MayHaveHappened:
		s.doubt = true
	}
	if forgotten {
		// Those that were used before it are forgotten, too: a write should not have to find out for each.
		p.idle = slices.DeleteFunc(p.idle, func(x *Session) bool { return x.used <= s.used })
	}
	s.used = now
	switch {
	case forgotten || s.Chain != p.chain:
		// Nothing of it can take effect any more.
	case s.doubt:
		p.doubtful = append(p.doubtful, s)
	default:
		p.idle = append(p.idle, s)
	}
}

// Follow has the sessions be of that chain: those of another are of no use.
func (p *Sessions) Follow(chain uint64) {
	if p.chain != chain {
		p.chain, p.idle, p.doubtful = chain, nil, nil
	}
}
