package resp

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chaintable/chaintable/internal/notes"
	"github.com/chaintable/chaintable/server/metrics"
	"github.com/chaintable/chaintable/server/stream"
)

// Front serves RESP to any number of connections. Its methods may be called concurrently.
type Front struct {
	config Config
	began  time.Time
	notes  notes.Notes

	// listings bounds the requests that read the whole table at once: each keeps a snapshot of it.
	listings chan struct{}

	connections atomic.Int64 // ever
	requests    *metrics.Requests
	counted     []metrics.Command // by index of the command; the last is for those that are none

	mu struct {
		sync.Mutex
		clients map[int64]*client // by id
	}
}

// New makes a Front.
func New(config Config) *Front {
	f := &Front{config: config, began: time.Now(), listings: make(chan struct{}, 2)}
	f.mu.clients = make(map[int64]*client)
	var names []string
	for _, c := range rows {
		names = append(names, c.name)
	}
	f.requests = metrics.NewRequests("resp", names, config.Slow)
	for _, name := range append(names, metrics.Other) {
		f.counted = append(f.counted, f.requests.Command(name))
	}
	return f
}

// Requests counts what clients ask for.
func (f *Front) Requests() *metrics.Requests { return f.requests }

// Serve serves conn, of which first has been read already, until the client or ctx ends, or another server takes the connection. The client has
// agreed on that version of RESP. The caller closes conn then, and also to end Serve early; what waits for the chain ends with ctx.
func (f *Front) Serve(ctx context.Context, conn net.Conn, first []byte, version int, exit *stream.Exit) {
	c := &client{front: f, conn: stream.New(conn, first, f.config.Limits), exit: exit, recorder: f.requests.Connect()}
	defer c.recorder.Disconnect()
	defer func() { _ = c.conn.Close() }()
	c.id = f.connections.Add(1)
	c.init()
	c.setProtocol(int64(version))
	f.mu.Lock()
	f.mu.clients[c.id] = c
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.mu.clients, c.id)
		f.mu.Unlock()
	}()
	err := c.serve(ctx)
	if c.requestContext.cancel != nil {
		c.requestContext.cancel()
	}
	if err != nil {
		f.note(conn.RemoteAddr(), err)
	}
}

// note tells the log why a client was closed: in a warning, one a second of each kind, where it asked for too much.
func (f *Front) note(client net.Addr, err error) {
	for _, cause := range []error{errAttack, stream.ErrUnread, stream.ErrInput} {
		if errors.Is(err, cause) {
			f.notes.Warn(f.config.Logger, "client closed: "+cause.Error(), "client", client, "error", err)
			return
		}
	}
	f.config.Logger.Debug("client closed", "client", client, "error", err)
}

// all lists the clients in no order.
func (f *Front) all() []*client {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]*client, 0, len(f.mu.clients))
	for _, c := range f.mu.clients {
		list = append(list, c)
	}
	return list
}
