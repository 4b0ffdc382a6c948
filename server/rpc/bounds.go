package rpc

import (
	"errors"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/chaintable/chaintable/server/stream"
)

const (
	// maxCalls is how many calls all connections together may have under way. Each takes some 25 KiB: its headers and a goroutine.
	maxCalls = 1 << 16
	// maxUnread is how many bytes of replies all connections together may leave unread.
	maxUnread = 1 << 30
	// maxParts is how many compares and steps all transactions that are not answered may have together. Each takes some 256 bytes, beside its key and
	// value.
	maxParts = 4 << 20
)

var (
	errCalls  = errors.New("rpc: too many calls are under way, most of them at this connection")
	errUnread = errors.New("rpc: too much is unread at all connections, most of it at this one")
)

// bounds is what all connections of a Front have together.
type bounds struct {
	calls  atomic.Int64 // under way
	unread atomic.Int64 // bytes of replies that sockets have not taken
	parts  atomic.Int64 // compares and steps of transactions under way
}

// began counts a call at the connection. What is too many, most of it somewhere, is ended there: others must not pay for it.
func (c *conn) began() {
	c.calls.Add(1)
	if limit := c.front.config.MaxCalls; c.front.all.calls.Add(1) > limit {
		c.front.shed(limit, errCalls, func(c *conn) int64 { return c.calls.Load() })
	}
}

func (c *conn) ended() {
	c.calls.Add(-1)
	c.front.all.calls.Add(-1)
}

// Unread is how many bytes of replies of more than 1 KiB clients have not read.
func (f *Front) Unread() int64 { return f.all.unread.Load() }

// queue counts n bytes of a reply.
func (c *conn) queue(n int) {
	if c.unread.Add(int64(n)) == int64(n) {
		c.progress.Store(now())
	}
	if c.unread.Load() > stream.MaxUnread {
		c.front.note(c, stream.ErrUnread)
		_ = c.Close()
	}
	if limit := c.front.config.MaxUnread; c.front.all.unread.Add(int64(n)) > limit {
		c.front.shed(limit, errUnread, func(c *conn) int64 { return c.unread.Load() })
	}
}

// taken gives back what queue counted.
func (c *conn) taken(n int) {
	c.unread.Add(-int64(n))
	c.front.all.unread.Add(-int64(n))
}

// shed closes the connection that has the most, if those that are open have more than limit together: what closed ones have is about to end.
func (f *Front) shed(limit int64, cause error, has func(*conn) int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var first *conn
	var all, most int64
	for c := range f.mu.conns {
		if c.hasClosed() {
			continue
		}
		n := has(c)
		all += n
		if first == nil || n > most {
			first, most = c, n
		}
	}
	if all > limit {
		f.note(first, cause)
		_ = first.Close()
	}
}

// unknown answers methods that there are not. It is a handler, because the end of a call that has one is told in any case.
func unknown(_ any, s grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(s)
	return status.Error(codes.Unimplemented, "unknown method "+method)
}
