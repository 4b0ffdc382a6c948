package stream

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// ErrUnread is returned by Pace when the client has left MaxUnread bytes of replies unread.
var ErrUnread = errors.New("stream: 256 MiB of replies are unread")

// Conn is a client's connection. The package comment says how it is to be used.
type Conn struct {
	net.Conn
	limits *Limits
	raw    *raw
	in     input

	// readFD and writeFD as values, so that no call allocates one.
	readFD, writeFD func(fd uintptr) bool

	progress chan struct{} // the drain goroutine wrote something, or ended; capacity 1
	drain    sync.WaitGroup

	out struct {
		sync.Mutex
		queue    [][]byte // not nil exactly while the drain goroutine lives
		bytes    int      // in queue
		progress time.Time
		err      error // of a write; nothing is written after it
		closed   bool
	}
}

// New takes over a connection of which first has been read already. It keeps first.
func New(conn net.Conn, first []byte, limits *Limits) *Conn {
	c := &Conn{Conn: conn, limits: limits, raw: newRaw(conn), progress: make(chan struct{}, 1)}
	c.in = input{buf: first, w: len(first), quota: limits.Input}
	if c.raw != nil {
		c.readFD, c.writeFD = c.readRaw, c.writeRaw
	}
	return c
}

// FillWithin is Fill with a deadline d from now: os.ErrDeadlineExceeded says that nothing came.
func (c *Conn) FillWithin(d time.Duration) error {
	if err := c.Conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	err := c.Fill()
	if e := c.Conn.SetReadDeadline(time.Time{}); e != nil {
		return e
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return c.poll() // this goroutine may have come late, and the bytes in time
	}
	return err
}

// Close closes the connection and waits for its goroutine. What is queued is dropped. Bytes become invalid: the goroutine that
// owns the input calls it last.
func (c *Conn) Close() error {
	err := c.Abort()
	c.drain.Wait()
	c.limits.drained(c) // it may have been admitted just as the drain ended
	c.in.r = c.in.w
	c.in.park()
	return err
}

// Abort closes the connection under its owner, who then sees errors. Any goroutine may call it.
func (c *Conn) Abort() error {
	c.out.Lock()
	c.out.closed = true
	c.out.Unlock()
	return c.Conn.Close()
}

// Finish ends a connection to which all has been said: it waits until the queue is drained, ends the stream to the
// client and reads, for at most a second, what the client still sends, because closing a socket with unread input
// makes the client's system throw away our last reply. Close follows.
func (c *Conn) Finish() {
	c.drain.Wait()
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	if c.Conn.SetReadDeadline(time.Now().Add(time.Second)) != nil {
		return
	}
	var scratch [512]byte
	_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{io.LimitReader(c.Conn, MaxUnread)}, scratch[:])
}
