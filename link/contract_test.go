package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/chaintable/chaintable/chain"
)

// fabric is a network that the contract is tried on.
type fabric interface {
	// reserve finds an address where nobody listens yet.
	reserve(t *testing.T) (address string)
	// listen lets a transport be reached under a reserved address, until unlisten.
	listen(t *testing.T, address string, config TCPConfig) (tr *TCP, unlisten func())
	// mute makes an address that takes connections and says nothing.
	mute(t *testing.T) (address string)
}

// scene is what one test plays on.
type scene struct {
	fabric
	*board
}

// Both networks keep the same promises: those of Transport.
func TestContract(t *testing.T) {
	for name, f := range map[string]func() fabric{
		"tcp":    func() fabric { return loopback{} },
		"memory": func() fabric { return memory{NewMemory()} },
	} {
		t.Run(name, func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, scene){
				"messages arrive in order":                testOrder,
				"what is received is the receiver's":      testOwnership,
				"large messages":                          testLarge,
				"nobody there":                            testRefused,
				"close resets the sender":                 testClose,
				"nothing is lost unsaid":                  testStorm,
				"a message sent after a reset arrives":    testSendInReset,
				"a blocked receiver pushes back":          testBackPressure,
				"a new connection waits for the old":      testSuccession,
				"new connections do not pile up":          testPileUp,
				"one blocked peer does not hold another":  testIndependence,
				"a member that comes back under its name": testComeback,
				"probe":                        testProbe,
				"stop":                         testStop,
				"stop while nobody answers":    testStopDialling,
				"too many connections":         testMaxInbound,
				"a stopped transport is quiet": testStopped,
			} {
				t.Run(name, func(t *testing.T) { test(t, scene{f(), newBoard()}) })
			}
		})
	}
}

type loopback struct{}

func (loopback) reserve(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (loopback) listen(t *testing.T, address string, config TCPConfig) (*TCP, func()) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	tr := NewTCP(config)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { accept(tr, conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		tr.Stop()
		serving.Wait()
	})
	return tr, func() { l.Close() }
}

func (loopback) mute(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes the connections
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

type memory struct{ *Memory }

func (m memory) reserve(t *testing.T) string { return fmt.Sprintf("server-%x", rand.Uint64()) }

func (m memory) listen(t *testing.T, address string, config TCPConfig) (*TCP, func()) {
	tr := m.Transport(address, config)
	t.Cleanup(func() { tr.Stop() })
	return tr, func() {} // Stop does it
}

func (m memory) mute(t *testing.T) string {
	address := m.reserve(t)
	m.listen(t, address, TCPConfig{}) // never started
	return address
}

// node is a transport with its recorder.
type node struct {
	*TCP
	*recorder
	address  string
	unlisten func()
}

// Stop ends a node as its process would.
func (n *node) Stop() error {
	n.unlisten()
	return n.TCP.Stop()
}

func newNode(t *testing.T, s scene, config TCPConfig) *node {
	return nodeAt(t, s, s.reserve(t), config)
}

func nodeAt(t *testing.T, s scene, address string, config TCPConfig) *node {
	t.Helper()
	tr, unlisten := s.listen(t, address, config)
	n := &node{tr, newRecorder(s.board), address, unlisten}
	n.Start(n.recorder)
	t.Cleanup(func() {
		n.block(false)
		n.Stop()
	})
	return n
}

// numbered is a message from alice to bob.
func numbered(n uint64, address string) chain.Envelope {
	return chain.Envelope{Chain: 1, Epoch: 2, From: alice, To: bob, Address: address, Message: chain.Barrier{Number: n}}
}

func sendNumbered(tr Transport, first, last uint64, address string) {
	for n := first; n <= last; n++ {
		tr.Send([]chain.Envelope{numbered(n, address)})
	}
}

// sendUntilOneArrives sends from number n on, a new one after each reset, until b has the newest. It returns that.
func sendUntilOneArrives(s scene, a, b *node, n uint64) uint64 {
	for ; ; n++ {
		resets := a.resetCount()
		sendNumbered(a, n, n, b.address)
		s.wait(func() bool { return len(a.resets) > resets || b.newest() == n })
		s.Lock()
		arrived := b.newest() == n
		s.Unlock()
		if arrived {
			return n
		}
	}
}

func number(e chain.Envelope) uint64 { return e.Message.(chain.Barrier).Number }

func testOrder(t *testing.T, s scene) {
	a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
	var want []chain.Envelope
	for n := range uint64(2000) {
		want = append(want, numbered(n+1, b.address))
		sample := samples()[n%uint64(len(samples())-1)]
		sample.Address = b.address
		want = append(want, sample)
	}
	for rest := want; len(rest) > 0; {
		n := min(1+rand.IntN(20), len(rest))
		a.Send(rest[:n])
		rest = rest[n:]
	}
	got := b.waitMessages(len(want))
	for i := range want {
		want[i].Address = "" // is not on the wire
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("message %d is %+v, want %+v", i, got[i], want[i])
		}
	}
	if n := a.resetCount(); n != 0 {
		t.Errorf("%d resets", n)
	}
}

func testOwnership(t *testing.T, s scene) {
	a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
	sent := entry(1, []byte("command"))
	kept := bytes.Clone(sent.Encoded)
	e := numbered(0, b.address)
	e.Message = chain.Append{Entries: []chain.Entry{sent}}
	a.Send([]chain.Envelope{e})
	first := b.waitMessages(1)[0].Message.(chain.Append).Entries[0]
	clear(first.Encoded)
	clear(first.Command)
	if !bytes.Equal(sent.Encoded, kept) {
		t.Error("the receiver changed the sender's bytes")
	}
	a.Send([]chain.Envelope{e})
	clear(sent.Encoded) // Send keeps nothing
	second := b.waitMessages(2)[1].Message.(chain.Append).Entries[0]
	if !bytes.Equal(second.Encoded, kept) {
		t.Errorf("received % x, sent % x", second.Encoded, kept)
	}
	if clear(kept); !bytes.Equal(first.Encoded, kept) {
		t.Error("a later message wrote over an earlier one")
	}
}

func testLarge(t *testing.T, s scene) {
	a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
	data := bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)
	for range 2 {
		large := numbered(0, b.address)
		large.Message = chain.Snapshot{Data: data}
		a.Send([]chain.Envelope{numbered(1, b.address), large, numbered(2, b.address)})
	}
	got := b.waitMessages(6)
	for _, i := range []int{1, 4} {
		if m, ok := got[i].Message.(chain.Snapshot); !ok || !bytes.Equal(m.Data, data) {
			t.Errorf("message %d is not what was sent", i)
		}
	}

	// What no frame can carry is not sent, and that is said.
	large := numbered(0, b.address)
	large.Message = chain.Snapshot{Data: make([]byte, MaxFrameBytes)}
	a.Send([]chain.Envelope{large})
	a.waitResets(1)
	a.Send([]chain.Envelope{numbered(3, b.address)})
	if got := b.waitMessages(7); number(got[6]) != 3 {
		t.Errorf("got %v", got[6])
	}
}

func testRefused(t *testing.T, s scene) {
	a, address := newNode(t, s, TCPConfig{}), s.reserve(t)
	sendNumbered(a, 1, 10, address)
	a.waitResets(1)
	b := nodeAt(t, s, address, TCPConfig{})
	sendUntilOneArrives(s, a, b, 11)
	if gaps, err := b.gaps(); gaps != 1 || err != nil {
		t.Errorf("%d gaps, %v", gaps, err)
	}
	a.Lock()
	defer a.Unlock()
	for _, peer := range a.resets {
		if peer != bob {
			t.Errorf("reset of %v", peer)
		}
	}
}

func testClose(t *testing.T, s scene) {
	a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
	sendNumbered(a, 1, 1, b.address)
	b.waitMessages(1)
	b.Close(carol) // nobody
	b.Close(alice)
	a.waitResets(1)
	sendNumbered(a, 2, 2, b.address)
	if got := b.waitMessages(2); number(got[1]) != 2 {
		t.Errorf("got %v", got)
	}
	if n := a.resetCount(); n != 1 {
		t.Errorf("%d resets", n)
	}
	// The other direction is another connection.
	b.Send([]chain.Envelope{{From: bob, To: alice, Address: a.address, Message: chain.Ping{}}})
	a.waitMessages(1)
	b.Close(alice)
	a.waitResets(2)
	if n := b.resetCount(); n != 0 {
		t.Errorf("%d resets of the connection that was not closed", n)
	}
}

// Connections break again and again while messages flow. The order must hold, and each gap have its reset.
func testStorm(t *testing.T, s scene) {
	a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
	const breaks = 8
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range breaks {
			b.waitMessages(len(b.messages()) + 1 + rand.IntN(100))
			b.Close(alice)
		}
	}()
	n := uint64(0)
	lost := uint64(0) // sent before the last reset
	a.onReset = func(chain.MemberID) {
		s.Lock()
		lost = n
		s.Unlock()
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			s.wait(func() bool { return n-max(lost, b.newest()) < 500 })
			s.Lock()
			n++
			s.Unlock()
			sendNumbered(a, n, n, b.address)
		}
	}
	n = sendUntilOneArrives(s, a, b, n+1)
	gaps, err := b.gaps()
	if err != nil {
		t.Error(err)
	}
	if resets := a.resetCount(); gaps > resets {
		t.Errorf("%d gaps, %d resets", gaps, resets)
	} else {
		t.Logf("%d messages, %d received, %d gaps, %d resets", n, len(b.messages()), gaps, resets)
	}
}

// What the handler sends from within Reset belongs to the new connection.
func testSendInReset(t *testing.T, s scene) {
	a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
	next := uint64(1)
	a.onReset = func(chain.MemberID) {
		next++
		sendNumbered(a, next, next, b.address)
	}
	sendNumbered(a, 1, 1, b.address)
	for n := 1; n <= 5; n++ {
		got := b.waitMessages(n)
		if number(got[n-1]) != uint64(n) {
			t.Fatalf("got %v", got)
		}
		b.Close(alice)
	}
	b.waitMessages(6)
	if n := a.resetCount(); n != 5 {
		t.Errorf("%d resets", n)
	}
}

func testBackPressure(t *testing.T, s scene) {
	a, b := newNode(t, s, TCPConfig{QueueBytes: 1 << 20}), newNode(t, s, TCPConfig{})
	b.block(true)
	e := numbered(0, b.address)
	e.Message = chain.Propose{Proposals: []chain.Proposal{{Command: make([]byte, 100<<10)}}}
	sent := 0
	for a.resetCount() == 0 {
		a.Send([]chain.Envelope{e}) // never blocks
		sent++
	}
	if n := len(b.messages()); n != 0 {
		t.Errorf("%d messages went through a blocked receiver", n)
	}
	t.Logf("%d messages of 100 KiB were taken or dropped before the reset", sent)
	b.block(false)
	sendUntilOneArrives(s, a, b, 1)
}

// The receiver hangs in a message of the old connection when the new one comes.
func testSuccession(t *testing.T, s scene) {
	a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
	b.block(true)
	sendNumbered(a, 1, 100, b.address)
	b.waitWithin(alice)
	b.Close(alice)
	a.waitResets(1)
	sendNumbered(a, 101, 101, b.address)
	b.block(false)
	got := b.waitMessages(2)
	if len(got) != 2 || number(got[0]) != 1 || number(got[1]) != 101 {
		t.Errorf("got %v", got) // 2 to 100 were closed out
	}
	if b.overlaps > 0 {
		t.Error("two messages of one peer at the same time")
	}
}

// Those that come while the first still hangs leave when the next one comes.
func testPileUp(t *testing.T, s scene) {
	a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{MaxInbound: 3})
	b.block(true)
	sendNumbered(a, 1, 2, b.address)
	b.waitWithin(alice)
	for n := uint64(3); n <= 8; n++ {
		for a.resetCount() < int(n)-2 { // the new connection may not have come yet
			b.Close(alice)
			runtime.Gosched()
		}
		sendNumbered(a, n, n, b.address)
	}
	b.block(false)
	if got := b.waitMessages(2); len(got) != 2 || number(got[0]) != 1 || number(got[1]) != 8 {
		t.Errorf("got %v", got)
	}
	if b.overlaps > 0 {
		t.Error("two messages of one peer at the same time")
	}
}

func testIndependence(t *testing.T, s scene) {
	a, b, c := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
	b.block(true)
	toCarol := numbered(1, c.address)
	toCarol.To = carol
	a.Send([]chain.Envelope{numbered(1, b.address), toCarol, numbered(2, b.address)})
	c.waitMessages(1)
	// A third server is heard while a is not.
	b.waitWithin(alice)
	c.Send([]chain.Envelope{{From: carol, To: bob, Address: b.address, Message: chain.Barrier{Number: 7}}})
	b.waitWithin(carol)
	b.block(false)
	b.waitMessages(3)
}

// A server that starts again under its former id, and with its former address, is heard.
func testComeback(t *testing.T, s scene) {
	a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
	sendNumbered(a, 1, 1, b.address)
	b.waitMessages(1)
	a.Stop()
	again := newNode(t, s, TCPConfig{})
	sendNumbered(again, 2, 2, b.address)
	if got := b.waitMessages(2); number(got[1]) != 2 {
		t.Errorf("got %v", got)
	}
}

func testProbe(t *testing.T, s scene) {
	self := func() chain.MemberID { return bob }
	a, b := newNode(t, s, TCPConfig{Identity: func() chain.MemberID { return alice }}), newNode(t, s, TCPConfig{Identity: self})
	b.block(true) // does not matter
	unknown := newNode(t, s, TCPConfig{Identity: func() chain.MemberID { return chain.MemberID{} }})
	stopped := newNode(t, s, TCPConfig{Identity: self})
	stopped.Stop()
	next := bob
	next.Incarnation++
	for name, c := range map[string]struct {
		member chain.Member
		dead   bool
		failed bool
	}{
		"alive":               {chain.Member{MemberID: bob, Address: b.address}, false, false},
		"itself":              {chain.Member{MemberID: alice, Address: a.address}, false, false},
		"another incarnation": {chain.Member{MemberID: next, Address: b.address}, false, false},
		"another server":      {chain.Member{MemberID: carol, Address: b.address}, true, false},
		"refused":             {chain.Member{MemberID: carol, Address: s.reserve(t)}, true, false},
		"stopped":             {chain.Member{MemberID: bob, Address: stopped.address}, true, false},
		"not yet registered":  {chain.Member{MemberID: bob, Address: unknown.address}, false, true},
		"mute":                {chain.Member{MemberID: bob, Address: s.mute(t)}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if name == "mute" {
				ctx, cancel = context.WithTimeout(t.Context(), 30*time.Millisecond)
				defer cancel()
			}
			dead, err := a.Probe(ctx, c.member)
			if dead != c.dead || (err != nil) != c.failed {
				t.Errorf("dead %v, %v", dead, err)
			}
			if name == "mute" && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func testStop(t *testing.T, s scene) {
	a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
	b.block(true)
	sendNumbered(a, 1, 100, b.address)
	b.waitWithin(alice)
	stopped := make(chan struct{})
	go func() {
		b.Stop()
		b.Lock()
		b.over = true
		b.Unlock()
		close(stopped)
	}()
	a.waitResets(1) // the connection is closed although Receive has not returned
	select {
	case <-stopped:
		t.Error("Stop did not wait for Receive")
	default:
	}
	b.block(false)
	<-stopped
	a.Stop()
	if b.late > 0 || len(b.messages()) != 1 {
		t.Errorf("%d calls after Stop, %d messages", b.late, len(b.messages()))
	}
}

func testStopDialling(t *testing.T, s scene) {
	a := newNode(t, s, TCPConfig{})
	sendNumbered(a, 1, 10, s.mute(t))
	sendNumbered(a, 1, 10, s.reserve(t))
	member := chain.Member{MemberID: bob, Address: s.mute(t)}
	probed := make(chan error)
	go func() {
		_, err := a.Probe(context.Background(), member)
		probed <- err
	}()
	a.Stop()
	if err := <-probed; err == nil {
		t.Error("a probe of nobody got an answer")
	}
}

func testMaxInbound(t *testing.T, s scene) {
	b := newNode(t, s, TCPConfig{MaxInbound: 1})
	a, c := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
	sendNumbered(a, 1, 1, b.address)
	b.waitMessages(1)
	e := numbered(1, b.address)
	e.From = carol
	c.Send([]chain.Envelope{e})
	c.waitResets(1)
	sendNumbered(a, 2, 2, b.address)
	b.waitMessages(2)
	if n := a.resetCount(); n != 0 {
		t.Errorf("%d resets of the first", n)
	}
}

func testStopped(t *testing.T, s scene) {
	a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
	a.Stop()
	sendNumbered(a, 1, 1, b.address)
	a.Close(bob)
	if _, err := a.Probe(t.Context(), chain.Member{MemberID: bob, Address: b.address}); !errors.Is(err, ErrStopped) {
		t.Errorf("probe: %v", err)
	}
	near, far := net.Pipe()
	if err := a.Serve(far); !errors.Is(err, ErrStopped) {
		t.Errorf("serve: %v", err)
	}
	if _, err := near.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection is not closed: %v", err)
	}
	if err := a.Stop(); err != nil {
		t.Error(err)
	}
}
