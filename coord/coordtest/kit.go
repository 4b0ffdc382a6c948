package coordtest

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
)

// kit is what a check works with.
type kit struct {
	testing.TB
	new func(name string) coord.Client
}

// client is a client whose calls have a deadline and whose unexpected errors end the check. Its methods but
// those that return an error belong to the goroutine of the check.
type client struct {
	coord.Client
	k *kit
}

func (k *kit) open(name string) client {
	c := client{k.new(name), k}
	k.Cleanup(func() { _ = c.Close() })
	return c
}

// call runs f with a deadline.
func call(f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return f(ctx)
}

func (c client) register(r chain.Registration) error {
	return call(func(ctx context.Context) error { return c.Register(ctx, r) })
}

func (c client) heartbeat(r chain.Registration, version int64) (next int64, err error) {
	err = call(func(ctx context.Context) (err error) {
		next, err = c.Heartbeat(ctx, chain.Registered{Registration: r, Version: version})
		return err
	})
	return next, err
}

func (c client) delete(r chain.Registration, version int64) error {
	return call(func(ctx context.Context) error {
		return c.Delete(ctx, chain.Registered{Registration: r, Version: version})
	})
}

func (c client) change(from int64, v chain.View, delete ...chain.Registered) error {
	return call(func(ctx context.Context) error {
		return c.Change(ctx, chain.AskChange{From: from, View: v, Delete: delete})
	})
}

// list reads the registrations, perhaps old ones.
func (c client) list() (list []chain.Registered, session uint64) {
	c.k.Helper()
	err := call(func(ctx context.Context) (err error) {
		list, session, err = c.List(ctx)
		return err
	})
	if err != nil {
		c.k.Fatalf("List: %v", err)
	}
	return list, session
}

// view reads the view, a zero one with version -1 for none.
func (c client) view(sync bool) (view chain.Recorded, session uint64) {
	c.k.Helper()
	err := call(func(ctx context.Context) (err error) {
		view, session, err = c.View(ctx, sync)
		return err
	})
	if errors.Is(err, coord.ErrMissing) {
		return chain.Recorded{Version: -1}, session
	}
	if err != nil {
		c.k.Fatalf("View: %v", err)
	}
	return view, session
}

// newest reads all registrations as they are now: a read with sync, then one that cannot be older.
func (c client) newest() []chain.Registered {
	c.k.Helper()
	c.view(true)
	list, _ := c.list()
	return list
}

// want ends the check unless the call ended with that error, nil for success.
func (k *kit) want(what string, got, want error) {
	k.Helper()
	if !errors.Is(got, want) {
		k.Fatalf("%s: got error %v, want %v", what, got, want)
	}
}

// wantList ends the check unless exactly these are registered now, as another client sees it.
func (k *kit) wantList(c client, want ...chain.Registered) {
	k.Helper()
	got := c.newest()
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if !reflect.DeepEqual(got, want) {
		k.Fatalf("registered:\n got %+v\nwant %+v", got, want)
	}
}

// wantView ends the check unless this is the view now.
func (k *kit) wantView(c client, version int64, want chain.View) {
	k.Helper()
	got, _ := c.view(true)
	if got.Version != version || !reflect.DeepEqual(got.View, want) {
		k.Fatalf("view:\n got version %d %+v\nwant version %d %+v", got.Version, got.View, version, want)
	}
}

// wantNews ends the check unless there is news.
func (k *kit) wantNews(c client, of string) {
	k.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case _, ok := <-c.News():
		if !ok {
			k.Fatalf("news of %s: the channel is closed", of)
		}
	case <-timer.C:
		k.Fatalf("news of %s: none for %v", of, patience)
	}
}

// race calls f with 0 to n-1 at the same time and returns the errors.
func race(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wait.Wait()
	return errs
}

// winner ends the check unless exactly one of the racers had success and all others were told of a conflict.
func (k *kit) winner(errs []error) int {
	k.Helper()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			k.Fatalf("racers %d and %d both won", winner, i)
		case err == nil:
			winner = i
		default:
			k.want("a racer that lost", err, coord.ErrConflict)
		}
	}
	if winner < 0 {
		k.Fatalf("nobody won: %v", errs)
	}
	return winner
}

// soon ends the check unless f returns in time.
func (k *kit) soon(what string, f func() error) error {
	k.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		k.Fatalf("%s: has not returned for %v", what, patience)
		return nil
	}
}

// pause is the time between two looks at something that changes meanwhile.
func pause() {
	timer := time.NewTimer(5 * time.Millisecond)
	<-timer.C
}

// server is a registration whose every field says something. Node and incarnation from 1.
func server(node, incarnation int) chain.Registration {
	return chain.Registration{
		Member: member(node, incarnation), Protocol: 1, Rules: 2 + node, Boot: "3c1a-boot",
		Complete: true,
		Last:     chain.Position{Seq: 1<<63 + chain.Seq(node), Epoch: 7},
		Silent:   []chain.MemberID{{Node: 0xfedcba9876543210, Incarnation: 1 << 60}},
		Leaving:  node%2 == 0,
		Timeout:  time.Duration(node) * time.Millisecond,
	}
}

func member(node, incarnation int) chain.Member {
	return chain.Member{
		MemberID: chain.MemberID{Node: chain.NodeID(node) << 40, Incarnation: chain.Incarnation(incarnation)},
		Address:  "127.0.0.1:7001", Durable: node%2 == 1,
	}
}

// viewOf is a view with these nodes as members.
func viewOf(epoch int, nodes ...int) chain.View {
	v := chain.View{Chain: 0xfedcba9876543210, Epoch: chain.Epoch(epoch), Target: 3, Rules: 2}
	for _, n := range nodes {
		v.Members = append(v.Members, member(n, 1))
	}
	return v
}

func at(r chain.Registration, version int64) chain.Registered {
	return chain.Registered{Registration: r, Version: version}
}
