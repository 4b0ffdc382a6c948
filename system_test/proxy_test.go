package system_test

import (
	"bufio"
	"io"
	"net"
	"sync"
	"testing"
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

	mu      sync.Mutex
	target  string
	closed  bool
	flows   map[*flow]bool
	silent  map[string]bool // whose connections carry nothing; "" for those of all
	changed *sync.Cond
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
	p := &proxy{t: t, Address: l.Addr().String(), listener: l, target: target, flows: map[*flow]bool{}, silent: map[string]bool{}}
	p.changed = sync.NewCond(&p.mu)
	if change != nil {
		change(p)
	}
	p.copies.Go(p.accept)
	t.Cleanup(func() {
		p.mu.Lock()
		p.closed = true
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

// silence has the connections of one, or of all, carry nothing any more, in either direction; they do not break. It is what a network that
// drops all packets looks like.
func (p *proxy) silence(whose string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent[whose] = true
}

// heal ends silence: what was sent meanwhile arrives now.
func (p *proxy) heal(whose string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.silent, whose)
	p.changed.Broadcast()
}

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

// await waits while whose connections are silent, and tells whether they may go on.
func (p *proxy) await(whose string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && (p.silent[""] || p.silent[whose]) {
		p.changed.Wait()
	}
	return !p.closed
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
	if !p.await(f.whose) {
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
	back.Go(func() { p.carry(near, distant, f.whose, p.answered) })
	p.carry(distant, from, f.whose, nil)
	back.Wait()
}

// carry copies from one end to the other until either ends, which then both do.
func (p *proxy) carry(to net.Conn, from io.Reader, whose string, first func([]byte)) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 && first != nil {
			first(b[:n])
			first = nil
		}
		if !p.await(whose) {
			break
		}
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	// The other direction ends, too: none of the protocols here speaks on after one side has closed.
	_ = to.Close()
}
