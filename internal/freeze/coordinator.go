package freeze

import (
	"context"
	"fmt"
	"sync"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
)

// Coordinator is c, frozen with the server: while it is paused no call is sent and no answer arrives. As in a
// stopped process, the end of a call's ctx is noticed only when the server goes on. Close always works.
func (f *Freezer) Coordinator(c coord.Client) coord.Client {
	return &coordinator{Client: c, freezer: f, closed: make(chan struct{})}
}

type coordinator struct {
	coord.Client
	freezer *Freezer
	closed  chan struct{}
	once    sync.Once
}

// call is one call, whose answer is in what do sets.
func (c *coordinator) call(do func() error) error {
	if c.freezer.wait(c.closed) != nil {
		return coord.ErrClosed
	}
	err := do()
	if c.freezer.wait(c.closed) != nil {
		return fmt.Errorf("freeze: no answer to a server that has ended: %w", coord.ErrUnknown)
	}
	return err
}

func (c *coordinator) Register(ctx context.Context, r chain.Registration) error {
	return c.call(func() error { return c.Client.Register(ctx, r) })
}

func (c *coordinator) Heartbeat(ctx context.Context, r chain.Registered) (version int64, err error) {
	err = c.call(func() error {
		version, err = c.Client.Heartbeat(ctx, r)
		return err
	})
	return version, err
}

func (c *coordinator) Delete(ctx context.Context, r chain.Registered) error {
	return c.call(func() error { return c.Client.Delete(ctx, r) })
}

func (c *coordinator) List(ctx context.Context) (list []chain.Registered, session uint64, err error) {
	err = c.call(func() error {
		list, session, err = c.Client.List(ctx)
		return err
	})
	return list, session, err
}

func (c *coordinator) View(ctx context.Context, sync bool) (view chain.Recorded, session uint64, err error) {
	err = c.call(func() error {
		view, session, err = c.Client.View(ctx, sync)
		return err
	})
	return view, session, err
}

func (c *coordinator) Change(ctx context.Context, a chain.AskChange) error {
	return c.call(func() error { return c.Client.Change(ctx, a) })
}

func (c *coordinator) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Client.Close()
}
