package server_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chaintable/chaintable/server"
	"github.com/chaintable/chaintable/server/servertest"
)

// start serves backend on a port until the test ends.
func start(t *testing.T, config server.Config, l net.Listener) (s *server.Server, address string) {
	t.Helper()
	if config.Replica == nil {
		config.Replica = servertest.New()
	}
	s, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.Serve(l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		serving.Wait()
	})
	return s, l.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func connect(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	return dial(t, &member{Address: address})
}

// hostile is what strangers send.
var hostile = []struct{ name, bytes string }{
	{"length of 2^63-1", "*1\r\n$9223372036854775807\r\n"},
	{"count of 2^63-1", "*9223372036854775807\r\n"},
	{"512 MB announced", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n"},
	{"16 MiB announced", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$16777216\r\n"},
	{"a million args announced", "*1048576\r\n$3\r\nDEL\r\n"},
	{"a thousand args of a million", "*1048576\r\n" + strings.Repeat("$0\r\n\r\n", 1000)},
	{"half a message", "*2\r\n$3\r\nGET\r\n$10\r\nabc"},
	{"half a line", "GET " + strings.Repeat("k", 4000)},
	{"half a long line", "PING\r\nGET " + strings.Repeat("k", 20_000)},
	{"garbage", "\x00\x01\x02\x03"},
	{"garbage behind *", "*\x00\xff\xff\r\n"},
	{"garbage behind seed", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
	{"garbage behind link", "\xCAchain\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
	{"seed, 2^63-1", "\x08\x28\x10\x1e\x1a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"},
	{"seed, 16 MiB announced", "\x08\x28\x10\x1e\x1a\x01k\x2a\x80\x80\x80\x08"},
	{"half a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00"},
	{"half an HTTP header", "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 1000)},
	{"replies never read", strings.Repeat("PING aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 500)},
	{"long replies never read", strings.Repeat("GET long\r\n", 50)},
	{"commands unheard of", strings.Repeat("FOO bar\r\n", 100)},
}

// A thousand connections of strangers cost at most 64 MiB of memory, and a client is served meanwhile: its p99 is at most five times
// what it was.
func TestHostileConnectionsCostLittle(t *testing.T) {
	debug.FreeOSMemory()
	_, address := start(t, server.Config{}, listen(t))
	friend := connect(t, address)
	ask(t, friend, fmt.Sprintf("*3\r\n$3\r\nSET\r\n$4\r\nlong\r\n$60000\r\n%s\r\nGET x\r\n", strings.Repeat("v", 60_000)), "+OK\r\n$-1\r\n")
	// The processor time says what it costs, whatever else the machine does meanwhile; how long it takes is told.
	cost := func() (processor, p99 time.Duration) {
		var took []time.Duration
		before := processorTime(t)
		for range 5000 {
			began := time.Now()
			ask(t, friend, "GET x\r\n", "$-1\r\n")
			took = append(took, time.Since(began))
		}
		processor = processorTime(t) - before
		slices.Sort(took)
		return processor, took[len(took)*99/100]
	}
	alone, p99Alone := cost()
	before := resident(t)
	const connections = 1000
	for i := range connections {
		h := hostile[i%len(hostile)]
		conn := connect(t, address)
		if err := conn.SetWriteDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, h.bytes) // it may be closed already
		if i%100 == 0 {
			ask(t, friend, "PING\r\n", "+PONG\r\n")
		}
	}
	among, p99Among := cost()
	grown := resident(t) - before
	t.Logf("%d MiB more; 5000 requests: processor %v, %v before: %.2f times; p99 %v, %v before", grown>>20, among, alone, float64(among)/float64(alone), p99Among, p99Alone)
	if among > 2*alone {
		t.Errorf("5000 requests cost %v, and %v before", among, alone)
	}
	limit := 64 << 20
	if raceEnabled {
		limit *= 4 // shadow memory
	}
	if grown > limit {
		t.Errorf("the process grew by %d MiB", grown>>20)
	}
}

// processorTime is what this process has used, of all processors.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Each stranger gets an error or a closed connection, or waits for the rest; nobody else notices.
func TestHostileBytesEndTheirConnection(t *testing.T) {
	_, address := start(t, server.Config{}, listen(t))
	for _, h := range hostile {
		conn := connect(t, address)
		_, _ = io.WriteString(conn, h.bytes)
		if err := conn.CloseWrite(); err != nil && !errors.Is(err, syscall.ENOTCONN) {
			t.Errorf("%s: %v", h.name, err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %v", h.name, err)
		}
	}
	ask(t, connect(t, address), "PING\r\n", "+PONG\r\n")
}

// A client that sends a huge pipeline and reads only afterwards gets every reply.
func TestHugePipelineReadLate(t *testing.T) {
	_, address := start(t, server.Config{}, listen(t))
	conn := connect(t, address)
	value := strings.Repeat("v", 10_000)
	ask(t, conn, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10000\r\n"+value+"\r\n", "+OK\r\n")
	const requests = 6000 // 60 MB of replies: more than sockets hold
	if _, err := io.WriteString(conn, strings.Repeat("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"+"*2\r\n$4\r\nECHO\r\n$5000\r\n"+strings.Repeat("e", 5000)+"\r\n", requests)); err != nil {
		t.Fatal(err)
	}
	want := "$10000\r\n" + value + "\r\n$5000\r\n" + strings.Repeat("e", 5000) + "\r\n"
	for range requests {
		expect(t, conn, want)
	}
}

// Clients beyond MaxClients are told so, while HTTP and links still come in.
func TestMaxClients(t *testing.T) {
	linked := make(chan struct{}, 1)
	_, address := start(t, server.Config{MaxClients: 3, Links: func(net.Conn) error {
		linked <- struct{}{}
		return nil
	}}, listen(t))
	var clients []*net.TCPConn
	for range 3 {
		c := connect(t, address)
		ask(t, c, "PING\r\n", "+PONG\r\n")
		clients = append(clients, c)
	}
	refused := connect(t, address)
	ask(t, refused, "PING\r\n", "-ERR max number of clients reached\r\n")
	if got := expectEnd(t, refused); got != "" {
		t.Errorf("then %q", got)
	}
	status := connect(t, address)
	if _, err := io.WriteString(status, "GET /status HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := expectEnd(t, status); !strings.Contains(got, `"clients": 3`) {
		t.Errorf("one who is refused counts: %s", got)
	}
	ask(t, connect(t, address), "\x08\x0a\x10\x3c", "\x08\x63\x10\x3c\x30\x01")
	ask(t, connect(t, address), "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 OK\r\n")
	if _, err := io.WriteString(connect(t, address), "\xCAchain\x01"); err != nil {
		t.Fatal(err)
	}
	<-linked
	clients[0].Close()
	waitFor(t, "the place of a client that has gone", func() bool {
		c := connect(t, address)
		defer c.Close()
		_, _ = io.WriteString(c, "PING\r\n")
		got := make([]byte, 1)
		_, err := io.ReadFull(c, got)
		return err == nil && got[0] == '+'
	})
}

// When all places are taken by connections that say nothing, the oldest of them makes room.
func TestSilentConnectionsMakeRoom(t *testing.T) {
	_, address := start(t, server.Config{MaxClients: 1}, listen(t))
	var silent []*net.TCPConn
	for range 257 {
		silent = append(silent, connect(t, address))
	}
	ask(t, connect(t, address), "PING\r\n", "+PONG\r\n")
	if got := expectEnd(t, silent[0]); got != "" {
		t.Errorf("got %q", got)
	}
	ask(t, silent[256], "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 OK\r\n")
}

// scarce is a listener whose process has no descriptor left, for a while.
type scarce struct {
	net.Listener
	failures int
}

func (l *scarce) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

func TestAcceptSurvivesRunningOutOfDescriptors(t *testing.T) {
	_, address := start(t, server.Config{}, &scarce{listen(t), 5})
	ask(t, connect(t, address), "PING\r\n", "+PONG\r\n")
}

// Close ends clients of every kind, and a Server that is closed serves no more.
func TestClose(t *testing.T) {
	s, address := start(t, server.Config{Logger: slog.New(slog.DiscardHandler)}, listen(t))
	silent, resp, seed, web := connect(t, address), connect(t, address), connect(t, address), connect(t, address)
	ask(t, resp, "PING\r\n", "+PONG\r\n")
	ask(t, seed, "\x08\x0a\x10\x3c", "\x08\x0b\x10\x32")
	ask(t, web, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 OK\r\n")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*net.TCPConn{silent, resp, seed, web} {
		expectEnd(t, c)
	}
	if err := s.Serve(listen(t)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve afterwards: %v", err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("it still listens")
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []server.Config{{}, {Replica: servertest.New(), MaxClients: -1}, {Replica: servertest.New(), RequestTimeout: -1}} {
		if s, err := server.New(c); err == nil || s != nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
