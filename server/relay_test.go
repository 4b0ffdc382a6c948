package server_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/chaintable/chaintable/server"
)

// TestAServerOutsideTheChainPassesClientsOn talks to a spare as to any member, in both protocols.
func TestAServerOutsideTheChainPassesClientsOn(t *testing.T) {
	servers := startServers(t, 3, 2, nil)
	spare := servers[2]
	if role := spare.Status().Role; role != "spare" {
		t.Fatalf("role is %s", role)
	}

	conn := dial(t, spare)
	say(t, conn, "SET k v\r\nGET k\r\nINFO replication\r\nQUIT\r\n")
	answer := hear(t, conn)
	if !strings.HasPrefix(answer, "+OK\r\n$1\r\nv\r\n") || !strings.Contains(answer, "chain_role:head") || !strings.HasSuffix(answer, "+OK\r\n") {
		t.Errorf("RESP: got %q", answer)
	}

	seed := dial(t, spare)
	say(t, seed, "\x08\x1e\x10\x0a\x1a\x01k") // get k
	if err := seed.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, want := hear(t, seed), "\x08\x1f\x10\x14\x2a\x01v"; got != want {
		t.Errorf("seed: got %q, want %q", got, want)
	}
}

// TestARelayedConnectionIsNotRelayedAgain: a server that is outside does not take it, and no circle forms.
func TestARelayedConnectionIsNotRelayedAgain(t *testing.T) {
	servers := startServers(t, 2, 1, nil)
	spare := dial(t, servers[1])
	say(t, spare, "\xCAchain\x02\x02")
	if got := hear(t, spare); got != "" {
		t.Errorf("a spare: got %q", got)
	}
	for _, preamble := range []string{"\xCAchain\x02\x00", "\xCAchain\x02\x04"} {
		conn := dial(t, servers[0])
		say(t, conn, preamble)
		if got := hear(t, conn); got != "" {
			t.Errorf("%q: got %q", preamble, got)
		}
	}
	conn := dial(t, servers[0])
	say(t, conn, "\xCAchain\x02\x03")
	say(t, conn, "GET k\r\nQUIT\r\n")
	if got := hear(t, conn); got != "\x06_\r\n+OK\r\n" { // RESP3 from the start
		t.Errorf("a member: got %q", got)
	}
	seed := dial(t, servers[0])
	say(t, seed, "\xCAchain\x02\x01\x08\x0a\x10\x3c") // size
	if err := seed.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := hear(t, seed); got != "\x06\x08\x0b\x10\x32" {
		t.Errorf("seed at a member: got %q", got)
	}
}

// TestConnectedClientsAreTaken: a server that leaves has other servers take its clients, who notice nothing.
func TestConnectedClientsAreTaken(t *testing.T) {
	for leaver, role := range []string{"head", "middle", "tail"} {
		t.Run(role, func(t *testing.T) {
			servers := startServers(t, 3, 3, nil)
			from := servers[leaver]
			two, three, seed, doubtful := dial(t, from), dial(t, from), dial(t, from), dial(t, from)
			ask(t, two, "SET a 1\r\n", "+OK\r\n")
			ask(t, three, "HELLO 3\r\nGET nope\r\n", "") // the answer is looked at below
			ask(t, seed, "\x08\x1e\x10\x0a\x1a\x01a", "\x08\x1f\x10\x14\x2a\x011")
			ask(t, doubtful, "MULTI\r\n", "-ERR transactions (MULTI) are not supported\r\n")
			if err := from.Leave(t.Context()); err != nil {
				t.Fatal(err)
			}
			ask(t, two, "SET b 2\r\nGET b\r\n", "+OK\r\n$1\r\n2\r\n")
			say(t, three, "GET nope\r\nQUIT\r\n")
			if got := hear(t, three); !strings.HasPrefix(got, "%7\r\n") || !strings.HasSuffix(got, "_\r\n_\r\n+OK\r\n") {
				t.Errorf("RESP3: got %q", got)
			}
			ask(t, seed, "\x08\x1e\x10\x0a\x1a\x01b", "\x08\x1f\x10\x14\x2a\x012")
			// Half a transaction that was refused is not carried out elsewhere.
			ask(t, doubtful, "SET c 3\r\n", "-ERR not executed: transactions (MULTI) are not supported\r\n")
		})
	}
}

// TestAHeadThatHangs: clients of a spare are told so, soon, and not passed on to it.
func TestAHeadThatHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // it takes connections, and nobody answers
	servers := startServers(t, 2, 1, func(c *server.Config) {
		c.Dial = func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		}
	})
	conn := dial(t, servers[1])
	say(t, conn, "GET k\r\nQUIT\r\n")
	if got := hear(t, conn); !strings.HasPrefix(got, "-LOADING not in the chain: spare") {
		t.Errorf("got %q", got)
	}
}

// TestRelayedClientsLeaveRoomForLinks: each takes two descriptors, and a server that has none left could not join.
func TestRelayedClientsLeaveRoomForLinks(t *testing.T) {
	servers := startServers(t, 2, 1, func(c *server.Config) { c.MaxClients = 3 })
	spare := servers[1]
	first, second := dial(t, spare), dial(t, spare)
	ask(t, first, "GET k\r\n", "$-1\r\n")
	ask(t, second, "GET k\r\n", "$-1\r\n")
	third := dial(t, spare)
	say(t, third, "GET k\r\nQUIT\r\n")
	if got := hear(t, third); !strings.HasPrefix(got, "-LOADING not in the chain: spare") {
		t.Errorf("beside two that take four descriptors: got %q", got)
	}
	second.Close()
	waitFor(t, "room again", func() bool {
		conn := dial(t, spare)
		defer conn.Close()
		say(t, conn, "GET k\r\nQUIT\r\n")
		return hear(t, conn) == "$-1\r\n+OK\r\n"
	})
}

// TestDrain: what a server has passed on ends when it is quiet, and Drain at the end of ctx in any case.
func TestDrain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan struct{})
	go func() { // a server that takes every client, and answers nothing but SILENCE
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				preamble, line := make([]byte, 8), make([]byte, 9)
				if _, err := io.ReadFull(conn, preamble); err != nil {
					return
				}
				_, _ = conn.Write([]byte{6})
				if _, err := io.ReadFull(conn, line); err == nil && string(line) == "SILENCE\r\n" {
					_, _ = io.WriteString(conn, "+OK\r\n")
				} else if err == nil {
					close(asked)
				}
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	servers := startServers(t, 2, 1, func(c *server.Config) {
		c.RequestTimeout = 500 * time.Millisecond
		c.Dial = func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		}
	})
	spare := servers[1]
	quiet, unanswered := dial(t, spare), dial(t, spare)
	ask(t, quiet, "SILENCE\r\n", "+OK\r\n")
	say(t, unanswered, "QUESTION\r\n")
	<-asked
	ended := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(unanswered)
		ended <- string(all)
	}()
	ctx, cancel := context.WithCancel(t.Context())
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		spare.Server.Drain(ctx)
	}()
	if got := hear(t, quiet); got != "" {
		t.Errorf("the quiet one: got %q", got)
	}
	select {
	case <-drained:
		t.Error("drained, though a question has no answer")
	case got := <-ended:
		t.Errorf("the question without an answer ended before its time: %q", got)
	default:
	}
	cancel()
	<-drained
	unanswered.Close()
	<-ended
}

func say(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

// hear reads until the other side has said everything.
func hear(t *testing.T, r io.Reader) string {
	t.Helper()
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}
