package link

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/chaintable/chaintable/chain"
)

const (
	minBackoff = 10 * time.Millisecond
	maxBackoff = 250 * time.Millisecond

	maxWrite = 4 << 20 // bytes that one deadline is for
)

var (
	errIdle   = errors.New("link: idle")
	errClosed = errors.New("link: closed by the peer")
	errSpoke  = errors.New("link: the peer spoke where it must not")
)

// route is where messages go: each has a queue, a goroutine that writes and at most one connection.
type route struct {
	from, to chain.MemberID
	address  string
}

// peer sends to one route.
type peer struct {
	route
	tcp   *TCP
	queue *queue
	log   *slog.Logger

	batch  [][]byte    // taken from the queue; kept for its memory
	vector net.Buffers // likewise, for one write
}

func newPeer(t *TCP, r route) *peer {
	return &peer{
		route: r,
		tcp:   t,
		queue: newQueue(t.config.QueueBytes, t.config.QueueMessages),
		log:   t.log.With("peer", r.to.String(), "address", r.address),
	}
}

// run connects when there is something to send, sends until the connection breaks, reports it, and begins anew;
// until there has been nothing to send for so long that the peer is forgotten.
func (p *peer) run() {
	defer p.tcp.running.Done()
	var pause time.Duration
	for p.await() {
		if !sleep(p.tcp.ctx, pause) {
			return
		}
		lived, err := p.connect()
		if p.tcp.ctx.Err() != nil {
			return
		}
		if pause *= 2; lived >= maxBackoff {
			pause = 0
		}
		pause = min(max(pause, minBackoff), maxBackoff)

		// What was sent up to here is lost. Messages that come from here on stay in the queue, but nothing is
		// dialled before the handler knows.
		if overflow := p.queue.reset(); overflow != nil {
			err = overflow
		}
		p.tcp.handler.Reset(p.to)
		level := slog.LevelDebug
		if lived > 0 && err != errIdle {
			level = slog.LevelWarn
		}
		p.log.Log(p.tcp.ctx, level, "link down", "cause", err)
	}
}

// await waits until something is queued. It returns false when the peer was forgotten.
func (p *peer) await() bool {
	idle := time.NewTimer(p.tcp.config.IdleTimeout)
	defer idle.Stop()
	for p.queue.empty() {
		select {
		case <-p.queue.wake:
		case <-idle.C:
			if p.tcp.forget(p) {
				return false
			}
		case <-p.tcp.ctx.Done():
			return false
		}
	}
	return true
}

// connection is one that this server dialled. The other side never speaks on it: reading tells when it has closed.
type connection struct {
	net.Conn
	down  chan struct{} // closed when nothing can be sent any more
	cause error         // why; once down is closed
}

func (c *connection) watch() {
	switch _, err := c.Read(make([]byte, 1)); err {
	case nil:
		c.cause = errSpoke
	case io.EOF:
		c.cause = errClosed
	default:
		c.cause = err
	}
	c.Close() // ends a write that is under way
	close(c.down)
}

// connect opens a connection and writes what is queued until it breaks. It tells how long there was a connection,
// and why there is none any more.
func (p *peer) connect() (lived time.Duration, err error) {
	ctx, cancel := context.WithTimeout(p.tcp.ctx, p.tcp.config.Timeout)
	conn, err := p.tcp.config.Dial(ctx, p.address)
	cancel()
	if err != nil {
		return 0, err
	}
	since := time.Now()
	c := &connection{Conn: conn, down: make(chan struct{})}
	go c.watch()
	stop := context.AfterFunc(p.tcp.ctx, func() { c.Close() })
	p.queue.onOverflow(func() { c.Close() })
	p.log.Debug("link up")

	err = p.write(c)

	p.queue.onOverflow(nil)
	stop()
	c.Close()
	<-c.down
	return max(time.Since(since), 1), err
}

// write sends the greeting and all that is queued. It returns why it cannot go on.
func (p *peer) write(c *connection) error {
	p.batch = append(p.batch[:0], p.tcp.greeting(p.route))
	idle := time.NewTimer(p.tcp.config.IdleTimeout)
	defer idle.Stop()
	for {
		var err error
		if p.batch, err = p.queue.take(p.batch, maxWrite); err != nil {
			return err
		}
		if len(p.batch) > 0 {
			err := p.flush(c)
			recycle(p.batch)
			p.batch = p.batch[:0]
			if err != nil {
				return err
			}
			idle.Reset(p.tcp.config.IdleTimeout)
			continue
		}
		select {
		case <-p.queue.wake:
		case <-c.down:
			return c.cause
		case <-idle.C:
			return errIdle
		}
	}
}

// flush writes the batch: all of it in one call, unless it has a frame so long that one deadline would not do.
func (p *peer) flush(c *connection) error {
	total := 0
	for _, b := range p.batch {
		total += len(b)
	}
	if total <= 2*maxWrite {
		if err := c.SetWriteDeadline(time.Now().Add(p.tcp.config.Timeout)); err != nil {
			return err
		}
		all := append(p.vector[:0], p.batch...)
		p.vector = all
		_, err := p.vector.WriteTo(c.Conn) // writev; it eats the vector
		clear(all)
		p.vector = all[:0]
		return err
	}
	for _, b := range p.batch {
		for len(b) > 0 {
			if err := c.SetWriteDeadline(time.Now().Add(p.tcp.config.Timeout)); err != nil {
				return err
			}
			n, err := c.Write(b[:min(len(b), maxWrite)])
			if err != nil {
				return err
			}
			b = b[n:]
		}
	}
	return nil
}

// sleep waits for d, and tells whether ctx still lives.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
