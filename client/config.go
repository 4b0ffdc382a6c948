package client

import (
	"context"
	"errors"
	"log/slog"
	"net"
)

// Config says where the chain is, and how the Client behaves.
type Config struct {
	// Servers are addresses, host:port, of some servers of the chain: the Client finds the others. If some are of another chain by mistake, the Client
	// keeps to the chain that it meets first, does not use the others, and tells the Logger. It goes over to another chain only when its own is gone: every
	// server of it that it knows is silent, does not serve or is in another chain now; or ZooKeeper says so.
	Servers []string
	// ZooKeeper is where ZooKeeper is, as host:port[,host:port...][/chroot], for a Client that is to find all servers there. Servers or ZooKeeper
	// is required.
	ZooKeeper string
	// Chain is the name of the chain in ZooKeeper. Empty is "main".
	Chain string
	// Writes is how many writes of the Client may be under way at a time; further ones wait. Each uses a session. Zero is 256.
	Writes int
	// Dial connects to a server. Nil: TCP.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Hooks are told of calls, for tracing and metrics.
	Hooks Hooks
	// Logger is told of changes of the view, and of Servers that are in another chain. Nil: nobody.
	Logger *slog.Logger
}

// maxWrites bounds Config.Writes: servers keep 100,000 sessions of all clients.
const maxWrites = 10_000

const defaultWrites = 256

func (c *Config) complete() error {
	switch {
	case len(c.Servers) == 0 && c.ZooKeeper == "":
		return errors.New("client: config: Servers or ZooKeeper is required")
	case c.Writes < 0 || c.Writes > maxWrites:
		return errors.New("client: config: Writes is below 0 or above 10000")
	}
	for _, s := range c.Servers {
		if _, _, err := net.SplitHostPort(s); err != nil {
			return errors.New("client: config: server " + s + " is not host:port")
		}
	}
	if c.Writes == 0 {
		c.Writes = defaultWrites
	}
	if c.Dial == nil {
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}
