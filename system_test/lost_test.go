package system_test

import (
	"errors"
	"strconv"
	"syscall"
	"testing"

	"github.com/chaintable/chaintable/internal/needs"
)

// set and get are one command at a server each, which may not fail.
func set(t *testing.T, s *server, key, value string) {
	t.Helper()
	if got, err := connected(t, s).do(clientTimeout, "SET", key, value); err != nil || got != "OK" {
		t.Fatalf("SET %s at %s: %q, %v", key, s.address, got, err)
	}
}

func get(t *testing.T, s *server, key, want string) {
	t.Helper()
	got, err := connected(t, s).do(clientTimeout, "GET", key)
	if errors.Is(err, errNoKey) {
		err = nil
	}
	if err != nil || got != want {
		t.Errorf("GET %s at %s: %q, %v, want %q", key, s.address, got, err, want)
	}
}

// refuses checks that a server answers no read.
func refuses(t *testing.T, s *server, key string) {
	t.Helper()
	got, err := connected(t, s).do(clientTimeout, "GET", key)
	if _, refused := errors.AsType[refusal](err); !refused {
		t.Errorf("GET %s at %s: %q, %v, want an error", key, s.address, got, err)
	}
}

// TestAllKilled kills all servers. Those that are started then begin with nothing, and say so.
func TestAllKilled(t *testing.T) {
	t.Parallel()
	c := newChain(t, needs.AnyZooKeeper(t), 3)
	set(t, c.members()[0], "k", "v")
	before := c.view()
	for _, s := range c.members() {
		c.kill(s)
	}
	for i := range 3 {
		s := c.join()
		get(t, s, "k", "")
		if i == 0 {
			s.expect(0, "ALL DATA OF CHAIN "+before.Chain+" IS LOST")
		}
	}
	after := c.view()
	if after.Chain == before.Chain || after.Epoch <= before.Epoch || len(after.Members) != 3 {
		t.Errorf("view %+v, was %+v before", after, before)
	}
	set(t, c.members()[0], "k", "w")
	get(t, c.members()[2], "k", "w")
	c.awaitPublished()
}

// TestAllKilledButOneStopped kills all servers but one, which hangs: it may hold the data, so new servers wait for it and say so. When it goes
// on, the chain does. When it is abandoned, the chain begins anew, and it can never answer what it held.
func TestAllKilledButOneStopped(t *testing.T) {
	t.Parallel()
	c := newChain(t, needs.AnyZooKeeper(t), 3)
	set(t, c.members()[0], "k", "v")
	members := c.members()
	hangs := members[2]
	hangs.signal(syscall.SIGSTOP)
	c.kill(members[0])
	c.kill(members[1])
	first := c.start()
	first.expect(0, "waiting for "+hangs.address)
	refuses(t, first, "k")
	hangs.signal(syscall.SIGCONT)
	c.admit(first)
	get(t, first, "k", "v")
	get(t, hangs, "k", "v")

	hangs.signal(syscall.SIGSTOP)
	c.kill(first)
	second := c.start()
	second.expect(0, "waiting for "+hangs.address)
	refuses(t, second, "k") // although the head takes connections, and answers nothing
	before := c.view()
	c.retire(hangs)
	third := c.join("--abandon", strconv.FormatUint(before.Epoch, 10))
	third.expect(0, "ALL DATA OF CHAIN "+before.Chain+" IS LOST")
	c.admit(second)
	get(t, second, "k", "")
	set(t, third, "k", "w")
	mark := hangs.mark()
	hangs.signal(syscall.SIGCONT)
	for {
		q, err := connect(hangs.listens)
		if err != nil {
			break // it has ended
		}
		if got, err := q.do(clientTimeout, "GET", "k"); err == nil && got != "w" {
			t.Errorf("the server that was abandoned answers %q", got)
		}
		_ = q.Close()
	}
	hangs.expect(mark, "than ours, "+before.Chain)
	if code := hangs.exit(); code != 1 {
		t.Errorf("the server that was abandoned ended with %d", code)
	}
	get(t, second, "k", "w")
}
