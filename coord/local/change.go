package local

import (
	"fmt"
	"slices"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
)

// The changes below also return the index of the state that they made, or that their failure was decided on.

const (
	news   = true  // tell the watchers
	noNews = false // a heartbeat: were it told, n servers would make each other read n times as often
)

func (s *Store) register(r chain.Registration) (index uint64, err error) {
	data, err := coord.EncodeRegistration(r)
	if err != nil {
		return 0, err
	}
	index, err = s.decide(func(now *state) (*state, error) {
		i, found := now.find(r.MemberID)
		switch {
		case found:
			return nil, coord.ErrConflict
		case len(now.servers) >= MaxRegistrations:
			return nil, fmt.Errorf("%w: there are %d registrations, the most", coord.ErrInvalid, MaxRegistrations)
		}
		next := *now
		next.servers = slices.Insert(slices.Clone(now.servers), i, server{r.MemberID, record{data: data}})
		return &next, nil
	}, news)
	if err != nil {
		return index, fmt.Errorf("coord/local: register %v: %w", r.MemberID, err)
	}
	return index, nil
}

func (s *Store) heartbeat(r chain.Registered) (version int64, index uint64, err error) {
	data, err := coord.EncodeRegistration(r.Registration)
	if err != nil {
		return 0, 0, err
	}
	version = r.Version + 1
	index, err = s.decide(func(now *state) (*state, error) {
		i, err := now.match(r)
		if err != nil {
			return nil, err
		}
		next := *now
		next.servers = slices.Clone(now.servers)
		next.servers[i].record = record{data: data, version: version}
		return &next, nil
	}, noNews)
	if err != nil {
		return 0, index, fmt.Errorf("coord/local: heartbeat %v: %w", r.MemberID, err)
	}
	return version, index, nil
}

func (s *Store) delete(r chain.Registered) (index uint64, err error) {
	index, err = s.decide(func(now *state) (*state, error) {
		i, err := now.match(r)
		if err != nil {
			return nil, err
		}
		return now.less(i), nil
	}, news)
	if err != nil {
		return index, fmt.Errorf("coord/local: delete %v: %w", r.MemberID, err)
	}
	return index, nil
}

func (s *Store) change(a chain.AskChange) (index uint64, err error) {
	data, err := coord.EncodeView(a.View)
	if err != nil {
		return 0, err
	}
	index, err = s.decide(func(now *state) (*state, error) {
		if err := now.matchView(a.From); err != nil {
			return nil, err
		}
		next := *now
		for _, r := range a.Delete {
			i, err := next.match(r)
			if err != nil {
				return nil, fmt.Errorf("registration %v: %w: %v", r.MemberID, coord.ErrConflict, err)
			}
			next = *next.less(i)
		}
		next.view = &record{data: data, version: a.From + 1}
		return &next, nil
	}, news)
	if err != nil {
		return index, fmt.Errorf("coord/local: change from version %d to %v: %w", a.From, a.View, err)
	}
	return index, nil
}

// matchView checks that the view has the version from, -1 for none.
func (s *state) matchView(from int64) error {
	switch {
	case s.view == nil && from == -1:
		return nil
	case s.view == nil:
		return coord.ErrMissing
	case s.view.version != from:
		return fmt.Errorf("it has version %d: %w", s.view.version, coord.ErrConflict)
	}
	return nil
}

// less is s without the registration at place i.
func (s *state) less(i int) *state {
	next := *s
	next.servers = slices.Delete(slices.Clone(s.servers), i, i+1)
	return &next
}
