package client

import (
	"context"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/chaintable/chaintable/internal/sent"
)

// maxAnswer is the longest answer that is read, in bytes: a value of 16 MiB, with something around it.
const maxAnswer = 20 << 20

// conns are the connections to servers, one each.
type conns struct {
	options []grpc.DialOption
	mu      struct {
		sync.Mutex
		open   map[string]*grpc.ClientConn
		closed bool
	}
}

func (c *conns) init(dial func(ctx context.Context, address string) (net.Conn, error)) {
	c.mu.open = make(map[string]*grpc.ClientConn)
	c.options = []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(dial),
		grpc.WithStatsHandler(sent.Handler{}),
		grpc.WithDisableRetry(), // package retry does it
		grpc.WithDisableServiceConfig(),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: 500 * time.Millisecond},
			MinConnectTimeout: time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
	}
}

// at is the connection to a server.
func (c *conns) at(address string) (*grpc.ClientConn, error) {
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

// keep closes the connections to all other servers.
func (c *conns) keep(servers []string) {
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

// retryNow closes connections that wait after a failure: who asks that server next connects at once. (ResetConnectBackoff would do, but reads a map
// without its lock in grpc 1.85, which can end the process.)
func (c *conns) retryNow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for address, conn := range c.mu.open {
		if conn.GetState() == connectivity.TransientFailure {
			_ = conn.Close()
			delete(c.mu.open, address)
		}
	}
}

func (c *conns) close() {
	c.keep(nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.closed = true
	for _, conn := range c.mu.open {
		_ = conn.Close()
	}
	clear(c.mu.open)
}
