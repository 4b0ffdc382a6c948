package link

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/internal/notes"
)

// TCPConfig is what a TCP transport must know. The zero TCPConfig works, but answers no probes. A bound below zero is
// as zero.
type TCPConfig struct {
	// Identity is who this server is now, for those who probe it. Nil, or the zero MemberID: not known, and no
	// probe is answered. It may be called concurrently, and must not block.
	Identity func() chain.MemberID
	// Logger gets a line for each connection that breaks; of what strangers do, some. Nil: none.
	Logger *slog.Logger
	// Timeout is how long a connection may get nothing through before it counts as broken. Zero is 5 s.
	Timeout time.Duration
	// IdleTimeout is how long there may be nothing to send to a peer before its connection is closed (with a
	// Reset), and again before its state is forgotten. Zero is 1 min.
	IdleTimeout time.Duration
	// QueueBytes and QueueMessages bound what waits for one peer. Zero is 256 MiB and 262,144: more than chain
	// ever has under way.
	QueueBytes, QueueMessages int
	// MaxInbound bounds the connections that other servers have to this one; beyond it they are closed. Zero
	// is 256.
	MaxInbound int
	// InputBytes bounds the memory of the long frames that are being received, over all connections. Zero
	// is 512 MiB.
	InputBytes int64
	// Dial connects to an address, in place of TCP with the options that package link likes.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

func (c TCPConfig) withDefaults() TCPConfig {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	positive(&c.Timeout, 5*time.Second)
	positive(&c.IdleTimeout, time.Minute)
	positive(&c.QueueBytes, 256<<20)
	positive(&c.QueueMessages, 262_144)
	positive(&c.MaxInbound, 256)
	positive(&c.InputBytes, 512<<20)
	if c.Dial == nil {
		d := dialer(c.Timeout)
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) }
	}
	return c
}

// positive sets what is not to its default.
func positive[N int | int64 | time.Duration](n *N, normally N) {
	if *n <= 0 {
		*n = normally
	}
}

// TCP is the Transport over TCP. It listens nowhere: the server's port hands it the connections that begin with
// Preamble (Serve).
type TCP struct {
	config  TCPConfig
	log     *slog.Logger
	notes   notes.Notes
	handler Handler // set before started is closed
	input   budget

	started chan struct{}
	ctx     context.Context // ends with Stop
	cancel  context.CancelFunc
	running sync.WaitGroup // one for each peer, probe and inbound connection; added to under mu

	peers struct { // locked before mu and before a queue
		sync.Mutex
		m map[route]*peer
	}

	mu         sync.Mutex
	stopped    bool
	serving    int    // inbound connections
	connection uint64 // number of the newest one that was dialled
	senders    map[chain.MemberID]*sender
}

var _ Transport = (*TCP)(nil)

// NewTCP makes a transport. It has no goroutine until Start and Serve.
func NewTCP(config TCPConfig) *TCP {
	config = config.withDefaults()
	t := &TCP{
		config:  config,
		log:     config.Logger,
		started: make(chan struct{}),
		// A server that starts again under its former id goes on above its former numbers.
		connection: uint64(time.Now().UnixNano()),
		senders:    map[chain.MemberID]*sender{},
	}
	t.input.limit.Store(config.InputBytes)
	t.peers.m = map[route]*peer{}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Start implements Transport.
func (t *TCP) Start(h Handler) {
	t.handler = h
	close(t.started)
}

// Send implements Transport.
func (t *TCP) Send(envelopes []chain.Envelope) {
	t.peers.Lock()
	defer t.peers.Unlock()
	var p *peer
	for i := range envelopes {
		e := &envelopes[i]
		r := route{from: e.From, to: e.To, address: e.Address}
		if p == nil || p.route != r {
			if p = t.peer(r); p == nil {
				return
			}
		}
		p.queue.push(e)
	}
}

// peer is the one for the route, made if need be. It is nil before Start and after Stop.
func (t *TCP) peer(r route) *peer {
	if p := t.peers.m[r]; p != nil {
		return p
	}
	select {
	case <-t.started:
	default:
		return nil
	}
	if !t.enter() {
		return nil
	}
	p := newPeer(t, r)
	t.peers.m[r] = p
	go p.run()
	return p
}

// forget drops a peer to whom nothing is to be sent.
func (t *TCP) forget(p *peer) bool {
	t.peers.Lock()
	defer t.peers.Unlock()
	if !p.queue.empty() {
		return false
	}
	delete(t.peers.m, p.route)
	return true
}

// greeting is what a new connection begins with.
func (t *TCP) greeting(r route) []byte {
	t.mu.Lock()
	t.connection++
	f := frame{control: fieldOpen, connection: t.connection}
	t.mu.Unlock()
	f.From, f.To = r.from, r.to
	return appendControl(append(newChunk(0), Preamble...), &f)
}

func appendControl(b []byte, f *frame) []byte {
	body, payload := f.sizes()
	return appendFrame(b, f, body, payload)
}

// enter counts one more goroutine for Stop to wait for, unless there is no more to come.
func (t *TCP) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		return false
	}
	t.running.Add(1)
	return true
}

// Stop implements Transport. It always returns nil.
func (t *TCP) Stop() error {
	t.mu.Lock()
	t.stopped = true
	t.mu.Unlock()
	t.cancel()
	t.running.Wait()
	return nil
}
