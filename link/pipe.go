package link

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

const pipeBytes = 256 << 10 // under way in one direction

// pipe is one end of a connection of a Memory, whose lock guards all of it.
type pipe struct {
	way      // from this end to the other
	net      *Memory
	out, in  *half
	readBy   deadline
	writeBy  deadline
	isClosed bool
}

// half carries bytes one way.
type half struct {
	lane    *lane
	pieces  []piece
	size    int
	ended   bool  // the writer has closed
	unread  bool  // the reader has closed
	failure error // the connection broke
}

type piece struct {
	data []byte
	due  time.Time
}

// deadline is a time after which an operation fails; the timer wakes who waits.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) set(at time.Time, wake func()) {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.at = at; !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), wake)
	}
}

// connect makes the two ends of a connection. The lock must be held.
func (m *Memory) connect(w way) (near, far *pipe) {
	there, back := &half{lane: m.lane(w)}, &half{lane: m.lane(w.back())}
	near = &pipe{way: w, net: m, out: there, in: back}
	far = &pipe{way: w.back(), net: m, out: back, in: there}
	m.dialled[near] = true
	return near, far
}

// snap breaks both directions. The lock must be held.
func (p *pipe) snap(why error) {
	for _, h := range []*half{p.out, p.in} {
		h.pieces, h.size, h.failure = nil, 0, why
		h.lane.changed.Broadcast()
	}
}

// Read implements net.Conn.
func (p *pipe) Read(b []byte) (int, error) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	h := p.in
	for {
		switch {
		case p.isClosed:
			return 0, net.ErrClosed
		case h.failure != nil:
			return 0, h.failure
		case p.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case h.lane.blocked:
		case len(h.pieces) > 0:
			if wait := time.Until(h.pieces[0].due); wait > 0 {
				t := time.AfterFunc(wait, p.wake)
				h.lane.changed.Wait()
				t.Stop()
				continue
			}
			return h.take(b), nil
		case h.ended:
			return 0, io.EOF
		}
		h.lane.changed.Wait()
	}
}

func (h *half) take(b []byte) int {
	first := &h.pieces[0]
	n := copy(b, first.data)
	if first.data = first.data[n:]; len(first.data) == 0 {
		h.pieces = h.pieces[1:]
	}
	h.size -= n
	h.lane.changed.Broadcast()
	return n
}

// Write implements net.Conn.
func (p *pipe) Write(b []byte) (n int, err error) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	h := p.out
	for {
		switch {
		case p.isClosed:
			return n, net.ErrClosed
		case h.failure != nil:
			return n, h.failure
		case h.unread && !p.in.lane.blocked: // the word of it comes the other way
			return n, syscall.EPIPE
		case p.writeBy.passed():
			return n, os.ErrDeadlineExceeded
		}
		if free := pipeBytes - h.size; free > 0 {
			data := append([]byte(nil), b[n:min(len(b), n+free)]...)
			h.pieces = append(h.pieces, piece{data, time.Now().Add(h.lane.delay)})
			h.size += len(data)
			h.lane.changed.Broadcast()
			if n += len(data); n == len(b) {
				return n, nil
			}
		}
		h.lane.changed.Wait()
	}
}

// Close implements net.Conn. Like the kernel's, it still delivers what was written.
func (p *pipe) Close() error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	if p.isClosed {
		return net.ErrClosed
	}
	p.isClosed = true
	p.readBy.set(time.Time{}, nil)
	p.writeBy.set(time.Time{}, nil)
	p.out.ended, p.in.unread = true, true
	p.out.lane.changed.Broadcast()
	p.in.lane.changed.Broadcast()
	delete(p.net.dialled, p)
	return nil
}

func (p *pipe) wake() {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	p.out.lane.changed.Broadcast()
	p.in.lane.changed.Broadcast()
}

// LocalAddr implements net.Conn.
func (p *pipe) LocalAddr() net.Addr { return memoryAddr(p.from) }

// RemoteAddr implements net.Conn.
func (p *pipe) RemoteAddr() net.Addr { return memoryAddr(p.to) }

type memoryAddr string

func (memoryAddr) Network() string  { return "memory" }
func (a memoryAddr) String() string { return string(a) }

// SetDeadline implements net.Conn.
func (p *pipe) SetDeadline(t time.Time) error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	p.readBy.set(t, p.wake)
	p.writeBy.set(t, p.wake)
	p.out.lane.changed.Broadcast()
	p.in.lane.changed.Broadcast()
	return nil
}

// SetReadDeadline implements net.Conn.
func (p *pipe) SetReadDeadline(t time.Time) error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	p.readBy.set(t, p.wake)
	p.in.lane.changed.Broadcast()
	return nil
}

// SetWriteDeadline implements net.Conn.
func (p *pipe) SetWriteDeadline(t time.Time) error {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	p.writeBy.set(t, p.wake)
	p.out.lane.changed.Broadcast()
	return nil
}

var _ net.Conn = (*pipe)(nil)
