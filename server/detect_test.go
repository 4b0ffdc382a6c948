package server

import (
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var decideCases = []struct {
	name, first string
	want        protocol
}{
	{"nothing", "", unknown},
	{"seed", "\x08", seed},
	{"resp", "*", redis},
	{"tls", "\x16\x03\x01", tls},
	{"link", "\xCAchain\x01", links},
	{"half a link", "\xCAcha", unknown},
	{"link, more", "\xCAchain\x01xyz", links},
	{"link of another version", "\xCAchain\x03", garbage},
	{"relayed", "\xCAchain\x02", relayed},
	{"half a magic", "\xCAcha", unknown},
	{"almost a link", "\xCAchaos", garbage},
	{"http", "GET / HTTP/1.1\r\n", http1},
	{"http 1.0", "GET / HTTP/1.0\n", http1},
	{"http, half", "GET / HTTP/1.1", unknown},
	{"http, half a line end", "GET / HTTP/1.1\r", unknown},
	{"http 2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", http2},
	{"http 2, half", "PRI * HTTP/2.0\r", unknown},
	{"http 3", "GET / HTTP/3.0\r\n", redis},
	{"not quite http", "GET /HTTP/1.1\r\n", redis},
	{"inline", "PING\r\n", redis},
	{"inline, half", "PI", unknown},
	{"inline, tab", "GET\tk\n", redis},
	{"inline, utf8", "SET k ключ\r\n", redis},
	{"inline, half a rune", "SET k \xd0", unknown},
	{"inline, no utf8", "SET k \xd0\n", garbage},
	{"empty line", "\r\n", redis},
	{"control", "PI\x00", garbage},
	{"control at once", "\x00", garbage},
	{"carriage return within", "a\rb", garbage},
	{"high byte", "\xff", garbage},
	{"long line", strings.Repeat("a", maxLine-1), unknown},
	{"too long a line", strings.Repeat("a", maxLine), garbage},
	{"longest line", strings.Repeat("a", maxLine-1) + "\n", redis},
	{"line end too late", strings.Repeat("a", maxLine) + "\n", garbage},
}

func TestDecide(t *testing.T) {
	for _, c := range decideCases {
		if got := decide([]byte(c.first)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// detectIn runs detect on a connection that gets first in pieces.
func detectIn(t *testing.T, pieces ...string) (p protocol, first string, err error) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() {
		for _, piece := range pieces {
			if _, err := theirs.Write([]byte(piece)); err != nil {
				return
			}
		}
	}()
	defer theirs.Close()
	p, b, err := detect(ours)
	return p, string(b), err
}

// What is decided does not depend on how the bytes are split, and of a link no more than the magic is taken.
func TestDetectSplit(t *testing.T) {
	for _, c := range decideCases {
		if c.want == unknown || len(c.first) > 100 {
			continue
		}
		for cut := 1; cut <= len(c.first); cut++ {
			p, first, err := detectIn(t, c.first[:cut], c.first[cut:])
			if p != c.want || err != nil {
				t.Errorf("%s, split at %d: %d, %v", c.name, cut, p, err)
			}
			if !strings.HasPrefix(c.first, first) || p == links && first != linkMagic {
				t.Errorf("%s, split at %d: took %q", c.name, cut, first)
			}
		}
	}
}

// A silent connection may stay; after its first byte it has ten seconds.
func TestDetectDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		defer theirs.Close()
		var spoke time.Time
		go func() {
			time.Sleep(24 * time.Hour)
			spoke = time.Now()
			for range 3 {
				_, _ = theirs.Write([]byte("P"))
				time.Sleep(4 * time.Second)
			}
		}()
		_, _, err := detect(ours)
		if d := time.Since(spoke); err == nil || d != detectTimeout {
			t.Errorf("%v after %v", err, d)
		}
		time.Sleep(10 * time.Second)
	})
}

func FuzzDecide(f *testing.F) {
	for _, c := range decideCases {
		if len(c.first) < 100 {
			f.Add([]byte(c.first))
		}
	}
	f.Fuzz(func(t *testing.T, first []byte) {
		whole := decide(first)
		decided := unknown
		for n := range len(first) + 1 { // the first that is decided stays
			if p := decide(first[:n]); decided == unknown {
				decided = p
			} else if p != decided {
				t.Fatalf("%q is %d, %q is %d", first[:n-1], decided, first[:n], p)
			}
			if len(first) > 64 {
				break
			}
		}
		if len(first) <= 64 && whole != decided {
			t.Fatalf("%q: %d, byte by byte %d", first, whole, decided)
		}
	})
}
