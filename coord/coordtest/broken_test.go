package coordtest

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/local"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// broken is a client that leaves the contract where a function is set.
type broken struct {
	coord.Client
	onRegister  func(context.Context, chain.Registration) error
	onHeartbeat func(context.Context, chain.Registered) (int64, error)
	onDelete    func(context.Context, chain.Registered) error
	onList      func(context.Context) ([]chain.Registered, uint64, error)
	onView      func(context.Context, bool) (chain.Recorded, uint64, error)
	onChange    func(context.Context, chain.AskChange) error
	onNews      func() <-chan struct{}
	onClose     func() error
}

func (b *broken) Register(ctx context.Context, r chain.Registration) error {
	if b.onRegister != nil {
		return b.onRegister(ctx, r)
	}
	return b.Client.Register(ctx, r)
}

func (b *broken) Heartbeat(ctx context.Context, r chain.Registered) (int64, error) {
	if b.onHeartbeat != nil {
		return b.onHeartbeat(ctx, r)
	}
	return b.Client.Heartbeat(ctx, r)
}

func (b *broken) Delete(ctx context.Context, r chain.Registered) error {
	if b.onDelete != nil {
		return b.onDelete(ctx, r)
	}
	return b.Client.Delete(ctx, r)
}

func (b *broken) List(ctx context.Context) ([]chain.Registered, uint64, error) {
	if b.onList != nil {
		return b.onList(ctx)
	}
	return b.Client.List(ctx)
}

func (b *broken) View(ctx context.Context, sync bool) (chain.Recorded, uint64, error) {
	if b.onView != nil {
		return b.onView(ctx, sync)
	}
	return b.Client.View(ctx, sync)
}

func (b *broken) Change(ctx context.Context, a chain.AskChange) error {
	if b.onChange != nil {
		return b.onChange(ctx, a)
	}
	return b.Client.Change(ctx, a)
}

func (b *broken) News() <-chan struct{} {
	if b.onNews != nil {
		return b.onNews()
	}
	return b.Client.News()
}

func (b *broken) Close() error {
	if b.onClose != nil {
		return b.onClose()
	}
	return b.Client.Close()
}

// recorder is a testing.TB that takes a failure down instead of failing.
type recorder struct {
	testing.TB
	failure  string
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Fatalf(format string, a ...any) {
	r.failure = fmt.Sprintf(format, a...)
	runtime.Goexit()
}

// failure runs one check on an implementation, in a bubble of virtual time, and tells how it failed: empty for not.
func failure(t *testing.T, c check, breaks func(*world, *broken)) (why string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{Store: local.NewStore()}
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() {
				if p := recover(); p != nil {
					r.failure = fmt.Sprint("panic: ", p)
				}
			}()
			c.run(&kit{TB: r, new: func(string) coord.Client {
				b := &broken{Client: local.NewClient(w.Store, local.Faults{})}
				breaks(w, b)
				return b
			}})
		}()
		<-done
		for _, f := range r.cleanups {
			f()
		}
		time.Sleep(2 * time.Hour) // virtual: what the check left behind when it failed comes to its end
		why = r.failure
	})
	return why
}

// TestBroken runs the suite on each broken implementation. The check that speaks of what is broken must find it;
// others may. In the end every check must have found something.
func TestBroken(t *testing.T) {
	found := map[string]bool{}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			known := false
			for _, c := range checks {
				why := failure(t, c, m.breaks)
				if why != "" {
					t.Logf("%s: %s", c.name, why)
				}
				if c.name == m.by {
					known, found[c.name] = true, true
					if why == "" {
						t.Errorf("%q did not find it", c.name)
					}
				}
			}
			if !known {
				t.Errorf("no check %q", m.by)
			}
		})
	}
	for _, c := range checks {
		if !found[c.name] {
			t.Errorf("nothing is broken that %q should find", c.name)
		}
		if why := failure(t, c, func(*world, *broken) {}); why != "" {
			t.Errorf("%q finds a fault where there is none: %s", c.name, why)
		}
	}
}
