package coordtest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
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

// mutants are the broken implementations, each with the check that speaks of it. They live in virtual time.
var mutants = []struct {
	name, by string
	breaks   func(w *world, b *broken)
}{
	{"Register forgets who is silent", "Register/creates", func(w *world, b *broken) {
		b.onRegister = func(ctx context.Context, r chain.Registration) error {
			r.Silent = nil
			return b.Client.Register(ctx, r)
		}
	}},
	{"Register counts as heartbeat", "Register/creates", func(w *world, b *broken) {
		b.onRegister = func(ctx context.Context, r chain.Registration) error {
			err := b.Client.Register(ctx, r)
			_, _ = w.Store.Heartbeat(at(r, 0))
			return err
		}
	}},
	{"Register keeps the caller's slice", "Register/creates", func(w *world, b *broken) {
		w.registered = map[chain.MemberID]chain.Registration{}
		b.onRegister = func(ctx context.Context, r chain.Registration) error {
			w.Lock()
			defer w.Unlock()
			w.registered[r.MemberID] = r
			return b.Client.Register(ctx, r)
		}
		b.onList = func(ctx context.Context) ([]chain.Registered, uint64, error) {
			list, session, err := b.Client.List(ctx)
			w.Lock()
			defer w.Unlock()
			for i := range list {
				list[i].Registration = w.registered[list[i].MemberID]
			}
			return list, session, err
		}
	}},
	{"Register overwrites", "Register/refuses what exists", func(w *world, b *broken) {
		b.onRegister = func(ctx context.Context, r chain.Registration) error {
			err := b.Client.Register(ctx, r)
			if version, ok := w.current(r.MemberID); err != nil && ok {
				_, err = w.Store.Heartbeat(at(r, version))
			}
			return err
		}
	}},
	{"all incarnations are one", "Register/keeps incarnations apart", func(w *world, b *broken) {
		b.onRegister = func(ctx context.Context, r chain.Registration) error {
			r.Incarnation = min(r.Incarnation, 1)
			return b.Client.Register(ctx, r)
		}
	}},
	{"Register takes anything", "Register/refuses what is no registration", func(w *world, b *broken) {
		b.onRegister = func(ctx context.Context, r chain.Registration) error {
			if err := b.Client.Register(ctx, r); !errors.Is(err, coord.ErrInvalid) {
				return err
			}
			return nil
		}
	}},
	{"Register looks, then creates", "Register/once among racers", func(w *world, b *broken) {
		b.onRegister = func(ctx context.Context, r chain.Registration) error {
			if _, ok := w.current(r.MemberID); ok {
				return coord.ErrConflict
			}
			gap()
			if err := b.Client.Register(ctx, r); !errors.Is(err, coord.ErrConflict) {
				return err
			}
			return nil
		}
	}},

	{"Heartbeat writes what was there", "Heartbeat/replaces and counts", func(w *world, b *broken) {
		b.onHeartbeat = func(ctx context.Context, r chain.Registered) (int64, error) {
			for _, old := range w.Store.List() {
				if old.MemberID == r.MemberID {
					r.Registration = old.Registration
				}
			}
			return b.Client.Heartbeat(ctx, r)
		}
	}},
	{"Heartbeat returns the old version", "Heartbeat/replaces and counts", func(w *world, b *broken) {
		b.onHeartbeat = func(ctx context.Context, r chain.Registered) (int64, error) {
			_, err := b.Client.Heartbeat(ctx, r)
			return r.Version, err
		}
	}},
	{"Heartbeat at any version", "Heartbeat/refuses another version", func(w *world, b *broken) {
		b.onHeartbeat = func(ctx context.Context, r chain.Registered) (int64, error) {
			if version, ok := w.current(r.MemberID); ok {
				r.Version = version
			}
			return b.Client.Heartbeat(ctx, r)
		}
	}},
	{"Heartbeat at version -1", "Heartbeat/refuses another version", func(w *world, b *broken) {
		b.onHeartbeat = func(ctx context.Context, r chain.Registered) (int64, error) {
			if version, ok := w.current(r.MemberID); ok && r.Version == -1 {
				r.Version = version
			}
			return b.Client.Heartbeat(ctx, r)
		}
	}},
	{"Heartbeat creates", "Heartbeat/does not create", func(w *world, b *broken) {
		b.onHeartbeat = func(ctx context.Context, r chain.Registered) (int64, error) {
			version, err := b.Client.Heartbeat(ctx, r)
			if errors.Is(err, coord.ErrMissing) {
				return 0, b.Client.Register(ctx, r.Registration)
			}
			return version, err
		}
	}},
	{"Heartbeat looks, then writes", "Heartbeat/once among racers", func(w *world, b *broken) {
		b.onHeartbeat = func(ctx context.Context, r chain.Registered) (int64, error) {
			if version, ok := w.current(r.MemberID); ok && r.Version != version {
				return 0, coord.ErrConflict
			}
			gap()
			r.Version, _ = w.current(r.MemberID)
			return b.Client.Heartbeat(ctx, r)
		}
	}},

	{"Delete does nothing", "Delete/deletes", func(w *world, b *broken) {
		b.onDelete = func(context.Context, chain.Registered) error { return nil }
	}},
	{"Delete of nothing succeeds", "Delete/deletes", func(w *world, b *broken) {
		b.onDelete = func(ctx context.Context, r chain.Registered) error {
			if err := b.Client.Delete(ctx, r); !errors.Is(err, coord.ErrMissing) {
				return err
			}
			return nil
		}
	}},
	{"versions outlive deletion", "Delete/deletes", func(w *world, b *broken) {
		if w.registered == nil {
			w.registered = map[chain.MemberID]chain.Registration{}
		}
		b.onRegister = func(ctx context.Context, r chain.Registration) error {
			w.Lock()
			defer w.Unlock()
			err := b.Client.Register(ctx, r)
			if _, again := w.registered[r.MemberID]; err == nil && again {
				_, err = w.Store.Heartbeat(at(r, 0))
			}
			w.registered[r.MemberID] = r
			return err
		}
	}},
	{"Delete at version -1", "Delete/refuses another version", func(w *world, b *broken) {
		b.onDelete = func(ctx context.Context, r chain.Registered) error {
			if version, ok := w.current(r.MemberID); ok && r.Version == -1 {
				r.Version = version
			}
			return b.Client.Delete(ctx, r)
		}
	}},

	{"List has no order", "List/is empty, then in order", func(w *world, b *broken) {
		b.onList = func(ctx context.Context) ([]chain.Registered, uint64, error) {
			list, session, err := b.Client.List(ctx)
			slices.Reverse(list)
			return list, session, err
		}
	}},
	{"List of nothing is an error", "List/is empty, then in order", func(w *world, b *broken) {
		b.onList = func(ctx context.Context) ([]chain.Registered, uint64, error) {
			list, session, err := b.Client.List(ctx)
			if err == nil && len(list) == 0 {
				return nil, session, coord.ErrMissing
			}
			return list, session, err
		}
	}},
	{"List answers from a cache that it gave away", "List/belongs to the caller", func(w *world, b *broken) {
		index := ^uint64(0)
		b.onList = func(ctx context.Context) ([]chain.Registered, uint64, error) {
			list, session, err := b.Client.List(ctx)
			w.Lock()
			defer w.Unlock()
			if now := w.Index(); now != index {
				w.list, index = list, now
			}
			return w.list, session, err
		}
	}},

	{"View without a view is empty", "View/is missing", func(w *world, b *broken) {
		b.onView = func(ctx context.Context, sync bool) (chain.Recorded, uint64, error) {
			v, session, err := b.Client.View(ctx, sync)
			if errors.Is(err, coord.ErrMissing) {
				err = nil
			}
			return v, session, err
		}
	}},
	{"View without a view has no session", "View/is missing", func(w *world, b *broken) {
		b.onView = func(ctx context.Context, sync bool) (chain.Recorded, uint64, error) {
			v, session, err := b.Client.View(ctx, sync)
			if err != nil {
				session = 0
			}
			return v, session, err
		}
	}},
	{"Change always creates", "View/is missing", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			if w.currentView() == -1 {
				a.From = -1
			}
			return b.Client.Change(ctx, a)
		}
	}},
	{"View forgets the learner", "View/shows what was set", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			a.View.Learner = chain.Member{}
			return b.Client.Change(ctx, a)
		}
	}},
	{"Change keeps the caller's slice", "View/shows what was set", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			w.Lock()
			defer w.Unlock()
			err := b.Client.Change(ctx, a)
			if err == nil {
				w.view = a.View
			}
			return err
		}
		b.onView = func(ctx context.Context, sync bool) (chain.Recorded, uint64, error) {
			v, session, err := b.Client.View(ctx, sync)
			w.Lock()
			defer w.Unlock()
			v.View = w.view
			return v, session, err
		}
	}},
	{"Change creates over what exists", "Change/creates once among racers", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			if a.From == -1 {
				a.From = w.currentView()
			}
			return b.Client.Change(ctx, a)
		}
	}},
	{"Change from any version", "Change/refuses another version", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			if v := w.currentView(); a.From != -1 && v != -1 {
				a.From = v
			}
			return b.Client.Change(ctx, a)
		}
	}},
	{"Change looks, then sets", "Change/sets once among racers", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			if a.From != -1 && a.From == w.currentView() {
				gap()
				a.From = w.currentView()
			}
			return b.Client.Change(ctx, a)
		}
	}},
	{"Change takes anything", "Change/refuses what is no view", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			if err := b.Client.Change(ctx, a); !errors.Is(err, coord.ErrInvalid) {
				return err
			}
			return nil
		}
	}},

	{"Change deletes nothing", "Removal/does all", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			a.Delete = nil
			return b.Client.Change(ctx, a)
		}
	}},
	{"Change deletes first", "Removal/or nothing", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			for _, r := range a.Delete {
				if w.Store.Delete(r) != nil {
					return coord.ErrConflict
				}
			}
			a.Delete = nil
			return b.Client.Change(ctx, a)
		}
	}},
	{"Change deletes last", "Removal/or nothing", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			gone := a.Delete
			a.Delete = nil
			err := b.Client.Change(ctx, a)
			for _, r := range gone {
				if err == nil && w.Store.Delete(r) != nil {
					err = coord.ErrConflict
				}
			}
			return err
		}
	}},
	{"Change does not mind who is gone", "Removal/or nothing", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			a.Delete = slices.DeleteFunc(slices.Clone(a.Delete), func(r chain.Registered) bool {
				_, ok := w.current(r.MemberID)
				return !ok
			})
			return b.Client.Change(ctx, a)
		}
	}},
	{"Change deletes at any version", "Removal/or nothing", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			a.Delete = slices.Clone(a.Delete)
			for i, r := range a.Delete {
				if version, ok := w.current(r.MemberID); ok {
					a.Delete[i].Version = version
				}
			}
			return b.Client.Change(ctx, a)
		}
	}},
	{"Change looks, then deletes, then sets", "Removal/at one moment", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			if a.From != w.currentView() || len(a.Delete) != 1 {
				return b.Client.Change(ctx, a)
			}
			if version, ok := w.current(a.Delete[0].MemberID); !ok || version != a.Delete[0].Version {
				return coord.ErrConflict
			}
			_ = w.Store.Delete(a.Delete[0])
			a.Delete = nil
			gap()
			return b.Client.Change(ctx, a)
		}
	}},
	{"Change looks, then sets, then deletes", "Removal/at one moment", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			if a.From != w.currentView() || len(a.Delete) != 1 {
				return b.Client.Change(ctx, a)
			}
			if version, ok := w.current(a.Delete[0].MemberID); !ok || version != a.Delete[0].Version {
				return coord.ErrConflict
			}
			gone := a.Delete[0]
			a.Delete = nil
			err := b.Client.Change(ctx, a)
			gap()
			_ = w.Store.Delete(gone)
			return err
		}
	}},

	{"reads are always one change old", "Reads/show own changes", func(w *world, b *broken) {
		lag(w, b, func() uint64 { return max(w.Index(), 1) - 1 })
	}},
	{"a refusal shows nothing", "Reads/show why a change was refused", func(w *world, b *broken) {
		var seen uint64
		lag(w, b, func() uint64 {
			w.Lock()
			defer w.Unlock()
			return seen
		})
		b.onRegister = func(ctx context.Context, r chain.Registration) error {
			w.Lock()
			defer w.Unlock()
			err := b.Client.Register(ctx, r)
			if err == nil {
				seen = w.Index()
			}
			return err
		}
		inner := b.onView
		b.onView = func(ctx context.Context, sync bool) (chain.Recorded, uint64, error) {
			if sync {
				w.Lock()
				seen = w.Index()
				w.Unlock()
			}
			return inner(ctx, sync)
		}
	}},
	{"sync asks whom every read asks", "Reads/with sync show what is newest", func(w *world, b *broken) {
		b.Client.(*local.Client).SetFaults(local.Faults{Stale: 1, Lag: 2})
		b.onView = func(ctx context.Context, _ bool) (chain.Recorded, uint64, error) {
			return b.Client.View(ctx, false)
		}
	}},
	{"List after sync is old", "Reads/with sync show what is newest", func(w *world, b *broken) {
		b.onList = func(ctx context.Context) ([]chain.Registered, uint64, error) {
			_, session, err := b.Client.List(ctx)
			return w.ListAt(max(w.Index(), 3) - 3), session, err
		}
	}},
	{"reads ask one server, then another", "Reads/never go back", func(w *world, b *broken) {
		var n uint64
		lag(w, b, func() uint64 {
			w.Lock()
			defer w.Unlock()
			n++
			return max(w.Index(), 3) - 3*(n%2)
		})
	}},

	{"no session has a number", "Session/is numbered and never falls", func(w *world, b *broken) {
		b.onList = func(ctx context.Context) ([]chain.Registered, uint64, error) {
			list, _, err := b.Client.List(ctx)
			return list, 0, err
		}
		b.onView = func(ctx context.Context, sync bool) (chain.Recorded, uint64, error) {
			v, _, err := b.Client.View(ctx, sync)
			return v, 0, err
		}
	}},
	{"sessions are numbered downwards", "Session/is numbered and never falls", func(w *world, b *broken) {
		session := uint64(100)
		b.onView = func(ctx context.Context, sync bool) (chain.Recorded, uint64, error) {
			v, _, err := b.Client.View(ctx, sync)
			w.Lock()
			defer w.Unlock()
			session--
			return v, session, err
		}
	}},

	{"no news", "News/of the view and of registrations", func(w *world, b *broken) {
		b.onNews = func() <-chan struct{} { return nil }
	}},
	{"no news of deletions", "News/of the view and of registrations", func(w *world, b *broken) {
		news := make(chan struct{}, 1)
		w.news = append(w.news, news)
		b.onNews = func() <-chan struct{} { return news }
		b.onRegister = func(ctx context.Context, r chain.Registration) error {
			defer w.tell()
			return b.Client.Register(ctx, r)
		}
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			defer w.tell()
			return b.Client.Change(ctx, a)
		}
	}},
	{"no news of the view", "News/of the view and of registrations", func(w *world, b *broken) {
		news := make(chan struct{}, 1)
		w.news = append(w.news, news)
		b.onNews = func() <-chan struct{} { return news }
		b.onRegister = func(ctx context.Context, r chain.Registration) error {
			defer w.tell()
			return b.Client.Register(ctx, r)
		}
		b.onDelete = func(ctx context.Context, r chain.Registered) error {
			defer w.tell()
			return b.Client.Delete(ctx, r)
		}
	}},
	{"a change waits until its news is taken", "News/makes nobody wait", func(w *world, b *broken) {
		news := make(chan struct{}, 1)
		w.news = append(w.news, news)
		b.onNews = func() <-chan struct{} { return news }
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			err := b.Client.Change(ctx, a)
			for _, c := range w.news {
				select {
				case c <- struct{}{}:
				case <-time.After(time.Hour):
				}
			}
			return err
		}
	}},

	{"Change takes no notice of its context", "Context/ended", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			return b.Client.Change(context.WithoutCancel(ctx), a)
		}
	}},
	{"View waits on", "Context/ended", func(w *world, b *broken) {
		b.onView = func(ctx context.Context, sync bool) (chain.Recorded, uint64, error) {
			if ctx.Err() != nil {
				time.Sleep(time.Hour)
			}
			return b.Client.View(ctx, sync)
		}
	}},

	{"a closed client goes on", "Close/refuses calls and keeps records", func(w *world, b *broken) {
		b.onClose = func() error { return nil }
	}},
	{"registrations are ephemeral", "Close/refuses calls and keeps records", func(w *world, b *broken) {
		var mine []chain.Registration
		b.onRegister = func(ctx context.Context, r chain.Registration) error {
			w.Lock()
			defer w.Unlock()
			mine = append(mine, r)
			return b.Client.Register(ctx, r)
		}
		b.onClose = func() error {
			for _, r := range mine {
				version, _ := w.current(r.MemberID)
				_ = w.Store.Delete(at(r, version))
			}
			return b.Client.Close()
		}
	}},
	{"Close closes News", "Close/refuses calls and keeps records", func(w *world, b *broken) {
		news := make(chan struct{}, 1)
		closed := false
		b.onNews = func() <-chan struct{} { return news }
		b.onClose = func() error {
			if !closed {
				closed = true
				close(news)
			}
			return b.Client.Close()
		}
	}},
	{"Close works once", "Close/refuses calls and keeps records", func(w *world, b *broken) {
		closed := false
		b.onClose = func() error {
			if closed {
				return coord.ErrClosed
			}
			closed = true
			return b.Client.Close()
		}
	}},

	{"one call at a time", "Concurrent/calls of one client", func(w *world, b *broken) {
		busy := make(chan struct{}, 1)
		b.onHeartbeat = func(ctx context.Context, r chain.Registered) (int64, error) {
			select {
			case busy <- struct{}{}:
				defer func() { <-busy }()
				gap()
				return b.Client.Heartbeat(ctx, r)
			default:
				return 0, coord.ErrUnknown
			}
		}
	}},
}

// lag makes all reads but those with sync show the state with that index.
func lag(w *world, b *broken, index func() uint64) {
	b.onList = func(ctx context.Context) ([]chain.Registered, uint64, error) {
		_, session, err := b.Client.List(ctx)
		return w.ListAt(index()), session, err
	}
	b.onView = func(ctx context.Context, sync bool) (chain.Recorded, uint64, error) {
		v, session, err := b.Client.View(ctx, sync)
		if !sync && session != 0 {
			v, err = w.ViewAt(index())
		}
		return v, session, err
	}
}
