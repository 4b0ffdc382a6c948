package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/local"
	"github.com/chaintable/chaintable/link"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server"
	"github.com/chaintable/chaintable/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// outcome is what a run of table-client came to.
type outcome struct {
	code     int
	out, err string
}

// noZooKeeper is for runs that must not look for it.
func noZooKeeper(string, string) (coordinator, error) {
	return nil, failf(codeUsage, "nobody should ask for ZooKeeper")
}

// call runs table-client, with stdin as what is piped into it.
func call(open openFunc, stdin string, args ...string) outcome {
	var out, err bytes.Buffer
	code := run(args, strings.NewReader(stdin), &out, &err, open)
	return outcome{code, out.String(), err.String()}
}

// check compares: out is to be exact, err to be there in part; empty is nothing at all.
func (o outcome) check(t *testing.T, name string, code int, out, err string) {
	t.Helper()
	if o.code != code || o.out != out || !strings.Contains(o.err, err) || err == "" && o.err != "" {
		t.Errorf("%s: exit code %d, printed %.300q, complained %.300q; want %d, %.300q, %q", name, o.code, o.out, o.err, code, out, err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// nobody is an address that refuses connections.
func nobody(t *testing.T) string {
	t.Helper()
	l := listen(t)
	l.Close()
	return l.Addr().String()
}

// serve runs a server of backend at l until it is ended, or the test is.
func serve(t *testing.T, l net.Listener, backend server.Backend) (end func()) {
	t.Helper()
	s, err := server.New(server.Config{Replica: backend, RequestTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		if err := s.Serve(l); err != nil {
			t.Error(err)
		}
	})
	end = sync.OnceFunc(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		accepting.Wait()
	})
	t.Cleanup(end)
	return end
}

// serving is the address of a server of backend.
func serving(t *testing.T, backend server.Backend) string {
	t.Helper()
	l := listen(t)
	serve(t, l, backend)
	return l.Addr().String()
}

// act is the address of something that answers as play says, in its own goroutine for each connection, which play's return closes.
func act(t *testing.T, play func(net.Conn)) string {
	t.Helper()
	l := listen(t)
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				stop := context.AfterFunc(ctx, func() { c.Close() })
				play(c)
				stop()
				c.Close()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		cancel()
		all.Wait()
	})
	return l.Addr().String()
}

// pretend is the address of a server that is in the chain, and answers what comes in the seed protocol with the reply that is next. It closes the
// connection behind a reply that does not end as it should, and where there is none. It counts the requests with each opcode.
func pretend(t *testing.T, replies ...string) (address string, asked func(opcode byte) int) {
	t.Helper()
	var mu sync.Mutex
	counts := map[byte]int{}
	next := func(opcode byte) (reply string) {
		mu.Lock()
		defer mu.Unlock()
		counts[opcode]++
		if len(replies) > 0 {
			reply, replies = replies[0], replies[1:]
		}
		return reply
	}
	address = act(t, func(c net.Conn) {
		b := make([]byte, 64<<10)
		for more := true; more; {
			if _, err := c.Read(b); err != nil {
				return
			}
			switch b[0] {
			case 'P':
				io.WriteString(c, "+PONG\r\n")
				return
			case 'G':
				io.WriteString(c, "HTTP/1.0 200 OK\r\n")
				return
			}
			reply := next(b[1])
			io.WriteString(c, reply)
			more = strings.HasSuffix(reply, refusal)
		}
	})
	return address, func(opcode byte) int {
		mu.Lock()
		defer mu.Unlock()
		return counts[opcode]
	}
}

// refusal is the reply to what is refused, as a marker is.
const refusal = "\x08\x63\x10\x3c\x30\x01"

// keeper is a coordinator that shows one view after the other, the last again and again. None: it has none.
type keeper struct {
	*local.Client
	mu    sync.Mutex
	views []chain.View
	asked int
}

func (k *keeper) View(context.Context, bool) (chain.Recorded, uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	view := k.views[min(k.asked, len(k.views)-1)]
	k.asked++
	return chain.Recorded{View: view}, 1, nil
}

// view is a view of a chain with members at the addresses.
func view(epoch chain.Epoch, addresses ...string) chain.View {
	v := chain.View{Chain: 0xC0FFEE, Epoch: epoch, Target: 3, Rules: 1}
	for i, a := range addresses {
		v.Members = append(v.Members, chain.Member{MemberID: chain.MemberID{Node: chain.NodeID(i + 1), Incarnation: 1}, Address: a})
	}
	return v
}

// zooKeeper opens a coordinator that shows the views.
func zooKeeper(views ...chain.View) openFunc {
	return func(string, string) (coordinator, error) {
		return &keeper{Client: local.NewClient(local.NewStore(), local.Faults{}), views: views}, nil
	}
}

// inStore opens the coordinator that keeps its records in store.
func inStore(store *local.Store) openFunc {
	return func(string, string) (coordinator, error) { return local.NewClient(store, local.Faults{}), nil }
}

// startChain starts n servers that make a chain, or wait as spares where it has as many as length. It waits until they are.
func startChain(t *testing.T, n, length int) (store *local.Store, addresses []string, ends []func()) {
	t.Helper()
	store = local.NewStore()
	addresses, ends = startServers(t, n, length, func() coord.Client { return local.NewClient(store, local.Faults{}) })
	return store, addresses, ends
}

// startServers is startChain with other coordinators.
func startServers(t *testing.T, n, length int, coordinator func() coord.Client) (addresses []string, ends []func()) {
	t.Helper()
	network := link.NewMemory()
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	for i := range n {
		l := listen(t)
		address := l.Addr().String()
		id := chain.MemberID{Node: chain.NodeID(i + 1)}
		var self atomic.Pointer[replica.Replica]
		links := network.Transport(address, link.TCPConfig{Logger: logger, Identity: func() chain.MemberID {
			if r := self.Load(); r != nil {
				return r.ID()
			}
			return chain.MemberID{}
		}})
		r, err := replica.Start(replica.Config{
			Chain: chain.Config{
				Self:           chain.Member{MemberID: id, Address: address},
				SessionTimeout: 2 * time.Second, NewChain: 0xC0FFEE, Target: length,
			},
			Table: table.Config{Seed: 1}, Coordinator: coordinator(), Links: links, Logger: logger,
		})
		if err != nil {
			t.Fatal(err)
		}
		self.Store(r)
		stop := serve(t, l, r)
		end := sync.OnceFunc(func() {
			stop()
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(end)
		addresses, ends = append(addresses, address), append(ends, end)
		awaitPlace(t, r, i, length)
	}
	return addresses, ends
}

// awaitPlace waits until the server that was started last is a member of its chain, or a spare where that is long enough.
func awaitPlace(t *testing.T, r *replica.Replica, before, length int) {
	t.Helper()
	tick, deadline := time.NewTicker(5*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		st := r.Status()
		if members := len(st.View.Members); r.Serving() && members == before+1 || st.Role == "spare" && members == length && before >= length {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("server %d is %s", before+1, st.State)
		}
	}
}
