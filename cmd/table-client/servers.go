package main

import (
	"context"
	"errors"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
)

// viewAge is how old a view may be before it is read again.
const viewAge = time.Second

// viewTimeout is how long a new view is waited for while an older one is known.
const viewTimeout = 500 * time.Millisecond

// servers are those that can be asked: one, or those of a chain's view.
type servers struct {
	address     string      // of the one, or of the coordinator
	coordinator coordinator // nil for one server
	name        string      // of the chain

	view    chain.View // of the chain; fromZooKeeper reads the first
	current time.Time  // when the view was read; zero if it is to be read again
}

// find is the address of the server to ask.
func (s *servers) find(ctx context.Context, write bool) (string, error) {
	if s.coordinator == nil {
		return s.address, nil
	}
	if time.Since(s.current) > viewAge {
		within, cancel := context.WithTimeout(ctx, viewTimeout)
		defer cancel()
		if err := s.refresh(within); err != nil {
			// A chain works while its coordinator is away: the view that is known is worth a try, and for a while.
			s.current = time.Now()
		}
	}
	if write {
		return s.view.Head().Address, nil
	}
	return s.view.Tail().Address, nil
}

// refresh reads the view.
func (s *servers) refresh(ctx context.Context) error {
	view, _, err := s.coordinator.View(ctx, true)
	switch {
	case interrupted(ctx):
		return failf(codeFailed, "interrupted")
	case errors.Is(err, coord.ErrMissing):
		return failf(codeFailed, "ZooKeeper at %s knows no chain named %q: start its servers, or name another with --chain", s.address, s.name)
	case errors.Is(err, coord.ErrUnknown):
		return failf(codeFailed, "ZooKeeper at %s gives no answer: is it running there?", s.address)
	case err != nil:
		return failf(codeFailed, "the view of chain %q cannot be read: %w", s.name, err)
	case len(view.Members) == 0:
		return failf(codeFailed, "the view of chain %q has no members", s.name)
	}
	s.view, s.current = view.View, time.Now()
	return nil
}

// doubt has the view read again before it is used.
func (s *servers) doubt() { s.current = time.Time{} }

func (s *servers) close() {
	if s.coordinator != nil {
		_ = s.coordinator.Close()
	}
}
