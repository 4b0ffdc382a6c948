package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord/local"
	"github.com/chaintable/chaintable/internal/freeze"
)

// maxServers is the most servers of a demo.
const maxServers = 16

// fleet is the servers of a demo, which share a process and a coordinator and nothing else. Its owner is one
// goroutine.
type fleet struct {
	host    string
	node    nodeConfig // of each server, but for what is its own
	store   *local.Store
	members []*member
	lives   map[chain.NodeID]*life

	ended chan ended // servers that ended by themselves
}

// member is one server of the fleet, running or not.
type member struct {
	number  int // from 1, as people call it
	port    int
	address string

	// Of the present life, or the last.
	*life
	node    *node
	freezer *freeze.Freezer
}

// life is one time that a server runs. Each has an id of its own, for it remembers nothing of those before.
type life struct {
	of    int // number of the server
	state memberState
	since time.Time // of the state
}

type memberState string

const (
	running memberState = "running"
	paused  memberState = "paused"
	killed  memberState = "killed"
	stopped memberState = "stopped" // by itself
)

// ended is a server that ended by itself.
type ended struct {
	member *member
	node   *node
}

func newFleet(host string, node nodeConfig) *fleet {
	return &fleet{host: host, node: node, store: local.NewStore(), lives: map[chain.NodeID]*life{}, ended: make(chan ended, 4*maxServers)}
}

// add starts one more server, on the port or on any that is free (0).
func (f *fleet) add(ctx context.Context, port int) (*member, error) {
	if len(f.members) == maxServers {
		return nil, fmt.Errorf("%d servers are as many as a demo has", maxServers)
	}
	m := &member{number: len(f.members) + 1, port: port}
	if err := f.run(ctx, m); err != nil {
		return nil, err
	}
	f.members = append(f.members, m)
	return m, nil
}

// run starts a server that does not run, with nothing of what an earlier life held.
func (f *fleet) run(ctx context.Context, m *member) error {
	l, err := listen(ctx, f.host, m.port)
	if err != nil {
		return err
	}
	m.port = l.Addr().(*net.TCPAddr).Port
	m.address = net.JoinHostPort(f.host, strconv.Itoa(m.port))
	m.freezer = new(freeze.Freezer)
	c := f.node
	c.Listener, c.Address, c.Freeze = l, m.address, m.freezer
	c.Coordinator = local.NewClient(f.store, local.Faults{})
	c.Logger = c.Logger.With("server", m.number)
	n, err := startNode(c)
	if err != nil {
		return err
	}
	m.node, m.life = n, &life{of: m.number}
	m.become(running)
	f.lives[n.ID()] = m.life
	go func() {
		<-n.Done()
		f.ended <- ended{m, n} // there is room: each life ends once, and is looked after before the next begins
	}()
	return nil
}

func (l *life) become(s memberState) { l.state, l.since = s, time.Now() }

// kill ends a server as a crash would.
func (f *fleet) kill(m *member) error {
	if m.state != running && m.state != paused {
		return fmt.Errorf("server %d does not run: it was %s before. `start %d` brings it back", m.number, m.state, m.number)
	}
	m.become(killed)
	m.node.Close()
	return nil
}

// pause stops a server as SIGSTOP would.
func (f *fleet) pause(m *member) error {
	if m.state != running {
		then := "begins it anew, empty"
		if m.state == paused {
			then = "has it go on"
		}
		return fmt.Errorf("server %d does not run: it is %s. `start %d` %s", m.number, m.state, m.number, then)
	}
	m.freezer.Pause()
	m.become(paused)
	return nil
}

// start has a server run: a paused one goes on, a killed one begins anew on its port.
func (f *fleet) start(ctx context.Context, m *member) error {
	switch m.state {
	case running:
		return fmt.Errorf("server %d runs already", m.number)
	case paused:
		m.freezer.Resume()
		m.become(running)
		return nil
	}
	return f.run(ctx, m)
}

// close ends all servers at once.
func (f *fleet) close() {
	var all sync.WaitGroup
	for _, m := range f.members {
		if m.state == running || m.state == paused {
			all.Go(m.node.Close)
		}
	}
	all.Wait()
}

// find is the server that a person means by s.
func (f *fleet) find(s string) (*member, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(s, "#"))
	if err == nil {
		for _, m := range f.members {
			if n == m.number || n == m.port {
				return m, nil
			}
		}
	}
	if len(f.members) == 1 {
		return nil, fmt.Errorf("there is no server %q: the only one is 1", s)
	}
	return nil, fmt.Errorf("there is no server %q: they are 1 to %d", s, len(f.members))
}

// name is what a person calls the server in this life: "2", or "old 2" once another life has begun.
func (f *fleet) name(m chain.Member) string {
	return strings.Replace(f.title(m), "server ", "", 1)
}

// title is the name in a sentence: "server 2", "old server 2".
func (f *fleet) title(m chain.Member) string {
	l := f.lives[m.Node]
	switch {
	case l == nil:
		return "server " + m.Address
	case f.members[l.of-1].life != l:
		return fmt.Sprintf("old server %d", l.of)
	}
	return fmt.Sprintf("server %d", l.of)
}

// nextPort is the one after the highest; 0 if the first was any.
func (f *fleet) nextPort(first int) int {
	port := first
	for _, m := range f.members {
		if first != 0 {
			port = max(port, m.port+1)
		}
	}
	return port
}

// firstRunning is the running server with the lowest number, or nil.
func (f *fleet) firstRunning() *member {
	for _, m := range f.members {
		if m.state == running {
			return m
		}
	}
	return nil
}

// chained tells whether a running server is in a chain.
func (f *fleet) chained() bool {
	for _, m := range f.members {
		if m.state != running {
			continue
		}
		if s := m.node.Status(); s.View.HasNode(s.ID) {
			return true
		}
	}
	return false
}

// level tells whether the view that all running servers know names just them, and no learner.
func (f *fleet) level() bool {
	var view chain.View
	for _, m := range f.members {
		if m.state != running {
			continue
		}
		s := m.node.Status()
		if view.Epoch == 0 {
			view = s.View
		}
		if s.Epoch != view.Epoch || s.Chain != view.Chain || !view.HasNode(s.ID) || view.Learner != (chain.Member{}) {
			return false
		}
	}
	return view.Epoch != 0
}
