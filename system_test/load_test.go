package system_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	chaintable "github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/internal/linear"
)

// load is clients that write and read at all servers, each one command at a time, as fast as a ticker lets them: enough for every fault to hit
// some command, and not so much that the machine is what is measured.
//
// Each key has one writer, which writes 1, 2, 3 and so on. So a read is right if and only if it is not below what was acknowledged, or was
// read, before it began, and not above what was sent before it ended: the histories are linearizable.
type load struct {
	t       *testing.T
	servers func() []string
	prefix  string             // of its keys
	fresh   bool               // a writer that does not know what became of a write never uses that key again
	by      *chaintable.Client // unless nil, all clients are this one, and an error of it is a refusal
	pad     string             // is behind each number that is written
	stop    chan struct{}
	clients sync.WaitGroup

	acked, read, broken atomic.Int64 // writes, reads, connections that broke before an answer
	readThere           atomic.Int64 // reads by readAt

	mu       sync.Mutex
	counters []*counter
	refusals []string  // errors that servers answered
	last     time.Time // when the last write was acknowledged
	gap      time.Duration
}

// counter is a key and what is known of its value.
type counter struct {
	key                string
	sent, acked, known atomic.Int64 // known: acknowledged or read
}

func (c *counter) learn(n int64) {
	for {
		known := c.known.Load()
		if n <= known || c.known.CompareAndSwap(known, n) {
			return
		}
	}
}

const (
	writers       = 4
	readers       = 3
	countersEach  = 50
	pace          = 4 * time.Millisecond
	clientTimeout = 15 * time.Second // more than a server takes to answer with an error
)

// startLoad begins, and ends with the test at the latest. servers are the addresses that clients may use.
func startLoad(t *testing.T, servers func() []string, change func(*load)) *load {
	t.Helper()
	l := &load{t: t, servers: servers, stop: make(chan struct{}), last: time.Now()}
	if change != nil {
		change(l)
	}
	for i := range writers {
		own := make([]*counter, countersEach)
		for j := range own {
			own[j] = l.newCounter(fmt.Sprintf("%sw%d-%d", l.prefix, i, j))
		}
		l.clients.Go(func() {
			if l.by != nil {
				l.put(own)
				return
			}
			l.write(i, own)
		})
	}
	for i := range readers {
		l.clients.Go(func() {
			if l.by != nil {
				l.gets()
				return
			}
			l.reads(i, servers, &l.read)
		})
	}
	t.Cleanup(l.end)
	waitFor(t, "the first writes", func() bool { return l.acked.Load() > 0 })
	l.lap()
	return l
}

// readAt has more clients read, at servers of their own.
func (l *load) readAt(servers func() []string) {
	for i := range readers {
		l.clients.Go(func() { l.reads(i, servers, &l.readThere) })
	}
}

// end stops the clients, and waits for them.
func (l *load) end() {
	l.mu.Lock()
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.mu.Unlock()
	l.clients.Wait()
}

func (l *load) newCounter(key string) *counter {
	c := &counter{key: key}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counters = append(l.counters, c)
	return c
}

// lap is the longest time without an acknowledged write since the last lap.
func (l *load) lap() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	gap := max(l.gap, time.Since(l.last))
	l.gap = 0
	return gap
}

// flow waits until so many more writes have been acknowledged.
func (l *load) flow(n int64) {
	l.t.Helper()
	until := l.acked.Load() + n
	waitFor(l.t, "writes to go on", func() bool { return l.acked.Load() >= until })
}

func (l *load) acknowledged(c *counter, n int64) {
	c.acked.Store(n)
	c.learn(n)
	l.acked.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.gap = max(l.gap, now.Sub(l.last))
	l.last = now
}

func (l *load) refused(what string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusals = append(l.refusals, fmt.Sprintf("%s %s: %v", time.Now().UTC().Format("15:04:05.000"), what, err))
}

// client is a user: it stays at one server until that one fails it, and then goes to the next.
type client struct {
	servers func() []string
	place   int // in the list of servers
	timeout time.Duration
	failed  func(words []string, at string, err error) // is told of each command that was not answered as it should
	conn    *conn
	at      string
}

func (l *load) client(place int, servers func() []string) *client {
	return &client{servers: servers, place: place, timeout: clientTimeout, failed: l.failed}
}

func (l *load) failed(words []string, at string, err error) {
	if _, ok := errors.AsType[refusal](err); ok {
		l.refused(fmt.Sprint(strings.Fields(strings.Join(words, " ")), " at ", at), err)
	} else {
		l.broken.Add(1)
	}
}

// connected tells whether there is a connection, or one could be made.
func (c *client) connected() bool {
	if c.conn != nil {
		return true
	}
	servers := c.servers()
	if len(servers) == 0 {
		return false
	}
	c.place++
	c.at = servers[c.place%len(servers)]
	var err error
	c.conn, err = connect(c.at)
	return err == nil
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// do sends a command. An error says that it was refused, or that it is not known what became of it; and then the client goes to another
// server.
func (c *client) do(words ...string) (string, error) {
	answer, err := c.conn.do(c.timeout, words...)
	if err != nil && !errors.Is(err, errNoKey) {
		c.failed(words, c.at, err)
		c.close()
	}
	return answer, err
}

// list sends a command that is answered with a list.
func (c *client) list(words ...string) ([]linear.Value, error) {
	values, err := c.conn.list(c.timeout, words...)
	if err != nil {
		c.failed(words, c.at, err)
		c.close()
	}
	return values, err
}

// each calls f at the client's pace, until the load ends.
func (l *load) each(c *client, f func()) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	defer c.close()
	for {
		select {
		case <-ticker.C:
			if c.connected() {
				f()
			}
		case <-l.stop:
			return
		}
	}
}

// write has one client write its counters in turn. A write without an answer is sent again, to another server, until it is acknowledged.
func (l *load) write(place int, own []*counter) {
	c := l.client(place, l.servers)
	i := 0
	l.each(c, func() {
		k := own[i]
		n := k.acked.Load() + 1
		k.sent.Store(n)
		answer, err := c.do("SET", k.key, l.text(n))
		_, refused := errors.AsType[refusal](err)
		switch {
		case err == nil && answer == "OK":
			l.acknowledged(k, n)
			i = (i + 1) % len(own)
		case err == nil:
			l.t.Errorf("SET is answered with %q", answer)
		case !refused && l.fresh:
			own[i] = l.newCounter(k.key + "'")
		}
	})
}

// text is what is written for a number.
func (l *load) text(n int64) string { return strconv.FormatInt(n, 10) + l.pad }

// any is one of the counters: which one matters to no outcome.
func (l *load) any() *counter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counters[rand.IntN(len(l.counters))]
}

// reads has one client read any counters.
func (l *load) reads(place int, servers func() []string, count *atomic.Int64) {
	c := l.client(place, servers)
	l.each(c, func() {
		k := l.any()
		floor := k.known.Load()
		answer, err := c.do("GET", k.key)
		if err == nil || errors.Is(err, errNoKey) {
			l.check(k, c.at, floor, answer)
			count.Add(1)
		}
	})
}

// check judges a value that was read at a server, by a read that began when floor was known.
func (l *load) check(k *counter, at string, floor int64, answer string) {
	n := int64(0)
	if answer != "" {
		var err error
		if n, err = strconv.ParseInt(strings.TrimSuffix(answer, l.pad), 10, 64); err != nil {
			l.t.Errorf("%s is %q at %s", k.key, answer, at)
			return
		}
	}
	sent := k.sent.Load()
	k.learn(n)
	if n < floor || n > sent {
		l.t.Errorf("%s: %s is %d at %s, while %d was known before, and %d sent", time.Now().UTC().Format("15:04:05.000"), k.key, n, at, floor, sent)
	}
}

// verify reads all at one server: every acknowledged write must be there.
func (l *load) verify(s *server) {
	l.t.Helper()
	c, err := connect(s.listens)
	if err != nil {
		l.t.Fatal(err)
	}
	defer c.Close()
	l.mu.Lock()
	counters := l.counters
	l.mu.Unlock()
	for _, k := range counters {
		floor := k.known.Load()
		answer, err := c.do(patience, "GET", k.key)
		if err != nil && !errors.Is(err, errNoKey) {
			l.t.Fatalf("%s at %s: %v", k.key, s.listens, err)
		}
		l.check(k, s.listens, floor, answer)
	}
}

// noRefusals fails the test if a server has answered with an error since the load began.
func (l *load) noRefusals() {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.refusals {
		l.t.Error("a client got an error: ", r)
	}
}

// String says how much there was.
func (l *load) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := fmt.Sprintf("%d writes, %d reads, %d broken connections, %d refusals", l.acked.Load(), l.read.Load(), l.broken.Load(), len(l.refusals))
	for i, r := range l.refusals {
		if i == 5 {
			return text + "\n..."
		}
		text += "\n" + r
	}
	return text
}
