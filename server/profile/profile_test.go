package profile_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chaintable/chaintable/server/profile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T) *profile.Server {
	t.Helper()
	s, err := profile.Listen(t.Context(), 0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

func ask(t *testing.T, s *profile.Server, method, path, host string) (code int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// Profiles are what go tool pprof wants; nothing else is served, and nobody else is.
func TestProfiles(t *testing.T) {
	s := listen(t)
	if ip := s.Addr().(*net.TCPAddr).IP; !ip.Equal(net.IPv4(127, 0, 0, 1)) {
		t.Errorf("it listens at %v", ip)
	}
	const gzip = "\x1f\x8b"
	for _, c := range []struct {
		method, path, host string
		code               int
		want               string // in the answer
	}{
		{"GET", "/debug/pprof/", "", 200, "goroutine"},
		{"GET", "/debug/pprof/heap", "", 200, gzip},
		{"GET", "/debug/pprof/goroutine?debug=2", "localhost:1", 200, "TestProfiles"},
		{"GET", "/debug/pprof/profile?seconds=1", "", 200, gzip},
		{"GET", "/debug/pprof/trace?seconds=0.01", "", 200, "go 1."},
		{"GET", "/debug/pprof/cmdline", "", 200, "profile.test"},
		{"GET", "/debug/pprof/profile?seconds=301", "", 400, "want something between"},
		{"GET", "/debug/pprof/heap?seconds=NaN", "", 400, "want something between"},
		{"GET", "/debug/pprof/trace?seconds=-1", "", 400, "want something between"},
		{"GET", "/debug/pprof/nothing", "", 404, "Unknown profile"},
		{"GET", "/metrics", "", 404, "not found"},
		{"POST", "/debug/pprof/symbol", "", 405, "only GET"},
		{"GET", "/debug/pprof/heap", "evil.example", 421, "does not go by that name"},
	} {
		if code, body := ask(t, s, c.method, c.path, c.host); code != c.code || !strings.Contains(body, c.want) {
			t.Errorf("%s %s at %q: %d %.200q, want %d with %q", c.method, c.path, c.host, code, body, c.code, c.want)
		}
	}
}

// One connection more than are served is closed, and there is room again when another has gone.
func TestConnectionsAreBounded(t *testing.T) {
	s := listen(t)
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	answered := func(conn net.Conn) bool {
		_, _ = io.WriteString(conn, "GET /debug/pprof/cmdline HTTP/1.1\r\nHost: localhost\r\n\r\n")
		n, _ := conn.Read(make([]byte, 4096))
		return n > 0
	}
	first := dial()
	if !answered(first) {
		t.Fatal("the first connection is not served")
	}
	for range 15 {
		if !answered(dial()) {
			t.Fatal("one of sixteen connections is not served")
		}
	}
	if answered(dial()) {
		t.Error("the seventeenth connection is served")
	}
	first.Close()
	for deadline := time.Now().Add(20 * time.Second); !answered(dial()); {
		if time.Now().After(deadline) {
			t.Fatal("no room for one more, although one has gone")
		}
	}
}

// A port that is taken is an error.
func TestPortInUse(t *testing.T) {
	port := listen(t).Addr().(*net.TCPAddr).Port
	if s, err := profile.Listen(t.Context(), port, slog.New(slog.DiscardHandler)); err == nil {
		s.Close()
		t.Error("two listen on one port")
	}
}
