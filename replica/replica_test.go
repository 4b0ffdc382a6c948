package replica_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord/local"
	"github.com/chaintable/chaintable/link"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// timeout is T of every server.
const timeout = 400 * time.Millisecond

// cluster is servers in one process, joined by an in-memory network.
type cluster struct {
	t     testing.TB
	store *local.Store
	net   *link.Memory
	next  int
}

func newCluster(t testing.TB) *cluster {
	return &cluster{t: t, store: local.NewStore(), net: link.NewMemory()}
}

// start adds a server, which is closed with the test.
func (c *cluster) start() *replica.Replica {
	c.t.Helper()
	return c.startAs(func(*replica.Config) {})
}

// startAs lets the test change how the server is made.
func (c *cluster) startAs(change func(*replica.Config)) *replica.Replica {
	c.t.Helper()
	c.next++
	address := fmt.Sprintf("10.0.0.%d:7000", c.next)
	var self atomic.Pointer[replica.Replica]
	links := c.net.Transport(address, link.TCPConfig{Identity: func() chain.MemberID {
		if r := self.Load(); r != nil {
			return r.ID()
		}
		return chain.MemberID{}
	}})
	seed := rand.Uint64()
	c.t.Logf("%s: coordinator's faults of seed %d", address, seed)
	config := replica.Config{
		Chain: chain.Config{
			Self:           chain.Member{MemberID: chain.MemberID{Node: chain.NodeID(rand.Uint64())}, Address: address},
			SessionTimeout: timeout, NewChain: chain.ID(rand.Uint64()),
		},
		Coordinator: local.NewClient(c.store, local.Unreliable(seed, timeout)),
		Links:       links,
		Logger:      slog.New(slog.NewTextHandler(c.t.Output(), nil)),
	}
	change(&config)
	r, err := replica.Start(config)
	if err != nil {
		c.t.Fatal(err)
	}
	self.Store(r)
	c.t.Cleanup(func() {
		if err := r.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return r
}

// await waits until the condition holds for a replica's status.
func await(t testing.TB, r *replica.Replica, what string, ok func(replica.Status) bool) {
	t.Helper()
	deadline, tick := time.After(10*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok(r.Status()) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 10 s: %s; status is %+v", what, r.Status())
		}
	}
}

func members(n int) func(replica.Status) bool {
	return func(s replica.Status) bool {
		return len(s.View.Members) == n && s.View.Index(chain.MemberID{Node: s.ID, Incarnation: s.Incarnation}) >= 0
	}
}

func put(t *testing.T, r *replica.Replica, key, value string) chain.Seq {
	t.Helper()
	call := replica.Call{Command: putCommand(key, value)}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r.Write(ctx, []*replica.Call{&call})
	if call.Err != nil || call.Result.Code != table.CodeOK {
		t.Fatalf("put %s: %v, %v", key, call.Result, call.Err)
	}
	return call.Seq
}

func putCommand(key, value string) []byte {
	c := table.Command{Op: table.OpPut, Pairs: []table.Pair{{Key: []byte(key), Value: []byte(value)}}}
	return c.Append(nil)
}

func get(t *testing.T, r *replica.Replica, key string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var value []byte
	err := r.Read(ctx, replica.Key([]byte(key)), func(tab *table.Table) { value, _, _ = tab.Get([]byte(key)) })
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	return string(value)
}

func TestOneServer(t *testing.T) {
	c := newCluster(t)
	r := c.start()
	await(t, r, "a chain of one", members(1))
	put(t, r, "k", "v")
	if got := get(t, r, "k"); got != "v" {
		t.Fatalf("got %q", got)
	}
}

func TestThreeServersAndTheDeathOfEach(t *testing.T) {
	c := newCluster(t)
	rs := []*replica.Replica{c.start()}
	await(t, rs[0], "a chain of one", members(1))
	put(t, rs[0], "before", "1")
	for n := 2; n <= 3; n++ {
		rs = append(rs, c.start())
		await(t, rs[n-1], fmt.Sprint(n, " members"), members(n))
	}
	for i, r := range rs {
		put(t, r, fmt.Sprint("k", i), "v")
		for _, at := range rs {
			if got := get(t, at, fmt.Sprint("k", i)); got != "v" {
				t.Fatalf("k%d is %q", i, got)
			}
		}
	}
	for _, victim := range []int{1, 0} {
		if err := rs[victim].Close(); err != nil {
			t.Fatal(err)
		}
		rs = append(rs[:victim:victim], rs[victim+1:]...)
		put(t, rs[len(rs)-1], fmt.Sprint("after", victim), "v")
		for _, at := range rs {
			if got := get(t, at, fmt.Sprint("after", victim)); got != "v" {
				t.Fatalf("after%d is %q", victim, got)
			}
			if got := get(t, at, "before"); got != "1" {
				t.Fatalf("before is %q", got)
			}
		}
	}
}

// TestNumbersWhenTheSessionIsForgotten: clients are told numbers, before anything is executed. One write may be lost when the table has
// forgotten the server's session, and no more.
func TestNumbersWhenTheSessionIsForgotten(t *testing.T) {
	c := newCluster(t)
	one := func(config *replica.Config) { config.Table.Sessions = 1 }
	head := c.startAs(one)
	await(t, head, "a chain of one", members(1))
	tail := c.startAs(one)
	await(t, tail, "a chain of two", members(2))
	for _, at := range []struct{ server, other *replica.Replica }{{head, tail}, {tail, head}} {
		write := func(want table.Fate) {
			t.Helper()
			call := replica.Call{Command: putCommand("k", "v"), Numbered: true}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if at.server.Write(ctx, []*replica.Call{&call}); call.Err != nil {
				t.Fatal(call.Err)
			}
			fate := table.Pending
			for fate == table.Pending && ctx.Err() == nil {
				var err error
				if fate, err = at.server.Verify(ctx, call.Seq); err != nil {
					t.Fatal(err)
				}
			}
			if fate != want {
				t.Fatalf("the write with number %d was %v, want %v", call.Seq, fate, want)
			}
		}
		put(t, at.server, "k", "u")
		write(table.Executed)
		put(t, at.other, "k", "w") // each in a session of its own: the table keeps one
		write(table.Lost)
		write(table.Executed)
	}
}
