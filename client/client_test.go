package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a client of the servers.
func open(t *testing.T, members ...*servertest.Member) *client.Client {
	t.Helper()
	var config client.Config
	for _, m := range members {
		config.Servers = append(config.Servers, m.Address)
	}
	c, err := client.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// soon is a context that ends before the test would.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestReadsAndWrites(t *testing.T) {
	ctx := soon(t)
	c := open(t, servertest.StartChain(t, 3, nil)[2])
	if _, err := c.Get(ctx, "k"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("get of no key: %v", err)
	}
	first, err := c.Put(ctx, "k", []byte("v"), client.IfAbsent())
	if err != nil || first == 0 {
		t.Fatalf("put: %d, %v", first, err)
	}
	if _, err := c.Put(ctx, "k", []byte("w"), client.IfAbsent()); !errors.Is(err, client.ErrCondition) || client.OutcomeOf(err) != client.DidNotHappen {
		t.Errorf("put of a key that exists, if it does not: %v", err)
	}
	e, err := c.Get(ctx, "k")
	if err != nil || string(e.Value) != "v" || e.Version != first || e.At < first {
		t.Errorf("get: %+v, %v", e, err)
	}
	second, err := c.Put(ctx, "k", nil, client.IfVersion(first))
	if err != nil || second <= first {
		t.Errorf("put at the version: %d, %v", second, err)
	}
	if e, err := c.Get(ctx, "k"); err != nil || len(e.Value) != 0 || e.Value == nil {
		t.Errorf("get of an empty value: %+v, %v", e, err)
	}
	third, err := c.Put(ctx, "n", []byte("x"), client.Numbered())
	if err != nil || third <= second {
		t.Errorf("numbered put: %d, %v", third, err)
	}
	if seq, found, err := c.Delete(ctx, "k", client.IfPresent()); err != nil || !found || seq <= third {
		t.Errorf("delete: %d, %v, %v", seq, found, err)
	}
	if fate, err := c.Verify(ctx, third); err != nil || fate != client.Executed {
		t.Errorf("verify: %v, %v", fate, err)
	}
	if n, err := c.Size(ctx); err != nil || n != 1 {
		t.Errorf("size: %d, %v", n, err)
	}
	var keys []string
	for k, err := range c.Keys(ctx, "n") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	if !slices.Equal(keys, []string{"n"}) {
		t.Errorf("keys %q", keys)
	}
	for e, err := range c.Entries(ctx, "") {
		if err != nil || e.Key != "n" || string(e.Value) != "x" || e.Version != third {
			t.Errorf("entry %+v, %v", e, err)
		}
	}
	servers, err := c.Servers(ctx)
	if err != nil || len(servers) != 3 || servers[0].Status.GetRole() != "head" || servers[2].Status.GetRole() != "tail" {
		t.Errorf("servers %+v, %v", servers, err)
	}
}

func TestTxn(t *testing.T) {
	ctx := soon(t)
	c := open(t, servertest.StartChain(t, 2, nil)...)
	swap := client.Txn{
		If:   []client.Compare{client.Exists("a"), client.Value("b", client.Equal, []byte("2"))},
		Then: []client.Step{client.PutStep("a", []byte("2")), client.PutStep("b", []byte("1"))},
		Else: []client.Step{client.PutStep("a", []byte("1")), client.PutStep("b", []byte("2")), client.GetStep("a"), client.DeleteStep("c")},
	}
	r, err := c.Txn(ctx, swap)
	if err != nil || r.Succeeded || len(r.Steps) != 4 || string(r.Steps[2].Value) != "1" || r.Steps[2].Version != r.Seq || r.Steps[3].Found {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err = c.Txn(ctx, swap); err != nil || !r.Succeeded || !r.Steps[0].Found {
		t.Errorf("%+v, %v", r, err)
	}
	read, err := c.Txn(ctx, client.Txn{
		If:   []client.Compare{client.Version("a", client.Equal, r.Seq), client.Absent("c")},
		Then: []client.Step{client.GetStep("a"), client.GetStep("b"), client.GetStep("c")},
	})
	if err != nil || !read.Succeeded || string(read.Steps[0].Value) != "2" || string(read.Steps[1].Value) != "1" || read.Steps[2].Found || read.Seq < r.Seq {
		t.Errorf("%+v, %v", read, err)
	}
	if _, err := c.Txn(ctx, client.Txn{If: []client.Compare{{}}}); err == nil || client.OutcomeOf(err) != client.DidNotHappen {
		t.Errorf("a compare of nothing: %v", err)
	}
}

// Increments by compare-and-set, while each server in turn is killed and another takes its place: the sum is exact.
func TestExactSumThroughFailovers(t *testing.T) {
	ctx := soon(t)
	chain := servertest.NewChain(t, 3, nil)
	var members []*servertest.Member
	for range 3 {
		m := chain.Start("127.0.0.1:0")
		servertest.WaitFor(t, "it to be a member", m.Serving)
		members = append(members, m)
	}
	c := open(t, members...)
	var sum sync.WaitGroup
	var mu sync.Mutex
	done, stop := 0, make(chan struct{})
	for range 4 {
		sum.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := increment(ctx, c, "counter"); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				done++
				mu.Unlock()
			}
		})
	}
	for i := range 3 {
		mu.Lock()
		before := done
		mu.Unlock()
		members[i].Kill(t)
		m := chain.Start("127.0.0.1:0")
		members = append(members, m)
		servertest.WaitFor(t, "another to be a member", m.Serving)
		servertest.WaitFor(t, "increments to go on", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return done > before+10 || t.Failed()
		})
	}
	close(stop)
	sum.Wait()
	e, err := c.Get(ctx, "counter")
	if err != nil || string(e.Value) != strconv.Itoa(done) {
		t.Errorf("the counter is %q, %v, after %d increments", e.Value, err, done)
	}
	t.Logf("%d increments", done)
}

// increment adds one to the number under the key, once.
func increment(ctx context.Context, c *client.Client, key string) error {
	for {
		e, err := c.Get(ctx, key)
		if err != nil && !errors.Is(err, client.ErrNotFound) {
			return err
		}
		n, _ := strconv.Atoi(string(e.Value))
		_, err = c.Put(ctx, key, fmt.Append(nil, n+1), client.IfVersion(e.Version))
		if !errors.Is(err, client.ErrCondition) {
			return err
		}
	}
}

// A write whose time is over before it begins fails, also if it is the first and has no session yet.
func TestWriteThatHasNoTime(t *testing.T) {
	c := open(t, servertest.StartChain(t, 1, nil)[0])
	over, cancel := context.WithCancel(soon(t))
	cancel()
	if _, err := c.Put(over, "k", nil); !errors.Is(err, context.Canceled) || client.OutcomeOf(err) != client.DidNotHappen {
		t.Errorf("put: %v", err)
	}
	if _, err := c.Put(soon(t), "k", nil); err != nil {
		t.Errorf("put afterwards: %v", err)
	}
}

// Clients that come and go while connections are made and the view is found: for the race detector.
func TestManyClients(t *testing.T) {
	members := servertest.StartChain(t, 3, nil)
	for range 100 {
		var config client.Config
		for _, m := range members {
			config.Servers = append(config.Servers, m.Address)
		}
		c, err := client.Open(config)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Servers(soon(t)); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Operators change the chain under load, and no call fails.
func TestMembers(t *testing.T) {
	ctx := soon(t)
	members := servertest.StartServers(t, 3, 3, nil)
	c := open(t, members...)
	var load sync.WaitGroup
	stop := make(chan struct{})
	for i := range 3 {
		load.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := increment(ctx, c, fmt.Sprint("k", i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	order := func() (addresses []string) {
		servers, err := c.Servers(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range servers {
			if s.Status.GetServing() {
				addresses = append(addresses, s.Address)
			}
		}
		return addresses
	}
	a, b, d := members[0].Address, members[1].Address, members[2].Address
	for _, step := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"the tail becomes head", func() error { return c.MoveHead(ctx, d) }, []string{d, a, b}},
		{"the head is drained", func() error { return c.DrainServer(ctx, d) }, []string{a, b}},
		{"it is added again", func() error { return c.AddServer(ctx, d) }, []string{a, b, d}},
		{"a shorter chain", func() error { return c.SetTarget(ctx, 2) }, []string{a, b}},
		{"a longer one", func() error { return c.SetTarget(ctx, 3) }, []string{a, b, d}},
		{"one is removed", func() error { return c.RemoveServer(ctx, members[1].ID().Node.String()) }, []string{a, d}},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		servertest.WaitFor(t, step.name+", as servers tell", func() bool { return slices.Equal(order(), step.want) })
	}
	close(stop)
	load.Wait()
	if err := c.DrainServer(ctx, "127.0.0.1:1"); err == nil || client.OutcomeOf(err) != client.DidNotHappen {
		t.Errorf("draining nobody: %v", err)
	}
	if err := c.MoveHead(ctx, b); err == nil || client.OutcomeOf(err) != client.DidNotHappen {
		t.Errorf("a head that is no member: %v", err)
	}
}

// A listing that its reader gives up fails with the context's error, and one that is read to its end does not.
func TestListingEnds(t *testing.T) {
	c := open(t, servertest.StartChain(t, 1, nil)[0])
	for i := range 3 {
		if _, err := c.Put(soon(t), fmt.Sprint("k", i), make([]byte, 100<<10)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(soon(t))
	l, err := c.List(ctx, "", true)
	if err != nil || l.Size != 3 {
		t.Fatalf("%+v, %v", l, err)
	}
	cancel()
	var last error
	for _, err := range l.All() {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("a listing that was given up: %v", last)
	}
	n := 0
	for e, err := range c.Entries(soon(t), "") {
		if err != nil || len(e.Value) != 100<<10 {
			t.Errorf("%.20q: %v", e.Key, err)
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d entries", n)
	}
}
