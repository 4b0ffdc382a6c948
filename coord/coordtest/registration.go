package coordtest

import (
	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
)

func registerCreates(k *kit) {
	a, b := k.open("a"), k.open("b")
	r := server(1, 1)
	silent := r.Silent
	k.want("Register", a.register(r), nil)
	k.wantList(b, at(r, 0))

	// What the caller does with its slices afterwards is its own affair.
	r = server(1, 1)
	silent[0] = chain.MemberID{Node: 5, Incarnation: 5}
	k.wantList(a, at(r, 0))

	// A plain one: nobody silent, no entry, no boot.
	plain := chain.Registration{Member: member(2, 1), Protocol: 1}
	k.want("Register", b.register(plain), nil)
	k.wantList(a, at(r, 0), at(plain, 0))
}

func registerExisting(k *kit) {
	a, b := k.open("a"), k.open("b")
	r, other := server(1, 1), server(1, 1)
	other.Boot = "other"
	k.want("Register", a.register(r), nil)
	_, err := a.heartbeat(r, 0)
	k.want("Heartbeat", err, nil)
	k.want("Register again", a.register(r), coord.ErrConflict)
	k.want("Register by another", b.register(other), coord.ErrConflict)
	k.wantList(b, at(r, 1))
}

func registerIncarnations(k *kit) {
	a := k.open("a")
	k.want("Register 1.1", a.register(server(1, 1)), nil)
	k.want("Register 1.2", a.register(server(1, 2)), nil)
	k.want("Register 2.1", a.register(server(2, 1)), nil)
	_, err := a.heartbeat(server(1, 2), 0)
	k.want("Heartbeat 1.2", err, nil)
	k.want("Delete 1.1", a.delete(server(1, 1), 0), nil)
	k.wantList(a, at(server(1, 2), 1), at(server(2, 1), 0))
}

func registerInvalid(k *kit) {
	a := k.open("a")
	nobody, nowhere := server(1, 1), server(1, 1)
	nobody.Incarnation = 0
	nowhere.Address = "nowhere"
	k.want("Register nobody", a.register(nobody), coord.ErrInvalid)
	k.want("Register nowhere", a.register(nowhere), coord.ErrInvalid)
	k.wantList(a)
}

func registerRace(k *kit) {
	var clients []client
	for range 5 {
		clients = append(clients, k.open("racer"))
	}
	k.winner(race(len(clients), func(i int) error { return clients[i].register(server(1, 1)) }))
	k.wantList(clients[0], at(server(1, 1), 0))
}

func heartbeatReplaces(k *kit) {
	a, b := k.open("a"), k.open("b")
	r := server(1, 1)
	k.want("Register", a.register(r), nil)
	for version := range int64(3) {
		r.Last.Seq++
		r.Silent = append(r.Silent, chain.MemberID{Node: 2, Incarnation: 1})
		r.Leaving = !r.Leaving
		next, err := a.heartbeat(r, version)
		k.want("Heartbeat", err, nil)
		if next != version+1 {
			k.Fatalf("Heartbeat at version %d: got version %d", version, next)
		}
		k.wantList(b, at(r, next))
	}
}

func heartbeatVersion(k *kit) {
	a, b := k.open("a"), k.open("b")
	r := server(1, 1)
	k.want("Register", a.register(r), nil)
	for version := range int64(2) {
		_, err := a.heartbeat(r, version)
		k.want("Heartbeat", err, nil)
	}
	other := r
	other.Boot = "other"
	// -1 is any version to some coordinators, and must be none here.
	for _, version := range []int64{0, 1, 3, -1} {
		_, err := b.heartbeat(other, version)
		k.want("Heartbeat at another version", err, coord.ErrConflict)
	}
	k.wantList(b, at(r, 2))
}

func heartbeatMissing(k *kit) {
	a, b := k.open("a"), k.open("b")
	r := server(1, 1)
	for _, version := range []int64{0, 1, -1} {
		_, err := a.heartbeat(r, version)
		k.want("Heartbeat without a registration", err, coord.ErrMissing)
	}
	k.wantList(a)

	k.want("Register", a.register(r), nil)
	k.want("Delete", b.delete(r, 0), nil)
	_, err := a.heartbeat(r, 0)
	k.want("Heartbeat of a deleted registration", err, coord.ErrMissing)
	k.wantList(a)
}

func heartbeatRace(k *kit) {
	var clients []client
	for range 5 {
		clients = append(clients, k.open("racer"))
	}
	k.want("Register", clients[0].register(server(1, 1)), nil)
	for version := range int64(3) {
		k.winner(race(len(clients), func(i int) error {
			_, err := clients[i].heartbeat(server(1, 1), version)
			return err
		}))
	}
	k.wantList(clients[0], at(server(1, 1), 3))
}

func deleteDeletes(k *kit) {
	a, b := k.open("a"), k.open("b")
	r, other := server(1, 1), server(2, 1)
	k.want("Delete without a registration", a.delete(r, 0), coord.ErrMissing)
	k.want("Register", a.register(r), nil)
	k.want("Register", a.register(other), nil)
	_, err := a.heartbeat(r, 0)
	k.want("Heartbeat", err, nil)
	k.want("Delete", b.delete(r, 1), nil)
	k.wantList(a, at(other, 0))
	k.want("Delete again", b.delete(r, 1), coord.ErrMissing)

	k.want("Register after deletion", a.register(r), nil)
	k.wantList(b, at(r, 0), at(other, 0))
}

func deleteVersion(k *kit) {
	a, b := k.open("a"), k.open("b")
	r := server(1, 1)
	k.want("Register", a.register(r), nil)
	_, err := a.heartbeat(r, 0)
	k.want("Heartbeat", err, nil)
	for _, version := range []int64{0, 2, -1} {
		k.want("Delete at another version", b.delete(r, version), coord.ErrConflict)
	}
	k.wantList(b, at(r, 1))
}

func listOrder(k *kit) {
	a, b := k.open("a"), k.open("b")
	k.wantList(b)
	for _, r := range []chain.Registration{server(2, 2), server(300, 1), server(1, 9), server(2, 10), server(2, 1)} {
		k.want("Register", a.register(r), nil)
	}
	k.wantList(b, at(server(1, 9), 0), at(server(2, 1), 0), at(server(2, 2), 0), at(server(2, 10), 0), at(server(300, 1), 0))
}

func listOwned(k *kit) {
	a := k.open("a")
	k.want("Register", a.register(server(1, 1)), nil)
	k.want("Register", a.register(server(2, 1)), nil)
	list := a.newest()
	list[0].Silent[0] = chain.MemberID{Node: 9, Incarnation: 9}
	list[1] = chain.Registered{}
	k.wantList(a, at(server(1, 1), 0), at(server(2, 1), 0))
}
