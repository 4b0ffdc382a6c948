package lock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/chaintable/chaintable/client"
)

// Options are those of a lock. Processes that share one may have different ones.
type Options struct {
	// TTL is how long a holder may be silent before others take the lock. Zero is 10 s; at least 100 ms.
	TTL time.Duration
	// Holder names this process to people who look at the lock.
	Holder string
}

func (o Options) complete() (Options, error) {
	if o.TTL == 0 {
		o.TTL = defaultTTL
	}
	if o.TTL < shortestTTL || o.TTL > longestTTL {
		return o, fmt.Errorf("lock: a TTL of %v is not between %v and %v", o.TTL, shortestTTL, longestTTL)
	}
	return o, nil
}

// ErrHeld: somebody else has the lock.
var ErrHeld = errors.New("lock: somebody else has it")

// Mutex is a lock that one process has at a time. All methods may be called concurrently; two calls of Lock in one process compete like those of two.
type Mutex struct {
	client  *client.Client
	key     string
	options Options
}

// NewMutex is the lock under the key, which nothing else may use. The Client stays the caller's.
func NewMutex(c *client.Client, key string, options Options) (*Mutex, error) {
	options, err := options.complete()
	if err != nil {
		return nil, err
	}
	return &Mutex{client: c, key: key, options: options}, nil
}

// Lock waits until this process has the lock, or ctx ends. One that ended so may have been given the lock all the same; nobody holds on to it then, and it ends
// with the TTL.
func (m *Mutex) Lock(ctx context.Context) (*Lease, error) { return m.take(ctx, nil) }

// TryLock is Lock, but that it fails with ErrHeld if somebody else has the lock. It does not find out that a holder is dead: that takes the TTL.
func (m *Mutex) TryLock(ctx context.Context) (*Lease, error) {
	_, _, found, err := read(ctx, m.client, m.key)
	switch {
	case err != nil:
		return nil, err
	case found:
		return nil, ErrHeld
	}
	l, err := m.claim(ctx, nil, 0)
	if errors.Is(err, client.ErrCondition) {
		return nil, ErrHeld
	}
	return l, err
}

// take waits until the lock is free, or its holder is silent for its TTL, and takes it, with data in its value.
func (m *Mutex) take(ctx context.Context, data []byte) (*Lease, error) {
	var seen client.Seq // the version that was there when last looked
	var since time.Time // it has been there at least since
	var holder record   // as last seen, zero for none
	for {
		e, r, found, err := read(ctx, m.client, m.key)
		now := time.Now()
		if err != nil {
			if ctx.Err() != nil && holder.Spell != "" {
				err = holder.holds(err)
			}
			return nil, err
		}
		holder = r
		if e.Version != seen {
			seen, since = e.Version, now
		}
		if !found || now.Sub(since) >= r.ttl() {
			l, err := m.claim(ctx, data, e.Version)
			if !errors.Is(err, client.ErrCondition) {
				return l, err
			}
			continue // somebody was faster
		}
		if err := wait(ctx, pollEvery(r.ttl())); err != nil {
			return nil, r.holds(err)
		}
	}
}

// pollEvery is how often to look at a lock with this TTL: never twice at the same time as others.
func pollEvery(ttl time.Duration) time.Duration {
	every := min(max(ttl/20, 10*time.Millisecond), time.Second)
	return every/2 + rand.N(every)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// claim writes our record over the one with this version, 0 for none.
func (m *Mutex) claim(ctx context.Context, data []byte, over client.Seq) (*Lease, error) {
	value, err := newRecord(m.options, data)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	token, err := m.client.Put(ctx, m.key, value, client.IfVersion(over))
	if err != nil {
		return nil, err
	}
	return newLease(m, value, token, began), nil
}
