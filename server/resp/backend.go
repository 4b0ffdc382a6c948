package resp

import (
	"context"
	"log/slog"
	"time"

	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/metrics"
	"github.com/chaintable/chaintable/server/stream"
	"github.com/chaintable/chaintable/table"
)

// Backend is the server's replica, as far as this front end uses it. *replica.Replica is one.
type Backend interface {
	Write(ctx context.Context, calls []*replica.Call)
	Read(ctx context.Context, scope replica.Scope, read func(*table.Table)) error
	Status() replica.Status
}

// Config is what a Front needs. Every field but Slow is required.
type Config struct {
	Backend        Backend
	Limits         *stream.Limits
	Logger         *slog.Logger
	RequestTimeout time.Duration // how long a request may wait for the chain
	MaxClients     int           // for CONFIG GET and INFO; whoever accepts connections keeps to it
	Version        string        // of Chaintable
	Clients        func() int    // connections of clients, of this front end and others
	Slow           metrics.Slow
}
