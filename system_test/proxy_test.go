package system_test

import (
	"bufio"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxy leads connections to a target, as a network does that can fail.
type proxy struct {
	t       *testing.T
	Address string

	// whose, unless it is nil, tells from what comes first whose connection it is. It peeks.
	whose func(*bufio.Reader) (string, error)
	// answered, unless it is nil, is given what the target sends first.
	answered func([]byte)

	listener net.Listener
	copies   sync.WaitGroup

	spoiled atomic.Int64 // bytes changed

	mu       sync.Mutex
	target   string
	closed   bool
	flows    map[*flow]bool
	troubles map[way]trouble
	changed  *sync.Cond
	over     chan struct{} // closed with the proxy
}

// way is a direction of somebody's connections: from who made them to the target, or back. Whose they are is "" for those of all.
type way struct {
	whose string
	back  bool
}

// trouble is what a network does to what it carries one way. The zero value is none.
type trouble struct {
	silent bool          // nothing arrives, and connections do not break
	delay  time.Duration // everything arrives so much later
	piece  int           // at most so many bytes arrive together; zero: any number
	rate   int           // bytes a second; zero: any number
	spoil  int           // one byte in so many arrives changed; zero: none
}

// and is both troubles.
func (t trouble) and(u trouble) trouble {
	least := func(a, b int) int {
		if a == 0 || b == 0 {
			return max(a, b)
		}
		return min(a, b)
	}
	return trouble{t.silent || u.silent, max(t.delay, u.delay), least(t.piece, u.piece), least(t.rate, u.rate), least(t.spoil, u.spoil)}
}

// flow is one connection through the proxy.
type flow struct {
	whose         string
	near, distant net.Conn
}

// startProxy leads connections to target. change, unless it is nil, may say more about it first.
func startProxy(t *testing.T, target string, change func(*proxy)) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, Address: l.Addr().String(), listener: l, target: target, flows: map[*flow]bool{}, troubles: map[way]trouble{}, over: make(chan struct{})}
	p.changed = sync.NewCond(&p.mu)
	if change != nil {
		change(p)
	}
	p.copies.Go(p.accept)
	t.Cleanup(func() {
		p.mu.Lock()
		p.closed = true
		close(p.over)
		p.changed.Broadcast()
		p.mu.Unlock()
		_ = l.Close()
		p.cut()
		p.copies.Wait()
	})
	return p
}

// aim says where connections go from now on.
func (p *proxy) aim(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// trouble says what happens to the connections of one, or of all, from now on: on the way to the target, and back. It is besides what
// happens to those of all.
func (p *proxy) trouble(whose string, forth, back trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.troubles[way{whose, false}], p.troubles[way{whose, true}] = forth, back
	p.changed.Broadcast()
}

// silence has the connections of one, or of all, carry nothing any more, in either direction; they do not break. It is what a network that
// drops all packets looks like.
func (p *proxy) silence(whose string) {
	p.trouble(whose, trouble{silent: true}, trouble{silent: true})
}

// heal ends trouble: what was sent in silence arrives now.
func (p *proxy) heal(whose string) { p.trouble(whose, trouble{}, trouble{}) }

// cut closes all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for f := range p.flows {
		_ = f.near.Close()
		if f.distant != nil {
			_ = f.distant.Close()
		}
	}
}

// await waits while there is silence, and tells what trouble there is now, and whether to go on.
func (p *proxy) await(w way) (t trouble, open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed {
		t = p.troubles[way{"", w.back}].and(p.troubles[w])
		if !t.silent {
			return t, true
		}
		p.changed.Wait()
	}
	return t, false
}

// rest lets time pass, and tells whether to go on.
func (p *proxy) rest(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.over:
		return false
	}
}

func (p *proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.copies.Go(func() { p.lead(near) })
	}
}

// lead carries one connection until it ends.
func (p *proxy) lead(near net.Conn) {
	f := &flow{near: near}
	p.mu.Lock()
	p.flows[f] = true
	closed := p.closed
	p.mu.Unlock()
	defer func() {
		_ = near.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.flows, f)
	}()
	if closed {
		return
	}
	from := bufio.NewReaderSize(near, 64<<10)
	if p.whose != nil {
		var err error
		if f.whose, err = p.whose(from); err != nil {
			return
		}
	}
	if _, open := p.await(way{f.whose, false}); !open {
		return
	}
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	distant, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer distant.Close()
	p.mu.Lock()
	f.distant = distant
	p.mu.Unlock()
	var back sync.WaitGroup
	back.Go(func() { p.carry(near, distant, way{f.whose, true}, p.answered) })
	p.carry(distant, from, way{f.whose, false}, nil)
	back.Wait()
}

// carry copies from one end to the other until either ends, which then both do.
func (p *proxy) carry(to net.Conn, from io.Reader, w way, first func([]byte)) {
	b := make([]byte, 64<<10)
	carried := 0
	for {
		n, err := from.Read(b)
		if n > 0 && first != nil {
			first(b[:n])
			first = nil
		}
		t, open := p.await(w)
		if !open {
			break
		}
		if n > 0 {
			if t.delay > 0 && !p.rest(t.delay) {
				break
			}
			if t.spoil > 0 {
				p.spoil(b[:n], carried, t.spoil)
			}
			if p.pass(to, b[:n], t) != nil {
				break
			}
			carried += n
		}
		if err != nil {
			break
		}
	}
	// The other direction ends, too: none of the protocols here speaks on after one side has closed.
	_ = to.Close()
}

// spoil changes a bit of every so-manyth byte, before which others were carried.
func (p *proxy) spoil(b []byte, carried, every int) {
	for i := every - 1 - carried%every; i < len(b); i += every {
		b[i] ^= 1 << (p.spoiled.Add(1) % 8)
	}
}

// pass writes what arrives, as slowly and in as small pieces as the trouble wants it.
func (p *proxy) pass(to net.Conn, b []byte, t trouble) error {
	const breath = 2 * time.Millisecond // timers are not much finer
	size, owed := len(b), 0
	if t.rate > 0 {
		size = max(1, int(time.Duration(t.rate)*breath/time.Second))
	}
	if t.piece > 0 {
		size = min(size, t.piece)
	}
	for len(b) > 0 {
		n := min(size, len(b))
		if _, err := to.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
		if t.rate == 0 {
			continue
		}
		owed += n
		if d := time.Duration(owed) * time.Second / time.Duration(t.rate); d >= breath {
			owed = 0
			if !p.rest(d) {
				return net.ErrClosed
			}
		}
	}
	return nil
}
