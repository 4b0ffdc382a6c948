package client

import (
	"context"
	"fmt"
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
		coordinated := c.zookeeper != nil && c.askZooKeeper()
		c.askServers()
		c.looked(coordinated)
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

// askZooKeeper reads the view there, and is true if there is one. What fails is asked again with the next look.
func (c *Client) askZooKeeper() bool {
	ctx, cancel := context.WithTimeout(c.ctx, lookTimeout)
	defer cancel()
	v, _, err := c.zookeeper.View(ctx, false)
	if err != nil {
		c.config.Logger.Debug("the view cannot be read", "error", err)
		return false
	}
	view := retry.View{Chain: uint64(v.Chain), Epoch: uint64(v.Epoch)}
	for _, m := range v.Members {
		view.Members = append(view.Members, m.Address)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.adopted(c.mu.servers.Adopt(view))
	return len(view.Members) > 0
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

// askServer asks a server how it is, and for its view if it serves.
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
	var view retry.View
	if err == nil && s.Serving {
		view = viewOf(s.View)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && s.Serving {
		c.mu.servers.Answered(address)
		c.mu.servers.Measured(address, took)
	} else {
		c.mu.servers.Failed(address, c.now())
	}
	c.adopted(c.mu.servers.Told(address, view))
}

// looked ends a look: the Client goes over to another chain if its own is gone. Where ZooKeeper was read, that has told which chain it is.
func (c *Client) looked(coordinated bool) {
	c.mu.Lock()
	if !coordinated {
		c.adopted(c.mu.servers.Looked())
	}
	c.meet()
	chain, strangers := c.mu.servers.View().Chain, c.mu.servers.Strangers()
	c.mu.Unlock()
	for address, other := range strangers {
		if c.strangers[address] != other {
			c.config.Logger.Warn("a server is in another chain, and is not used", "address", address, "chain", hex(other), "ours", hex(chain))
		}
	}
	c.strangers = strangers
}

// viewOf is the view that a server tells, without members if that makes no sense.
func viewOf(v *pb.View) (view retry.View) {
	id, err := strconv.ParseUint(v.GetChain(), 16, 64)
	if err != nil {
		return view
	}
	view.Chain, view.Epoch = id, v.Epoch
	for _, m := range v.Members {
		view.Members = append(view.Members, m.Address)
	}
	return view
}

// hex is a chain's id as servers tell it.
func hex(chain uint64) string { return fmt.Sprintf("%016x", chain) }

// adopted goes on with the view that was adopted, if one was. With mu held.
func (c *Client) adopted(news bool) {
	if !news {
		return
	}
	v := c.mu.servers.View()
	c.mu.views++
	c.mu.sessions.Follow(v.Chain)
	c.wake()
	c.meet()
	c.conns.Keep(c.mu.servers.All())
	c.conns.RetryNow()
	c.config.Logger.Debug("view changed", "chain", hex(v.Chain), "epoch", v.Epoch, "members", v.Members)
}

// meet has calls begin. With mu held.
func (c *Client) meet() {
	select {
	case <-c.met:
	default:
		close(c.met)
	}
}

// wake has those look again who wait for a session. With mu held.
func (c *Client) wake() {
	close(c.mu.given)
	c.mu.given = make(chan struct{})
}
