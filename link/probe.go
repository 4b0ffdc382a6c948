package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/chaintable/chaintable/chain"
)

// Probe implements Transport. It waits until ctx ends, and not longer than TCPConfig.Timeout.
//
// A firewall that rejects, instead of dropping, looks like a dead member: the address refuses the connection.
func (t *TCP) Probe(ctx context.Context, m chain.Member) (dead bool, err error) {
	if !t.enter() {
		return false, ErrStopped
	}
	defer t.running.Done()
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()

	conn, err := t.config.Dial(ctx, m.Address)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("link: probe %v: %w", m.MemberID, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	who, err := t.ask(conn, m.MemberID)
	switch {
	case ctx.Err() != nil:
		return false, fmt.Errorf("link: probe %v: %w", m.MemberID, ctx.Err())
	case err != nil:
		return false, fmt.Errorf("link: probe %v: %w", m.MemberID, err)
	}
	// Another incarnation of the node is the same process, with all it holds: for a server that keeps everything in memory
	// the node's id is random for each process.
	return who.Node != m.Node, nil
}

// ask sends the probe and reads the answer: who is there.
func (t *TCP) ask(conn net.Conn, m chain.MemberID) (chain.MemberID, error) {
	f := frame{control: fieldProbe}
	f.To = m
	if err := t.say(conn, appendControl([]byte(Preamble), &f)); err != nil {
		return chain.MemberID{}, err
	}
	got, err := newReader(conn, t.config.Timeout, &t.input).frame()
	switch {
	case err != nil:
		return chain.MemberID{}, err
	case got.control != fieldProbed || got.From == chain.MemberID{}:
		return chain.MemberID{}, errors.New("not an answer")
	}
	return got.From, nil
}

// answer tells who this server is. A server that does not know it yet says nothing, and so passes for silent.
func (t *TCP) answer(conn net.Conn, probe *frame) error {
	if t.config.Identity == nil {
		return nil
	}
	f := frame{control: fieldProbed}
	if f.From = t.config.Identity(); f.From == (chain.MemberID{}) {
		return nil
	}
	f.To = probe.From
	return t.say(conn, appendControl(nil, &f))
}

func (t *TCP) say(conn net.Conn, b []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(t.config.Timeout)); err != nil {
		return err
	}
	_, err := conn.Write(b)
	return err
}
