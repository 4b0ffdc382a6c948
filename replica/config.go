package replica

import (
	"errors"
	"log/slog"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/link"
	"github.com/chaintable/chaintable/storage"
	"github.com/chaintable/chaintable/table"
)

// Config is what a Replica is made of.
type Config struct {
	// Chain configures the protocol. Touches, Growth and Encode are those of package table.
	Chain chain.Config
	Table table.Config
	// Coordinator is closed by the Replica. Required.
	Coordinator coord.Client
	// Links is started and stopped by the Replica. Required.
	Links link.Transport
	// Store is where the log is kept, and Recovery what it held; the Replica closes it. Nil: everything is in memory. Chain.Self.Durable, its id and
	// Chain.Recovered follow from it.
	Store    *storage.Store
	Recovery *storage.Recovery
	// SyncInterval says that writes are acknowledged before they are synced, which is done once a second.
	SyncInterval bool
	// Clock counts suspension too. Nil is BootTime.
	Clock func() chain.Time
	// Logger gets a line for each change of the view. Nil: none.
	Logger *slog.Logger
	// OnNews gets the same, from the loop: it must not block. Nil: nobody.
	OnNews func(chain.News)
	// Pause is called before each turn of the loop and may block it. Nil: never.
	Pause func()
}

func (c *Config) complete() error {
	if c.Coordinator == nil || c.Links == nil {
		return errors.New("replica: config: Coordinator and Links are required")
	}
	if c.Clock == nil {
		c.Clock = BootTime
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.OnNews == nil {
		c.OnNews = func(chain.News) {}
	}
	if c.Pause == nil {
		c.Pause = func() {}
	}
	if c.Store != nil {
		id := c.Recovery.Identity
		c.Chain.Self.Node, c.Chain.Self.Incarnation, c.Chain.Self.Durable = id.Node, id.Incarnation, true
		c.Chain.Recovered = c.Recovery.Chain
	}
	c.Chain.Touches, c.Chain.Growth = table.Touches, table.Growth
	c.Chain.Encode = func(e *chain.Entry) []byte { return table.AppendEntry(make([]byte, 0, len(e.Command)+64), e) }
	return nil
}
