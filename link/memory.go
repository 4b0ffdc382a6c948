package link

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// Memory is a network inside the process, for tests: transports on it are those of TCP, but what they write goes
// through pipes that a test can break, block and delay. All methods may be called concurrently.
type Memory struct {
	mu        sync.Mutex
	listening map[string]*TCP
	lanes     map[way]*lane
	dialled   map[*pipe]bool // the dialler's ends of open connections
}

// way is one direction between two addresses.
type way struct{ from, to string }

func (w way) back() way { return way{w.to, w.from} }

// lane is what a test wants done to all bytes that go one way. The network's lock guards it.
type lane struct {
	blocked bool
	delay   time.Duration
	changed *sync.Cond // something may flow now
}

// NewMemory makes a network without anybody on it.
func NewMemory() *Memory {
	return &Memory{listening: map[string]*TCP{}, lanes: map[way]*lane{}, dialled: map[*pipe]bool{}}
}

// Transport makes a transport that is reached under the address, in place of the one before. config.Dial is not
// used. An address with no transport, or with one that was stopped, refuses connections.
func (m *Memory) Transport(address string, config TCPConfig) *TCP {
	config.Dial = func(ctx context.Context, to string) (net.Conn, error) { return m.dial(ctx, way{address, to}) }
	t := NewTCP(config)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listening[address] = t
	return t
}

// Break breaks the connections between two addresses. What was under way is lost, in both directions.
func (m *Memory) Break(a, b string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p := range m.dialled {
		if p.way == (way{a, b}) || p.way == (way{b, a}) {
			p.snap(syscall.ECONNRESET)
		}
	}
}

// Block stops all bytes that go from one address to another, and connections between them, without a word.
// Those in the other direction flow. Unblock ends it; nothing was lost.
func (m *Memory) Block(from, to string) { m.set(from, to, func(l *lane) { l.blocked = true }) }

// Unblock ends a Block.
func (m *Memory) Unblock(from, to string) { m.set(from, to, func(l *lane) { l.blocked = false }) }

// Delay makes bytes that are written from now on arrive so much later, in their order.
func (m *Memory) Delay(from, to string, d time.Duration) {
	m.set(from, to, func(l *lane) { l.delay = d })
}

func (m *Memory) set(from, to string, change func(*lane)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.lane(way{from, to})
	change(l)
	l.changed.Broadcast()
}

func (m *Memory) lane(w way) *lane {
	l := m.lanes[w]
	if l == nil {
		l = &lane{changed: sync.NewCond(&m.mu)}
		m.lanes[w] = l
	}
	return l
}

// dial opens a connection, and starts a goroutine that serves its other end.
func (m *Memory) dial(ctx context.Context, w way) (net.Conn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	there, back := m.lane(w), m.lane(w.back())
	stop := context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		there.changed.Broadcast()
		back.changed.Broadcast()
	})
	defer stop()
	for there.blocked || back.blocked {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("link: dial %s: %w", w.to, ctx.Err())
		}
		if there.blocked {
			there.changed.Wait()
		} else {
			back.changed.Wait()
		}
	}
	t := m.listening[w.to]
	if t == nil || t.ctx.Err() != nil {
		return nil, fmt.Errorf("link: dial %s: %w", w.to, syscall.ECONNREFUSED)
	}
	near, far := m.connect(w)
	go accept(t, far)
	return near, nil
}

// accept does what a server's port does: it reads the first bytes, and hands the connection on.
func accept(t *TCP, conn net.Conn) {
	first := make([]byte, len(Preamble))
	if _, err := io.ReadFull(conn, first); err != nil || string(first) != Preamble {
		conn.Close()
		return
	}
	t.Serve(conn)
}
