package coordtest

import (
	"context"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
)

func readsOwn(k *kit) {
	a := k.open("a")
	k.want("Register", a.register(server(1, 1)), nil)
	if list, _ := a.list(); len(list) != 1 {
		k.Fatalf("List after Register: got %v", list)
	}
	k.want("Change creates", a.change(-1, viewOf(1, 1)), nil)
	for version := range int64(10) {
		_, err := a.heartbeat(server(1, 1), version)
		k.want("Heartbeat", err, nil)
		if list, _ := a.list(); list[0].Version != version+1 {
			k.Fatalf("List after Heartbeat: got version %d, want %d", list[0].Version, version+1)
		}
		k.want("Change", a.change(version, viewOf(2+int(version), 1)), nil)
		if v, _ := a.view(false); v.Version != version+1 {
			k.Fatalf("View after Change: got version %d, want %d", v.Version, version+1)
		}
	}
	k.want("Delete", a.delete(server(1, 1), 10), nil)
	if list, _ := a.list(); len(list) != 0 {
		k.Fatalf("List after Delete: got %v", list)
	}
}

func readsRefusal(k *kit) {
	a, b := k.open("a"), k.open("b")
	k.want("Register", a.register(server(1, 1)), nil)
	k.want("Change creates", a.change(-1, viewOf(1, 1)), nil)
	b.newest()
	for version := range int64(10) {
		k.want("Change", a.change(version, viewOf(2+int(version), 1)), nil)
		k.want("Change that comes second", b.change(version, viewOf(2, 2)), coord.ErrConflict)
		if v, _ := b.view(false); v.Version < version+1 {
			k.Fatalf("View after a conflict: got version %d, which does not explain it", v.Version)
		}
		_, err := a.heartbeat(server(1, 1), version)
		k.want("Heartbeat", err, nil)
		_, err = b.heartbeat(server(1, 1), version)
		k.want("Heartbeat that comes second", err, coord.ErrConflict)
		if list, _ := b.list(); list[0].Version < version+1 {
			k.Fatalf("List after a conflict: got version %d, which does not explain it", list[0].Version)
		}
	}
}

func readsSync(k *kit) {
	a, b := k.open("a"), k.open("b")
	k.want("Register", a.register(server(1, 1)), nil)
	k.want("Change creates", a.change(-1, viewOf(1, 1)), nil)
	for version := range int64(10) {
		b.view(false)
		_, err := a.heartbeat(server(1, 1), version)
		k.want("Heartbeat", err, nil)
		k.want("Change", a.change(version, viewOf(2+int(version), 1)), nil)
		if v, _ := b.view(true); v.Version != version+1 {
			k.Fatalf("View with sync: got version %d, want %d", v.Version, version+1)
		}
		if v, _ := b.view(false); v.Version != version+1 {
			k.Fatalf("View after one with sync: got version %d, want %d", v.Version, version+1)
		}
		if list, _ := b.list(); len(list) != 1 || list[0].Version != version+1 {
			k.Fatalf("List after View with sync: got %v, want version %d", list, version+1)
		}
	}
}

// readsMonotonic counts view and registration up in turn, so that one read of the one bounds the next of the other.
func readsMonotonic(k *kit) {
	a, b := k.open("a"), k.open("b")
	k.want("Register", a.register(server(1, 1)), nil)
	k.want("Change creates", a.change(-1, viewOf(1, 1)), nil)
	var view, heartbeat int64 // the least that may be seen now
	b.newest()
	for version := range int64(30) {
		_, err := a.heartbeat(server(1, 1), version)
		k.want("Heartbeat", err, nil)
		k.want("Change", a.change(version, viewOf(2+int(version), 1)), nil)

		v, _ := b.view(false)
		if v.Version < view {
			k.Fatalf("View went back: got version %d, must be %d at least", v.Version, view)
		}
		view, heartbeat = v.Version, max(heartbeat, v.Version)
		list, _ := b.list()
		if len(list) != 1 || list[0].Version < heartbeat {
			k.Fatalf("List went back: got %v, must be version %d at least", list, heartbeat)
		}
		heartbeat = list[0].Version
		view = max(view, heartbeat-1)
	}
}

func sessionMonotonic(k *kit) {
	a, b := k.open("a"), k.open("b")
	k.want("Change creates", a.change(-1, viewOf(1, 1)), nil)
	for _, c := range []client{a, b} {
		var last uint64
		for i := range 10 {
			_, viewed := c.view(i%2 == 0)
			_, listed := c.list()
			if viewed == 0 || viewed < last || listed < viewed {
				k.Fatalf("sessions %d, then View in %d, then List in %d", last, viewed, listed)
			}
			last = listed
		}
	}
}

func newsComes(k *kit) {
	a, b := k.open("a"), k.open("b")
	if first, again := a.News(), a.News(); first != again {
		k.Fatalf("News: two channels")
	}
	// News may come for nothing, and be of what has happened before; so an event may have to happen again.
	r := server(1, 1)
	var version int64
	for i := range 3 {
		b.newest()
		k.want("Register", a.register(r), nil)
		k.wantNews(b, "a registration")
		b.newest()
		k.want("Change", a.change(version-1, viewOf(1+int(version), 1)), nil)
		version++
		k.wantNews(b, "a changed view")
		b.newest()
		k.want("Delete", a.delete(r, 0), nil)
		k.wantNews(b, "a deleted registration")
		if i == 1 {
			b.newest()
			k.want("Register", a.register(server(2, 1)), nil)
			k.want("Change removes", a.change(version-1, viewOf(1+int(version), 1), at(server(2, 1), 0)), nil)
			version++
			k.wantNews(b, "a removal")
		}
	}
}

// newsCoalesced changes a lot while b does not listen: nobody waits for it, and there is one piece of news or two.
func newsCoalesced(k *kit) {
	const changes = 50
	a, b := k.open("a"), k.open("b")
	b.newest()
	for i := range changes {
		i := int64(i)
		err := k.soon("Change", func() error { return a.change(i-1, viewOf(1+int(i), 1)) })
		k.want("Change", err, nil)
	}
	k.wantNews(b, "many changes")
	if n := cap(b.News()); n != 1 {
		k.Fatalf("News: room for %d", n)
	}
	k.wantView(b, changes-1, viewOf(changes, 1))
}

// calls are all calls of a client that have something to say about ctx and Close.
func calls(c coord.Client, ctx context.Context) map[string]func() error {
	return map[string]func() error{
		"Register": func() error { return c.Register(ctx, server(5, 1)) },
		"Heartbeat": func() error {
			_, err := c.Heartbeat(ctx, at(server(1, 1), 0))
			return err
		},
		"Delete": func() error { return c.Delete(ctx, at(server(1, 1), 0)) },
		"List":   func() error { _, _, err := c.List(ctx); return err },
		"View":   func() error { _, _, err := c.View(ctx, false); return err },
		"View with sync": func() error {
			_, _, err := c.View(ctx, true)
			return err
		},
		"Change": func() error { return c.Change(ctx, chain.AskChange{From: 0, View: viewOf(2, 5)}) },
	}
}

func contextEnded(k *kit) {
	a := k.open("a")
	k.want("Register", a.register(server(1, 1)), nil)
	k.want("Change creates", a.change(-1, viewOf(1, 1)), nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for what, call := range calls(a.Client, ctx) {
		k.want(what+" with an ended context", k.soon(what, call), coord.ErrUnknown)
	}
}

func closeRefuses(k *kit) {
	a, b := k.open("a"), k.open("b")
	k.want("Register", a.register(server(1, 1)), nil)
	k.want("Change creates", a.change(-1, viewOf(1, 1)), nil)
	k.want("Close", k.soon("Close", a.Close), nil)
	for what, call := range calls(a.Client, context.Background()) {
		k.want(what+" after Close", k.soon(what, call), coord.ErrClosed)
	}
	k.want("Close again", k.soon("Close", a.Close), nil)
	select {
	case _, ok := <-a.News():
		if !ok {
			k.Fatalf("News after Close: the channel is closed")
		}
	default:
	}
	k.wantList(b, at(server(1, 1), 0))
	k.wantView(b, 0, viewOf(1, 1))
	_, err := b.heartbeat(server(1, 1), 0)
	k.want("Heartbeat by another", err, nil)
}

func concurrentCalls(k *kit) {
	const goroutines, rounds = 6, 5
	a := k.open("a")
	k.want("Change creates", a.change(-1, viewOf(1, 1)), nil)
	errs := race(goroutines, func(i int) error {
		r := server(1+i, 1)
		if err := a.register(r); err != nil {
			return err
		}
		for version := range int64(rounds) {
			if _, err := a.heartbeat(r, version); err != nil {
				return err
			}
			err := call(func(ctx context.Context) error { _, _, err := a.List(ctx); return err })
			if err != nil {
				return err
			}
			err = call(func(ctx context.Context) error { _, _, err := a.View(ctx, version%2 == 0); return err })
			if err != nil {
				return err
			}
		}
		return nil
	})
	for _, err := range errs {
		k.want("a call among others", err, nil)
	}
	for _, r := range a.newest() {
		if r.Version != rounds {
			k.Fatalf("after %d heartbeats: got version %d of %v", rounds, r.Version, r.MemberID)
		}
	}
}
