package coordtest

import (
	"slices"
	"sync"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord/local"
)

// world is what the clients of one broken coordinator share.
type world struct {
	*local.Store
	sync.Mutex // of what follows, and of what mutants remember
	registered map[chain.MemberID]chain.Registration
	view       chain.View
	list       []chain.Registered
	news       []chan struct{}
}

// current is the version that m's registration has.
func (w *world) current(m chain.MemberID) (version int64, ok bool) {
	for _, r := range w.Store.List() {
		if r.MemberID == m {
			return r.Version, true
		}
	}
	return 0, false
}

// currentView is the version that the view has, -1 for none.
func (w *world) currentView() int64 {
	v, err := w.Store.View()
	if err != nil {
		return -1
	}
	return v.Version
}

func (w *world) tell() {
	for _, c := range w.news {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// gap is virtual time between two steps that should have been one.
func gap() { time.Sleep(10 * time.Millisecond) }

// mutant is a broken implementation, and the check that speaks of it. It lives in virtual time.
type mutant struct {
	name, by string
	breaks   func(w *world, b *broken)
}

var mutants = slices.Concat(registrationMutants, viewMutants, sessionMutants)
