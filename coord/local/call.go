package local

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/chaintable/chaintable/coord"
)

// change carries out a change, and returns the index of the state it was decided on.
type change func() (index uint64, err error)

// call is what will happen to one call.
type call struct {
	session uint64
	broken  <-chan struct{} // closed when it fails
	fate    Fate            // if it is a change
	there   time.Duration   // until the store gets the request
	back    time.Duration   // until the caller gets the answer
	later   time.Duration   // for Late
}

var (
	errDisconnected = errors.New("disconnected")
	errRefused      = errors.New("connection refused")
	errNoAnswer     = errors.New("no answer")
)

// forever is how long a call waits that nobody answers.
const forever = time.Duration(-1)

// write carries out f, unless its fate is another, or the session is another than the one given; zero is any.
func (c *Client) write(ctx context.Context, what string, session uint64, f change) error {
	x, err := c.begin(ctx, what)
	if err != nil {
		return err
	}
	if session != 0 && session != x.session {
		return fmt.Errorf("coord/local: %s: what it goes by was read in an earlier session: %w", what, coord.ErrConflict)
	}
	x.fate = c.decideFate()
	sent := time.Now()
	if err := x.wait(ctx, x.there); err != nil {
		// The request is on its way, and nothing calls it back.
		c.abandon(f, x, x.there-time.Since(sent))
		return unknown(what, err)
	}
	if err := c.pass(ctx, x, false); err != nil {
		return unknown(what, err)
	}
	if x.fate == Lost || x.fate == Late || x.fate == Held {
		c.abandon(f, x, 0)
		return unknown(what, errNoAnswer)
	}
	index, result := f()
	if err := x.wait(ctx, x.back); err != nil {
		return unknown(what, err)
	}
	if err := c.pass(ctx, x, false); err != nil {
		return unknown(what, err)
	}
	if x.fate == Unanswered {
		return unknown(what, errNoAnswer)
	}
	if !c.see(x.session, index) {
		return unknown(what, errDisconnected)
	}
	return result
}

// read is the state that a read shows, and the session of the read.
func (c *Client) read(ctx context.Context, what string, sync bool) (*state, uint64, error) {
	x, err := c.begin(ctx, what)
	if err != nil {
		return nil, 0, err
	}
	if err := x.wait(ctx, x.there); err != nil {
		return nil, 0, unknown(what, err)
	}
	if err := c.pass(ctx, x, true); err != nil {
		return nil, 0, unknown(what, err)
	}
	state, ok := c.show(x.session, sync)
	if !ok {
		return nil, 0, unknown(what, errDisconnected)
	}
	if err := x.wait(ctx, x.back); err != nil {
		return nil, 0, unknown(what, err)
	}
	if err := c.pass(ctx, x, true); err != nil {
		return nil, 0, unknown(what, err)
	}
	return state, x.session, nil
}

// begin draws what will happen to a call.
func (c *Client) begin(ctx context.Context, what string) (call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed {
		return call{}, fmt.Errorf("coord/local: %s: %w", what, coord.ErrClosed)
	}
	if ctx.Err() != nil {
		return call{}, unknown(what, context.Cause(ctx))
	}
	f, r := &c.mu.faults, c.mu.random
	if happens(r, f.Expire) {
		c.expire()
	}
	x := call{session: c.mu.session, broken: c.mu.broken}
	x.there, x.back, x.later = draw(r, f.Delay/2), draw(r, f.Delay/2), draw(r, f.Late)
	return x, nil
}

// decideFate draws what becomes of a change.
func (c *Client) decideFate() Fate {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f, r := &c.mu.faults, c.mu.random; {
	case len(c.mu.fates) > 0:
		fate := c.mu.fates[0]
		c.mu.fates = c.mu.fates[1:]
		return fate
	case happens(r, f.Unknown):
		return []Fate{Unanswered, Lost, Late}[r.IntN(3)]
	}
	return Answered
}

// pass waits where calls get no further. Reads get as far as CutOff.
func (c *Client) pass(ctx context.Context, x call, read bool) error {
	c.mu.Lock()
	reach := c.mu.reach
	c.mu.Unlock()
	switch {
	case reach == Refused:
		return errRefused
	case reach == Silent, reach == CutOff && !read:
		return x.wait(ctx, forever)
	}
	return nil
}

// wait is over after d, with an error if the call fails before.
func (x call) wait(ctx context.Context, d time.Duration) error {
	select {
	case <-x.broken:
		return errDisconnected
	default:
	}
	if d == 0 {
		return nil
	}
	var over <-chan time.Time
	if d != forever {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-x.broken:
		return errDisconnected
	}
}

// show picks the state that a read shows, and remembers that the session has seen it. It fails when the session
// is over.
func (c *Client) show(session uint64, sync bool) (*state, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if session != c.mu.session {
		return nil, false
	}
	shown := c.store.at(newest)
	switch f, r := &c.mu.faults, c.mu.random; {
	case c.mu.reach == CutOff:
		shown = c.mu.pinned
	case sync:
	case c.mu.pinned != nil:
		shown = c.store.at(c.mu.seen)
		if c.mu.pinned.index >= c.mu.seen {
			shown = c.mu.pinned
		}
	case f.Lag > 0 && happens(r, f.Stale):
		oldest := shown.index - min(shown.index, uint64(f.Lag))
		oldest = max(oldest, c.mu.seen)
		shown = c.store.at(oldest + r.Uint64N(shown.index-oldest+1))
	}
	c.mu.seen = max(c.mu.seen, shown.index)
	return shown, true
}

// see remembers that the session has seen a state. It fails when the session is over.
func (c *Client) see(session, index uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if session != c.mu.session {
		return false
	}
	c.mu.seen = max(c.mu.seen, index)
	return true
}

// abandon leaves a change to its fate, rest away from the store, when nobody waits for it any more.
func (c *Client) abandon(f change, x call, rest time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case x.fate == Lost:
		return
	case x.fate == Held && len(c.mu.held) < maxLate:
		c.mu.held = append(c.mu.held, f)
		return
	case x.fate == Late:
		rest += x.later
	}
	if c.mu.late >= maxLate {
		return
	}
	c.mu.late++
	time.AfterFunc(rest, func() {
		_, _ = f()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.mu.late--
	})
}

func unknown(what string, why error) error {
	return fmt.Errorf("coord/local: %s: %w: %w", what, coord.ErrUnknown, why)
}
