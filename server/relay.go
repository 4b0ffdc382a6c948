package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chaintable/chaintable/server/stream"
)

// relayMagic begins a connection that another server passes on for its client. One byte follows, what the client speaks: 2 or 3 for that version
// of RESP, 1 for the seed protocol. A server that serves, and has room, answers relayTaken, and then what the client sends
// follows; another closes the connection. A relayed connection is served or not at all: it is not relayed again.
const (
	relayMagic = "\xCAchain\x02"
	relayTaken = 0x06 // ACK
)

const (
	// takePatience is how long a server may take to say that it takes a client: one that is suspended never does.
	takePatience = time.Second
	// relayPause is how long nobody is passed on after a server would not take one.
	relayPause = 250 * time.Millisecond
	// relayPatience is how long a relayed connection may have bytes without an answer, or an answer that its client does not take. It is long,
	// because half a request has no answer either.
	relayPatience = time.Minute
	// quietFor is how long ago an answer came that was the last word of a relayed connection, as far as that can be told.
	quietFor = 2 * time.Millisecond
)

// exit is the way of a client's connection to a server that can serve it.
func (s *Server) exit(conn net.Conn) *stream.Exit {
	return &stream.Exit{
		Open: func() bool { return s.relayTo() != "" },
		Take: func(rest []byte, sent func(), version int) bool {
			return s.relay(conn, rest, sent, version, s.relayTo())
		},
	}
}

// relayTo is where the clients of a server that does not serve are served, as far as this server knows: at the head, or by the next
// member if the head is this server, which leaves. It is empty while this server serves them itself, or knows nobody who does.
func (s *Server) relayTo() string {
	if s.config.Replica.Serving() || time.Now().UnixNano() < s.noRelayUntil.Load() {
		return ""
	}
	status := s.config.Replica.Status()
	for _, m := range status.View.Members {
		if m.Address != status.Address {
			return m.Address
		}
	}
	return ""
}

// relay passes a client's connection on to the server at the address, both ways, until it ends. It is false, and nothing has
// been read of conn or written to it, if nobody takes it there or there are too many connections.
func (s *Server) relay(conn net.Conn, first []byte, sent func(), version int, address string) bool {
	if address == "" {
		return false
	}
	to, err := s.dialMember(address, version)
	if err != nil {
		s.noRelayUntil.Store(time.Now().Add(relayPause).UnixNano())
		s.notes.warn("cannot pass a client on", "to", address, "error", err)
		return false
	}
	defer s.forget(to)
	r := &relaying{client: conn, server: to, patience: max(relayPatience, 2*s.config.RequestTimeout)}
	r.asked.Store(time.Now().UnixNano())
	s.mu.Lock()
	s.mu.relays[r] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.mu.relays, r)
	}()
	done := make(chan struct{})
	go func() { // from the start: there may be more answers than the connections hold
		defer close(done)
		r.answers()
	}()
	_, err = to.Write(first)
	sent()
	if err == nil {
		r.questions()
	} else {
		r.close()
	}
	<-done
	return true
}

// relaying is a connection that is passed on.
type relaying struct {
	client, server net.Conn
	patience       time.Duration // with a server that answers nothing

	// When something last passed to the server, and to the client; Unix nanoseconds.
	asked, answered atomic.Int64
}

// questions passes on what the client sends, until it ends, and then says so to the server, which may still have to answer.
func (r *relaying) questions() {
	buf := make([]byte, 16<<10)
	for {
		n, err := r.client.Read(buf)
		if n > 0 {
			r.asked.Store(time.Now().UnixNano())
			if _, err := r.server.Write(buf[:n]); err != nil {
				r.close()
				return
			}
		}
		if err == io.EOF {
			endOf(r.server, r.close)
			return
		}
		if err != nil {
			r.close()
			return
		}
	}
}

// answers passes on what the server answers. It ends both if that one leaves a question without an answer for too long.
func (r *relaying) answers() {
	buf := make([]byte, 16<<10)
	for {
		if err := r.server.SetReadDeadline(time.Now().Add(r.patience)); err != nil {
			r.close()
			return
		}
		n, err := r.server.Read(buf)
		if n > 0 {
			came := time.Now() // what the client asks from here on is not answered by this
			if r.client.SetWriteDeadline(came.Add(r.patience)) != nil {
				r.close()
				return
			}
			if _, err := r.client.Write(buf[:n]); err != nil {
				r.close()
				return
			}
			r.answered.Store(came.UnixNano())
		}
		var network net.Error
		switch asked := r.asked.Load(); {
		case err == nil:
		case err == io.EOF:
			_ = r.client.SetReadDeadline(time.Now().Add(time.Second)) // for the client to end, too
			endOf(r.client, r.close)
			return
		case errors.As(err, &network) && network.Timeout() && (asked < r.answered.Load() || time.Since(time.Unix(0, asked)) < r.patience):
		default:
			r.close()
			return
		}
	}
}

// endOf tells the other side that nothing more comes.
func endOf(conn net.Conn, otherwise func()) {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		otherwise()
	}
}

func (r *relaying) close() { _ = errors.Join(r.client.Close(), r.server.Close()) }

// quiet tells whether all that was asked seems to be answered.
func (r *relaying) quiet(now time.Time) bool {
	answered := r.answered.Load()
	return answered >= r.asked.Load() && now.Sub(time.Unix(0, answered)) >= quietFor
}

// Drain closes the connections that this server has passed on to others, each when nothing seems to be under way on it, and tells gRPC clients to
// go elsewhere; all of it ends with ctx. It is for a server that has left the chain and is about to end.
func (s *Server) Drain(ctx context.Context) {
	var calls sync.WaitGroup
	calls.Go(func() { s.rpc.Drain(ctx) })
	defer calls.Wait()
	ticker := time.NewTicker(quietFor / 2)
	defer ticker.Stop()
	for {
		now := time.Now()
		s.mu.Lock()
		left := len(s.mu.relays)
		for r := range s.mu.relays {
			if r.quiet(now) {
				r.close()
			}
		}
		s.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// errFull keeps descriptors for links, without which a server could not join: a client that is passed on takes two.
var errFull = errors.New("server: as many connections are open as --max-clients allows")

// place stands among the server's connections for one that is being dialled.
type place struct{ net.Conn }

// Close does nothing: the dial ends with the server.
func (*place) Close() error { return nil }

// dialMember makes a connection to a server that takes a client, and adds it to those of the server, if there is room.
func (s *Server) dialMember(address string, version int) (net.Conn, error) {
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
	ctx, cancel := context.WithTimeout(s.ctx, takePatience)
	defer cancel()
	to, err := s.config.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	if err := askToTake(to, version); err != nil {
		return nil, errors.Join(err, to.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return nil, errors.Join(net.ErrClosed, to.Close())
	}
	s.mu.conns[to] = struct{}{}
	return to, nil
}

// askToTake asks the server at the other end whether it takes a client.
func askToTake(to net.Conn, version int) error {
	if err := to.SetDeadline(time.Now().Add(takePatience)); err != nil {
		return err
	}
	if _, err := to.Write(append([]byte(relayMagic), byte(version))); err != nil {
		return err
	}
	var answer [1]byte
	switch _, err := io.ReadFull(to, answer[:]); {
	case errors.Is(err, io.EOF):
		return errors.New("it does not serve")
	case err != nil:
		return err
	case answer[0] != relayTaken:
		return fmt.Errorf("it answers %#x", answer[0])
	}
	return to.SetDeadline(time.Time{})
}

// take answers a server that asks whether this one takes a client. It returns what the client speaks.
func (s *Server) take(conn net.Conn) (version int, err error) {
	if err := conn.SetDeadline(time.Now().Add(detectTimeout)); err != nil {
		return 0, err
	}
	var asked [1]byte
	if _, err := io.ReadFull(conn, asked[:]); err != nil {
		return 0, err
	}
	switch version = int(asked[0]); {
	case version < 1 || version > 3:
		return 0, fmt.Errorf("server: a client is passed on that speaks %d", version)
	case !s.config.Replica.Serving():
		return 0, errors.New("server: a client is passed on, and this server does not serve")
	case s.clients.Load() >= int64(s.config.MaxClients):
		return 0, errFull
	}
	if _, err := conn.Write([]byte{relayTaken}); err != nil {
		return 0, err
	}
	return version, conn.SetDeadline(time.Time{})
}
