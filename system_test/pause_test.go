package system_test

import (
	"errors"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/chaintable/chaintable/internal/needs"
)

// TestPause stops a server of each role for three session timeouts, in which the others go on without it. What was asked of it meanwhile it answers
// when it goes on: with what is true by then, or with an error. And it comes back.
func TestPause(t *testing.T) {
	c := newChain(t, needs.AnyZooKeeper(t), 3)
	c.awaitPublished()
	l := startLoad(t, c.addresses, func(l *load) { l.fresh = true })
	for i, role := range roles {
		members := c.members()
		s, other := members[i], members[(i+1)%3]
		key := "paused-" + role
		at := connected(t, other)
		before := []*conn{connected(t, s), connected(t, s)}
		if _, err := at.do(clientTimeout, "SET", key, "old"); err != nil {
			t.Fatal(err)
		}
		for _, q := range before {
			if got, err := q.do(clientTimeout, "GET", key); err != nil || got != "old" {
				t.Fatalf("GET at the %s: %q, %v", role, got, err)
			}
		}
		l.lap()
		s.signal(syscall.SIGSTOP)
		begin := time.Now()
		c.retire(s)
		if _, err := at.do(clientTimeout, "SET", key, "new"); err != nil {
			t.Fatalf("SET while the %s is stopped: %v", role, err)
		}
		took := time.Since(begin)
		// Its kernel takes connections, and what is sent on them.
		during := connected(t, s)
		const reads = 20
		for _, q := range append(before, during) {
			var b []byte
			for range reads {
				b = command(b, "GET", key)
			}
			if err := q.SetDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if _, err := q.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		pass(t, 3*sessionTimeout-time.Since(begin))
		if c.view().index(s.address) >= 0 {
			t.Errorf("the %s is still a member after three session timeouts", role)
		}
		s.signal(syscall.SIGCONT)
		answers := map[string]int{}
		for _, q := range append(before, during) {
			for range reads {
				got, err := q.answer()
				_, refused := errors.AsType[refusal](err)
				switch {
				case err == nil && got != "new":
					t.Errorf("the %s answers %q when it goes on, a value from before", role, got)
				case err == nil, refused:
					answers[strconv.Quote(got)]++
				default:
					answers[err.Error()]++ // it has closed the connection
				}
			}
		}
		begin = time.Now()
		c.admit(s)
		t.Logf("stopped the %s %s: SET acknowledged after %v; answers %v; back %v after it went on; longest gap %v",
			role, s.address, took.Round(time.Millisecond), answers, time.Since(begin).Round(time.Millisecond), l.lap().Round(time.Millisecond))
		c.awaitPublished()
		l.flow(100)
	}
	l.end()
	for _, s := range c.members() {
		l.verify(s)
	}
	t.Log(l)
}

// connected is a connection to a server that runs.
func connected(t *testing.T, s *server) *conn {
	t.Helper()
	q, err := connect(s.listens)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	return q
}
