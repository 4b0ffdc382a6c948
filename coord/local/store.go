package local

import (
	"slices"
	"sync"

	"github.com/chaintable/chaintable/chain"
)

const (
	// MaxRegistrations is how many registrations a store holds at most.
	MaxRegistrations = 1000
	// History is how many of its former states a store remembers, for reads of old ones.
	History = 256
)

// Store holds the registrations and the view, as records in JSON. It is what every Client of it reads and changes;
// its own methods are the calls of coord.Client without delay or fault, and return the same errors, never
// ErrUnknown. It is safe for concurrent use, and deterministic.
//
// Each change makes a new immutable state with the next index. Reads can be asked for an old one.
type Store struct {
	mu struct {
		sync.Mutex
		now      *state
		past     [History]*state // by index; now is among them
		watchers []*watcher      // in the order they came
	}
}

// watcher is told after each change that is news. It is called without the lock, and must not wait.
type watcher struct{ changed func() }

// newest is an index that no state reaches.
const newest = ^uint64(0)

// NewStore is an empty store, with index 0.
func NewStore() *Store {
	s := &Store{}
	s.mu.now = &state{}
	s.mu.past[0] = s.mu.now
	return s
}

// Index is how many changes there have been.
func (s *Store) Index() uint64 { return s.at(newest).index }

// Register creates a registration with version 0: see coord.Client. A full store refuses.
func (s *Store) Register(r chain.Registration) error {
	_, err := s.register(r)
	return err
}

// Heartbeat replaces a registration at its version and returns the next version: see coord.Client.
func (s *Store) Heartbeat(r chain.Registered) (version int64, err error) {
	version, _, err = s.heartbeat(r)
	return version, err
}

// Delete deletes a registration at its version: see coord.Client.
func (s *Store) Delete(r chain.Registered) error {
	_, err := s.delete(r)
	return err
}

// Change sets the view and deletes registrations, all or nothing: see coord.Client.
func (s *Store) Change(a chain.AskChange) error {
	_, err := s.change(a)
	return err
}

// List reads all registrations, in the order of node and incarnation.
func (s *Store) List() []chain.Registered { return s.at(newest).list() }

// View reads the view: see coord.Client.
func (s *Store) View() (chain.Recorded, error) { return s.at(newest).readView() }

// ListAt reads all registrations as they were after so many changes, or in the nearest state that is remembered.
func (s *Store) ListAt(index uint64) []chain.Registered { return s.at(index).list() }

// ViewAt reads the view as it was after so many changes, or in the nearest state that is remembered.
func (s *Store) ViewAt(index uint64) (chain.Recorded, error) { return s.at(index).readView() }

// Wipe deletes every record, as somebody does who empties a coordinator under a living chain.
func (s *Store) Wipe() {
	_, _ = s.decide(func(*state) (*state, error) { return &state{}, nil }, news)
}

// at is the state with the index, or the nearest that is remembered.
func (s *Store) at(index uint64) *state {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.mu.now
	switch {
	case index >= now.index:
		return now
	case now.index-index >= History:
		index = now.index - History + 1
	}
	return s.mu.past[index%History]
}

// decide replaces the newest state by what next makes of it, unless that fails, and tells the watchers if
// that is news. The index is that of the new state, or of the one that the failure was decided on.
func (s *Store) decide(next func(now *state) (*state, error), tell bool) (index uint64, err error) {
	s.mu.Lock()
	now := s.mu.now
	state, err := next(now)
	if err != nil {
		s.mu.Unlock()
		return now.index, err
	}
	state.index = now.index + 1
	s.mu.now = state
	s.mu.past[state.index%History] = state
	watchers := s.mu.watchers
	s.mu.Unlock()

	if tell {
		for _, w := range watchers {
			w.changed()
		}
	}
	return state.index, nil
}

func (s *Store) watch(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.watchers = append(slices.Clone(s.mu.watchers), w)
}

func (s *Store) unwatch(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.watchers = slices.DeleteFunc(slices.Clone(s.mu.watchers), func(x *watcher) bool { return x == w })
}
