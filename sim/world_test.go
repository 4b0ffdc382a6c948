package sim

import (
	"slices"
	"testing"
	"time"

	"github.com/chaintable/chaintable/chain"
)

// TestEvents: events come in the order of their times, and of their making where times are equal.
func TestEvents(t *testing.T) {
	w := newWorld(Options{Seed: 1}, 0)
	var got []string
	at := func(d time.Duration, name string) { w.after(d, func() { got = append(got, name) }) }
	at(2, "c")
	at(1, "a")
	at(2, "d")
	at(1, "b")
	w.after(1, func() { at(0, "b2") })
	w.runUntil(5, nil)
	if want := []string{"a", "b", "b2", "c", "d"}; !slices.Equal(got, want) || w.now != 5 {
		t.Fatalf("%v at %v, want %v at 5ns", got, w.now, want)
	}
}

// TestSessionsNeverGoBack: reads of one session of the coordinator show states in order, and sometimes old ones.
func TestSessionsNeverGoBack(t *testing.T) {
	w := newWorld(Options{Seed: 1, CoordStale: 0.5, CoordStaleAge: time.Hour}, 0)
	p := &process{w: w}
	me := chain.Registration{Member: chain.Member{MemberID: chain.MemberID{Node: 1, Incarnation: 1}}}
	w.coord.write(p, p.session, 0, chain.AskRegister{Registration: me})
	s, last, old := w.coord.connect(), int64(-1), 0
	for v := range int64(100) {
		w.coord.write(p, p.session, 0, chain.AskHeartbeat{Registered: chain.Registered{Registration: me, Version: v}})
		in := w.coord.execute(p, s, 0, chain.AskList{}).(chain.CoordList)
		if len(in.Registered) == 0 {
			continue
		}
		if got := in.Registered[0].Version; got < last {
			t.Fatalf("version %d after %d", got, last)
		} else if last = got; got < v+1 {
			old++
		}
	}
	if old == 0 {
		t.Error("no read was stale")
	}
	again := w.coord.write(p, p.session, 0, chain.AskHeartbeat{Registered: chain.Registered{Registration: me, Version: 3}}).(chain.CoordRegistered)
	if again.Outcome != chain.OutcomeConflict {
		t.Errorf("heartbeat at an old version: %v", again.Outcome)
	}
}

// TestChangeIsAllOrNothing: a change of the view with a registration that is not as expected changes nothing.
func TestChangeIsAllOrNothing(t *testing.T) {
	w := newWorld(Options{Seed: 1}, 0)
	p := &process{w: w}
	m := chain.Member{MemberID: chain.MemberID{Node: 1, Incarnation: 1}}
	v := chain.View{Chain: 1, Epoch: 1, Members: []chain.Member{m}}
	for _, c := range []struct {
		ask  chain.AskChange
		want chain.Outcome
	}{
		{chain.AskChange{From: 0, View: v}, chain.OutcomeConflict},
		{chain.AskChange{From: -1, View: v, Delete: []chain.Registered{{Version: 1}}}, chain.OutcomeConflict},
		{chain.AskChange{From: -1, View: v}, chain.OutcomeOK},
		{chain.AskChange{From: -1, View: v}, chain.OutcomeConflict},
	} {
		if got := w.coord.changeView(p, c.ask); got != c.want {
			t.Errorf("%+v: %v, want %v", c.ask, got, c.want)
		}
	}
}
