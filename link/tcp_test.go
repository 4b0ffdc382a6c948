package link

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/chaintable/chaintable/chain"
)

func realScene() scene { return scene{loopback{}, newBoard()} }

// The kernel takes what is written until its buffers are full; then nothing moves for the timeout.
func TestAPeerThatNeverReadsIsLeft(t *testing.T) {
	s := realScene()
	a, address := newNode(t, s, TCPConfig{Timeout: 50 * time.Millisecond}), s.mute(t)
	e := numbered(1, address)
	e.Message = chain.Snapshot{Data: make([]byte, 64<<20)}
	a.Send([]chain.Envelope{e})
	a.waitResets(1)
}

// Connections with hostile bytes, all open at once: each is closed, memory stays, and a peer is heard throughout.
func TestHostileBytes(t *testing.T) {
	announced := func(length uint32, arrived int) []byte {
		b := binary.BigEndian.AppendUint32(nil, length)
		return append(b, make([]byte, 4+arrived)...)
	}
	kinds := map[string][]byte{
		"silence":               nil,
		"garbage":               randomBytes(4096),
		"longest frame":         announced(MaxFrameBytes, 100),
		"too long a frame":      announced(1<<31, 100),
		"longest length":        announced(1<<32-1, 0),
		"half a frame":          open(carol, 1)[:10],
		"half a message":        append(open(carol, 1), stream(numbered(1, ""))[:12]...),
		"longest message":       append(open(carol, 1), announced(MaxFrameBytes, 1000)...),
		"part of a large one":   append(open(carol, 1), announced(MaxFrameBytes, 300<<10)...),
		"many tiny empty ones":  bytes.Repeat(announced(0, 0), 1000),
		"tiny frames, a zip of": append(open(carol, 1), bytes.Repeat(stream(chain.Envelope{From: carol, Message: chain.Ping{}})[:20], 500)...),
	}
	s := realScene()
	b := newNode(t, s, TCPConfig{Timeout: 300 * time.Millisecond})
	a := newNode(t, s, TCPConfig{})
	stop, talked := make(chan struct{}), make(chan uint64)
	go func() {
		n := uint64(0)
		for {
			select {
			case <-stop:
				talked <- n
				return
			default:
				n++
				sendNumbered(a, n, n, b.address)
				s.wait(func() bool { return b.newest() == n || len(a.resets) > 0 })
			}
		}
	}()
	s.wait(func() bool { return b.newest() > 0 })

	before := inUse()
	var attack sync.WaitGroup
	closed := make(chan string, 1000)
	opened := 0
	for round := range 20 {
		for name, bytes := range kinds {
			opened++
			attack.Go(func() {
				conn, err := net.Dial("tcp", b.address)
				if err != nil {
					closed <- fmt.Sprintf("%s: %v", name, err)
					return
				}
				defer conn.Close()
				conn.Write([]byte(Preamble))
				conn.Write(bytes)
				conn.SetReadDeadline(time.Now().Add(20 * time.Second))
				n, err := conn.Read(make([]byte, 1))
				if e, ok := err.(net.Error); n != 0 || err == nil || ok && e.Timeout() {
					closed <- fmt.Sprintf("%s in round %d: read %d bytes, %v", name, round, n, err)
				}
			})
		}
	}
	attacked := make(chan struct{})
	go func() {
		attack.Wait()
		close(attacked)
	}()
	most := uint64(0)
	for running := true; running; {
		select {
		case <-attacked:
			running = false
		default:
			most = max(most, inUse())
		}
	}
	close(closed)
	for failure := range closed {
		t.Error(failure)
	}
	close(stop)
	n := <-talked
	if resets := a.resetCount(); resets > 0 {
		t.Errorf("%d resets of a peer that did nothing", resets)
	}
	grown := int64(most) - int64(before)
	t.Logf("%d connections: %d KiB more at most, %d messages of the peer meanwhile", opened, grown>>10, n)
	if grown > 32<<20 {
		t.Errorf("%d bytes more in use", grown)
	}
}

// inUse is the live memory in bytes.
func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// Everything that waits goes out in as few writes as can be.
func TestOneWriteForAllThatWaits(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	counted := &countingConn{Conn: near}
	p := newPeer(NewTCP(TCPConfig{}), route{alice, bob, ""})
	for n := range uint64(5000) {
		e := numbered(n, "")
		p.queue.push(&e)
	}
	p.batch, _ = p.queue.take(nil, maxWrite)
	if !p.queue.empty() {
		t.Fatal("not all was taken")
	}
	go io.Copy(io.Discard, far)
	if err := p.flush(&connection{Conn: counted}); err != nil {
		t.Fatal(err)
	}
	if counted.writes != len(p.batch) || counted.deadlines != 1 { // net.Pipe has no writev
		t.Errorf("%d chunks: %d writes, %d deadlines", len(p.batch), counted.writes, counted.deadlines)
	}
	near.Close()
}

type countingConn struct {
	net.Conn
	writes, deadlines int
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.writes++
	return c.Conn.Write(b)
}

func (c *countingConn) SetWriteDeadline(t time.Time) error {
	c.deadlines++
	return c.Conn.SetWriteDeadline(t)
}
