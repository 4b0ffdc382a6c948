package coordtest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
)

func viewMissing(k *kit) {
	a := k.open("a")
	for _, sync := range []bool{false, true} {
		v, session := a.view(sync)
		if v.Version != -1 {
			k.Fatalf("View of an empty coordinator: got %v", v)
		}
		if session == 0 {
			k.Fatalf("View of an empty coordinator: no session")
		}
	}
	k.want("Change without a view", a.change(0, viewOf(1, 1)), coord.ErrMissing)
	if v, _ := a.view(true); v.Version != -1 {
		k.Fatalf("View after a refused change: got %v", v)
	}
}

func viewRoundTrip(k *kit) {
	a, b := k.open("a"), k.open("b")
	v := viewOf(1, 3, 1, 2)
	k.want("Change", a.change(-1, v), nil)
	k.wantView(b, 0, viewOf(1, 3, 1, 2))

	next := viewOf(1<<60, 1)
	next.Learner = member(4, 7)
	next.Target = 0
	given := next
	given.Members = append([]chain.Member(nil), next.Members...)
	k.want("Change", b.change(0, given), nil)
	given.Members[0] = member(9, 9) // the caller's own affair
	k.wantView(a, 1, next)

	read, _ := a.view(true)
	read.Members[0] = member(9, 9) // and so is this
	k.wantView(a, 1, next)
}

func changeCreateRace(k *kit) {
	var clients []client
	for range 5 {
		clients = append(clients, k.open("racer"))
	}
	winner := k.winner(race(len(clients), func(i int) error { return clients[i].change(-1, viewOf(1, 1+i)) }))
	for _, c := range clients {
		k.wantView(c, 0, viewOf(1, 1+winner))
	}
	k.want("Change creates again", clients[winner].change(-1, viewOf(2, 1)), coord.ErrConflict)
	k.wantView(clients[0], 0, viewOf(1, 1+winner))
}

func changeVersion(k *kit) {
	a, b := k.open("a"), k.open("b")
	k.want("Change creates", a.change(-1, viewOf(1, 1)), nil)
	k.want("Change", a.change(0, viewOf(2, 1, 2)), nil)
	k.want("Change", b.change(1, viewOf(3, 2)), nil)
	for _, from := range []int64{-1, 0, 1, 3} {
		k.want("Change from another version", b.change(from, viewOf(4, 9)), coord.ErrConflict)
	}
	k.wantView(a, 2, viewOf(3, 2))
}

func changeSession(k *kit) {
	a := k.open("a")
	k.want("Change creates", a.change(-1, viewOf(1, 1)), nil)
	v, session := a.view(true)
	for i, session := range []uint64{session + 1, session, 0} {
		want := coord.ErrConflict
		if i > 0 {
			want = nil
		}
		ask := chain.AskChange{From: v.Version, Session: session, View: viewOf(1+i, 1)}
		k.want("Change", call(func(ctx context.Context) error { return a.Change(ctx, ask) }), want)
		if want == nil {
			v.Version++
		}
		k.wantView(a, v.Version, viewOf(1+i, 1))
	}
}

func changeRace(k *kit) {
	const rounds = 5
	var clients []client
	for range 4 {
		clients = append(clients, k.open("racer"))
	}
	k.want("Change creates", clients[0].change(-1, viewOf(1, 1)), nil)

	// Once all together from the same version, then each on its own, trying again when it lost.
	k.winner(race(len(clients), func(i int) error { return clients[i].change(0, viewOf(2, 1+i)) }))
	var won atomic.Int64
	errs := race(len(clients), func(i int) error {
		c := clients[i]
		for version, n := int64(1), 0; n < rounds; version++ {
			switch err := c.change(version, viewOf(int(version)+2, 1+i)); {
			case err == nil:
				won.Add(1)
				n++
			case coord.Outcome(err) != chain.OutcomeConflict:
				return err
			case version > 2*rounds*int64(len(clients)):
				return err
			}
		}
		return nil
	})
	for _, err := range errs {
		k.want("Change by a racer", err, nil)
	}
	if v, _ := clients[0].view(true); v.Version != 1+won.Load() || int64(v.Epoch) != 2+won.Load() {
		k.Fatalf("view after %d changes: got version %d %v", 2+won.Load(), v.Version, v)
	}
}

func changeInvalid(k *kit) {
	a := k.open("a")
	k.want("Change to nothing", a.change(-1, chain.View{}), coord.ErrInvalid)
	k.want("Change creates", a.change(-1, viewOf(1, 1)), nil)
	k.want("Change to a member twice", a.change(0, viewOf(2, 1, 1)), coord.ErrInvalid)
	k.wantView(a, 0, viewOf(1, 1))
}

func removalAll(k *kit) {
	a, b := k.open("a"), k.open("b")
	for n := 1; n <= 4; n++ {
		k.want("Register", a.register(server(n, 1)), nil)
	}
	_, err := a.heartbeat(server(3, 1), 0)
	k.want("Heartbeat", err, nil)
	k.want("Change creates", a.change(-1, viewOf(1, 1, 2, 3), at(server(4, 1), 0)), nil)
	k.wantList(b, at(server(1, 1), 0), at(server(2, 1), 0), at(server(3, 1), 1))

	k.want("Change removes two", b.change(0, viewOf(2, 1), at(server(3, 1), 1), at(server(2, 1), 0)), nil)
	k.wantView(a, 1, viewOf(2, 1))
	k.wantList(a, at(server(1, 1), 0))
}

func removalNothing(k *kit) {
	a, b := k.open("a"), k.open("b")
	for n := 1; n <= 3; n++ {
		k.want("Register", a.register(server(n, 1)), nil)
	}
	_, err := a.heartbeat(server(2, 1), 0)
	k.want("Heartbeat", err, nil)
	one, two, three := at(server(1, 1), 0), at(server(2, 1), 1), at(server(3, 1), 0)
	k.want("Change without a view", b.change(0, viewOf(1, 1), one), coord.ErrMissing)
	k.wantList(a, one, two, three)
	k.want("Change creates", a.change(-1, viewOf(1, 1, 2, 3)), nil)

	// Each fails at another place, with what would succeed before it and behind it.
	for _, refused := range []struct {
		what   string
		from   int64
		delete []chain.Registered
	}{
		{"an older registration", 0, []chain.Registered{one, at(server(2, 1), 0), three}},
		{"a newer registration", 0, []chain.Registered{one, at(server(2, 1), 2), three}},
		{"any registration", 0, []chain.Registered{one, at(server(2, 1), -1), three}},
		{"a missing registration", 0, []chain.Registered{one, at(server(4, 1), 0), three}},
		{"another incarnation", 0, []chain.Registered{one, at(server(2, 2), 1), three}},
		{"one registration twice", 0, []chain.Registered{one, two, one}},
		{"from a newer view", 1, []chain.Registered{one, two}},
		{"from no view", -1, []chain.Registered{one, two}},
	} {
		k.want("Change removes "+refused.what, b.change(refused.from, viewOf(2, 1), refused.delete...), coord.ErrConflict)
		k.wantView(a, 0, viewOf(1, 1, 2, 3))
		k.wantList(a, one, two, three)
	}
}

// removalMoment looks on while members are removed: nobody may see one half of it.
func removalMoment(k *kit) {
	const rounds = 8
	a, b := k.open("a"), k.open("b")
	k.want("Change creates", a.change(-1, viewOf(1, 1)), nil)
	for i := range int64(rounds) {
		gone := server(2+int(i), 1)
		k.want("Register", a.register(gone), nil)
		b.newest()
		done := make(chan error, 1)
		go func() { done <- a.change(i, viewOf(2+int(i), 1), at(gone, 0)) }()
		for over, sent := false, time.Now(); !over; {
			select {
			case err := <-done:
				k.want("Change removes", err, nil)
				over = true
			default:
			}
			before, _ := b.view(false)
			list, _ := b.list()
			after, _ := b.view(false)
			if before.Version > i && len(list) > 0 {
				k.Fatalf("the view without %v was there, and then its registration still", gone.MemberID)
			}
			if after.Version <= i && len(list) == 0 {
				k.Fatalf("the registration of %v was gone, and then the view still named it", gone.MemberID)
			}
			if !over && time.Since(sent) > patience {
				k.Fatalf("Change: has not returned for %v", patience)
			}
			if !over {
				pause()
			}
		}
		k.wantList(b)
	}
}
