package coordtest

import (
	"context"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/local"
)

// sessionMutants break what is said of reads, sessions, news and the client itself, in virtual time.
var sessionMutants = []mutant{
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
