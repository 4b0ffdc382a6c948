package local

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
)

// state is the store between two changes. It is immutable.
type state struct {
	index   uint64
	view    *record  // nil for none
	servers []server // in the order of node and incarnation
}

type record struct {
	data    []byte
	version int64
}

type server struct {
	id chain.MemberID
	record
}

// find is the place of m's registration, or the one where it would be.
func (s *state) find(m chain.MemberID) (i int, found bool) {
	return slices.BinarySearchFunc(s.servers, m, func(x server, m chain.MemberID) int {
		return cmp.Or(cmp.Compare(x.id.Node, m.Node), cmp.Compare(x.id.Incarnation, m.Incarnation))
	})
}

// match is the place of a registration that must be there with that version.
func (s *state) match(r chain.Registered) (i int, err error) {
	i, found := s.find(r.MemberID)
	if !found {
		return 0, coord.ErrMissing
	}
	if v := s.servers[i].version; v != r.Version {
		return 0, fmt.Errorf("it has version %d, not %d: %w", v, r.Version, coord.ErrConflict)
	}
	return i, nil
}

func (s *state) list() []chain.Registered {
	list := make([]chain.Registered, len(s.servers))
	for i, x := range s.servers {
		r, err := coord.DecodeRegistration(x.id, x.data)
		if err != nil {
			r = coord.Unreadable(x.id)
		}
		list[i] = chain.Registered{Registration: r, Version: x.version}
	}
	return list
}

func (s *state) readView() (chain.Recorded, error) {
	if s.view == nil {
		return chain.Recorded{}, fmt.Errorf("coord/local: view: %w", coord.ErrMissing)
	}
	v, err := coord.DecodeView(s.view.data)
	if err != nil {
		return chain.Recorded{}, fmt.Errorf("coord/local: view: %w", err)
	}
	return chain.Recorded{View: v, Version: s.view.version}, nil
}
