package servertest

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/local"
	"github.com/chaintable/chaintable/link"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server"
	"github.com/chaintable/chaintable/table"
)

// SessionTimeout is T of every server of a Chain.
const SessionTimeout = 2 * time.Second

// Chain is servers in this process, joined by TCP as any others are.
type Chain struct {
	t      *testing.T
	store  *local.Store
	length int
	change func(*server.Config)
}

// Member is one server: a replica behind its port.
type Member struct {
	*replica.Replica
	Server  *server.Server
	Address string
	serving sync.WaitGroup
	ending  sync.Once
	err     error
}

// Port is that of the Address.
func (m *Member) Port() string {
	_, port, _ := net.SplitHostPort(m.Address)
	return port
}

// StartChain starts n servers and waits until all of them are in the chain. change, if not nil, may change their configuration.
func StartChain(t *testing.T, n int, change func(*server.Config)) []*Member {
	t.Helper()
	return StartServers(t, n, n, change)
}

// StartServers is StartChain with n servers, of which the first so many make the chain; the others stay outside.
func StartServers(t *testing.T, n, length int, change func(*server.Config)) []*Member {
	t.Helper()
	c := NewChain(t, length, change)
	var members []*Member
	for range n {
		m := c.Start("127.0.0.1:0")
		if members = append(members, m); len(members) <= length {
			WaitFor(t, "it to be a member", m.Serving)
		}
	}
	WaitFor(t, "all to be members", func() bool {
		for i, m := range members {
			s := m.Status()
			if m.Serving() != (i < length) || len(s.View.Members) != length || i >= length && s.Role != "spare" {
				return false
			}
		}
		return true
	})
	return members
}

// NewChain has no servers yet, and is to have length.
func NewChain(t *testing.T, length int, change func(*server.Config)) *Chain {
	return &Chain{t: t, store: local.NewStore(), length: length, change: change}
}

// Start starts a server that listens on the address, and ends it with the test. Its calls of the coordinator fail now and then.
func (c *Chain) Start(address string) *Member {
	t := c.t
	t.Helper()
	seed := rand.Uint64()
	m, err := Run(address, Options{
		Coordinator: local.NewClient(c.store, local.Unreliable(seed, SessionTimeout)), Length: c.length, Change: c.change,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: coordinator's faults of seed %d", m.Address, seed)
	t.Cleanup(func() { m.Kill(t) })
	return m
}

// Options are those of a Member.
type Options struct {
	Coordinator coord.Client         // nil: one of its own
	Length      int                  // of the chain, should it make it; zero for all
	NoLeases    bool                 // each read asks the chain
	Logger      *slog.Logger         // nil: nobody
	Change      func(*server.Config) // may change the configuration of its port; nil: as it is
}

// Run runs a server that listens on the address, until Close.
func Run(address string, o Options) (*Member, error) {
	if o.Coordinator == nil {
		o.Coordinator = local.NewClient(local.NewStore(), local.Faults{})
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, errors.Join(err, o.Coordinator.Close())
	}
	m := &Member{Address: l.Addr().String()}
	var self atomic.Pointer[replica.Replica]
	links := link.NewTCP(link.TCPConfig{Logger: o.Logger, Identity: func() chain.MemberID {
		if r := self.Load(); r != nil {
			return r.ID()
		}
		return chain.MemberID{}
	}})
	m.Replica, err = replica.Start(replica.Config{
		Chain: chain.Config{
			Self:           chain.Member{MemberID: chain.MemberID{Node: chain.NodeID(rand.Uint64())}, Address: m.Address},
			SessionTimeout: SessionTimeout, NewChain: chain.ID(rand.Uint64()), Target: o.Length, NoLeases: o.NoLeases,
		},
		Table: table.Config{Seed: rand.Uint64()}, Coordinator: o.Coordinator, Links: links, Logger: o.Logger,
	})
	if err != nil {
		return nil, errors.Join(err, l.Close(), o.Coordinator.Close())
	}
	self.Store(m.Replica)
	config := server.Config{Replica: m.Replica, Links: links.Serve, Logger: o.Logger, Version: "1.2.3"}
	if o.Change != nil {
		o.Change(&config)
	}
	if m.Server, err = server.New(config); err != nil {
		return nil, errors.Join(err, l.Close(), m.Replica.Close())
	}
	m.serving.Go(func() { m.err = m.Server.Serve(l) })
	return m, nil
}

// Close ends the server at once, as a crash would: it answers nothing any more, and the others notice by its silence.
func (m *Member) Close() error {
	m.ending.Do(func() {
		err := m.Server.Close()
		m.serving.Wait()
		m.err = errors.Join(m.err, err, m.Replica.Close())
	})
	return m.err
}

// Kill is Close in a test.
func (m *Member) Kill(t *testing.T) {
	t.Helper()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// WaitFor polls until ok, at most 20 s.
func WaitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("waited 20 s for %s", what)
		}
	}
}
