package freeze_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/coordtest"
	"github.com/chaintable/chaintable/coord/local"
	"github.com/chaintable/chaintable/internal/freeze"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// begin runs f in a goroutine of the bubble and tells whether it has returned yet, and with what.
func begin(f func() error) (ended func() (bool, error)) {
	result := make(chan error, 1)
	go func() { result <- f() }()
	return func() (bool, error) {
		synctest.Wait()
		select {
		case err := <-result:
			result <- err
			return true, err
		default:
			return false, nil
		}
	}
}

func blocked(t *testing.T, what string, ended func() (bool, error)) {
	t.Helper()
	if done, err := ended(); done {
		t.Errorf("%s returned %v in the middle of a pause", what, err)
	}
}

func returned(t *testing.T, what string, ended func() (bool, error), want error) {
	t.Helper()
	if done, err := ended(); !done {
		t.Errorf("%s has not returned", what)
	} else if !errors.Is(err, want) {
		t.Errorf("%s returned %v, want %v", what, err, want)
	}
}

func TestWait(t *testing.T) {
	wait := func(f *freeze.Freezer) func() error {
		return func() error {
			f.Wait()
			return nil
		}
	}
	t.Run("runs from the start", func(t *testing.T) {
		var f freeze.Freezer
		f.Wait()
		f.Resume()
		f.Wait()
	})
	t.Run("resume", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var f freeze.Freezer
			f.Pause()
			f.Pause()
			a, b := begin(wait(&f)), begin(wait(&f))
			blocked(t, "Wait", a)
			if !f.Paused() {
				t.Error("not paused")
			}
			f.Resume()
			returned(t, "first Wait", a, nil)
			returned(t, "second Wait", b, nil)
			f.Pause()
			c := begin(wait(&f))
			blocked(t, "Wait of the second pause", c)
			f.Resume()
			returned(t, "third Wait", c, nil)
		})
	})
	t.Run("kill", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var f freeze.Freezer
			f.Pause()
			a := begin(wait(&f))
			blocked(t, "Wait", a)
			f.Kill()
			f.Kill()
			returned(t, "Wait", a, nil)
			f.Pause()
			f.Wait()
			if f.Paused() {
				t.Error("a killed server is paused")
			}
		})
	})
}

// pipe is a connection frozen with f, and its other end.
func pipe(t *testing.T, f *freeze.Freezer) (frozen, far net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	frozen, err := f.Dial(func(context.Context, string) (net.Conn, error) { return near, nil })(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return frozen, far
}

func read(c io.Reader, b []byte) func() error {
	return func() error {
		_, err := io.ReadFull(c, b)
		return err
	}
}

func write(c io.Writer, s string) func() error {
	return func() error {
		_, err := io.WriteString(c, s)
		return err
	}
}

func TestConnPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f freeze.Freezer
		c, far := pipe(t, &f)
		got := make([]byte, 2)
		f.Pause()
		reading, writing := begin(read(c, got)), begin(write(c, "out"))
		sent, received := begin(write(far, "in")), begin(read(far, make([]byte, 3)))
		for what, ended := range map[string]func() (bool, error){"Read": reading, "Write": writing, "the far side's Read": received} {
			blocked(t, what, ended)
		}
		f.Resume()
		for what, ended := range map[string]func() (bool, error){"Read": reading, "Write": writing, "far Write": sent, "far Read": received} {
			returned(t, what, ended, nil)
		}
		if string(got) != "in" {
			t.Errorf("read %q", got)
		}
		c.Close()
		far.Close()
	})
}

// What was already in the kernel's hands when the pause began does not come out of it.
func TestConnPausesInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f freeze.Freezer
		c, far := pipe(t, &f)
		reading := begin(read(c, make([]byte, 2)))
		blocked(t, "Read", reading) // for want of bytes
		f.Pause()
		returned(t, "far Write", begin(write(far, "in")), nil)
		blocked(t, "Read", reading)
		f.Resume()
		returned(t, "Read", reading, nil)
		c.Close()
		far.Close()
	})
}

func TestConnCloses(t *testing.T) {
	for name, end := range map[string]func(*freeze.Freezer, net.Conn){
		"close": func(_ *freeze.Freezer, c net.Conn) { c.Close() },
		"kill":  func(f *freeze.Freezer, _ net.Conn) { f.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var f freeze.Freezer
				c, far := pipe(t, &f)
				f.Pause()
				reading, writing := begin(read(c, make([]byte, 1))), begin(write(c, "out"))
				blocked(t, "Read", reading)
				blocked(t, "Write", writing)
				end(&f, c)
				returned(t, "Read", reading, net.ErrClosed)
				returned(t, "Write", writing, net.ErrClosed)
				returned(t, "far Read", begin(read(far, make([]byte, 1))), io.EOF)
			})
		})
	}
}

// A deadline that passes during a pause is noticed after it.
func TestConnDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f freeze.Freezer
		c, far := pipe(t, &f)
		defer far.Close()
		defer c.Close()
		f.Pause()
		if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		reading := begin(read(c, make([]byte, 1)))
		time.Sleep(2 * time.Second)
		blocked(t, "Read", reading)
		f.Resume()
		if done, err := reading(); !done || !err.(net.Error).Timeout() {
			t.Errorf("returned %v, %v", done, err)
		}
	})
}

// pipes is a listener whose connections come from dial.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn, 1), closed: make(chan struct{})} }

func (l *pipes) dial() net.Conn {
	near, far := net.Pipe()
	l.conns <- near
	return far
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func accept(l net.Listener) func() error {
	return func() error {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		return c.Close()
	}
}

func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f freeze.Freezer
		inner := newPipes()
		l, err := f.Listener(inner)
		if err != nil {
			t.Fatal(err)
		}
		f.Pause()
		accepting := begin(accept(l))
		inner.dial() // the kernel takes it
		blocked(t, "Accept", accepting)
		f.Resume()
		returned(t, "Accept", accepting, nil)

		accepting = begin(accept(l))
		blocked(t, "Accept", accepting) // for want of clients
		f.Pause()
		far := inner.dial()
		blocked(t, "Accept", accepting)
		l.Close()
		returned(t, "Accept", accepting, net.ErrClosed)
		returned(t, "far Read", begin(read(far, make([]byte, 1))), io.EOF)
	})
}

func TestKillCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f freeze.Freezer
		inner := newPipes()
		l, err := f.Listener(inner)
		if err != nil {
			t.Fatal(err)
		}
		far := inner.dial()
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		accepting, reading := begin(accept(l)), begin(read(accepted, make([]byte, 1)))
		f.Kill()
		returned(t, "Accept", accepting, net.ErrClosed)
		if done, err := reading(); !done || err == nil {
			t.Errorf("Read of a killed server: %v, %v", done, err)
		}
		returned(t, "far Read", begin(read(far, make([]byte, 1))), io.EOF)

		if _, err := f.Listener(newPipes()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a killed server listens: %v", err)
		}
		dialled := false
		_, err = f.Dial(func(context.Context, string) (net.Conn, error) {
			dialled = true
			return nil, nil
		})(t.Context(), "")
		if dialled || !errors.Is(err, net.ErrClosed) {
			t.Errorf("a killed server dials: %v", err)
		}
	})
}

func TestDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f freeze.Freezer
		var attempts int
		arrive := make(chan net.Conn)
		dial := f.Dial(func(context.Context, string) (net.Conn, error) {
			attempts++
			return <-arrive, nil
		})
		call := func() error {
			c, err := dial(t.Context(), "there")
			if err == nil {
				c.Close()
			}
			return err
		}
		f.Pause()
		dialling := begin(call)
		blocked(t, "Dial", dialling)
		if attempts != 0 {
			t.Error("a paused server dials")
		}
		f.Resume()
		synctest.Wait()
		f.Pause()
		near, _ := net.Pipe()
		arrive <- near
		blocked(t, "Dial that was under way", dialling)
		f.Resume()
		returned(t, "Dial", dialling, nil)

		refused := errors.New("refused")
		_, err := f.Dial(func(context.Context, string) (net.Conn, error) { return nil, refused })(t.Context(), "")
		if !errors.Is(err, refused) {
			t.Errorf("Dial: %v", err)
		}
	})
}

// TestTCP shows that what servers do with a real connection's descriptor is frozen, too.
func TestTCP(t *testing.T) {
	var f freeze.Freezer
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := f.Listener(inner)
	if err != nil {
		t.Fatal(err)
	}
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(far, "x"); err != nil {
		t.Fatal(err)
	}

	var resumed atomic.Bool
	early := make(chan bool, 1)
	wait := func() error {
		return raw.Read(func(uintptr) bool {
			early <- !resumed.Load()
			return true
		})
	}
	f.Pause()
	result := make(chan error, 1)
	go func() { result <- wait() }()
	resumed.Store(true)
	f.Resume()
	if err := <-result; err != nil || <-early {
		t.Errorf("read too early, or not at all: %v", err)
	}

	f.Pause()
	for name, call := range map[string]func(func(uintptr) bool) error{"Read": raw.Read, "Write": raw.Write} {
		go func() {
			result <- call(func(uintptr) bool {
				t.Errorf("raw %s of a paused server", name)
				return true
			})
		}()
	}
	f.Kill()
	for range 2 {
		if err := <-result; !errors.Is(err, net.ErrClosed) {
			t.Errorf("raw call of a killed server: %v", err)
		}
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("CloseWrite of a killed server: %v", err)
	}
}

func TestCoordinatorContract(t *testing.T) {
	coordtest.Run(t, func(*testing.T) func(string) coord.Client {
		store := local.NewStore()
		return func(string) coord.Client {
			return new(freeze.Freezer).Coordinator(local.NewClient(store, local.Faults{}))
		}
	})
}

func TestCoordinatorPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f freeze.Freezer
		store := local.NewStore()
		c := f.Coordinator(local.NewClient(store, local.Faults{}))
		defer c.Close()
		me := chain.Registration{
			Member:   chain.Member{MemberID: chain.MemberID{Node: 1, Incarnation: 1}, Address: "127.0.0.1:7001"},
			Protocol: 1, Rules: 1,
		}
		f.Pause()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		registering := begin(func() error { return c.Register(ctx, me) })
		time.Sleep(2 * time.Second)
		blocked(t, "Register", registering)
		if len(store.List()) != 0 {
			t.Error("a paused server registers")
		}
		f.Resume()
		if done, _ := registering(); !done {
			t.Error("Register has not returned")
		}
	})
}

// slow is a coordinator that answers when told to.
type slow struct {
	coord.Client
	answer chan struct{}
}

func (s slow) List(context.Context) ([]chain.Registered, uint64, error) {
	<-s.answer
	return nil, 7, nil
}

func TestCoordinatorHoldsAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f freeze.Freezer
		s := slow{answer: make(chan struct{})}
		c := f.Coordinator(s)
		var session uint64
		list := func() (err error) {
			_, session, err = c.List(t.Context())
			return err
		}
		listing := begin(list)
		synctest.Wait()
		f.Pause()
		s.answer <- struct{}{}
		blocked(t, "List", listing)
		f.Resume()
		returned(t, "List", listing, nil)
		if session != 7 {
			t.Errorf("session %d", session)
		}

		listing = begin(list)
		synctest.Wait()
		f.Kill()
		s.answer <- struct{}{}
		returned(t, "List of a server killed meanwhile", listing, coord.ErrUnknown)
	})
}

func TestCoordinatorKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f freeze.Freezer
		store := local.NewStore()
		c := f.Coordinator(local.NewClient(store, local.Faults{}))
		f.Pause()
		listing := begin(func() error {
			_, _, err := c.List(t.Context())
			return err
		})
		blocked(t, "List", listing)
		f.Kill()
		returned(t, "List", listing, coord.ErrClosed)
		if err := c.Delete(t.Context(), chain.Registered{}); !errors.Is(err, coord.ErrClosed) {
			t.Errorf("Delete of a killed server: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
