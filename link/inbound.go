package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/chaintable/chaintable/chain"
)

// sender is a peer that has connections to this server. TCP.mu guards it.
type sender struct {
	newest *inbound
	open   int           // connections, the newest and those that are about to end
	turn   chan struct{} // capacity 1: held by the connection whose messages are received
}

// inbound is a connection over which a peer sends to this server.
type inbound struct {
	from   chain.MemberID
	number uint64 // the peer's, rising
	end    func() // closes the connection; nothing more of it is received
}

// Serve reads a connection that another server opened, and whose first bytes, Preamble, have been read. It closes
// the connection and returns when it ends: nil for an orderly end, or else the reason, which has been logged.
func (t *TCP) Serve(conn net.Conn) error {
	defer conn.Close()
	if err := t.enterInbound(); err != nil {
		t.notes.Warn(t.log, "link refused", "remote", conn.RemoteAddr().String(), "cause", err)
		return err
	}
	defer t.leaveInbound()
	ctx, end := context.WithCancel(t.ctx)
	defer end()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	select {
	case <-t.started:
	case <-ctx.Done():
		return ErrStopped
	}

	err := t.serve(ctx, conn, end)
	var bad badFrame
	switch {
	case t.ctx.Err() != nil:
		return ErrStopped
	case err == io.EOF:
		return nil
	case errors.As(err, &bad):
		t.notes.Warn(t.log, "link closed", "remote", conn.RemoteAddr().String(), "cause", err)
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

// serve reads the first frame, which tells what the connection is for, and then the others, until ctx ends.
func (t *TCP) serve(ctx context.Context, conn net.Conn, end func()) error {
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

	in := &inbound{from: first.From, number: first.connection, end: end}
	s, err := t.admit(in)
	if err != nil {
		return err
	}
	defer t.dismiss(in, s)
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return net.ErrClosed
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
		case ctx.Err() != nil:
			return net.ErrClosed
		}
		t.handler.Receive(f.Envelope)
	}
}

// admit makes in the connection of its peer, and ends the former one. That may still be in a Receive: in must not
// begin before its turn, so that the order of messages holds over connections, too.
func (t *TCP) admit(in *inbound) (*sender, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.senders[in.from]
	switch {
	case s == nil:
		s = &sender{turn: make(chan struct{}, 1)}
		t.senders[in.from] = s
	case s.newest.number >= in.number:
		return nil, fmt.Errorf("link: connection %d of %v is not newer than %d", in.number, in.from, s.newest.number)
	default:
		s.newest.end()
	}
	s.newest = in
	s.open++
	return s, nil
}

func (t *TCP) dismiss(in *inbound, s *sender) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.open--; s.open == 0 {
		delete(t.senders, in.from)
	}
}

// Close implements Transport.
func (t *TCP) Close(from chain.MemberID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.senders[from]; s != nil {
		s.newest.end()
	}
}
