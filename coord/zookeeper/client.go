package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
)

// DefaultChain is the name of the chain that /chain shows.
const DefaultChain = "main"

// Config is what a Client needs.
type Config struct {
	Connect Connect // Required.
	// Chain names the chain, of several in one ZooKeeper. Empty is DefaultChain.
	Chain string
	// SessionTimeout is that of a session with ZooKeeper, which may grant another. Required.
	SessionTimeout time.Duration
	// Logger is told of connections and sessions. Nil: nobody.
	Logger *slog.Logger
}

// Client is a server's access to ZooKeeper. It implements coord.Client.
type Client struct {
	config  Config
	paths   paths
	news    chan struct{}
	pacing  pacing
	publish chan struct{} // /chain may have to be changed; has room for one
	closing context.Context
	close   context.CancelFunc
	workers sync.WaitGroup

	mu struct {
		sync.Mutex
		session   *session
		connected bool
		closed    bool
		changed   chan struct{} // closed, and replaced, when one of these has changed
		silent    bool          // that ZooKeeper cannot be reached has been told

		self    chain.Member    // whose registration this client has made last
		view    *chain.Recorded // as last read or made; nil for none
		shown   []node          // what /chain held when last looked at
		shownAt int32           // the version that it had
	}
}

var _ coord.Client = (*Client)(nil)

// Open makes a Client, and does not wait until it is connected: calls do.
func Open(config Config) (*Client, error) {
	if config.Chain == "" {
		config.Chain = DefaultChain
	}
	if err := CheckChain(config.Chain); err != nil {
		return nil, err
	}
	if len(config.Connect.Servers) == 0 || config.SessionTimeout < time.Millisecond {
		return nil, errors.New("coord/zookeeper: config: Connect and SessionTimeout are required")
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Client{config: config, paths: newPaths(config), news: make(chan struct{}, 1), publish: make(chan struct{}, 1)}
	c.closing, c.close = context.WithCancel(context.Background())
	c.mu.changed = make(chan struct{})
	first, err := openSession(c, 1)
	if err != nil {
		return nil, err
	}
	c.begin(first)
	c.workers.Go(func() { c.renew(first) })
	if config.Chain == DefaultChain {
		c.workers.Go(c.publishAll)
	}
	return c, nil
}

// renew opens a session whenever one has expired, until the client is closed.
func (c *Client) renew(s *session) {
	for {
		select {
		case <-s.over.Done():
		case <-c.closing.Done():
			s.close()
			return
		}
		c.workers.Go(s.close) // which takes a moment, in which nothing can come of it any more
		c.config.Logger.Warn("the session with ZooKeeper has expired: beginning another")
		next, err := openSession(c, s.number+1)
		if err != nil {
			// Its arguments are those of the first, which could be opened.
			c.config.Logger.Error("no session with ZooKeeper any more", "error", err)
			return
		}
		c.begin(next)
		s = next
	}
}

// begin makes s the session of all calls to come.
func (c *Client) begin(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.session, c.mu.connected = s, false
	c.wake()
	close(s.ready)
}

// wake lets those go on who wait for a session, a connection or the end. c.mu is locked.
func (c *Client) wake() {
	close(c.mu.changed)
	c.mu.changed = make(chan struct{})
}

// connected is called when s has a connection.
func (c *Client) connected(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.over.Err() != nil || c.mu.session != s {
		return
	}
	c.mu.connected, c.mu.silent = true, false
	c.wake()
	c.poke()
	poke(c.publish)
}

// disconnected is called when s has no connection any more.
func (c *Client) disconnected(s *session) {
	c.mu.Lock()
	lost := c.mu.session == s && c.mu.connected
	if lost {
		c.mu.connected = false
		c.wake()
	}
	c.mu.Unlock()
	if lost && s.over.Err() == nil {
		c.config.Logger.Warn("the connection to ZooKeeper is lost: connecting anew")
	}
}

// unreachable is called when a connection could not be made. People are told once each time.
func (c *Client) unreachable(err error) {
	c.mu.Lock()
	tell := !c.mu.silent && !c.mu.connected && !c.mu.closed
	c.mu.silent = c.mu.silent || tell
	c.mu.Unlock()
	if tell {
		c.config.Logger.Warn("cannot reach ZooKeeper, and will go on trying", "error", err)
	}
}

// changed is called when what path holds may have changed.
func (c *Client) changed(path string) {
	if path == c.paths.published {
		poke(c.publish)
		return
	}
	c.poke()
}

func (c *Client) poke() { poke(c.news) }

func poke(signal chan<- struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

// News implements coord.Client.
func (c *Client) News() <-chan struct{} { return c.news }

// Close implements coord.Client. It takes a second or two where ZooKeeper does not answer.
func (c *Client) Close() error {
	c.mu.Lock()
	if !c.mu.closed {
		c.mu.closed = true
		c.wake()
	}
	c.mu.Unlock()
	c.close()
	c.workers.Wait()
	return nil
}

// acquire waits for a session that is connected and has room for a call.
func (c *Client) acquire(ctx context.Context) (*session, error) {
	for {
		c.mu.Lock()
		s, changed := c.mu.session, c.mu.changed
		var slots chan<- struct{}
		if c.mu.connected {
			slots = s.slots
		}
		closed := c.mu.closed
		c.mu.Unlock()
		switch {
		case closed:
			return nil, coord.ErrClosed
		case ctx.Err() != nil:
			return nil, unknown(context.Cause(ctx))
		}
		select {
		case slots <- struct{}{}:
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.mu.closed {
				return nil, coord.ErrClosed
			}
			c.workers.Add(1) // before Close waits
			return s, nil
		case <-changed:
		case <-ctx.Done():
		}
	}
}

// call runs f in the newest session, in a goroutine that is left behind when ctx or the session ends first. What f
// returns belongs to the caller then only.
func call[T any](ctx context.Context, c *Client, what string, f func(*session) (T, error)) (result T, session uint64, err error) {
	s, err := c.acquire(ctx)
	if err != nil {
		return result, 0, fmt.Errorf("coord/zookeeper: %s: %w", what, err)
	}
	connection := s.connection()
	type answer struct {
		result T
		err    error
	}
	answers := make(chan answer, 1)
	go func() { // it ends with the session at the latest
		defer c.workers.Done()
		result, err := f(s)
		<-s.slots
		answers <- answer{result, err}
	}()
	impatient := time.NewTimer(s.patience())
	defer impatient.Stop()
	for {
		select {
		case a := <-answers:
			if a.err != nil {
				return a.result, s.number, fmt.Errorf("coord/zookeeper: %s: %w", what, settle(a.err))
			}
			return a.result, s.number, nil
		case <-impatient.C:
			if rest := s.patience() - connection.silence(); rest > 0 {
				impatient.Reset(rest) // answers come
			} else if len(c.config.Connect.Servers) > 1 {
				s.drop(connection) // another server may know the leader
			}
		case <-ctx.Done():
			return result, 0, fmt.Errorf("coord/zookeeper: %s: %w", what, unknown(context.Cause(ctx)))
		case <-s.over.Done():
			return result, 0, fmt.Errorf("coord/zookeeper: %s: %w", what, unknown(errOver))
		case <-c.closing.Done():
			return result, 0, fmt.Errorf("coord/zookeeper: %s: %w", what, unknown(errors.New("the client was closed")))
		}
	}
}

// decided are the errors by which ZooKeeper says that it has not done what was asked, and never will; and those of coord.
var decided = []error{
	coord.ErrConflict, coord.ErrMissing, coord.ErrInvalid, coord.ErrUnknown,
	zk.ErrNoNode, zk.ErrNodeExists, zk.ErrBadVersion, zk.ErrNotEmpty, zk.ErrNoChildrenForEphemerals,
	zk.ErrNoAuth, zk.ErrInvalidACL, zk.ErrBadArguments, zk.ErrInvalidPath,
}

// settle is err, unknown unless it is decided.
func settle(err error) error {
	for _, d := range decided {
		if errors.Is(err, d) {
			return err
		}
	}
	return unknown(err)
}

func unknown(err error) error { return fmt.Errorf("%w: %w", coord.ErrUnknown, err) }
