package web_test

import (
	"bufio"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/servertest"
	"github.com/chaintable/chaintable/server/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve gives a client's ends of pipes that a Front serves, until end is called.
func serve(t *testing.T, backend web.Backend) (dial func() net.Conn, end func()) {
	front := web.New(web.Config{
		Backend: backend, Logger: slog.New(slog.DiscardHandler), Version: "1.2.3", Clients: func() int { return 7 },
		Hosts: []string{"table.example"}, Metrics: http.NotFoundHandler(),
	})
	var served sync.WaitGroup
	var open []net.Conn
	dial = func() net.Conn {
		server, client := net.Pipe()
		open = append(open, client)
		served.Go(func() {
			front.Serve(server)
			server.Close()
		})
		return client
	}
	return dial, func() {
		if err := front.Close(); err != nil {
			t.Error(err)
		}
		for _, c := range open {
			c.Close()
		}
		served.Wait()
	}
}

// ask sends a request and returns the answer and its body.
func ask(t *testing.T, conn net.Conn, request string) (*http.Response, string) {
	t.Helper()
	if _, err := io.WriteString(conn, strings.ReplaceAll(request, "|", "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		request, state string
		code           int
		body           string
	}{
		{"GET /healthz HTTP/1.1|Host: localhost", "member", 200, "ok\n"},
		{"HEAD /healthz HTTP/1.1|Host: localhost:7001", "member", 200, ""},
		{"GET /readyz HTTP/1.1|Host: 127.0.0.1:7001", "member", 200, "ok\n"},
		{"GET /readyz HTTP/1.1|Host: [::1]:7001", "learning", 503, "not in the chain: learning\n"},
		{"GET /healthz HTTP/1.1|Host: TABLE.example", "learning", 200, "ok\n"},
		{"GET /healthz HTTP/1.0", "member", 200, "ok\n"},
		{"GET /healthz HTTP/1.1|Host: evil.example", "member", 421, "this server does not go by that name\n"},
		{"GET /healthz HTTP/1.1|Host: 127.0.0.1.evil.example", "member", 421, "this server does not go by that name\n"},
		{"GET /healthz HTTP/1.1", "member", 400, "400 Bad Request: missing required Host header"},
		{"POST /status HTTP/1.1|Host: localhost|Content-Length: 0", "member", 405, "only GET and HEAD\n"},
		{"DELETE / HTTP/1.1|Host: localhost", "member", 405, "only GET and HEAD\n"},
		{"GET / HTTP/1.1|Host: localhost", "member", 404, "404 page not found\n"},
	} {
		backend := servertest.New()
		backend.State.State = c.state
		dial, end := serve(t, backend)
		answer, body := ask(t, dial(), c.request)
		if answer.StatusCode != c.code || body != c.body {
			t.Errorf("%s: %d %q, want %d %q", c.request, answer.StatusCode, body, c.code, c.body)
		}
		if c.code != 400 && !strings.Contains(answer.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: no content security policy", c.request)
		}
		end()
	}
}

func TestStatus(t *testing.T) {
	backend := servertest.New()
	backend.State = replica.Status{
		ID: 0xabc, Incarnation: 2, Role: "tail", State: "member", Chain: 5, Epoch: 9, Address: "127.0.0.1:7001",
		LeaseLeft: 750 * time.Millisecond, DiskFull: true,
		View: chain.View{
			Members: []chain.Member{{MemberID: chain.MemberID{Node: 0xabc, Incarnation: 2}, Address: "127.0.0.1:7001", Durable: true}},
			Learner: chain.Member{MemberID: chain.MemberID{Node: 0xdef, Incarnation: 1}, Address: "127.0.0.1:7002"},
		},
		Learner: chain.LearnerProgress{How: chain.TeachSnapshot, Chunks: 3, Bytes: 300, Total: 900, Rate: 100, Entries: 12, Behind: 44},
	}
	dial, end := serve(t, backend)
	defer end()
	_, body := ask(t, dial(), "GET /status HTTP/1.1|Host: localhost")
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if want := []string{
		"address", "applied", "bytes", "chain", "clients", "committed", "digest", "disk_full", "epoch", "hop", "id", "incarnation", "keys", "last",
		"learner", "lease_left_ms", "members", "role", "rules", "serving", "stable", "state", "target", "version",
	}; !slices.Equal(slices.Sorted(maps.Keys(got)), want) {
		t.Errorf("fields %v", slices.Sorted(maps.Keys(got)))
	}
	for _, want := range []string{
		`"id": "0000000000000abc"`, `"role": "tail"`, `"epoch": 9`, `"lease_left_ms": 750`, `"clients": 7`, `"behind_bytes": 44`, `"how": "snapshot"`,
		`"receiving": true`, `"chunks": 3`, `"bytes": 300`, `"total_bytes": 900`, `"bytes_per_second": 100`, `"behind_entries": 12`,
		`"sum": "0000000000000000"`, `"disk_full": true`, `"durable": true`,
		`"ping_ms": null`, `"committed_worst_ms": 0`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
}

// Half a header is closed after a while, an idle connection later.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, end := serve(t, servertest.New())
		defer end()
		began := time.Now()
		half := dial()
		if _, err := io.WriteString(half, "GET /healthz HTTP/1.1\r\nHo"); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, half)
		if d := time.Since(began); d < 5*time.Second || d > 6*time.Second {
			t.Errorf("half a header was closed after %v", d)
		}
		idle := dial()
		ask(t, idle, "GET /healthz HTTP/1.1|Host: localhost")
		began = time.Now()
		_, _ = io.Copy(io.Discard, idle)
		if d := time.Since(began); d < 60*time.Second || d > 61*time.Second {
			t.Errorf("an idle connection was closed after %v", d)
		}
	})
}

// One connection more than are served is closed.
func TestConnectionsAreBounded(t *testing.T) {
	dial, end := serve(t, servertest.New())
	defer end()
	for range web.MaxConnections {
		ask(t, dial(), "GET /healthz HTTP/1.1|Host: localhost")
	}
	if n, err := dial().Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("%d bytes, %v", n, err)
	}
}
