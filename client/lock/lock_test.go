package lock_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/client/lock"
	"github.com/chaintable/chaintable/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, members []*servertest.Member) *client.Client {
	t.Helper()
	c, err := client.Open(client.Config{Servers: []string{members[0].Address}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func mutex(t *testing.T, c *client.Client, o lock.Options) *lock.Mutex {
	t.Helper()
	m, err := lock.NewMutex(c, "lock", o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Several processes read, think and write back under the lock: no increment is lost, and tokens rise.
func TestMutexExcludes(t *testing.T) {
	ctx := soon(t)
	members := servertest.StartChain(t, 2, nil)
	var tokens []client.Seq // guarded by the lock that is tested: the race detector would tell
	var all sync.WaitGroup
	const processes, times = 4, 5
	for i := range processes {
		c := open(t, members)
		m := mutex(t, c, lock.Options{Holder: fmt.Sprint("process ", i)})
		all.Go(func() {
			for range times {
				l, err := m.Lock(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				e, err := c.Get(ctx, "counter")
				if err != nil && !errors.Is(err, client.ErrNotFound) {
					t.Error(err)
				}
				n, _ := strconv.Atoi(string(e.Value))
				if _, err := c.Put(ctx, "counter", fmt.Append(nil, n+1)); err != nil {
					t.Error(err)
				}
				tokens = append(tokens, l.Token())
				if err := l.Unlock(ctx); err != nil {
					t.Error(err)
				}
				select {
				case <-l.Lost():
				default:
					t.Error("an unlocked lease is not lost")
				}
			}
		})
	}
	all.Wait()
	e, err := open(t, members).Get(ctx, "counter")
	if err != nil || string(e.Value) != fmt.Sprint(processes*times) {
		t.Errorf("the counter is %q, %v", e.Value, err)
	}
	for i := 1; i < len(tokens); i++ {
		if tokens[i] <= tokens[i-1] {
			t.Errorf("tokens %v do not rise", tokens)
		}
	}
}

// A holder that dies keeps the lock for its TTL and no longer; what it still does under its guard is refused.
func TestDeadHolder(t *testing.T) {
	ctx := soon(t)
	members := servertest.StartChain(t, 1, nil)
	dead := open(t, members)
	old, err := mutex(t, dead, lock.Options{TTL: 500 * time.Millisecond, Holder: "dead"}).Lock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, members)
	next := mutex(t, c, lock.Options{TTL: time.Minute})
	if _, err := next.TryLock(ctx); !errors.Is(err, lock.ErrHeld) {
		t.Errorf("TryLock of a lock that is held: %v", err)
	}
	guarded := func(l *lock.Lease) bool {
		r, err := c.Txn(ctx, client.Txn{If: []client.Compare{l.Guard()}, Then: []client.Step{client.PutStep("x", nil)}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Succeeded
	}
	if !guarded(old) {
		t.Error("the holder's guard does not hold")
	}
	dead.Close() // and so it cannot renew
	l, err := next.Lock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	<-old.Lost()
	if l.Token() <= old.Token() || guarded(old) || !guarded(l) {
		t.Errorf("tokens %d, then %d; the old guard holds: %v", old.Token(), l.Token(), guarded(old))
	}
	if err := l.Unlock(ctx); err != nil {
		t.Error(err)
	}
	if l, err = next.TryLock(ctx); err != nil {
		t.Fatalf("TryLock of a free lock: %v", err)
	}
	if err := l.Unlock(ctx); err != nil {
		t.Error(err)
	}
}

// A live holder keeps the lock for longer than its TTL.
func TestHolderRenews(t *testing.T) {
	ctx := soon(t)
	c := open(t, servertest.StartChain(t, 1, nil))
	l, err := mutex(t, c, lock.Options{TTL: 300 * time.Millisecond}).Lock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
	defer cancel()
	if _, err := mutex(t, c, lock.Options{}).Lock(short); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, lock.ErrHeld) {
		t.Errorf("another got the lock: %v", err)
	}
	select {
	case <-l.Lost():
		t.Error("the lease was lost")
	default:
	}
	if err := l.Unlock(ctx); err != nil {
		t.Error(err)
	}
}

// Who waits in vain is told that somebody has the lock, also if the time is over in the middle of a read.
func TestHeld(t *testing.T) {
	ctx := soon(t)
	members := servertest.StartChain(t, 1, nil)
	for _, name := range []string{"", "somebody"} {
		l, err := mutex(t, open(t, members), lock.Options{Holder: name}).Lock(ctx)
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithCancel(ctx)
		gets := 0
		c, err := client.Open(client.Config{
			Servers: []string{members[0].Address},
			Hooks: client.Hooks{Begin: func(ctx context.Context, _ client.Call) context.Context {
				if gets++; gets == 3 {
					cancel()
				}
				return ctx
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = mutex(t, c, lock.Options{}).Lock(short)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, lock.ErrHeld) {
			t.Errorf("another got the lock: %v", err)
		}
		if err := errors.Join(c.Close(), l.Unlock(ctx)); err != nil {
			t.Error(err)
		}
	}
}

func TestElection(t *testing.T) {
	ctx := soon(t)
	c := open(t, servertest.StartChain(t, 1, nil))
	election := func(name string) *lock.Election {
		e, err := lock.NewElection(c, "election", lock.Options{TTL: time.Second, Holder: name})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	first, second := election("first"), election("second")
	if _, err := first.Leader(ctx); !errors.Is(err, lock.ErrNoLeader) {
		t.Errorf("nobody leads: %v", err)
	}
	l, err := first.Campaign(ctx, []byte("10.0.0.1:80"))
	if err != nil {
		t.Fatal(err)
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var leaders []string
	for x, err := range second.Leaders(watching) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			break
		}
		leaders = append(leaders, x.Holder+"@"+string(x.Data))
		if len(leaders) == 2 {
			stop()
			continue
		}
		if err := l.Unlock(ctx); err != nil {
			t.Error(err)
		}
		if l, err = second.Campaign(ctx, []byte("10.0.0.2:80")); err != nil {
			t.Fatal(err)
		}
	}
	if fmt.Sprint(leaders) != "[first@10.0.0.1:80 second@10.0.0.2:80]" {
		t.Errorf("leaders %v", leaders)
	}
	if err := l.Unlock(ctx); err != nil {
		t.Error(err)
	}
}

func TestForeign(t *testing.T) {
	ctx := soon(t)
	c := open(t, servertest.StartChain(t, 1, nil))
	if _, err := c.Put(ctx, "lock", []byte("mine")); err != nil {
		t.Fatal(err)
	}
	if _, err := mutex(t, c, lock.Options{}).Lock(ctx); !errors.Is(err, lock.ErrForeign) {
		t.Errorf("a key that is no lock: %v", err)
	}
	if _, err := lock.NewMutex(c, "lock", lock.Options{TTL: time.Millisecond}); err == nil {
		t.Error("a TTL of a millisecond is taken")
	}
}
