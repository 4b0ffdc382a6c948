package local

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
)

// Client is one server's access to a Store. It implements coord.Client.
//
// What goes wrong is decided by Faults, with random numbers from its seed, and by SetReach, Pin, Expire,
// NextFates and LoseNews, at any time and from any goroutine.
type Client struct {
	store   *Store
	watcher *watcher
	news    chan struct{}

	mu struct {
		sync.Mutex
		random *rand.Rand
		faults Faults
		reach  Reach
		fates  []Fate // of the coming changes
		lose   int    // so many pieces of the coming news
		held   []change
		late   int  // changes under way that nobody waits for any more
		coming bool // late news is under way

		session uint64        // from 1
		broken  chan struct{} // closed when the calls under way fail
		seen    uint64        // index of the newest state that this session has seen
		pinned  *state        // what reads show; nil for the newest. Not nil while CutOff
		closed  bool
	}
}

var _ coord.Client = (*Client)(nil)

// maxLate bounds the changes of a client that are carried out later. Beyond it they never are.
const maxLate = 1000

// NewClient is a client of store with those faults; the zero Faults are none.
func NewClient(store *Store, faults Faults) *Client {
	c := &Client{store: store, news: make(chan struct{}, 1)}
	c.mu.random = rand.New(rand.NewPCG(faults.Seed, 0))
	c.mu.faults = faults
	c.mu.session = 1
	c.mu.broken = make(chan struct{})
	c.watcher = &watcher{changed: c.changed}
	store.watch(c.watcher)
	return c
}

// Register implements coord.Client.
func (c *Client) Register(ctx context.Context, r chain.Registration) error {
	r.Silent = slices.Clone(r.Silent)
	return c.write(ctx, "register", 0, func() (uint64, error) { return c.store.register(r) })
}

// Heartbeat implements coord.Client.
func (c *Client) Heartbeat(ctx context.Context, r chain.Registered) (version int64, err error) {
	r.Silent = slices.Clone(r.Silent)
	err = c.write(ctx, "heartbeat", 0, func() (index uint64, err error) {
		_, index, err = c.store.heartbeat(r)
		return index, err
	})
	if err != nil {
		return 0, err
	}
	return r.Version + 1, nil
}

// Delete implements coord.Client.
func (c *Client) Delete(ctx context.Context, r chain.Registered) error {
	return c.write(ctx, "delete", 0, func() (uint64, error) { return c.store.delete(r) })
}

// Change implements coord.Client.
func (c *Client) Change(ctx context.Context, a chain.AskChange) error {
	a.View.Members = slices.Clone(a.View.Members)
	a.Delete = slices.Clone(a.Delete)
	return c.write(ctx, "change", a.Session, func() (uint64, error) { return c.store.change(a) })
}

// List implements coord.Client.
func (c *Client) List(ctx context.Context) (list []chain.Registered, session uint64, err error) {
	state, session, err := c.read(ctx, "list", false)
	if err != nil {
		return nil, 0, err
	}
	return state.list(), session, nil
}

// View implements coord.Client.
func (c *Client) View(ctx context.Context, sync bool) (view chain.Recorded, session uint64, err error) {
	state, session, err := c.read(ctx, "view", sync)
	if err != nil {
		return chain.Recorded{}, 0, err
	}
	view, err = state.readView()
	return view, session, err
}

// News implements coord.Client.
func (c *Client) News() <-chan struct{} { return c.news }

// Close implements coord.Client. Changes with a late outcome may still be carried out.
func (c *Client) Close() error {
	c.store.unwatch(c.watcher)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.mu.closed {
		c.mu.closed = true
		close(c.mu.broken)
	}
	return nil
}
