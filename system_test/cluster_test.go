package system_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// cluster is the servers that a test has started for one chain.
type cluster struct {
	t       *testing.T
	connect string // ZooKeeper, with the chroot
	options []string
	*watcher

	mu      sync.Mutex
	serving []*server // to whom clients may go
}

// newCluster has no servers yet. options are for each of them.
func newCluster(t *testing.T, connect string, options ...string) *cluster {
	t.Helper()
	return &cluster{t: t, connect: connect, options: options, watcher: startWatcher(t, connect, "main")}
}

// newChain is a cluster of n servers that are a chain, at a chroot of its own.
func newChain(t *testing.T, zookeeper string, n int) *cluster {
	t.Helper()
	c := newCluster(t, zookeeper+chroot())
	for range n {
		c.join()
	}
	return c
}

var chroots atomic.Int64

// chroot is one that no other test uses, nor another process that shares the ZooKeeper.
func chroot() string { return fmt.Sprintf("/system-test-%x-%d", time.Now().UnixNano(), chroots.Add(1)) }

// start runs a server. It need not become a member.
func (c *cluster) start(options ...string) *server { return c.startAt("0", c.connect, options...) }

// startAt runs a server on a port, with a way of its own to ZooKeeper.
func (c *cluster) startAt(port, connect string, options ...string) *server {
	c.t.Helper()
	return c.startWithin(nil, port, connect, options...)
}

// startWithin runs a server by a command that runs another.
func (c *cluster) startWithin(within []string, port, connect string, options ...string) *server {
	c.t.Helper()
	args := []string{port, "64", connect, "--session-timeout", sessionTimeout.String(), "--log-level", *levelFlag}
	return startServer(c.t, within, slices.Concat(args, c.options, options)...)
}

// join runs a server, and waits until it serves.
func (c *cluster) join(options ...string) *server {
	c.t.Helper()
	s := c.start(options...)
	c.admit(s)
	return s
}

// admit waits until a server serves, and has clients use it.
func (c *cluster) admit(s *server) {
	c.t.Helper()
	waitFor(c.t, s.address+" to be a member", func() bool { return c.view().index(s.address) >= 0 && s.serving() })
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.serving, s) {
		c.serving = append(c.serving, s)
	}
}

// retire has clients that look for a server not use this one.
func (c *cluster) retire(s *server) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serving = slices.DeleteFunc(c.serving, func(other *server) bool { return other == s })
}

// addresses are those that clients may use.
func (c *cluster) addresses() (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.serving {
		all = append(all, s.listens)
	}
	return all
}

// members are the servers of the view, head first.
func (c *cluster) members() (servers []*server) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, address := range c.view().addresses() {
		i := slices.IndexFunc(c.serving, func(s *server) bool { return s.address == address })
		if i < 0 {
			c.t.Fatalf("%s is a member, and should not be", address)
		}
		servers = append(servers, c.serving[i])
	}
	return servers
}

// kill ends a server as a crash would.
func (c *cluster) kill(s *server) {
	c.retire(s)
	s.kill()
}

// awaitGone waits until the view does not have s.
func (c *cluster) awaitGone(s *server) {
	c.t.Helper()
	waitFor(c.t, s.address+" to be removed", func() bool { v := c.view(); return v.Epoch > 0 && v.index(s.address) < 0 })
}

// awaitPublished waits until /chain shows the view as it is.
func (c *cluster) awaitPublished() {
	c.t.Helper()
	waitFor(c.t, "/chain to show the members", func() bool {
		v, shown := c.view(), c.shown()
		return v.Epoch > 0 && slices.Equal(v.addresses(), shown)
	})
}

// roles are how tests speak of the members of a chain of three.
var roles = []string{"head", "middle", "tail"}
