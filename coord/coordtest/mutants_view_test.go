package coordtest

import (
	"context"
	"errors"
	"slices"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
)

// viewMutants break what is said of the view and its changes, in virtual time.
var viewMutants = []mutant{
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
	{"Change from any session", "Change/refuses what another session read", func(w *world, b *broken) {
		b.onChange = func(ctx context.Context, a chain.AskChange) error {
			a.Session = 0
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
}
