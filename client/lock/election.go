package lock

import (
	"context"
	"errors"
	"iter"

	"github.com/chaintable/chaintable/client"
)

// Election has processes choose one among them. All methods may be called concurrently.
type Election struct{ mutex *Mutex }

// NewElection is the election under the key, which nothing else may use. The Client stays the caller's.
func NewElection(c *client.Client, key string, options Options) (*Election, error) {
	m, err := NewMutex(c, key, options)
	if err != nil {
		return nil, err
	}
	return &Election{m}, nil
}

// Leader is who leads.
type Leader struct {
	Holder string // Options.Holder of the leader
	Data   []byte // as given to Campaign
	Spell  string // names this spell of leading
}

// ErrNoLeader: nobody leads.
var ErrNoLeader = errors.New("lock: nobody leads")

// Campaign waits until this process leads, or ctx ends. Data is what others see of it, such as its address. Lease.Unlock ends its leading.
func (e *Election) Campaign(ctx context.Context, data []byte) (*Lease, error) {
	return e.mutex.take(ctx, data)
}

// Leader is who leads. It may be dead, for as long as its TTL. It fails with ErrNoLeader if nobody leads.
func (e *Election) Leader(ctx context.Context) (Leader, error) {
	_, r, found, err := read(ctx, e.mutex.client, e.mutex.key)
	switch {
	case err != nil:
		return Leader{}, err
	case !found:
		return Leader{}, ErrNoLeader
	}
	return Leader{Holder: r.Holder, Data: r.Data, Spell: r.Spell}, nil
}

// Leaders are who leads, now and whenever that changes, until ctx ends, with its error at the end. While nobody leads there is none.
func (e *Election) Leaders(ctx context.Context) iter.Seq2[Leader, error] {
	return func(yield func(Leader, error) bool) {
		told := ""
		for {
			l, err := e.Leader(ctx)
			switch {
			case errors.Is(err, ErrNoLeader):
			case err != nil:
				yield(Leader{}, err)
				return
			case l.Spell != told:
				if !yield(l, nil) {
					return
				}
				told = l.Spell
			}
			if err := wait(ctx, pollEvery(e.mutex.options.TTL)); err != nil {
				yield(Leader{}, err)
				return
			}
		}
	}
}
