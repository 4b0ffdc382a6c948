package link

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	network "net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chaintable/chaintable/chain"
)

// inVirtualTime plays a test on a network in memory, whose time passes only while everybody waits.
func inVirtualTime(t *testing.T, test func(t *testing.T, net *Memory, s scene)) {
	synctest.Test(t, func(t *testing.T) {
		net := NewMemory()
		test(t, net, scene{memory{net}, newBoard()})
	})
}

// pass lets time go by in the bubble of inVirtualTime.
func pass(d time.Duration) { time.Sleep(d) }

func TestMemoryDelays(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, net *Memory, s scene) {
		a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
		net.Delay(a.address, b.address, 3*time.Second)
		start := time.Now()
		sendNumbered(a, 1, 5, b.address)
		b.waitMessages(5)
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("arrived after %v", d)
		}
		if _, err := b.gaps(); err != nil {
			t.Error(err)
		}
		net.Delay(a.address, b.address, 0)
		sendNumbered(a, 6, 6, b.address)
		b.waitMessages(6)
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("arrived after %v", d)
		}
	})
}

func TestMemoryBlocksOneDirection(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, net *Memory, s scene) {
		a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
		sendNumbered(a, 1, 1, b.address)
		b.waitMessages(1)
		back := chain.Envelope{From: bob, To: alice, Address: a.address, Message: chain.Barrier{Number: 1}}
		b.Send([]chain.Envelope{back})
		a.waitMessages(1)

		net.Block(a.address, b.address)
		sendNumbered(a, 2, 3, b.address)
		b.Send([]chain.Envelope{back})
		a.waitMessages(2)
		synctest.Wait()
		if n := len(b.messages()); n != 1 {
			t.Fatalf("%d messages went through", n)
		}
		net.Unblock(a.address, b.address)
		b.waitMessages(3)
		if a.resetCount() != 0 || b.resetCount() != 0 {
			t.Error("a reset, and nothing was lost")
		}
	})
}

// A partition does not answer: dialling and probing end with the timeout, and prove nothing.
func TestMemoryBlocksDialling(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, net *Memory, s scene) {
		self := func() chain.MemberID { return bob }
		a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{Identity: self})
		net.Block(b.address, a.address) // the way back is needed, too
		start := time.Now()
		sendNumbered(a, 1, 1, b.address)
		dead, err := a.Probe(t.Context(), chain.Member{MemberID: bob, Address: b.address})
		if dead || err == nil {
			t.Errorf("dead %v, %v", dead, err)
		}
		a.waitResets(1)
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("gave up after %v", d)
		}
	})
}

func TestMemoryBreakLosesWhatIsUnderWay(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, net *Memory, s scene) {
		a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
		sendNumbered(a, 1, 1, b.address)
		b.waitMessages(1)
		net.Delay(a.address, b.address, time.Second)
		sendNumbered(a, 2, 10, b.address)
		synctest.Wait()
		net.Break(b.address, a.address)
		a.waitResets(1)
		sendNumbered(a, 11, 11, b.address)
		got := b.waitMessages(2)
		if len(got) != 2 || number(got[1]) != 11 {
			t.Errorf("got %v", got)
		}
	})
}

func TestWhoeverIsNotSentToIsForgotten(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, net *Memory, s scene) {
		a, b := newNode(t, s, TCPConfig{IdleTimeout: time.Minute}), newNode(t, s, TCPConfig{})
		sendNumbered(a, 1, 1, b.address)
		pass(59 * time.Second)
		sendNumbered(a, 2, 2, b.address)
		pass(59 * time.Second)
		synctest.Wait()
		if n := a.resetCount(); n != 0 {
			t.Fatalf("%d resets of a connection that was in use", n)
		}
		pass(2 * time.Second)
		synctest.Wait()
		if n := a.resetCount(); n != 1 {
			t.Fatalf("%d resets of an idle connection", n)
		}
		pass(time.Minute)
		synctest.Wait()
		if n := len(a.peers.m); n != 0 {
			t.Errorf("%d peers are remembered", n)
		}
		if n := len(b.senders); n != 0 {
			t.Errorf("%d connections from nobody", n)
		}
		sendNumbered(a, 3, 3, b.address)
		if got := b.waitMessages(3); number(got[2]) != 3 {
			t.Errorf("got %v", got)
		}
	})
}

// Who is not there is dialled every quarter of a second, with one reset each time.
func TestBackoff(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, net *Memory, s scene) {
		a, nobody := newNode(t, s, TCPConfig{}), s.reserve(t)
		for n := range uint64(10_000) {
			sendNumbered(a, n, n, nobody)
			pass(time.Millisecond)
		}
		if n := a.resetCount(); n < 40 || n > 46 {
			t.Errorf("%d resets in 10 s", n)
		}
	})
}

// A receiver that takes nothing for the timeout is left, as one that is dead.
func TestWriteTimesOut(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, net *Memory, s scene) {
		a, b := newNode(t, s, TCPConfig{}), newNode(t, s, TCPConfig{})
		b.block(true)
		start := time.Now()
		e := command(pipeBytes + 1<<20)
		e.From, e.To, e.Address = alice, bob, b.address
		a.Send([]chain.Envelope{e, e})
		a.waitResets(1)
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("gave up after %v", d)
		}
		b.block(false)
		sendUntilOneArrives(s, a, b, 1)
	})
}

// raw opens a connection and writes what it is given.
func raw(t *testing.T, net *Memory, to string, b []byte) *pipe {
	t.Helper()
	conn, err := net.dial(context.Background(), way{"mallory", to})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write(append([]byte(Preamble), b...)); err != nil {
		t.Fatal(err)
	}
	return conn.(*pipe)
}

func open(from chain.MemberID, number uint64) []byte {
	return appendControl(nil, &frame{control: fieldOpen, connection: number, Envelope: chain.Envelope{From: from}})
}

func TestWhatEndsAConnection(t *testing.T) {
	message := stream(numbered(1, ""))
	large := stream(chain.Envelope{From: alice, Message: chain.Snapshot{Data: make([]byte, 200_000)}})
	probe := appendControl(nil, &frame{control: fieldProbe})
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	damaged := join(open(alice, 1), message)
	damaged[len(damaged)-1] ^= 1
	for name, c := range map[string]struct {
		bytes []byte
		after time.Duration // until it is closed; zero: at once
		log   string        // in the line that is written
		got   int           // messages received
	}{
		"silence at first":        {nil, 5 * time.Second, "timeout", 0},
		"half a first frame":      {open(alice, 1)[:5], 5 * time.Second, "timeout", 0},
		"half a header":           {join(open(alice, 1), message[:3]), 5 * time.Second, "timeout", 0},
		"half a message":          {join(open(alice, 1), message, message[:20]), 5 * time.Second, "timeout", 1},
		"half a large message":    {join(open(alice, 1), large[:100_000]), 5 * time.Second, "timeout", 0},
		"no opening":              {message, 0, "neither open nor probe", 0},
		"an answer nobody wanted": {appendControl(nil, &frame{control: fieldProbed}), 0, "neither open nor probe", 0},
		"two openings":            {join(open(alice, 1), message, open(alice, 2)), 0, "second opening", 1},
		"a probe among messages":  {join(open(alice, 1), message, probe), 0, "second opening", 1},
		"message from another":    {join(open(carol, 1), message), 0, "on a connection from", 0},
		"damaged message":         {damaged, 0, "does not check", 0},
		"huge length":             {join(open(alice, 1), []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}), 0, "over 75497472", 0},
		"empty frame":             {join(open(alice, 1), make([]byte, 8)), 0, "protocol version 0", 0},
		"garbage":                 {bytes.Repeat([]byte{0x07}, 100), 0, "link: frame of", 0},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T, net *Memory, s scene) {
				var log strings.Builder
				b := newNode(t, s, TCPConfig{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
				start := time.Now()
				conn := raw(t, net, b.address, c.bytes)
				if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
					t.Errorf("read %d bytes, %v", n, err)
				}
				if d := time.Since(start); d != c.after {
					t.Errorf("closed after %v", d)
				}
				synctest.Wait()
				if n := len(b.messages()); n != c.got {
					t.Errorf("%d messages were received", n)
				}
				if !strings.Contains(log.String(), c.log) || strings.Count(log.String(), "\n") != 1 {
					t.Errorf("log: %s", &log)
				}
				if n := len(b.senders); n != 0 {
					t.Errorf("%d connections are remembered", n)
				}
			})
		})
	}
}

// Strangers cannot fill the log.
func TestFewWarnings(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, net *Memory, s scene) {
		var log strings.Builder
		b := newNode(t, s, TCPConfig{MaxInbound: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		for range 100 {
			bad := raw(t, net, b.address, bytes.Repeat([]byte{0x07}, 100))
			if _, err := bad.Read(make([]byte, 1)); err != io.EOF {
				t.Error(err)
			}
			synctest.Wait()
		}
		raw(t, net, b.address, open(alice, 1))
		synctest.Wait()
		for range 100 {
			refused := raw(t, net, b.address, nil)
			if _, err := refused.Read(make([]byte, 1)); err != io.EOF {
				t.Error(err)
			}
		}
		synctest.Wait()
		if strings.Count(log.String(), "\n") != 2 || strings.Count(log.String(), "link refused") != 1 {
			t.Errorf("log: %s", &log)
		}
	})
}

func TestSilenceBetweenMessagesIsAllowed(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, net *Memory, s scene) {
		b := newNode(t, s, TCPConfig{})
		conn := raw(t, net, b.address, open(alice, 1))
		for n := 1; n <= 3; n++ {
			pass(time.Hour)
			if _, err := conn.Write(stream(numbered(uint64(n), ""))); err != nil {
				t.Fatal(err)
			}
			b.waitMessages(n)
		}
	})
}

// A connection that comes late, behind a newer one of the same peer, is not heard.
func TestAnOlderConnectionIsRefused(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, net *Memory, s scene) {
		b := newNode(t, s, TCPConfig{})
		newer := raw(t, net, b.address, append(open(alice, 2), stream(numbered(1, ""))...))
		b.waitMessages(1)
		for _, number := range []uint64{1, 2} {
			older := raw(t, net, b.address, append(open(alice, number), stream(numbered(7, ""))...))
			if _, err := older.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("connection %d: %v", number, err)
			}
		}
		if _, err := newer.Write(stream(numbered(2, ""))); err != nil {
			t.Fatal(err)
		}
		if got := b.waitMessages(2); number(got[1]) != 2 {
			t.Errorf("got %v", got)
		}
		newest := raw(t, net, b.address, append(open(alice, 3), stream(numbered(3, ""))...))
		b.waitMessages(3)
		if _, err := newer.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the connection that was followed by another: %v", err)
		}
		_ = newest
	})
}

// Whoever listens must not speak.
func TestAPeerThatSpeaksIsLeft(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, net *Memory, s scene) {
		a := newNode(t, s, TCPConfig{Timeout: time.Second})
		a.config.Dial = func(ctx context.Context, to string) (network.Conn, error) {
			net.mu.Lock()
			defer net.mu.Unlock()
			near, far := net.connect(way{"a", to})
			go far.Write([]byte("220 smtp.example.org\r\n"))
			return near, nil
		}
		sendNumbered(a, 1, 1, "somewhere")
		a.waitResets(1)
	})
}
