package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/server/servertest"
)

// fault is how a server, or the network before it, behaves.
type fault int

const (
	healthy fault = iota
	refuses       // connections fail, and those that are open are reset
	hangs         // nothing comes through, either way, and nothing fails
	drops         // what the client sends comes through, but no answer: each request is executed and never answered
)

func (f fault) String() string { return [...]string{"healthy", "refuses", "hangs", "drops answers"}[f] }

// network is the client's way to servers, with a fault at each address.
type network struct {
	mu      sync.Mutex
	faults  map[string]fault
	changed chan struct{}
	conns   map[*line]struct{}
}

func newNetwork() *network {
	return &network{faults: make(map[string]fault), changed: make(chan struct{}), conns: make(map[*line]struct{})}
}

func (n *network) dial(ctx context.Context, address string) (net.Conn, error) {
	if n.now(address) == refuses {
		return nil, syscall.ECONNREFUSED
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	l := &line{Conn: conn, network: n, address: address, closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns[l] = struct{}{}
	return l, nil
}

func (n *network) now(address string) fault {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.faults[address]
}

// set makes the fault that of the address, of open connections too.
func (n *network) set(address string, f fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults[address] = f
	close(n.changed)
	n.changed = make(chan struct{})
	for l := range n.conns {
		if l.address == address && f == refuses {
			_ = l.Conn.(*net.TCPConn).SetLinger(0)
			_ = l.Conn.Close()
		}
	}
}

// line is a connection through the network.
type line struct {
	net.Conn
	network *network
	address string
	once    sync.Once
	closed  chan struct{}
}

// pass waits while one of the faults is there.
func (l *line) pass(faults ...fault) error {
	for {
		l.network.mu.Lock()
		now, changed := l.network.faults[l.address], l.network.changed
		l.network.mu.Unlock()
		held := false
		for _, f := range faults {
			held = held || f == now
		}
		if !held {
			return nil
		}
		select {
		case <-changed:
		case <-l.closed:
			return net.ErrClosed
		}
	}
}

func (l *line) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if e := l.pass(hangs, drops); e != nil {
		return 0, e
	}
	return n, err
}

func (l *line) Write(b []byte) (int, error) {
	if err := l.pass(hangs); err != nil {
		return 0, err
	}
	return l.Conn.Write(b)
}

func (l *line) Close() error {
	l.once.Do(func() { close(l.closed) })
	l.network.mu.Lock()
	delete(l.network.conns, l)
	l.network.mu.Unlock()
	return l.Conn.Close()
}

// Servers that hang, refuse, reset, or swallow their answers: increments by compare-and-set go on through the others, and the sum is exact.
func TestFaultyServers(t *testing.T) {
	for _, f := range []fault{refuses, hangs, drops} {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			ctx := soon(t)
			members := servertest.StartChain(t, 3, nil)
			n := newNetwork()
			c, err := client.Open(client.Config{Servers: []string{members[0].Address, members[1].Address}, Dial: n.dial})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			done := 0
			for _, m := range members {
				n.set(m.Address, f)
				for range 20 {
					if err := increment(ctx, c, "counter"); err != nil {
						t.Fatalf("%s %v: %v", m.Address, f, err)
					}
					done++
				}
				n.set(m.Address, healthy)
			}
			e, err := c.Get(ctx, "counter")
			if err != nil || string(e.Value) != strconv.Itoa(done) {
				t.Errorf("the counter is %q, %v, after %d increments", e.Value, err, done)
			}
		})
	}
}

// A call ends with its context, and tells whether it may have happened.
func TestOutcomes(t *testing.T) {
	members := servertest.StartChain(t, 1, nil)
	for _, f := range []fault{hangs, drops} {
		n := newNetwork()
		c, err := client.Open(client.Config{Servers: []string{members[0].Address}, Dial: n.dial})
		if err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprint("k", f)
		if _, err := c.Put(soon(t), key, []byte("first")); err != nil {
			t.Fatal(err)
		}
		n.set(members[0].Address, f)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err = c.Put(ctx, key, []byte("second"))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || client.OutcomeOf(err) != client.MayHaveHappened {
			t.Errorf("%v: a put: %v, outcome %v", f, err, client.OutcomeOf(err))
		}
		ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := c.Get(ctx, key); !errors.Is(err, context.DeadlineExceeded) || client.OutcomeOf(err) != client.DidNotHappen {
			t.Errorf("%v: a get: %v", f, err)
		}
		cancel()
		// What was given up does not take effect behind what follows.
		n.set(members[0].Address, healthy)
		if _, err := c.Put(soon(t), key, []byte("third")); err != nil {
			t.Fatal(err)
		}
		if e, err := c.Get(soon(t), key); err != nil || string(e.Value) != "third" {
			t.Errorf("%v: %q, %v", f, e.Value, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := c.Get(t.Context(), key); !errors.Is(err, client.ErrClosed) {
			t.Errorf("a get of a closed client: %v", err)
		}
	}
}

// Several writes that were given up at once: the next one ends all these doubts, and none of them takes effect behind it.
func TestSeveralDoubts(t *testing.T) {
	m := servertest.StartChain(t, 1, nil)[0]
	n := newNetwork()
	c, err := client.Open(client.Config{Servers: []string{m.Address}, Dial: n.dial})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const writes = 5
	all := func(patience time.Duration) (outcomes []client.Outcome) {
		outcomes = make([]client.Outcome, writes)
		var work sync.WaitGroup
		for i := range outcomes {
			work.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				_, err := c.Put(ctx, "k", fmt.Append(nil, i))
				outcomes[i] = client.OutcomeOf(err)
			})
		}
		work.Wait()
		return outcomes
	}
	if got := all(30 * time.Second); slices.Contains(got, client.MayHaveHappened) || slices.Contains(got, client.DidNotHappen) {
		t.Fatalf("outcomes %v", got)
	}
	n.set(m.Address, drops)
	got := all(300 * time.Millisecond)
	if !slices.Contains(got, client.MayHaveHappened) || slices.Contains(got, client.Happened) {
		t.Fatalf("outcomes %v of writes that are not answered", got)
	}
	n.set(m.Address, healthy)
	if _, err := c.Put(soon(t), "k", []byte("last")); err != nil {
		t.Fatal(err)
	}
	if e, err := c.Get(soon(t), "k"); err != nil || string(e.Value) != "last" {
		t.Errorf("%q, %v", e.Value, err)
	}
}

// Where no server can be reached, nothing has happened.
func TestUnreachable(t *testing.T) {
	n := newNetwork()
	n.set("127.0.0.1:1", refuses)
	c, err := client.Open(client.Config{Servers: []string{"127.0.0.1:1"}, Dial: n.dial})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = c.Put(ctx, "k", nil)
	if !errors.Is(err, context.DeadlineExceeded) || client.OutcomeOf(err) != client.DidNotHappen {
		t.Errorf("put: %v", err)
	}
	t.Log(err)
}

// A server that says nothing gives no answer in time, however often it is asked, and whatever gRPC makes of that.
func TestServersThatHang(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // connections are opened, and nobody reads them
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := client.Open(client.Config{Servers: []string{l.Addr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 4 {
		servers, err := c.Servers(t.Context())
		if err == nil || len(servers) != 1 || servers[0].Err == nil || servers[0].Err.Error() != "no answer in time" {
			t.Errorf("%+v, %v", servers, err)
		}
	}
}
