package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/chaintable/chaintable/server/resp"
	"github.com/chaintable/chaintable/server/rpc"
	"github.com/chaintable/chaintable/server/web"
	"github.com/chaintable/chaintable/server/wire"
)

// Backend is the server's replica, as far as the front ends use it. *replica.Replica is one.
type Backend interface {
	resp.Backend
	wire.Backend
	web.Backend
	rpc.Backend
}

// Config is what a Server is made of.
type Config struct {
	// Replica does what clients ask for. Required.
	Replica Backend
	// Links serves a connection from another server, of which the seven bytes of magic have been read. It returns
	// when the connection has ended. Nil: such connections are closed.
	Links func(net.Conn) error
	// MaxClients is how many clients may be connected at once, through RESP, gRPC and the seed protocol. Zero is 10,000. It is
	// lowered, with a line in the log, if the process may not have as many descriptors.
	MaxClients int
	// RequestTimeout is how long a client's request may wait for the chain. Zero is 5 s.
	RequestTimeout time.Duration
	// SlowRequests is how long a request may take before the log tells of it. Zero: the log tells of none.
	SlowRequests time.Duration
	// Dial connects to another server, to pass clients on. Nil: TCP.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Hosts are the names, beside IP addresses and localhost, under which HTTP may be asked.
	Hosts []string
	// Version of Chaintable, for INFO and /status. Empty is "devel".
	Version string
	// Logger is for what an operator should know. Nil: nothing is logged.
	Logger *slog.Logger
}

// Validate tells what is wrong with the configuration.
func (c *Config) Validate() error {
	switch {
	case c.Replica == nil:
		return errors.New("server: config: Replica is required")
	case c.MaxClients < 0:
		return errors.New("server: config: MaxClients is negative")
	case c.RequestTimeout < 0:
		return errors.New("server: config: RequestTimeout is negative")
	case c.SlowRequests < 0:
		return errors.New("server: config: SlowRequests is negative")
	}
	return nil
}

// withDefaults replaces zeros by what they mean.
func (c Config) withDefaults() Config {
	if c.MaxClients == 0 {
		c.MaxClients = 10_000
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = 5 * time.Second
	}
	if c.Version == "" {
		c.Version = "devel"
	}
	if c.Dial == nil {
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
