package client

import (
	"context"
	"strconv"
	"sync"
	"time"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/client/retry"
)

const (
	// lookEvery is how often a Client with calls looks at the servers, idleEvery one without. lookApart is the least time between two looks.
	lookEvery = time.Second
	idleEvery = 30 * time.Second
	lookApart = 20 * time.Millisecond
	// lookTimeout is how long a server may take to tell how it is.
	lookTimeout = time.Second
	// maxLooks is how many servers are asked at a time.
	maxLooks = 64
	// zooKeeperSession is the timeout of the Client's session with ZooKeeper, which keeps nothing there.
	zooKeeperSession = 10 * time.Second
)

// follow looks at the servers now and then, and when there is reason to: which view they have, and how near they are.
func (c *Client) follow() {
	var news <-chan struct{}
	if c.zookeeper != nil {
		news = c.zookeeper.News()
	}
	for {
		c.active.Store(false)
		if c.zookeeper != nil {
			c.askZooKeeper()
		}
		c.askServers()
		every := idleEvery
		if c.active.Load() {
			every = lookEvery
		}
		if !c.sleep(lookApart) {
			return
		}
		next := time.NewTimer(every)
		select {
		case <-next.C:
		case <-c.look:
		case <-news:
		case <-c.ctx.Done():
		}
		next.Stop()
		if c.ctx.Err() != nil {
			return
		}
	}
}

func (c *Client) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// askZooKeeper reads the view there. What fails is asked again with the next look.
func (c *Client) askZooKeeper() {
	ctx, cancel := context.WithTimeout(c.ctx, lookTimeout)
	defer cancel()
	v, _, err := c.zookeeper.View(ctx, false)
	if err != nil {
		c.config.Logger.Debug("the view cannot be read", "error", err)
		return
	}
	view := retry.View{Chain: uint64(v.Chain), Epoch: uint64(v.Epoch)}
	for _, m := range v.Members {
		view.Members = append(view.Members, m.Address)
	}
	c.adopt(view)
}

// askServers asks all servers how they are.
func (c *Client) askServers() {
	c.mu.Lock()
	all := c.mu.servers.All()
	c.mu.Unlock()
	var asked sync.WaitGroup
	for i, address := range all {
		if i == maxLooks {
			break
		}
		asked.Go(func() { c.askServer(address) })
	}
	asked.Wait()
}

// askServer asks a server how it is, and adopts its view if it serves.
func (c *Client) askServer(address string) {
	ctx, cancel := context.WithTimeout(c.ctx, lookTimeout)
	defer cancel()
	conn, err := c.conns.At(address)
	if err != nil {
		return
	}
	began := time.Now()
	s, err := pb.NewClusterClient(conn).Status(ctx, &pb.StatusRequest{})
	took := time.Since(began)
	c.mu.Lock()
	if err != nil || !s.Serving {
		c.mu.servers.Failed(address, c.now())
		c.mu.Unlock()
		return
	}
	c.mu.servers.Answered(address)
	c.mu.servers.Measured(address, took)
	c.mu.Unlock()
	if view, ok := viewOf(s.View); ok {
		c.adopt(view)
	}
}

// viewOf is the view that a server tells.
func viewOf(v *pb.View) (retry.View, bool) {
	chain, err := strconv.ParseUint(v.GetChain(), 16, 64)
	if err != nil {
		return retry.View{}, false
	}
	view := retry.View{Chain: chain, Epoch: v.Epoch}
	for _, m := range v.Members {
		view.Members = append(view.Members, m.Address)
	}
	return view, true
}

// adopt follows a view, if it is a newer one.
func (c *Client) adopt(v retry.View) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mu.servers.Adopt(v) {
		return
	}
	c.mu.views++
	c.mu.sessions.Follow(v.Chain)
	c.wake()
	c.conns.Keep(c.mu.servers.All())
	c.conns.RetryNow()
	c.config.Logger.Debug("view changed", "chain", v.Chain, "epoch", v.Epoch, "members", v.Members)
}

// wake has those look again who wait for a session. With mu held.
func (c *Client) wake() {
	close(c.mu.given)
	c.mu.given = make(chan struct{})
}
