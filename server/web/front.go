package web

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/stream"
)

// MaxConnections is how many connections are served at once; one more is closed.
const MaxConnections = 64

// Deadlines of a connection.
const (
	headerTimeout = 5 * time.Second  // for the header of a request
	readTimeout   = 10 * time.Second // for all of it
	writeTimeout  = 10 * time.Second
	idleTimeout   = 60 * time.Second
)

// maxHeader bounds the header of a request, in bytes.
const maxHeader = 16 << 10

// Backend is the server's replica, as far as this front end uses it. *replica.Replica is one.
type Backend interface {
	Status() replica.Status
	Serving() bool
}

// Config is what a Front needs. Every field but Hosts is required.
type Config struct {
	Metrics http.Handler // of /metrics
	Backend Backend
	Logger  *slog.Logger
	Version string     // of Chaintable
	Clients func() int // connections of clients
	Hosts   []string   // names, beside IP addresses and localhost, under which the server may be asked
}

// Front serves HTTP to connections that others have accepted. Its methods may be called concurrently.
type Front struct {
	config Config
	server http.Server
	queue  *stream.Queue
	slots  chan struct{}
	done   chan struct{}
}

// New makes a Front and starts the goroutine that takes its connections. Close ends it.
func New(config Config) *Front {
	f := &Front{config: config, queue: stream.NewQueue(), slots: make(chan struct{}, MaxConnections), done: make(chan struct{})}
	f.server = http.Server{
		Handler:           f.handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(config.Logger.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(f.done)
		_ = f.server.Serve(f.queue) // http.ErrServerClosed, always
	}()
	return f
}

// Serve serves conn until it ends.
func (f *Front) Serve(conn net.Conn) {
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	default:
		return
	}
	counted := &counted{Conn: conn, closed: make(chan struct{})}
	if f.queue.Put(counted) {
		<-counted.closed
	}
}

// Close closes all connections and ends the Front.
func (f *Front) Close() error {
	err := f.server.Close()
	<-f.done
	return err
}

// handler is what is served.
func (f *Front) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", f.ready)
	mux.HandleFunc("GET /status", f.status)
	mux.Handle("GET /metrics", f.config.Metrics)
	return Guard(mux, f.config.Hosts)
}

func say(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text+"\n")
}

func (f *Front) ready(w http.ResponseWriter, _ *http.Request) {
	if !f.config.Backend.Serving() {
		say(w, http.StatusServiceUnavailable, "not in the chain: "+f.config.Backend.Status().State)
		return
	}
	say(w, http.StatusOK, "ok")
}

func (f *Front) status(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(f.newStatus())
}

// counted tells when a connection is closed.
type counted struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (c *counted) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.closed) })
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
