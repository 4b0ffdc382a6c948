package stream

import (
	"errors"
	"net"
	"os"
	"time"
)

// pieceBytes is how much is copied to the queue at a time, and how much the drain goroutine writes under one deadline.
const pieceBytes = 64 << 10

// Write sends p. What the socket does not take is copied and queued, a piece at a time, with a Pace between the pieces: so only
// a long reply can wait here, and a thousand clients that do not read theirs cost a thousand pieces.
func (c *Conn) Write(p []byte) (int, error) {
	n := len(p)
	for {
		rest, err := c.write(p, true)
		if err != nil || len(rest) == 0 {
			return n - len(rest), err
		}
		if err := c.Pace(); err != nil {
			return n - len(rest), err
		}
		p = rest
	}
}

// WriteShared is Write for bytes that never change, such as a value of the table. They are queued where they are, and it never
// waits.
func (c *Conn) WriteShared(p []byte) error {
	_, err := c.write(p, false)
	return err
}

// write sends what the socket takes and queues what it does not, or only a piece of it if it must be copied. The rest is returned.
func (c *Conn) write(p []byte, clone bool) (rest []byte, err error) {
	c.out.Lock()
	defer c.out.Unlock()
	if c.out.err != nil {
		return p, c.out.err
	}
	if c.out.closed {
		return p, net.ErrClosed
	}
	idle := c.out.queue == nil
	if idle {
		n, err := c.writeNow(p)
		if err != nil {
			c.out.err = err
			return p, err
		}
		p = p[n:]
	}
	if len(p) == 0 {
		return nil, nil
	}
	if clone {
		p, rest = p[:min(len(p), pieceBytes)], p[min(len(p), pieceBytes):]
		p = append([]byte(nil), p...)
	}
	c.out.queue = append(c.out.queue, p)
	c.out.bytes += len(p)
	c.limits.unread.Add(int64(len(p)))
	if idle {
		c.out.progress = time.Now()
		c.drain.Add(1)
		go c.drainQueue()
	}
	return rest, nil
}

// drainQueue writes the queue until it is empty, or the client has taken nothing for stallTimeout.
func (c *Conn) drainQueue() {
	defer c.drain.Done()
	c.out.Lock()
	defer c.out.Unlock()
	for c.out.err == nil && len(c.out.queue) > 0 {
		p := c.out.queue[0]
		p = p[:min(len(p), pieceBytes)]
		c.out.Unlock()
		n, err := c.writePiece(p)
		c.out.Lock()
		c.took(n)
		if n > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			err = nil // slow, but it reads
		}
		c.out.err = err
	}
	if c.out.err == nil {
		c.out.err = c.Conn.SetWriteDeadline(time.Time{})
	}
	c.limits.unread.Add(int64(-c.out.bytes))
	c.limits.drained(c)
	c.out.queue, c.out.bytes = nil, 0
	if c.out.err != nil {
		_ = c.Conn.Close() // the owner, waiting for input, is to know
	}
	c.signal()
}

func (c *Conn) writePiece(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// took notes that the client has taken n bytes of the queue. Called with c.out locked.
func (c *Conn) took(n int) {
	if n == 0 {
		return
	}
	c.out.bytes -= n
	c.limits.unread.Add(int64(-n))
	c.out.progress = time.Now()
	if c.out.queue[0] = c.out.queue[0][n:]; len(c.out.queue[0]) == 0 {
		c.out.queue[0] = nil
		c.out.queue = c.out.queue[1:]
	}
	c.signal()
}

func (c *Conn) signal() {
	select {
	case c.progress <- struct{}{}:
	default:
	}
}

// Pace is called between replies. It waits for a client that reads more slowly than replies are made, but not for one
// that does not read at all, which perhaps waits until all its requests are taken: for that one replies are
// queued as far as Limits admit. It returns ErrUnread when MaxUnread is reached.
func (c *Conn) Pace() error {
	for {
		c.out.Lock()
		bytes, err := c.out.bytes, c.out.err
		still := paceTimeout - time.Since(c.out.progress)
		c.out.Unlock()
		switch {
		case err != nil:
			return err
		case bytes == 0:
			c.limits.drained(c) // it may have been admitted just as its queue ran empty
			return nil
		case bytes >= MaxUnread:
			return ErrUnread
		case !c.limits.admit(c):
			still = admitInterval
		case bytes <= softUnread || still <= 0:
			return nil
		}
		t := time.NewTimer(still)
		select {
		case <-c.progress:
		case <-t.C:
		}
		t.Stop()
	}
}

// Unread is how many bytes are queued.
func (c *Conn) Unread() int {
	c.out.Lock()
	defer c.out.Unlock()
	return c.out.bytes
}
