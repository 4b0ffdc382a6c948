package rpc

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/tap"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/server/metrics"
	"github.com/chaintable/chaintable/server/stream"
)

// stallTimeout is how long a client may have replies waiting and take none before it is closed.
const stallTimeout = time.Minute

// conn is a client's connection, metered.
type conn struct {
	net.Conn
	front *Front

	// first has been read already.
	first []byte

	recorder metrics.Recorder

	// held is how much was read since no request was there in part, as taken from the quota. The gRPC server does not tell how much of a message
	// has come, but when it has.
	held    atomic.Int64
	partial atomic.Int64 // requests whose message has not come yet
	calls   atomic.Int64 // under way

	unread   atomic.Int64 // bytes of replies that the socket has not taken
	progress atomic.Int64 // Unix nanoseconds, when it last took some or there were none

	closing sync.Once
	closed  chan struct{}
}

func newConn(c net.Conn, first []byte, f *Front) *conn {
	return &conn{Conn: c, front: f, first: first, recorder: f.requests.Connect(), closed: make(chan struct{})}
}

// Read reads, and counts what comes.
func (c *conn) Read(b []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	n, err := c.Conn.Read(b)
	if n > 0 {
		if !c.front.config.Limits.Input.Take(n) {
			c.front.note(c, stream.ErrInput)
			return 0, errors.Join(stream.ErrInput, c.Close())
		}
		c.held.Add(int64(n))
		c.release()
	}
	return n, err
}

// release gives back what is held if no request is there in part.
func (c *conn) release() {
	if c.partial.Load() <= 0 {
		c.front.config.Limits.Input.Give(int(c.held.Swap(0)))
	}
}

// Write writes, and notes that the client has taken something.
func (c *conn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if n > 0 {
		c.progress.Store(now())
	}
	return n, err
}

func now() int64 { return time.Now().UnixNano() }

// Close closes the connection.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.closing.Do(func() {
		close(c.closed)
		c.partial.Store(0)
		c.release()
	})
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// hasClosed tells whether Close was called.
func (c *conn) hasClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// errStalled closes a client that does not read.
var errStalled = errors.New("rpc: the client has taken none of its replies for a minute")

// stalled tells whether the client takes nothing of what is there for it.
func (c *conn) stalled(now time.Time) bool {
	return c.unread.Load() > 0 && now.Sub(time.Unix(0, c.progress.Load())) > stallTimeout
}

// RemoteAddr leads from what gRPC tells of a connection to the connection.
func (c *conn) RemoteAddr() net.Addr { return address{c.Conn.RemoteAddr(), c} }

type address struct {
	net.Addr
	conn *conn
}

// meter is told by gRPC when messages have come.
type meter struct{}

type (
	connKey struct{}
	callKey struct{}
)

// rpcCall is one call at its server.
type rpcCall struct {
	conn *conn
	came atomic.Bool // its message
	over atomic.Bool
	stop func() bool // the watch on its stream, until gRPC tells of it

	// Of the goroutine that answers it.
	parts int64         // of a transaction
	full  bool          // with those of others they are too many
	write bool          // it went to the chain
	held  time.Duration // so long
}

func (c *rpcCall) arrived() {
	if c.conn != nil && c.came.CompareAndSwap(false, true) {
		c.conn.partial.Add(-1)
		c.conn.release()
	}
}

// decoded counts what a message has become.
func (c *rpcCall) decoded(message any) {
	r, ok := message.(*pb.TxnRequest)
	if !ok || c.conn == nil {
		return
	}
	c.parts = int64(len(r.Compares) + len(r.Then) + len(r.Else))
	c.full = c.conn.front.all.parts.Add(c.parts) > maxParts
}

func (c *rpcCall) ended() {
	c.arrived()
	if c.conn != nil && c.over.CompareAndSwap(false, true) {
		c.conn.ended()
		c.conn.front.all.parts.Add(-c.parts)
	}
}

// TagConn notes the connection.
func (meter) TagConn(ctx context.Context, info *stats.ConnTagInfo) context.Context {
	if a, ok := info.RemoteAddr.(address); ok {
		return context.WithValue(ctx, connKey{}, a.conn)
	}
	return ctx
}

// HandleConn does nothing.
func (meter) HandleConn(context.Context, stats.ConnStats) {}

// begins notes a call, for which gRPC has read the headers, before it reads on: its message is yet to come. The goroutine that carries the call out may
// begin only when more than a client may send has been read. A stream that gRPC gives up before it tells of it has come to its end, too.
func begins(ctx context.Context, _ *tap.Info) (context.Context, error) {
	c := &rpcCall{conn: connOf(ctx)}
	if c.conn != nil {
		c.conn.partial.Add(1)
		c.stop = context.AfterFunc(ctx, c.arrived)
	}
	return context.WithValue(ctx, callKey{}, c), nil
}

// TagRPC begins to carry a call out.
func (meter) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	if c, ok := ctx.Value(callKey{}).(*rpcCall); ok && c.conn != nil {
		c.stop()
		c.conn.began()
	}
	return ctx
}

// HandleRPC notes that the message has come, or never will, and the end.
func (meter) HandleRPC(ctx context.Context, s stats.RPCStats) {
	c, ok := ctx.Value(callKey{}).(*rpcCall)
	if !ok {
		return
	}
	switch s := s.(type) {
	case *stats.InPayload:
		c.arrived()
		c.decoded(s.Payload)
	case *stats.OutTrailer:
		c.arrived()
	case *stats.End:
		c.ended()
	}
}

// connOf is the connection of a call, nil where there is none.
func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}
