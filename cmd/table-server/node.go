package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/internal/freeze"
	"github.com/chaintable/chaintable/internal/version"
	"github.com/chaintable/chaintable/link"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server"
	"github.com/chaintable/chaintable/table"
)

// nodeConfig is what one server is made of.
type nodeConfig struct {
	Listener    net.Listener // the node closes it
	Address     string       // by which others reach the listener
	Name        string       // the same with a name, by which HTTP may ask for it; empty for none
	Lists       int
	Coordinator coord.Client // the node closes it
	Target      int          // of the chain, should this server make it; zero for all
	Abandon     chain.Epoch  // whose silent members may be given up; zero for none

	SessionTimeout time.Duration
	NoLeases       bool
	RequestTimeout time.Duration
	MaxClients     int
	MaxMemory      int64         // of the table, in bytes; zero is no bound
	JoinBandwidth  uint64        // to a learner, in bytes per second; zero is no bound
	SlowRequests   time.Duration // from which on the log tells of them; zero for never

	Data *data // where the log is kept; the node closes its store. Nil: in memory

	Logger *slog.Logger
	OnNews func(chain.News) // from the server's loop: must not block. Nil: nobody
	Freeze *freeze.Freezer  // stops and kills the server without its help. Nil: nobody does
}

// node is one server: the parts of the house put together.
type node struct {
	replica *replica.Replica
	server  *server.Server
	freeze  *freeze.Freezer

	serving sync.WaitGroup
	done    chan struct{} // closed when the server has ended, by itself or not
	ending  sync.Once
	err     error // why it ended by itself; before done is closed
}

// startNode starts a server, which registers and makes or joins the chain by itself. If it fails, the listener and the client of
// the coordinator are closed.
func startNode(c nodeConfig) (*node, error) {
	name, _, err := net.SplitHostPort(cmp.Or(c.Name, c.Address))
	if err != nil {
		c.Listener.Close()
		c.Coordinator.Close()
		return nil, err
	}
	n := &node{freeze: c.Freeze, done: make(chan struct{})}
	var self atomic.Pointer[replica.Replica]
	connections := link.TCPConfig{
		Identity: func() chain.MemberID {
			if r := self.Load(); r != nil {
				return r.ID()
			}
			return chain.MemberID{}
		},
		Logger: c.Logger,
	}
	var pause func()
	if c.Freeze != nil {
		frozen, err := c.Freeze.Listener(c.Listener)
		if err != nil {
			c.Listener.Close()
			c.Coordinator.Close()
			return nil, err
		}
		c.Listener, c.Coordinator = frozen, c.Freeze.Coordinator(c.Coordinator)
		connections.Dial, pause = c.Freeze.Dial(dial), c.Freeze.Wait
	}
	links := link.NewTCP(connections)
	config := replica.Config{
		Chain: chain.Config{
			Self:           chain.Member{MemberID: chain.MemberID{Node: chain.NodeID(random())}, Address: c.Address},
			SessionTimeout: c.SessionTimeout,
			Boot:           bootID(),
			NewChain:       chain.ID(random()),
			Target:         c.Target,
			Abandon:        c.Abandon,
			NoLeases:       c.NoLeases,
			MaxMemory:      c.MaxMemory,
			JoinBandwidth:  c.JoinBandwidth,
		},
		Table:       table.Config{Lists: c.Lists, Seed: random()},
		Coordinator: c.Coordinator,
		Links:       links,
		Logger:      c.Logger,
		OnNews:      c.OnNews,
		Pause:       pause,
	}
	if c.Data != nil {
		config.Store, config.Recovery, config.SyncInterval = c.Data.store, c.Data.recovery, c.Data.interval
	}
	if n.replica, err = replica.Start(config); err != nil {
		c.Listener.Close()
		c.Coordinator.Close()
		return nil, err
	}
	self.Store(n.replica)
	n.server, err = server.New(server.Config{
		Replica: n.replica, Links: links.Serve, MaxClients: c.MaxClients, RequestTimeout: c.RequestTimeout,
		Dial: connections.Dial, SlowRequests: c.SlowRequests, Logger: c.Logger, Version: version.String(), Hosts: []string{name},
	})
	if err != nil {
		c.Listener.Close()
		n.replica.Close()
		return nil, err
	}
	n.serving.Go(func() { n.serve(c.Listener) })
	n.serving.Go(func() { n.watch() })
	return n, nil
}

// serve takes in connections until the server is closed.
func (n *node) serve(l net.Listener) {
	if err := n.server.Serve(l); err != nil {
		n.end(fmt.Errorf("serve %v: %w", l.Addr(), err))
	}
}

// watch ends the node with its replica.
func (n *node) watch() {
	select {
	case <-n.replica.Done():
		n.end(n.replica.Err())
	case <-n.done:
	}
}

// end is called with the reason for which the node ends; the first counts.
func (n *node) end(err error) {
	n.ending.Do(func() {
		n.err = err
		close(n.done)
	})
}

// Done is closed when the server has ended, by Close, by Leave or by itself. Close is still to be called.
func (n *node) Done() <-chan struct{} { return n.done }

// Err is why the server ended by itself, nil while it runs.
func (n *node) Err() error {
	select {
	case <-n.done:
		return n.err
	default:
		return nil
	}
}

// Status tells how the server is.
func (n *node) Status() replica.Status { return n.replica.Status() }

// ID is the server's id.
func (n *node) ID() chain.NodeID { return n.replica.ID().Node }

// Serving tells whether the server is a member of a chain.
func (n *node) Serving() bool { return n.replica.Serving() }

// drainTimeout is how long clients are still passed on to other servers by one that has left its chain.
const drainTimeout = time.Second

// Leave takes the server out of its chain, and lets clients that it has passed on to others finish what they are about. Close follows.
func (n *node) Leave(ctx context.Context) error {
	err := n.replica.Leave(ctx)
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	n.server.Drain(ctx)
	return err
}

// Close ends the server at once, as a crash would: nothing it says afterwards is heard.
func (n *node) Close() {
	n.end(nil)
	if n.freeze != nil {
		n.freeze.Kill()
	}
	n.replica.Close()
	n.server.Close()
	n.serving.Wait()
}

// dial connects to another server of this process.
func dial(ctx context.Context, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// bootID names the boot of this machine, "" where it cannot be told.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// random is a number that is not zero.
func random() uint64 {
	for {
		var b [8]byte
		rand.Read(b[:]) // never fails
		if n := binary.LittleEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}
