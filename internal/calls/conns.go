package calls

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// Pauses between tries to connect to one server, and how long a try and an answer to a keepalive may take.
const (
	shortestPause  = 20 * time.Millisecond
	longestPause   = 500 * time.Millisecond
	connectTimeout = time.Second
	keepaliveTime  = 10 * time.Second
	answerTimeout  = 5 * time.Second
)

// ErrClosed: the Conns were closed.
var ErrClosed = errors.New("calls: closed")

// Conns are connections to servers, one each. All methods may be called concurrently.
type Conns struct {
	options []grpc.DialOption
	mu      struct {
		sync.Mutex
		open   map[string]*grpc.ClientConn
		closed bool
	}
}

// New has no connections yet. They are made with dial, and answers have at most maxAnswer bytes. A call is tried once, and fails at once where there is no
// connection: who calls decides about the rest.
func New(dial func(ctx context.Context, address string) (net.Conn, error), maxAnswer int) *Conns {
	c := new(Conns)
	c.mu.open = make(map[string]*grpc.ClientConn)
	c.options = []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(dial),
		grpc.WithStatsHandler(handler{}),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: shortestPause, Multiplier: 2, Jitter: 0.2, MaxDelay: longestPause},
			MinConnectTimeout: connectTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: answerTimeout}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
	}
	return c
}

// At is the connection to a server.
func (c *Conns) At(address string) (*grpc.ClientConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed {
		return nil, ErrClosed
	}
	if conn := c.mu.open[address]; conn != nil {
		return conn, nil
	}
	conn, err := grpc.NewClient("passthrough:///"+address, c.options...)
	if err != nil {
		return nil, err
	}
	c.mu.open[address] = conn
	return conn, nil
}

// Keep closes the connections to all other servers.
func (c *Conns) Keep(servers []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wanted := make(map[string]bool, len(servers))
	for _, s := range servers {
		wanted[s] = true
	}
	for address, conn := range c.mu.open {
		if !wanted[address] {
			_ = conn.Close()
			delete(c.mu.open, address)
		}
	}
}

// RetryNow closes connections that wait after a failure: who asks that server next connects at once. (ResetConnectBackoff would do, but reads a map
// without its lock in grpc 1.85, which can end the process.)
func (c *Conns) RetryNow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for address, conn := range c.mu.open {
		if conn.GetState() == connectivity.TransientFailure {
			_ = conn.Close()
			delete(c.mu.open, address)
		}
	}
}

// Close closes all connections. Calls under way fail.
func (c *Conns) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.closed = true
	for _, conn := range c.mu.open {
		_ = conn.Close()
	}
	clear(c.mu.open)
}
