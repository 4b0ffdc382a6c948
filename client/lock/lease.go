package lock

import (
	"context"
	"sync"
	"time"

	"github.com/chaintable/chaintable/client"
)

// Lease is one spell of holding a lock. All methods may be called concurrently.
type Lease struct {
	mutex *Mutex
	value []byte
	token client.Seq

	stop context.CancelFunc
	work sync.WaitGroup
	lost chan struct{}
}

// newLease is one that a write has taken which began at the time.
func newLease(m *Mutex, value []byte, token client.Seq, began time.Time) *Lease {
	ctx, stop := context.WithCancel(context.Background())
	l := &Lease{mutex: m, value: value, token: token, stop: stop, lost: make(chan struct{})}
	l.work.Go(func() {
		defer close(l.lost)
		l.renew(ctx, began)
	})
	return l
}

// Token is the number of the write that took the lock: a later holder's is higher.
func (l *Lease) Token() client.Seq { return l.token }

// Guard holds as long as nobody has taken the lock over: put it among the conditions of transactions that only the holder may do.
func (l *Lease) Guard() client.Compare { return client.Value(l.mutex.key, client.Equal, l.value) }

// Lost is closed when the lock must be taken for lost: it could not be renewed in time, somebody has taken it over, or it was unlocked.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// renew writes the record again and again until that fails for too long, or ctx ends.
func (l *Lease) renew(ctx context.Context, began time.Time) {
	ttl := l.mutex.options.TTL
	for {
		until := began.Add(ttl * 4 / 5)
		if wait(ctx, min(ttl/3, time.Until(until))) != nil || time.Until(until) <= 0 {
			return
		}
		next := time.Now()
		within, cancel := context.WithDeadline(ctx, until)
		r, err := l.mutex.client.Txn(within, client.Txn{
			If: []client.Compare{l.Guard()}, Then: []client.Step{client.PutStep(l.mutex.key, l.value)},
		})
		cancel()
		switch {
		case err != nil && ctx.Err() != nil, err == nil && !r.Succeeded:
			return
		case err == nil:
			began = next
		}
	}
}

// Unlock gives the lock up. It is no error if it was lost before. If it fails the lock ends with its TTL, since it is not renewed any more.
func (l *Lease) Unlock(ctx context.Context) error {
	l.stop()
	l.work.Wait()
	_, err := l.mutex.client.Txn(ctx, client.Txn{
		If: []client.Compare{l.Guard()}, Then: []client.Step{client.DeleteStep(l.mutex.key)},
	})
	return err
}
