package client

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/client/retry"
	"github.com/chaintable/chaintable/coord/zookeeper"
	"github.com/chaintable/chaintable/internal/calls"
)

// Seq is the number of a write. It names that operation as long as the chain lives, and rises along the chain's log: it may serve as a fencing token. A
// key's version is the Seq of its last write; a missing key has version 0.
//
// A chain all of whose servers have died begins anew, empty, with another id, and counts from 1 again. It cannot tell numbers of the old one from its
// own: forget those that are kept elsewhere.
type Seq uint64

// maxAnswer is the longest answer that is read, in bytes: a value of 16 MiB, with something around it.
const maxAnswer = 20 << 20

// Client is a client of one chain. All methods may be called concurrently.
type Client struct {
	config    Config
	conns     *calls.Conns
	zookeeper *zookeeper.Client // nil for none
	began     time.Time

	ctx    context.Context // of what goes on by itself
	cancel context.CancelFunc
	work   sync.WaitGroup
	look   chan struct{} // the view may have changed; has room for one
	epoch  atomic.Uint64 // highest that an answer has told
	met    chan struct{} // closed when a view was adopted, or the first look has found none

	strangers map[string]uint64 // servers of other chains that the Logger was told of; follow's own

	active atomic.Bool // there were calls since the servers were looked at last

	mu struct {
		sync.Mutex
		servers  *retry.Servers
		sessions *retry.Sessions
		given    chan struct{} // closed, and replaced, when a session was given back
		views    uint64        // how many were adopted
	}
}

// Open makes a Client. It does not wait for the servers: calls do.
func Open(config Config) (*Client, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	c := &Client{config: config, began: time.Now(), look: make(chan struct{}, 1), met: make(chan struct{})}
	if config.ZooKeeper != "" {
		connect, err := zookeeper.Parse(config.ZooKeeper)
		if err != nil {
			return nil, fmt.Errorf("client: config: ZooKeeper: %w", err)
		}
		c.zookeeper, err = zookeeper.Open(zookeeper.Config{
			Connect: connect, Chain: config.Chain, SessionTimeout: zooKeeperSession, Logger: config.Logger,
		})
		if err != nil {
			return nil, fmt.Errorf("client: config: %w", err)
		}
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.conns = calls.New(config.Dial, maxAnswer)
	c.mu.servers = retry.NewServers(config.Servers)
	c.mu.sessions = retry.NewSessions(config.Writes)
	c.mu.given = make(chan struct{})
	c.active.Store(true)
	c.work.Go(c.follow)
	return c, nil
}

// Close ends the Client. Calls under way fail.
func (c *Client) Close() error {
	c.cancel()
	c.conns.Close()
	var err error
	if c.zookeeper != nil {
		err = c.zookeeper.Close()
	}
	c.work.Wait()
	return err
}

// now is the time as package retry has it.
func (c *Client) now() time.Duration { return time.Since(c.began) }

// lookSoon has the view looked at.
func (c *Client) lookSoon() {
	select {
	case c.look <- struct{}{}:
	default:
	}
}

// server is the services of a server.
type server struct {
	pb.TableClient
	pb.ClusterClient
}

// server is the one at the address.
func (c *Client) server(address string) (server, error) {
	conn, err := c.conns.At(address)
	if err != nil {
		return server{}, err
	}
	return server{pb.NewTableClient(conn), pb.NewClusterClient(conn)}, nil
}

// heard notes the epoch that an answer tells.
func (c *Client) heard(epoch uint64) {
	for {
		known := c.epoch.Load()
		if epoch <= known {
			return
		}
		if c.epoch.CompareAndSwap(known, epoch) {
			c.lookSoon()
			return
		}
	}
}
