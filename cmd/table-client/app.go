package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/chaintable/chaintable/client"
)

const (
	defaultTimeout = 5 * time.Second
	// loadTimeout is the default for each line of a file: load is to get through whatever becomes of servers.
	loadTimeout = time.Minute
)

// options are the flags that all commands have.
type options struct {
	chain       string
	chainGiven  bool
	timeout     time.Duration // 0: the command's default
	form        string
	connections string // file; empty: where it is by default
}

// app is one run of table-client.
type app struct {
	options
	in      io.Reader
	out     *output
	address string // ADDR as it was given; empty for none
	line    bool   // what is carried out now came as a line of a session
	number  int    // of that line, from 1; 0 where a person types
	quit    bool   // the session is to end
	cut     bool   // a signal has ended a command
	opened  *client.Client
}

func newApp(in io.Reader, out, notes io.Writer) *app {
	return &app{in: in, out: &output{out: out, notes: notes, terminal: isTerminal(out), watched: isTerminal(notes)}}
}

func (a *app) close() {
	if a.opened != nil {
		_ = a.opened.Close()
	}
}

// within is the time that a command may take.
func (a *app) within(otherwise time.Duration) time.Duration {
	if a.timeout > 0 {
		return a.timeout
	}
	return otherwise
}

// interruptible is a context that ends with a signal. Where no command runs, a signal ends the process.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// interrupted tells that a signal ended ctx.
func interrupted(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

// do asks the chain, within the time that a command may take.
func (a *app) do(ask func(context.Context, *client.Client) error) error {
	ctx, stop := interruptible()
	defer stop()
	return a.until(ctx, a.within(defaultTimeout), ask)
}

// until asks the chain, within a time and until ctx ends.
func (a *app) until(ctx context.Context, timeout time.Duration, ask func(context.Context, *client.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, err := a.open(ctx)
	if err == nil {
		err = ask(ctx, c)
	}
	a.cut = a.cut || interrupted(ctx)
	return explain(err)
}

// open finds the chain, unless that was done before.
func (a *app) open(ctx context.Context) (*client.Client, error) {
	if a.opened != nil {
		return a.opened, nil
	}
	config, err := a.locate(ctx)
	if err != nil {
		return nil, err
	}
	c, err := client.Open(config)
	if err != nil {
		return nil, failf(codeUsage, "%w", err)
	}
	a.opened = c
	if len(config.Servers) > 1 && config.ZooKeeper == "" {
		return c, a.oneChain(ctx, c)
	}
	return c, nil
}

// chainsWithin is how long to wait for the servers to tell which chain they are in: whoever is slower, or dead, may be in any.
const chainsWithin = 200 * time.Millisecond

// oneChain is an error if ADDR names servers of different chains, as it does with a mistyped port.
func (a *app) oneChain(ctx context.Context, c *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, chainsWithin)
	defer cancel()
	servers, _ := c.Servers(ctx) // if none answers, the command will tell
	return sameChain(servers)
}

func sameChain(servers []client.Server) error {
	first := client.Server{}
	for _, s := range servers {
		switch chain := s.Status.GetView().GetChain(); {
		case !s.Status.GetServing():
		case first.Status == nil:
			first = s
		case first.Status.View.Chain != chain:
			return failf(codeUsage, "%s is in chain %s, and %s in chain %s: name servers of one", first.Address, first.Status.View.Chain, s.Address, chain)
		}
	}
	return nil
}
