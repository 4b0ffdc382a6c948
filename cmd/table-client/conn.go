package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/chaintable/chaintable/server/wire"
)

// question is what a server is asked in the seed protocol.
type question struct {
	op        wire.Op
	key, data string
	number    int32 // of verify
}

func (q question) write() bool { return q.op == wire.Put || q.op == wire.Del }

// conn is a connection to a server that speaks the seed protocol.
type conn struct {
	net.Conn
	r       *bufio.Reader
	address string
}

func dial(ctx context.Context, address string) (*conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, r: bufio.NewReaderSize(c, 64<<10), address: address}, nil
}

// ask sends a question and reads the reply; with more another one can be asked. After an error that is no failure the question may
// have been sent.
func (c *conn) ask(ctx context.Context, q question) (reply wire.Reply, more bool, err error) {
	defer bind(ctx, c)()
	n, err := c.Write(wire.AppendRequest(nil, q.op, []byte(q.key), []byte(q.data), q.number))
	switch {
	case err != nil && n == 0:
		return reply, false, retryf("not executed: %s: %s", c.address, why(errors.Join(ctx.Err(), err)))
	case err != nil:
		return reply, false, errors.Join(ctx.Err(), err)
	}
	if reply, more, err = wire.ReadReply(c.r, q.op); err != nil {
		return reply, false, errors.Join(ctx.Err(), err)
	}
	return reply, more, nil
}

// quiet tells that the other side has neither closed the connection nor said anything unasked. What is sent
// to a server that has gone would be uncertain, and needlessly so.
func (c *conn) quiet() bool {
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil || c.r.Buffered() > 0 {
		return false
	}
	quiet := false
	err = raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && quiet
}

// bind ends what c waits for with ctx, until the returned function is called.
func bind(ctx context.Context, c net.Conn) (free func()) {
	deadline, _ := ctx.Deadline()
	_ = c.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	return func() {
		stop()
		_ = c.SetDeadline(time.Time{})
	}
}

// maxLine is the most that is read of an answer in text, in bytes.
const maxLine = 1024

// askLine sends what is no question of the seed protocol, on a connection of its own, and returns what it can of the answer's first line:
// nothing, if the other side is silent for answerTimeout or closes the connection. An error is that nobody could be asked.
func askLine(ctx context.Context, address, what string) (string, error) {
	c, err := dial(ctx, address)
	if err != nil {
		return "", errors.Join(context.Cause(ctx), err)
	}
	defer c.Close()
	within, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	defer bind(within, c)()
	if _, err := io.WriteString(c, what); err == nil {
		line := make([]byte, 0, maxLine)
		for len(line) < maxLine {
			b, err := c.r.ReadByte()
			if err != nil || b == '\n' {
				break
			}
			line = append(line, b)
		}
		if len(line) > 0 && line[len(line)-1] == '\r' {
			line = line[:len(line)-1]
		}
		if len(line) > 0 {
			return string(line), nil
		}
	}
	return "", ctx.Err()
}
