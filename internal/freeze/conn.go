package freeze

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// DialFunc connects to an address.
type DialFunc = func(ctx context.Context, address string) (net.Conn, error)

// Listener is l, but that no connection is accepted while the server is paused; its connections are frozen
// with it. The error is that of a server that was killed.
func (f *Freezer) Listener(l net.Listener) (net.Listener, error) {
	frozen := &listener{Listener: l, freezer: f, closed: make(chan struct{})}
	if err := f.keep(frozen); err != nil {
		return nil, err
	}
	return frozen, nil
}

// Dial is dial for connections that are frozen with the server. While it is paused, no attempt begins or ends.
func (f *Freezer) Dial(dial DialFunc) DialFunc {
	return func(ctx context.Context, address string) (net.Conn, error) {
		if err := f.wait(ctx.Done()); err != nil {
			return nil, err
		}
		c, err := dial(ctx, address)
		if err != nil {
			return nil, err
		}
		frozen, err := f.conn(c)
		if err != nil {
			return nil, err
		}
		if err := f.wait(ctx.Done()); err != nil {
			frozen.Close()
			return nil, err
		}
		return frozen, nil
	}
}

type listener struct {
	net.Listener
	freezer *Freezer
	closed  chan struct{}
	once    sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	if err := l.freezer.wait(l.closed); err != nil {
		return nil, err
	}
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	frozen, err := l.freezer.conn(c)
	if err != nil {
		return nil, err
	}
	if err := l.freezer.wait(l.closed); err != nil { // it came while the server was being paused
		frozen.Close()
		return nil, err
	}
	return frozen, nil
}

// Close wakes an Accept, paused or not.
func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.freezer.drop(l)
	})
	return l.Listener.Close()
}

// conn blocks in Read and Write while the server is paused, until it is closed. Bytes that a Read had already
// taken from the kernel are held back until the server goes on.
type conn struct {
	net.Conn
	freezer *Freezer
	closed  chan struct{}
	once    sync.Once
}

// conn is c, frozen with the server. If c is TCP it has a descriptor and half a Close, too.
func (f *Freezer) conn(c net.Conn) (net.Conn, error) {
	frozen := &conn{Conn: c, freezer: f, closed: make(chan struct{})}
	if err := f.keep(frozen); err != nil {
		return nil, err
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		return &tcpConn{conn: frozen, tcp: tcp}, nil
	}
	return frozen, nil
}

func (c *conn) wait() error { return c.freezer.wait(c.closed) }

func (c *conn) Read(b []byte) (int, error) {
	if err := c.wait(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if e := c.wait(); e != nil {
		return 0, e
	}
	return n, err
}

func (c *conn) Write(b []byte) (int, error) {
	if err := c.wait(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	if e := c.wait(); e != nil {
		return n, e
	}
	return n, err
}

// Close wakes whoever reads or writes, paused or not.
func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.freezer.drop(c)
	})
	return c.Conn.Close()
}

// tcpConn is a conn with a descriptor: reads and writes on that wait, too.
type tcpConn struct {
	*conn
	tcp *net.TCPConn
}

func (c *tcpConn) CloseWrite() error {
	if err := c.wait(); err != nil {
		return err
	}
	return c.tcp.CloseWrite()
}

func (c *tcpConn) SyscallConn() (syscall.RawConn, error) {
	raw, err := c.tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &rawConn{RawConn: raw, conn: c.conn}, nil
}

type rawConn struct {
	syscall.RawConn
	conn *conn
}

func (r *rawConn) Read(do func(fd uintptr) bool) error { return r.gated(r.RawConn.Read, do) }

func (r *rawConn) Write(do func(fd uintptr) bool) error { return r.gated(r.RawConn.Write, do) }

// gated calls do only while the server runs, also when the descriptor has become ready in the middle of a pause.
func (r *rawConn) gated(call func(func(fd uintptr) bool) error, do func(fd uintptr) bool) error {
	if err := r.conn.wait(); err != nil {
		return err
	}
	var ended error
	err := call(func(fd uintptr) bool {
		if ended = r.conn.wait(); ended != nil {
			return true
		}
		return do(fd)
	})
	if ended != nil {
		return ended
	}
	return err
}
