package stream

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a Conn over TCP and the client's end of it.
func pair(t *testing.T, limits *Limits) (*Conn, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := New(conn, nil, limits)
	t.Cleanup(func() {
		client.Close()
		c.Close()
	})
	return c, client.(*net.TCPConn)
}

// fillTo fills until there are n bytes.
func fillTo(t *testing.T, c *Conn, n int) {
	t.Helper()
	for len(c.Bytes()) < n {
		if err := c.Fill(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInputArrivesWhole(t *testing.T) {
	limits := NewLimits()
	c, client := pair(t, limits)
	want := make([]byte, 3<<20)
	for i := range want {
		want[i] = byte(i * i >> 3)
	}
	go func() {
		_, _ = client.Write(want)
		_ = client.CloseWrite()
	}()
	fillTo(t, c, len(want))
	if !bytes.Equal(c.Bytes(), want) {
		t.Error("other bytes came than were sent")
	}
	if used := limits.Input.Used(); used < int64(len(want)) || used > 3*int64(len(want)) {
		t.Errorf("%d bytes are taken for %d", used, len(want))
	}
	if err := c.Fill(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	c.Discard(len(want))
	c.Release()
	if used := limits.Input.Used(); used != 0 {
		t.Errorf("%d bytes are still taken", used)
	}
}

// A connection that waits holds little more than what has come.
func TestWaitingConnectionsHoldLittle(t *testing.T) {
	c, client := pair(t, NewLimits())
	waiting := make(chan int, 10)
	readFD := c.readFD
	c.readFD = func(fd uintptr) bool {
		done := readFD(fd)
		if !done {
			waiting <- cap(c.in.buf)
		}
		return done
	}
	filled := make(chan error)
	go func() { filled <- c.Fill() }()
	if n := <-waiting; n != 0 {
		t.Errorf("with nothing it holds %d bytes", n)
	}
	if _, err := client.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if err := <-filled; err != nil {
		t.Fatal(err)
	}
	go func() { filled <- c.Fill() }()
	if n := <-waiting; n < 100 || n > 128 {
		t.Errorf("with 100 bytes it holds %d", n)
	}
	client.Close()
	<-filled
}

func TestInputHasAQuota(t *testing.T) {
	limits := &Limits{Input: NewQuota(1 << 20)}
	c, client := pair(t, limits)
	go func() { _, _ = client.Write(make([]byte, 8<<20)) }()
	var err error
	for err == nil {
		err = c.Fill()
	}
	if !errors.Is(err, ErrInput) {
		t.Errorf("got %v", err)
	}
	if n := len(c.Bytes()); n < 256<<10 || n > 1<<20 {
		t.Errorf("failed with %d bytes", n)
	}
	c.Close()
	if limits.Input.Used() != 0 {
		t.Errorf("%d bytes are still taken", limits.Input.Used())
	}
}

func TestFillWithin(t *testing.T) {
	c, client := pair(t, NewLimits())
	if err := c.FillWithin(time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := c.Fill(); err != nil || string(c.Bytes()) != "x" {
		t.Errorf("afterwards: %v, %q", err, c.Bytes())
	}
}

// Writing never blocks, and a client that reads late misses nothing.
func TestLateReaderMissesNothing(t *testing.T) {
	limits := NewLimits()
	c, client := pair(t, limits)
	want := make([]byte, 0, 40<<20)
	shared := bytes.Repeat([]byte("s"), 1<<20)
	for i := range 20 {
		p := bytes.Repeat([]byte{byte(i)}, 1<<20)
		if _, err := c.Write(p); err != nil {
			t.Fatal(err)
		}
		clear(p) // it was copied
		if err := c.WriteShared(shared); err != nil {
			t.Fatal(err)
		}
		want = append(append(want, bytes.Repeat([]byte{byte(i)}, 1<<20)...), shared...)
		if err := c.Pace(); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.Unread(); n == 0 || limits.unread.Load() != int64(n) {
		t.Fatalf("%d bytes are unread, %d at all connections: the test shows nothing", n, limits.unread.Load())
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(client, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("other bytes came than were written")
	}
	c.drain.Wait()
	if c.Unread() != 0 || limits.unread.Load() != 0 {
		t.Errorf("%d bytes are unread, %d at all connections", c.Unread(), limits.unread.Load())
	}
	if _, err := c.Write([]byte("x")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A client that leaves too much unread is given up.
func TestUnreadHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		c := New(server, nil, NewLimits())
		defer client.Close()
		defer c.Close()
		piece := make([]byte, 16<<20)
		n := 0
		for ; n < 100; n++ {
			if err := c.WriteShared(piece); err != nil {
				t.Fatal(err)
			}
			if err := c.Pace(); errors.Is(err, ErrUnread) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if n != MaxUnread/len(piece)-1 {
			t.Errorf("given up after %d of 16 MiB", n)
		}
	})
}

// A client that takes nothing for a minute is closed; one that takes something now and then is not.
func TestStalledReaderIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		c := New(server, nil, NewLimits())
		defer client.Close()
		defer c.Close()
		if _, err := c.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			time.Sleep(stallTimeout - time.Second)
			if _, err := io.ReadFull(client, make([]byte, 10)); err != nil {
				t.Fatalf("a slow reader: %v", err)
			}
		}
		time.Sleep(2 * stallTimeout)
		synctest.Wait()
		if err := c.Pace(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if err := c.Fill(); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("its owner sees %v", err)
		}
	})
}

// A producer waits for a client that reads, even slowly.
func TestPaceWaitsForAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		c := New(server, nil, NewLimits())
		var reader sync.WaitGroup
		defer reader.Wait()
		defer c.Close()
		defer client.Close()
		reader.Go(func() {
			buf := make([]byte, 64<<10)
			for {
				if _, err := client.Read(buf); err != nil {
					return
				}
				time.Sleep(paceTimeout / 2)
			}
		})
		for range 100 {
			if _, err := c.Write(make([]byte, 256<<10)); err != nil {
				t.Fatal(err)
			}
			if err := c.Pace(); err != nil {
				t.Fatal(err)
			}
			if n := c.Unread(); n > softUnread {
				t.Fatalf("%d bytes are unread", n)
			}
		}
	})
}

// However many clients do not read, what they leave unread is bounded; and one of them may leave as much as ever, and
// when it has read, another.
func TestUnreadIsBoundedForAllTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := NewLimits()
		var producers sync.WaitGroup
		var conns []*Conn
		var clients []net.Conn
		for range 100 {
			server, client := net.Pipe()
			c := New(server, nil, limits)
			conns, clients = append(conns, c), append(clients, client)
			producers.Go(func() {
				for range 500 {
					if _, err := c.Write(make([]byte, 8<<10)); err != nil {
						return
					}
					if err := c.Pace(); err != nil {
						return
					}
				}
			})
		}
		time.Sleep(time.Second)
		unread := func() (large int, all int64) {
			for _, c := range conns {
				if c.Unread() == 500*8<<10 {
					large++
				}
			}
			return large, limits.unread.Load()
		}
		if large, all := unread(); large != 1 || all > sharedUnread+500*8<<10+100*8<<10 {
			t.Errorf("%d have all queued, together %d bytes", large, all)
		}
		for i, c := range conns { // all read one after the other, the one that has sent everything first
			if c.Unread() == 500*8<<10 {
				conns[0], conns[i], clients[0], clients[i] = conns[i], conns[0], clients[i], clients[0]
			}
		}
		if _, err := io.ReadFull(clients[0], make([]byte, 500*8<<10)); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if large, all := unread(); large != 1 || all == 0 {
			t.Errorf("when it has read, %d have all queued, together %d bytes", large, all)
		}
		for i := range conns {
			clients[i].Close()
		}
		producers.Wait()
		for _, c := range conns {
			c.Close()
		}
		if limits.unread.Load() != 0 || limits.large.Load() != nil {
			t.Errorf("at the end %d bytes are unread", limits.unread.Load())
		}
	})
}
