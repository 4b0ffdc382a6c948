// Package profile serves the profiles of this process (net/http/pprof) on a port of its own, to this machine alone: they show what is
// in memory, and making them costs time.
//
// What net/http/pprof registers by itself, with http.DefaultServeMux, is served by nobody.
package profile

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"sync"
	"time"

	"github.com/chaintable/chaintable/server/web"
)

// maxConnections is how many connections are served at once; one more is closed.
const maxConnections = 16

// Deadlines of a connection.
const (
	readTimeout  = 5 * time.Second
	writeTimeout = 10 * time.Second // once a profile is made; net/http/pprof sees to that
	idleTimeout  = time.Minute
)

// maxSeconds is how long a profile may be made.
const maxSeconds = 300

// Server serves profiles until Close.
type Server struct {
	listener net.Listener
	http     http.Server
	done     chan struct{}
}

// Listen starts to serve on a port of 127.0.0.1, zero for any that is free.
func Listen(ctx context.Context, port int, logger *slog.Logger) (*Server, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index) // heap, goroutine and the like among them
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	s := &Server{listener: &bounded{Listener: l, slots: make(chan struct{}, maxConnections)}, done: make(chan struct{})}
	s.http = http.Server{
		Handler:           web.Guard(bound(mux), nil),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Warn("profiles are not served any more", "error", err)
		}
	}()
	return s, nil
}

// bound refuses profiles that would take too long.
func bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seconds := r.FormValue("seconds"); seconds != "" {
			if n, err := strconv.ParseFloat(seconds, 64); err != nil || !(n >= 0 && n <= maxSeconds) {
				http.Error(w, "seconds: want something between 0 and "+strconv.Itoa(maxSeconds), http.StatusBadRequest)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// Addr is where it listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close closes all connections and ends the Server.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	return err
}

// bounded is a listener that closes connections when there are too many.
type bounded struct {
	net.Listener
	slots chan struct{}
}

// Accept waits for a connection for which there is a slot.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case b.slots <- struct{}{}:
			return &slotted{Conn: conn, leave: func() { <-b.slots }}, nil
		default:
			_ = conn.Close()
		}
	}
}

// slotted gives its slot back when it is closed.
type slotted struct {
	net.Conn
	once  sync.Once
	leave func()
}

func (s *slotted) Close() error {
	s.once.Do(s.leave)
	return s.Conn.Close()
}
