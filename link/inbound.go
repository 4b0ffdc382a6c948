package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"

	"github.com/chaintable/chaintable/chain"
)

// inbound is a connection over which a peer sends to this server. There is one for each peer.
type inbound struct {
	conn   net.Conn
	from   chain.MemberID
	number uint64        // the sender's, rising
	ended  atomic.Bool   // nothing of it may be received any more
	done   chan struct{} // closed once nothing of it will be
}

func (in *inbound) end() {
	in.ended.Store(true)
	in.conn.Close()
}

// Serve reads a connection that another server opened, and whose first bytes, Preamble, have been read. It closes
// the connection and returns when it ends: nil for an orderly end, or else the reason, which has been logged.
func (t *TCP) Serve(conn net.Conn) error {
	defer conn.Close()
	if err := t.enterInbound(); err != nil {
		t.log.Warn("link refused", "remote", conn.RemoteAddr().String(), "cause", err)
		return err
	}
	defer t.leaveInbound()
	defer context.AfterFunc(t.ctx, func() { conn.Close() })()
	select {
	case <-t.started:
	case <-t.ctx.Done():
		return ErrStopped
	}

	err := t.serve(conn)
	var bad badFrame
	switch {
	case t.ctx.Err() != nil:
		return ErrStopped
	case err == io.EOF:
		return nil
	case errors.As(err, &bad):
		t.log.Warn("link closed", "remote", conn.RemoteAddr().String(), "cause", err)
	default:
		t.log.Debug("link closed", "remote", conn.RemoteAddr().String(), "cause", err)
	}
	return err
}

func (t *TCP) enterInbound() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.stopped:
		return ErrStopped
	case t.serving == t.config.MaxInbound:
		return fmt.Errorf("link: more than %d connections", t.serving)
	}
	t.serving++
	t.running.Add(1)
	return nil
}

func (t *TCP) leaveInbound() {
	t.mu.Lock()
	t.serving--
	t.mu.Unlock()
	t.running.Done()
}

// serve reads the first frame, which tells what the connection is for, and then the others.
func (t *TCP) serve(conn net.Conn) error {
	r := newReader(conn, t.config.Timeout, &t.input)
	first, err := r.frame()
	if err != nil {
		return err
	}
	switch first.control {
	case fieldProbe:
		return t.answer(conn, &first)
	case fieldOpen:
	default:
		return badFrame{errors.New("link: first frame is neither open nor probe")}
	}
	in := &inbound{conn: conn, from: first.From, number: first.connection, done: make(chan struct{})}
	defer t.dismiss(in)
	if err := t.admit(in); err != nil {
		return err
	}
	r.grow()
	for {
		f, err := r.frame()
		switch {
		case err != nil:
			return err
		case f.control != 0:
			return badFrame{errors.New("link: a second opening")}
		case f.From != in.from:
			return badFrame{fmt.Errorf("link: message from %v on a connection from %v", f.From, in.from)}
		case in.ended.Load() || t.ctx.Err() != nil:
			return net.ErrClosed
		}
		t.handler.Receive(f.Envelope)
	}
}

// admit makes in the connection of its peer, once nothing comes from the former one any more: so the order of
// messages holds over connections, too.
func (t *TCP) admit(in *inbound) error {
	t.mu.Lock()
	former := t.inbound[in.from]
	if former != nil && former.number >= in.number {
		t.mu.Unlock()
		return fmt.Errorf("link: connection %d of %v is older than %d", in.number, in.from, former.number)
	}
	t.inbound[in.from] = in
	t.mu.Unlock()

	if former != nil {
		former.end()
		<-former.done
	}
	return nil
}

func (t *TCP) dismiss(in *inbound) {
	t.mu.Lock()
	if t.inbound[in.from] == in {
		delete(t.inbound, in.from)
	}
	t.mu.Unlock()
	close(in.done)
}

// Close implements Transport.
func (t *TCP) Close(from chain.MemberID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if in := t.inbound[from]; in != nil {
		in.end()
	}
}
