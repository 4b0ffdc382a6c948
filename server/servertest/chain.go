package servertest

import (
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chaintable/chaintable/chain"
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
	killing sync.Once
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
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	m := &Member{Address: l.Addr().String()}
	var self atomic.Pointer[replica.Replica]
	links := link.NewTCP(link.TCPConfig{Logger: logger, Identity: func() chain.MemberID {
		if r := self.Load(); r != nil {
			return r.ID()
		}
		return chain.MemberID{}
	}})
	seed := rand.Uint64()
	t.Logf("%s: coordinator's faults of seed %d", m.Address, seed)
	m.Replica, err = replica.Start(replica.Config{
		Chain: chain.Config{
			Self:           chain.Member{MemberID: chain.MemberID{Node: chain.NodeID(rand.Uint64())}, Address: m.Address},
			SessionTimeout: SessionTimeout, NewChain: chain.ID(rand.Uint64()), Target: c.length,
		},
		Table: table.Config{Seed: rand.Uint64()}, Coordinator: local.NewClient(c.store, local.Unreliable(seed, SessionTimeout)), Links: links, Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	self.Store(m.Replica)
	config := server.Config{Replica: m.Replica, Links: links.Serve, Logger: logger, Version: "1.2.3"}
	if c.change != nil {
		c.change(&config)
	}
	if m.Server, err = server.New(config); err != nil {
		t.Fatal(err)
	}
	m.serving.Go(func() {
		if err := m.Server.Serve(l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { m.end(t) })
	return m
}

// end ends the server at once.
func (m *Member) end(t *testing.T) {
	m.killing.Do(func() {
		if err := m.Server.Close(); err != nil {
			t.Error(err)
		}
		m.serving.Wait()
		if err := m.Replica.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Kill ends the server as a crash would: it answers nothing any more, and the others notice by its silence.
func (m *Member) Kill(t *testing.T) {
	t.Helper()
	m.end(t)
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
