package server

import (
	"context"
	"errors"
	"io"
	"net"
)

// relayMagic begins a connection that another server passes on for its client; what the client sends follows. It is served
// here or not at all: a relayed connection is not relayed again.
const relayMagic = "\xCAchain\x02"

// relayTo is where the clients of a server outside the chain are served: at the head, as far as this server knows. It is empty
// while this server serves them itself, or knows nobody who does.
func (s *Server) relayTo() string {
	status := s.config.Replica.Status()
	if s.config.Replica.Serving() || len(status.View.Members) == 0 {
		return ""
	}
	if head := status.View.Head().Address; head != status.Address {
		return head
	}
	return ""
}

// relay passes a client's connection on to the server at the address, both ways, until it ends. It is false, and nothing has
// been read of conn, if nobody answers there or there are too many connections.
func (s *Server) relay(conn net.Conn, first []byte, address string) bool {
	to, err := s.dialHead(address)
	if err != nil {
		s.notes.warn("cannot pass a client on to the head", "head", address, "error", err)
		return false
	}
	defer s.forget(to)
	if _, err := to.Write(append([]byte(relayMagic), first...)); err != nil {
		return true
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		pass(conn, to)
	}()
	pass(to, conn)
	<-done
	return true
}

// errFull keeps descriptors for links, without which a server could not join: a client that is passed on takes two.
var errFull = errors.New("server: as many connections are open as --max-clients allows")

// place stands among the server's connections for one that is being dialled.
type place struct{ net.Conn }

// Close does nothing: the dial ends with the server.
func (*place) Close() error { return nil }

// dialHead adds a connection to those of the server, if there is room.
func (s *Server) dialHead(address string) (net.Conn, error) {
	dialled := new(place)
	defer s.forget(dialled)
	s.mu.Lock()
	full := len(s.mu.conns) > s.config.MaxClients
	if !full {
		s.mu.conns[dialled] = struct{}{}
	}
	s.mu.Unlock()
	if full {
		return nil, errFull
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.config.RequestTimeout)
	defer cancel()
	to, err := s.config.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return nil, errors.Join(net.ErrClosed, to.Close())
	}
	s.mu.conns[to] = struct{}{}
	return to, nil
}

// pass copies until from ends, and then says so to the other side: who has sent its last command may still wait for answers.
// If either side breaks, both are closed.
func pass(to, from net.Conn) {
	_, err := io.Copy(to, from)
	half, ok := to.(interface{ CloseWrite() error })
	if err == nil && ok {
		err = half.CloseWrite()
	}
	if err != nil || !ok {
		_ = errors.Join(to.Close(), from.Close())
	}
}
