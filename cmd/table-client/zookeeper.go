package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord/zookeeper"
)

// coordinator is what the client needs of ZooKeeper. A coord.Client is one.
type coordinator interface {
	View(ctx context.Context, sync bool) (view chain.Recorded, session uint64, err error)
	List(ctx context.Context) (registered []chain.Registered, session uint64, err error)
	Close() error
}

// openFunc opens the coordinator at the address, for the chain of that name. It does not wait for a connection.
type openFunc func(address, chain string) (coordinator, error)

// zooKeeperSession is the session's timeout. The client keeps nothing that would go with its session.
const zooKeeperSession = 10 * time.Second

func openZooKeeper(address, chain string) (coordinator, error) {
	connect, err := zookeeper.Parse(address)
	if err != nil {
		return nil, usagef("%w", err)
	}
	c, err := zookeeper.Open(zookeeper.Config{
		Connect: connect, Chain: chain, SessionTimeout: zooKeeperSession, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, usagef("%w", err)
	}
	return c, nil
}
