package stream

import (
	"io"
	"net"
	"os"
	"syscall"
)

// raw reads and writes the connection's descriptor without waiting, so that a waiting connection needs no buffer.
type raw struct {
	conn syscall.RawConn
	poll bool // read only what is there
	err  error

	p []byte // to be written
	n int    // written
}

// newRaw returns nil for connections without a descriptor.
func newRaw(conn net.Conn) *raw {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return &raw{conn: rc}
}

func (c *Conn) fillRaw() error {
	r := c.raw
	r.err = nil
	if err := r.conn.Read(c.readFD); err != nil {
		return err
	}
	return r.err
}

// readRaw reads once, and returns whether that was final: false waits until the descriptor is readable.
func (c *Conn) readRaw(fd uintptr) bool {
	if c.raw.err = c.in.room(); c.raw.err != nil {
		return true
	}
	for {
		n, err := syscall.Read(int(fd), c.in.buf[c.in.w:])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN && c.raw.poll:
			c.raw.err = os.ErrDeadlineExceeded
		case err == syscall.EAGAIN:
			c.in.park()
			return false
		case err != nil:
			c.raw.err = os.NewSyscallError("read", err)
		case n == 0:
			c.raw.err = io.EOF
		default:
			c.in.w += n
		}
		return true
	}
}

// poll takes what has come already. It returns os.ErrDeadlineExceeded if nothing has.
func (c *Conn) poll() error {
	if c.raw == nil {
		return os.ErrDeadlineExceeded
	}
	c.raw.poll = true
	defer func() { c.raw.poll = false }()
	return c.fillRaw()
}

// writeNow writes as much of p as the socket takes at once.
func (c *Conn) writeNow(p []byte) (int, error) {
	r := c.raw
	if r == nil {
		return 0, nil
	}
	r.p, r.n, r.err = p, 0, nil
	err := r.conn.Write(c.writeFD)
	r.p = nil
	if err == nil {
		err = r.err
	}
	return r.n, err
}

func (c *Conn) writeRaw(fd uintptr) bool {
	r := c.raw
	for r.n < len(r.p) {
		n, err := syscall.Write(int(fd), r.p[r.n:])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return true
		case err != nil:
			r.err = os.NewSyscallError("write", err)
			return true
		default:
			r.n += n
		}
	}
	return true
}
