package zookeeper_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/zookeeper"
	"github.com/chaintable/chaintable/internal/needs"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// proxy is a way to ZooKeeper that can be cut.
type proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
	busy  sync.WaitGroup
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, conns: map[net.Conn]bool{}}
	p.busy.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.busy.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.setCut(true)
		p.busy.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// setCut closes all connections and refuses new ones, or takes them again.
func (p *proxy) setCut(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	for conn := range p.conns {
		if cut {
			conn.Close()
		}
	}
}

func (p *proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	if p.cut {
		client.Close()
		server.Close()
	}
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			client.Close()
			server.Close()
		})
	}
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, client)
	delete(p.conns, server)
}

// within makes a call with a deadline.
func within(d time.Duration, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return f(ctx)
}

// must ends the test unless the call succeeds in time.
func must(t *testing.T, what string, f func(ctx context.Context) error) {
	t.Helper()
	if err := within(patience, f); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// eventually waits until what holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			t.Fatalf("not after %v: %s", patience, what)
		}
	}
}

func registration(n int) chain.Registration {
	return chain.Registration{Member: member(n), Protocol: 1, Rules: 1}
}

func member(n int) chain.Member {
	return chain.Member{MemberID: chain.MemberID{Node: chain.NodeID(n), Incarnation: 1}, Address: fmt.Sprintf("127.0.0.1:%d", 7000+n)}
}

func view(epoch int, members ...int) chain.View {
	v := chain.View{Chain: 1, Epoch: chain.Epoch(epoch), Rules: 1}
	for _, n := range members {
		v.Members = append(v.Members, member(n))
	}
	return v
}

// session reads the view, which need not be there, and returns the session that did. A connection may break meanwhile.
func session(t *testing.T, c *zookeeper.Client) (number uint64) {
	t.Helper()
	must(t, "View", func(ctx context.Context) (err error) {
		for err = coord.ErrUnknown; errors.Is(err, coord.ErrUnknown) && ctx.Err() == nil; {
			_, number, err = c.View(ctx, false)
		}
		if errors.Is(err, coord.ErrMissing) {
			return nil
		}
		return err
	})
	return number
}

func TestSessionEnds(t *testing.T) {
	servers := needs.AnyZooKeeper(t)
	way := newProxy(t, servers)
	c := open(t, way.address()+chroot())
	must(t, "Register", func(ctx context.Context) error { return c.Register(ctx, registration(1)) })
	if n := session(t, c); n != 1 {
		t.Fatalf("the first session has number %d", n)
	}
	way.setCut(true)
	err := within(100*time.Millisecond, func(ctx context.Context) error {
		_, err := c.Heartbeat(ctx, chain.Registered{Registration: registration(1)})
		return err
	})
	if !errors.Is(err, coord.ErrUnknown) {
		t.Fatalf("Heartbeat without a connection: %v", err)
	}
	drain(c)
	gone := time.NewTimer(2 * sessionTimeout)
	defer gone.Stop()
	<-gone.C
	way.setCut(false)
	if n := session(t, c); n != 2 {
		t.Errorf("after the first session has ended, the next has number %d", n)
	}
	select {
	case <-c.News():
	default:
		t.Error("no news of a new session")
	}
	var list []chain.Registered
	must(t, "List", func(ctx context.Context) (err error) { list, _, err = c.List(ctx); return err })
	if len(list) != 1 || list[0].Version != 0 {
		t.Errorf("what was given up was done: %v", list)
	}
}

// drain takes the news that there is.
func drain(c *zookeeper.Client) {
	select {
	case <-c.News():
	default:
	}
}

// TestSessionOutlivesItsConnection: a cut that is shorter than the session moves nothing.
func TestSessionOutlivesItsConnection(t *testing.T) {
	way := newProxy(t, needs.AnyZooKeeper(t))
	c := open(t, way.address()+chroot())
	for range 5 {
		if n := session(t, c); n != 1 {
			t.Fatalf("session %d", n)
		}
		way.setCut(true)
		way.setCut(false)
	}
}

// TestSilence: where ZooKeeper takes connections and says nothing, no call lasts longer than its ctx, and Close not for ever.
func TestSilence(t *testing.T) {
	z := needs.StartZooKeeper(t)
	connected, never := open(t, z.Address), open(t, z.Address)
	must(t, "Register", func(ctx context.Context) error { return connected.Register(ctx, registration(1)) })
	z.Pause()
	for name, c := range map[string]*zookeeper.Client{"connected before": connected, "not connected": never} {
		begun := time.Now()
		for range 100 { // more than may be under way
			if err := within(time.Millisecond, func(ctx context.Context) error { return c.Register(ctx, registration(2)) }); !errors.Is(err, coord.ErrUnknown) {
				t.Fatalf("%s: Register: %v", name, err)
			}
		}
		if took := time.Since(begun); took > patience/2 {
			t.Errorf("%s: 100 calls of 1ms took %v", name, took)
		}
		begun = time.Now()
		if err := c.Close(); err != nil {
			t.Errorf("%s: Close: %v", name, err)
		}
		t.Logf("%s: Close took %v", name, time.Since(begun))
		if took := time.Since(begun); took > patience/2 {
			t.Errorf("%s: Close took %v", name, took)
		}
	}
	z.Resume()
}

// TestOneWatchEach: ZooKeeper's library keeps each watch that is set until it fires, and the view is read all day long.
func TestOneWatchEach(t *testing.T) {
	z := needs.StartZooKeeper(t)
	c := open(t, z.Address)
	must(t, "Register", func(ctx context.Context) error { return c.Register(ctx, registration(1)) })
	must(t, "Change", func(ctx context.Context) error { return c.Change(ctx, chain.AskChange{From: -1, View: view(1, 1)}) })
	for range 50 {
		session(t, c)
		must(t, "List", func(ctx context.Context) error { _, _, err := c.List(ctx); return err })
	}
	answer, err := z.Ask("mntr")
	if err != nil {
		t.Fatal(err)
	}
	if n := regexp.MustCompile(`zk_watch_count\s+(\d+)`).FindStringSubmatch(answer); n == nil || n[1] != "3" {
		t.Errorf("ZooKeeper has %v watches, want one each of the view, the registrations and /chain", n)
	}
}

// TestWiped: a ZooKeeper that was set up anew refuses sessions that have seen more than it; a client of it begins another.
func TestWiped(t *testing.T) {
	z := needs.StartZooKeeper(t)
	c := open(t, z.Address)
	must(t, "Register", func(ctx context.Context) error { return c.Register(ctx, registration(1)) })
	must(t, "Change", func(ctx context.Context) error { return c.Change(ctx, chain.AskChange{From: -1, View: view(1, 1)}) })
	z.Kill()
	z.Wipe()
	z.Start()
	_, err := c.Heartbeat(context.Background(), chain.Registered{Registration: registration(1)})
	if !errors.Is(err, coord.ErrMissing) {
		t.Errorf("Heartbeat: %v", err)
	}
	if _, n, err := c.View(context.Background(), true); !errors.Is(err, coord.ErrMissing) || n != 2 {
		t.Errorf("View in session %d: %v", n, err)
	}
	must(t, "Register", func(ctx context.Context) error { return c.Register(ctx, registration(1)) })
	must(t, "Change", func(ctx context.Context) error { return c.Change(ctx, chain.AskChange{From: -1, View: view(1, 1)}) })
}

// TestAnotherServer: a server of an ensemble that keeps its connections and answers nothing is left for another one, in less
// time than it takes to be removed from a chain.
func TestAnotherServer(t *testing.T) {
	all := needs.StartEnsemble(t, 3, nil)
	var addresses []string
	for _, z := range all {
		addresses = append(addresses, z.Address)
	}
	where := strings.Join(addresses, ",") + chroot()
	for range 3 {
		var c *zookeeper.Client
		var at *needs.ZooKeeper
		eventually(t, "a client is connected to a follower", func() bool {
			if c != nil {
				_ = c.Close()
			}
			c = open(t, where)
			session(t, c)
			i := slices.IndexFunc(all, func(z *needs.ZooKeeper) bool {
				answer, err := z.Ask("cons")
				return err == nil && strings.Contains(answer, "sid=")
			})
			if i < 0 {
				return false
			}
			at = all[i]
			return !at.Leads()
		})
		r := chain.Registered{Registration: registration(1)}
		if err := within(patience, func(ctx context.Context) error { return c.Register(ctx, r.Registration) }); err != nil && !errors.Is(err, coord.ErrConflict) {
			t.Fatal(err)
		}
		at.Pause()
		begun := time.Now()
		eventually(t, "heartbeats go on", func() bool {
			err := within(sessionTimeout*3/4, func(ctx context.Context) error {
				_, err := c.Heartbeat(ctx, r)
				return err
			})
			return err == nil || errors.Is(err, coord.ErrConflict) // that without an answer has come through
		})
		took := time.Since(begun)
		t.Logf("a silent server was left after %v", took)
		if took > 2*sessionTimeout {
			t.Errorf("a silent server was left only after %v", took)
		}
		at.Resume()
		_ = c.Close()
	}
}

// TestPublished has three members whose sessions end in turn, and a client that looks at /chain all the time: it shows them in
// chain order, whoever lacks a node at the moment.
func TestPublished(t *testing.T) {
	servers := needs.AnyZooKeeper(t)
	root := chroot()
	var ways []*proxy
	var clients []*zookeeper.Client
	for n := 1; n <= 3; n++ {
		way := newProxy(t, servers)
		c := open(t, way.address()+root)
		must(t, "Register", func(ctx context.Context) error { return c.Register(ctx, registration(n)) })
		ways, clients = append(ways, way), append(clients, c)
	}
	must(t, "Change", func(ctx context.Context) error {
		return clients[0].Change(ctx, chain.AskChange{From: -1, View: view(1, 1, 2, 3)})
	})

	looker, _, err := zk.Connect([]string{servers}, patience, zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	defer looker.Close()
	order := []string{"127.0.0.1:7001\x00", "127.0.0.1:7002\x00", "127.0.0.1:7003\x00"}
	looks := 0
	look := func() (names, addresses []string) {
		looks++
		for _, c := range clients {
			session(t, c) // as servers do
		}
		names, _, err := looker.Children(root + "/chain")
		if err != nil && !errors.Is(err, zk.ErrNoNode) {
			t.Fatal(err)
		}
		slices.Sort(names)
		for _, name := range names {
			data, _, err := looker.Get(root + "/chain/" + name)
			if errors.Is(err, zk.ErrNoNode) {
				return nil, nil // it changes while we look
			}
			if err != nil {
				t.Fatal(err)
			}
			addresses = append(addresses, string(data))
		}
		if !slices.IsSorted(addresses) {
			t.Fatalf("/chain lists %q", addresses)
		}
		return names, addresses
	}
	whole := func() bool {
		_, addresses := look()
		return slices.Equal(addresses, order)
	}
	eventually(t, "all members are in /chain", whole)
	for i := range ways {
		before, _ := look()
		number := session(t, clients[i])
		ways[i].setCut(true)
		eventually(t, "the node of a session that has ended is gone", func() bool {
			names, _, err := looker.Children(root + "/chain")
			return err == nil && len(names) < 3
		})
		ways[i].setCut(false)
		eventually(t, "there is a new session", func() bool { return session(t, clients[i]) > number })
		eventually(t, "all members are in /chain again", whole)
		if after, _ := look(); slices.Equal(before, after) {
			t.Errorf("nothing has changed: %v", after)
		}
	}
	// A member that goes takes its node along, in the same moment.
	must(t, "Change", func(ctx context.Context) error {
		return clients[2].Change(ctx, chain.AskChange{From: 0, View: view(2, 2, 3)})
	})
	names, _, err := looker.Children(root + "/chain")
	if err != nil || len(names) != 2 {
		t.Errorf("after the head was removed, /chain has %v, %v", names, err)
	}
	order = order[1:]
	eventually(t, "the others are left", whole)
	t.Logf("looked at /chain %d times", looks)
}

// quiet is a log of ZooKeeper's library that nobody reads.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
