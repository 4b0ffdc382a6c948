package server

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chaintable/chaintable/server/metrics"
	"github.com/chaintable/chaintable/server/resp"
	"github.com/chaintable/chaintable/server/rpc"
	"github.com/chaintable/chaintable/server/stream"
	"github.com/chaintable/chaintable/server/web"
	"github.com/chaintable/chaintable/server/wire"
)

const (
	// reserve is how many connections are accepted beyond the clients, for links, HTTP, and to say no to clients.
	reserve = 256
	// otherFiles is how many descriptors the process needs for anything else.
	otherFiles = 64
)

// Pauses of the accept loop after a failure, such as no descriptor left: they double from the shortest to the longest.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
)

// Server is the port of one Chaintable server. All methods may be called concurrently.
type Server struct {
	config Config
	limits *stream.Limits
	resp   *resp.Front
	wire   *wire.Front
	web    *web.Front
	rpc    *rpc.Front
	notes  notes

	ctx     context.Context // of all requests
	cancel  context.CancelFunc
	clients atomic.Int64

	noRelayUntil atomic.Int64 // Unix nanoseconds

	work sync.WaitGroup // connections and accept loops

	mu struct {
		sync.Mutex
		closed    bool
		listeners map[net.Listener]struct{}
		conns     map[net.Conn]struct{}
		relays    map[*relaying]struct{}
		silent    *list.List // those of conns that have not said what they speak, oldest first
	}
}

// New makes a Server. Serve makes it listen, Close ends it; each New needs a Close.
func New(config Config) (*Server, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	s := &Server{config: config.withDefaults(), limits: stream.NewLimits()}
	s.notes.logger = s.config.Logger
	s.fitDescriptors()
	s.mu.listeners = make(map[net.Listener]struct{})
	s.mu.conns = make(map[net.Conn]struct{})
	s.mu.relays = make(map[*relaying]struct{})
	s.mu.silent = list.New()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	clients := func() int { return int(s.clients.Load()) }
	slow := metrics.Slow{Over: s.config.SlowRequests, Logger: s.config.Logger}
	s.resp = resp.New(resp.Config{
		Backend: config.Replica, Limits: s.limits, Logger: s.config.Logger, RequestTimeout: s.config.RequestTimeout,
		MaxClients: s.config.MaxClients, Version: s.config.Version, Clients: clients, Slow: slow,
	})
	s.wire = wire.New(wire.Config{
		Backend: config.Replica, Limits: s.limits, Logger: s.config.Logger, RequestTimeout: s.config.RequestTimeout, Slow: slow,
	})
	m := metrics.New(metrics.Config{
		Backend: config.Replica, Limits: s.limits, Logger: s.config.Logger, Version: s.config.Version, MaxClients: s.config.MaxClients,
		Unread: func() int64 { return s.limits.Unread() + s.rpc.Unread() },
	})
	m.Add(s.resp.Requests())
	m.Add(s.wire.Requests())
	s.web = web.New(web.Config{
		Backend: config.Replica, Logger: s.config.Logger, Version: s.config.Version, Clients: clients, Hosts: s.config.Hosts,
		Metrics: m.Handler(),
	})
	s.rpc = rpc.New(rpc.Config{
		Backend: config.Replica, Limits: s.limits, Logger: s.config.Logger, RequestTimeout: s.config.RequestTimeout,
		Version: s.config.Version, Clients: clients, Forward: s.relayTo, Dial: s.config.Dial, Slow: slow,
	})
	m.Add(s.rpc.Requests())
	return s, nil
}

// fitDescriptors lowers MaxClients to what the process may open.
func (s *Server) fitDescriptors() {
	limit, ok := descriptorLimit()
	if !ok || limit >= s.config.MaxClients+reserve+otherFiles {
		return
	}
	fits := max(1, limit-reserve-otherFiles)
	s.config.Logger.Warn("fewer clients than configured: the process may not open more files",
		"files", limit, "configured", s.config.MaxClients, "clients", fits)
	s.config.MaxClients = fits
}

// Serve accepts connections until Close, and then returns nil. It closes the listener. It may be called for several.
func (s *Server) Serve(listener net.Listener) error {
	s.mu.Lock()
	if s.mu.closed {
		s.mu.Unlock()
		return errors.Join(net.ErrClosed, listener.Close())
	}
	s.mu.listeners[listener] = struct{}{}
	s.work.Add(1)
	s.mu.Unlock()
	defer s.work.Done()
	pause := shortestPause
	for {
		conn, err := listener.Accept()
		switch {
		case s.ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("server: accept: %w", err)
		case err != nil:
			// No descriptor or no memory left, or the peer has gone again: all of it passes.
			s.notes.warn("cannot accept connections", "error", err)
			if !s.sleep(pause) {
				return nil
			}
			pause = min(2*pause, longestPause)
		default:
			pause = shortestPause
			s.accept(conn)
		}
	}
}

// sleep returns false if the server is closed before d has passed.
func (s *Server) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// accept starts the connection's goroutine. When there are too many connections, the one that has been silent for the longest
// makes room.
func (s *Server) accept(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		_ = conn.Close()
		return
	}
	if len(s.mu.conns) >= s.config.MaxClients+reserve {
		oldest := s.mu.silent.Front()
		if oldest == nil {
			s.notes.warn("connection closed: too many", "peer", conn.RemoteAddr())
			_ = conn.Close()
			return
		}
		s.mu.silent.Remove(oldest)
		_ = oldest.Value.(net.Conn).Close() // its goroutine does the rest
	}
	s.mu.conns[conn] = struct{}{}
	place := s.mu.silent.PushBack(conn)
	s.work.Add(1)
	go s.serve(conn, place)
}

// serve finds out what a connection speaks and serves it until it ends.
func (s *Server) serve(conn net.Conn, place *list.Element) {
	defer s.work.Done()
	defer s.forget(conn)
	p, first, err := detect(conn)
	s.mu.Lock()
	s.mu.silent.Remove(place)
	s.mu.Unlock()
	if err != nil {
		return
	}
	exit, version := s.exit(conn), 2
	if p == relayed {
		if version, err = s.take(conn); err != nil {
			s.config.Logger.Debug("client not taken", "peer", conn.RemoteAddr(), "error", err)
			return
		}
		exit, first, p = nil, nil, redis
		if version == 1 {
			p = seed
		}
	}
	switch p {
	case redis, seed, http2:
		s.serveClient(conn, first, p, version, exit)
	case links:
		if s.config.Links == nil {
			return
		}
		if err := s.config.Links(conn); err != nil && s.ctx.Err() == nil {
			s.config.Logger.Debug("link ended", "peer", conn.RemoteAddr(), "error", err)
		}
	case http1:
		s.web.Serve(&prefixed{conn, first})
	case tls:
		s.notes.warn("connection closed: TLS is not supported yet", "peer", conn.RemoteAddr())
	default:
		s.config.Logger.Debug("connection closed: unknown protocol", "peer", conn.RemoteAddr())
	}
}

// serveClient serves a client, or says that there are too many.
func (s *Server) serveClient(conn net.Conn, first []byte, p protocol, version int, exit *stream.Exit) {
	if s.clients.Add(1) > int64(s.config.MaxClients) {
		s.clients.Add(-1)
		s.refuse(conn, first, p)
		return
	}
	defer s.clients.Add(-1)
	switch p {
	case seed:
		s.wire.Serve(s.ctx, conn, first, exit)
	case http2:
		s.rpc.Serve(conn, first)
	default:
		s.resp.Serve(s.ctx, conn, first, version, exit)
	}
}

// refuse tells a client that there are too many.
func (s *Server) refuse(conn net.Conn, first []byte, p protocol) {
	s.notes.warn("client refused: as many are connected as --max-clients allows", "clients", s.config.MaxClients)
	if p == http2 {
		return // which the client sees as a server that does not answer
	}
	c := stream.New(conn, first, s.limits)
	message := []byte("-ERR max number of clients reached\r\n")
	if p == seed {
		message = wire.Refusal()
	}
	if _, err := c.Write(message); err == nil {
		c.Finish()
	}
	_ = c.Close()
}

// forget closes a connection that has been served.
func (s *Server) forget(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.conns, conn)
}

// Close closes all connections, ends what is under way and waits for it. Links must return from connections that are
// closed.
func (s *Server) Close() error {
	s.cancel()
	var err error
	s.mu.Lock()
	s.mu.closed = true
	for l := range s.mu.listeners {
		err = errors.Join(err, l.Close())
	}
	clear(s.mu.listeners)
	for c := range s.mu.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	err = errors.Join(err, s.web.Close())
	s.rpc.Close()
	s.work.Wait()
	return err
}
