package coordtest

import (
	"context"
	"errors"
	"slices"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
)

// registrationMutants break what is said of registrations, in virtual time.
var registrationMutants = []mutant{
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
}
