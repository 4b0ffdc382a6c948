package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/chaintable/chaintable/server/wire"
)

// Pauses before another try: they double from the shortest to the longest.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = 250 * time.Millisecond
)

// client asks servers, and follows the chain when it changes.
type client struct {
	servers *servers
	timeout time.Duration
	out     *output
	conns   map[string]*conn

	// The last write, while it is not known to have taken effect: a read elsewhere waits for it.
	number int32
	wrote  *conn
}

func newClient(s *servers, timeout time.Duration, out *output) *client {
	return &client{servers: s, timeout: timeout, out: out, conns: map[string]*conn{}}
}

func (c *client) close() {
	for _, open := range c.conns {
		open.Close()
	}
}

// interruptible is a context that ends with a signal or the timeout. Where no command runs, a signal ends the process.
func interruptible(timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	return ctx, func() { cancel(); stop() }
}

// interrupted tells that a signal ended ctx.
func interrupted(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

// ask asks the server that is there for it, and the next one if the chain changes: a read until the timeout, a write as long as
// it was certainly not executed.
func (c *client) ask(ctx context.Context, q question) (wire.Reply, error) {
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		reply, err := c.try(ctx, q)
		if f := (failure{}); c.servers.coordinator == nil || !errors.As(err, &f) || !f.again {
			return reply, err
		}
		c.servers.doubt()
		if !sleep(ctx, pause) {
			return reply, err
		}
	}
}

// sleep is false if ctx ends before d has passed.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *client) try(ctx context.Context, q question) (wire.Reply, error) {
	address, err := c.servers.find(ctx, q.write())
	if err != nil {
		return wire.Reply{}, err
	}
	to, err := c.connect(ctx, address)
	if err != nil {
		return wire.Reply{}, err
	}
	if !q.write() && q.op != wire.Verify {
		if err := c.settle(ctx, to); err != nil {
			return wire.Reply{}, err
		}
	}
	reply, err := c.exchange(ctx, to, q)
	switch {
	case errors.As(err, new(failure)):
		return reply, err
	case err != nil && q.write():
		return reply, failf(codeUncertain, "%s: %s: it may or may not have been executed, or may be yet. Look with get before you repeat it",
			address, why(err))
	case err != nil:
		return reply, retryf("%s: %s", address, why(err))
	case reply.Failed:
		return c.refused(ctx, address, q)
	case q.write():
		c.number, c.wrote = reply.Result, to
	}
	return reply, nil
}

// connect is a connection to the address, an open one if there is.
func (c *client) connect(ctx context.Context, address string) (*conn, error) {
	if open := c.conns[address]; open != nil {
		if open.quiet() {
			return open, nil
		}
		c.drop(open)
	}
	if c.servers.coordinator != nil {
		// What a server refuses or does not answer would be uncertain. So none is asked that is outside the chain or suspended.
		answer, err := askLine(ctx, address, "GET /readyz HTTP/1.0\r\n\r\n")
		switch {
		case err != nil:
			return nil, retryf("not executed: %s: %s", address, why(err))
		case answer == "":
			return nil, retryf("not executed: %s does not answer", address)
		case !strings.HasPrefix(answer, "HTTP/1.0 200 "):
			return nil, retryf("not executed: %s is not in the chain now", address)
		}
	}
	to, err := dial(ctx, address)
	if err != nil {
		return nil, retryf("not executed: %s: %s", address, why(errors.Join(context.Cause(ctx), err)))
	}
	c.conns[address] = to
	return to, nil
}

func (c *client) drop(gone *conn) {
	gone.Close()
	delete(c.conns, gone.address)
}

func (c *client) exchange(ctx context.Context, to *conn, q question) (wire.Reply, error) {
	reply, more, err := to.ask(ctx, q)
	if !more {
		c.drop(to)
	}
	return reply, err
}

// settle waits until the server at the other end of to knows what became of the last write, if that went another way. The
// head gives a number before the tail has heard of it.
func (c *client) settle(ctx context.Context, to *conn) error {
	for pause := shortestPause; c.number != 0 && c.wrote != to; pause = min(2*pause, longestPause) {
		reply, err := c.exchange(ctx, to, question{op: wire.Verify, number: c.number})
		switch {
		case err != nil:
			return retryf("%s: %s", to.address, why(err))
		case reply.Failed:
			return retryf("%s does not tell whether operation %d is executed, on which this read waits", to.address, c.number)
		case reply.Result < 0:
			c.out.note("operation %d is lost: it never took effect and never will. Put it again", c.number)
			c.number = 0
		case reply.Result > 0:
			c.number = 0
		case !sleep(ctx, pause):
			err := failf(codeFailed, "operation %d is still pending, and this read waited for it. The next one will not", c.number)
			c.number = 0
			return err
		}
	}
	return nil
}

// refused tells what the failure means that a server answered with: the protocol has the same for all.
func (c *client) refused(ctx context.Context, address string, q question) (wire.Reply, error) {
	switch q.op {
	case wire.Put, wire.Del:
		// It may be that the server gave up waiting for the chain, or that it is full: it does not say.
		return wire.Reply{}, failf(codeUncertain, "%s answered with an error, which does not say whether it was executed: "+
			"look with get. Perhaps the table is full, or no chain is there to take it: status tells", address)
	case wire.Get:
		answer, err := askLine(ctx, address, fmt.Sprintf("*2\r\n$6\r\nEXISTS\r\n$%d\r\n%s\r\n", len(q.key), q.key))
		switch {
		case err != nil:
			return wire.Reply{}, retryf("%s: %s", address, why(err))
		case answer == ":0":
			return wire.Reply{}, failf(codeNo, "no such key: %s", show(q.key))
		case answer == ":1": // since a moment ago
			return c.try(ctx, q)
		}
		return wire.Reply{}, retryf("%s cannot read the table now: %s", address, clean(strings.TrimPrefix(answer, "-"), 120))
	case wire.Verify:
		return wire.Reply{}, retryf("%s does not know about operation %d: it is forgotten, or the server is not in the chain: status tells",
			address, q.number)
	}
	return wire.Reply{}, retryf("%s cannot read the table now: status may tell why", address)
}
