package client

import (
	"context"
	"errors"
	"time"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/client/retry"
	"github.com/chaintable/chaintable/internal/calls"
)

// tryFunc is one try of a call, at one server.
type tryFunc func(ctx context.Context, to server) (epoch uint64, err error)

// attempt is a call under way.
type attempt struct {
	client  *Client
	call    Call
	request *retry.Request
	tries   int
	server  string // that said so, or did not answer
	err     error  // of the last try, or of one before that, if the end of the call cut the last one short
	views   uint64 // how many the client had adopted at the last try
	patient bool   // a server may take long
}

// patience is how long a server may take that may take long.
const patience = 15 * time.Second

// do carries out a call that changes nothing.
func (c *Client) do(ctx context.Context, call Call, try tryFunc) error {
	began := time.Now()
	ctx = c.config.Hooks.begin(ctx, call)
	a := &attempt{client: c, call: call, request: retry.NewRequest(false)}
	_, err := a.run(ctx, try)
	c.config.Hooks.end(ctx, call, End{Took: time.Since(began), Tries: a.tries, Err: err})
	return err
}

// write is one try of a write: the request that names it, and what is to be answered.
type write struct {
	request *pb.Request
	answer  pb.Answer
}

// writeFunc is one try of a write, at one server.
type writeFunc func(ctx context.Context, to server, w write) (epoch uint64, err error)

// doOnce carries out a write, in a session. With numbered its number is enough.
func (c *Client) doOnce(ctx context.Context, call Call, numbered bool, try writeFunc) error {
	began := time.Now()
	ctx = c.config.Hooks.begin(ctx, call)
	a := &attempt{client: c, call: call, request: retry.NewRequest(true)}
	s, err := c.takeSession(ctx)
	if err != nil {
		a.err = err
		err = a.fail(ctx)
	} else {
		err = a.once(ctx, s, numbered, try)
	}
	c.config.Hooks.end(ctx, call, End{Took: time.Since(began), Tries: a.tries, Err: err})
	return err
}

// once carries out a write in the session, and gives that back.
func (a *attempt) once(ctx context.Context, s *retry.Session, numbered bool, try writeFunc) error {
	number := s.Begin()
	w := write{request: &pb.Request{Session: &pb.Session{Chain: s.Chain, Id: s.ID}, Number: number, DoneBelow: number}}
	last, err := a.run(ctx, func(ctx context.Context, to server) (uint64, error) {
		w.answer = pb.Answer_ANSWER_APPLIED
		if numbered && a.request.Outcome() == retry.DidNotHappen { // the number of a repeat would name nothing
			w.answer = pb.Answer_ANSWER_NUMBERED
		}
		return try(ctx, to, w)
	})
	outcome := a.request.Outcome()
	if err == nil && w.answer == pb.Answer_ANSWER_NUMBERED {
		outcome = retry.DidNotHappen // nothing yet, which is all that the session is to know
	}
	c := a.client
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.sessions.Give(s, outcome, last == retry.Forgotten, c.now())
	c.wake()
	return err
}

// settle ends the doubt about a session with a transaction that does nothing.
func (c *Client) settle(ctx context.Context, s *retry.Session) error {
	a := &attempt{client: c, call: Call{Op: "settle"}, request: retry.NewRequest(true)}
	err := a.once(ctx, s, false, func(ctx context.Context, to server, w write) (uint64, error) {
		r, err := to.Txn(ctx, &pb.TxnRequest{Request: w.request})
		return r.GetEpoch(), err
	})
	if errors.Is(err, ErrForgotten) {
		return nil // then nothing of it can take effect any more
	}
	return errors.Unwrap(err) // the write that it is for tells the rest
}

// run tries until the request is answered, nothing is left to try, or ctx ends.
func (a *attempt) run(ctx context.Context, try tryFunc) (last retry.Report, err error) {
	c := a.client
	c.active.Store(true)
	select {
	case <-c.met: // before that, one call might go to one chain and the next to another
	case <-ctx.Done():
	case <-c.ctx.Done():
	}
	for {
		if ctx.Err() != nil || c.ctx.Err() != nil {
			return last, a.fail(ctx)
		}
		next, ok := a.next()
		if !ok {
			next.Pause = lookApart // until there is a server to ask
		}
		if next.Pause > 0 && !c.pause(ctx, next.Pause) {
			return last, a.fail(ctx)
		}
		if !ok {
			c.lookSoon()
			continue
		}
		last = a.try(ctx, next, try)
		if !a.request.Ended(last) {
			if last == retry.Answered {
				return last, nil
			}
			return last, a.fail(ctx)
		}
		c.lookSoon()
	}
}

// next is the next try. A view that came since the last one begins a new round.
func (a *attempt) next() (retry.Try, bool) {
	c := a.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.views != c.mu.views {
		a.views = c.mu.views
		a.request.Renew()
	}
	return a.request.Next(c.mu.servers, c.now())
}

// pause waits, and is false if ctx ends before.
func (c *Client) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	case <-c.ctx.Done():
		return false
	}
}

// try asks one server.
func (a *attempt) try(ctx context.Context, next retry.Try, try tryFunc) retry.Report {
	c := a.client
	a.tries++
	began := time.Now()
	if a.patient {
		next.Timeout = patience
	}
	within, cancel := context.WithTimeout(ctx, next.Timeout)
	defer cancel()
	var left calls.Flag
	to, err := c.server(next.Server)
	var epoch uint64
	if err == nil {
		epoch, err = try(calls.Watch(within, &left), to)
	}
	result, told := report(err, left.Set())
	if cut := ctx.Err() != nil && (told == errNoAnswer || told == errDropped); !cut || a.err == nil { // what a server said before says more
		a.err, a.server = told, next.Server
	}
	c.config.Hooks.try(ctx, a.call, Try{Server: next.Server, Took: time.Since(began), Err: told})
	c.mu.Lock()
	switch {
	case result == retry.Answered:
		c.mu.servers.Answered(next.Server)
	case (result == retry.Unserved || result == retry.Silent) && ctx.Err() == nil:
		c.mu.servers.Failed(next.Server, c.now())
	}
	c.mu.Unlock()
	if err == nil {
		c.heard(epoch)
	}
	return result
}

// fail is the error of a call that has ended without an answer.
func (a *attempt) fail(ctx context.Context) error {
	err := a.err
	switch {
	case errors.Is(err, ErrClosed):
	case a.client.ctx.Err() != nil:
		err = ErrClosed
	case ctx.Err() != nil && err == nil:
		err = ctx.Err()
		if a.tries == 0 {
			err = errors.Join(err, errNoServer)
		}
	case ctx.Err() != nil && !errors.Is(err, ctx.Err()):
		err = &ended{ctx.Err(), err}
	}
	return &Error{Op: a.call.Op, Key: a.call.Key, Outcome: a.request.Outcome(), Tries: a.tries, Server: a.server, Err: err}
}

var errNoServer = errors.New("no server is known that could be asked")

// ended is the end of a context, and what the last try said before.
type ended struct{ ctx, last error }

func (e *ended) Error() string   { return e.ctx.Error() + ", after: " + e.last.Error() }
func (e *ended) Unwrap() []error { return []error{e.ctx, e.last} }

// takeSession gives a write a session for itself.
func (c *Client) takeSession(ctx context.Context) (*retry.Session, error) {
	for {
		c.mu.Lock()
		s, action := c.mu.sessions.Take(c.now())
		given := c.mu.given
		c.mu.Unlock()
		switch action {
		case retry.Use:
			return s, nil
		case retry.Open:
			return c.openSession(ctx)
		case retry.Settle:
			if err := c.settle(ctx, s); err != nil {
				return nil, err
			}
			continue
		}
		select {
		case <-given:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.ctx.Done():
			return nil, ErrClosed
		}
	}
}

// openSession opens a session. One that is opened twice, because an answer was lost, is forgotten by the servers in time.
func (c *Client) openSession(ctx context.Context) (*retry.Session, error) {
	var opened *pb.Session
	a := &attempt{client: c, call: Call{Op: "open session"}, request: retry.NewRequest(true)}
	_, err := a.run(ctx, func(ctx context.Context, to server) (uint64, error) {
		r, err := to.OpenSession(ctx, &pb.OpenSessionRequest{})
		opened = r.GetSession()
		return r.GetEpoch(), err
	})
	var s *retry.Session
	switch {
	case err != nil:
		err = errors.Unwrap(err) // the write that it is for tells the rest
	case opened.GetId() == 0:
		err = errors.New("a session without an id")
	default:
		s = retry.NewSession(opened.Chain, opened.Id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.sessions.Opened(s)
	if s == nil {
		c.wake()
	}
	return s, err
}
