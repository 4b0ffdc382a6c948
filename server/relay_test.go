package server_test

import (
	"io"
	"strings"
	"testing"

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

// TestARelayedConnectionIsNotRelayedAgain: a server that is outside by then says so, and no circle forms.
func TestARelayedConnectionIsNotRelayedAgain(t *testing.T) {
	servers := startServers(t, 2, 1, nil)
	conn := dial(t, servers[1])
	say(t, conn, "\xCAchain\x02GET k\r\nQUIT\r\n")
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
