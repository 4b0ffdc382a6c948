package local_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/local"
)

func registration(node chain.NodeID) chain.Registration {
	m := chain.MemberID{Node: node, Incarnation: 1}
	return chain.Registration{Member: chain.Member{MemberID: m, Address: "127.0.0.1:7001"}, Protocol: 1}
}

func at(node chain.NodeID, version int64) chain.Registered {
	return chain.Registered{Registration: registration(node), Version: version}
}

// ask is a change of the view at that version, to the next epoch.
func ask(from int64) chain.AskChange {
	v := chain.View{Chain: 1, Epoch: chain.Epoch(from + 2), Members: []chain.Member{registration(1).Member}}
	return chain.AskChange{From: from, View: v}
}

func want(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: got error %v, want %v", what, got, want)
	}
}

// wantVersion checks which view a read shows, -1 for none.
func wantVersion(t *testing.T, c *local.Client, sync bool, want int64) (session uint64) {
	t.Helper()
	v, session, err := c.View(t.Context(), sync)
	if errors.Is(err, coord.ErrMissing) {
		v.Version, err = -1, nil
	}
	if err != nil || v.Version != want {
		t.Fatalf("View: got version %d, error %v, want version %d", v.Version, err, want)
	}
	return session
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func hasNews(c *local.Client) bool {
	select {
	case <-c.News():
		return true
	default:
		return false
	}
}

// open is a store with a view at version 0, and a client of it whose news has been read.
func open(t *testing.T, f local.Faults) (*local.Store, *local.Client) {
	s := local.NewStore()
	want(t, "Change", s.Change(ask(-1)), nil)
	c := local.NewClient(s, f)
	t.Cleanup(func() { _ = c.Close() })
	return s, c
}

func TestUnknownOutcomes(t *testing.T) {
	s, c := open(t, local.Faults{})
	c.NextFates(local.Unanswered, local.Lost, local.Held, local.Held, local.Answered)

	want(t, "an unanswered change", c.Change(t.Context(), ask(0)), coord.ErrUnknown)
	wantVersion(t, c, true, 1)
	want(t, "a lost change", c.Change(t.Context(), ask(1)), coord.ErrUnknown)
	wantVersion(t, c, true, 1)

	// Two servers' changes are under way; a third one's comes first, and then neither takes effect.
	want(t, "a held change", c.Change(t.Context(), ask(1)), coord.ErrUnknown)
	_, err := c.Heartbeat(t.Context(), at(1, 0))
	want(t, "a held heartbeat", err, coord.ErrUnknown)
	wantVersion(t, c, true, 1)
	want(t, "a change", c.Change(t.Context(), ask(1)), nil)
	results := c.Release()
	if len(results) != 2 || !errors.Is(results[0], coord.ErrConflict) || !errors.Is(results[1], coord.ErrMissing) {
		t.Fatalf("Release: got %v", results)
	}
	if v, err := s.View(); err != nil || v.Version != 2 {
		t.Fatalf("view: %v %v", v, err)
	}
}

func TestLateChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := open(t, local.Faults{Seed: 1, Late: time.Hour})
		c.NextFates(local.Late)
		want(t, "a late change", c.Change(t.Context(), ask(0)), coord.ErrUnknown)
		wantVersion(t, c, true, 0)
		_ = c.Close() // the change is on its way all the same
		other := local.NewClient(s, local.Faults{})
		synctest.Wait()
		wantVersion(t, other, true, 0)
		time.Sleep(time.Hour)
		synctest.Wait()
		wantVersion(t, other, true, 1)
	})
}

// TestGivenUp ends the context while a change is on its way to the store: it arrives all the same.
func TestGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := open(t, local.Faults{Seed: 1, Delay: time.Hour})
		start := time.Now()
		want(t, "a change given up", c.Change(within(t, time.Millisecond), ask(0)), coord.ErrUnknown)
		if d := time.Since(start); d != time.Millisecond {
			t.Fatalf("it took %v", d)
		}
		if v, _ := s.View(); v.Version != 0 {
			t.Fatalf("the change was carried out before it arrived")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if v, _ := s.View(); v.Version != 1 {
			t.Fatalf("the change never arrived")
		}
	})
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := open(t, local.Faults{Seed: 1, Delay: time.Second})
		var took []time.Duration
		for range 20 {
			start := time.Now()
			wantVersion(t, c, false, 0)
			took = append(took, time.Since(start))
		}
		if slices.Max(took) > time.Second || slices.Max(took) < 600*time.Millisecond || slices.Min(took) > 400*time.Millisecond {
			t.Fatalf("calls with a delay of at most 1 s took %v", took)
		}
	})
}

func TestOutages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := open(t, local.Faults{})
		for _, o := range []struct {
			reach local.Reach
			took  time.Duration
		}{{local.Refused, 0}, {local.Silent, time.Second}} {
			c.SetReach(o.reach)
			start := time.Now()
			_, _, err := c.View(within(t, time.Second), true)
			want(t, "View in an outage", err, coord.ErrUnknown)
			if d := time.Since(start); d != o.took {
				t.Fatalf("reach %d: it took %v, want %v", o.reach, d, o.took)
			}
			want(t, "Change in an outage", c.Change(within(t, time.Second), ask(0)), coord.ErrUnknown)
		}
		want(t, "Change by another", s.Change(ask(0)), nil)
		if hasNews(c) {
			t.Fatalf("there was news in an outage")
		}

		// A call that waits fails when the outage ends, and there is news.
		failed := make(chan error)
		go func() { _, _, err := c.List(t.Context()); failed <- err }()
		synctest.Wait()
		c.SetReach(local.Everywhere)
		want(t, "List in an outage", <-failed, coord.ErrUnknown)
		if !hasNews(c) {
			t.Fatalf("no news after the outage")
		}
		wantVersion(t, c, false, 1)
	})
}

// TestCutOff is the follower without its leader: it goes on showing what is gone, with sync too, and takes no change.
func TestCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := open(t, local.Faults{})
		want(t, "Register", c.Register(t.Context(), registration(1)), nil)
		c.SetReach(local.CutOff)
		a := ask(0)
		a.Delete = []chain.Registered{at(1, 0)}
		want(t, "removal by another", s.Change(a), nil)
		session := wantVersion(t, c, true, 0)
		if list, _, err := c.List(t.Context()); err != nil || len(list) != 1 {
			t.Fatalf("List: got %v, %v", list, err)
		}
		_, err := c.Heartbeat(within(t, time.Second), at(1, 0))
		want(t, "Heartbeat", err, coord.ErrUnknown)

		c.SetReach(local.Everywhere)
		_, err = c.Heartbeat(t.Context(), at(1, 0))
		want(t, "Heartbeat", err, coord.ErrMissing)
		if again := wantVersion(t, c, false, 1); again != session {
			t.Fatalf("session %d, then %d", session, again)
		}

		want(t, "Change by another", s.Change(ask(1)), nil)
		wantVersion(t, c, false, 2)

		// Without a quorum no session begins.
		c.SetReach(local.CutOff)
		c.Expire()
		_, _, err = c.View(within(t, time.Second), false)
		want(t, "View in a session that cannot begin", err, coord.ErrUnknown)
	})
}

func TestExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := open(t, local.Faults{})
		want(t, "Register", c.Register(t.Context(), registration(1)), nil)
		c.Pin()
		want(t, "Change by another", s.Change(ask(0)), nil)
		before := wantVersion(t, c, true, 1)
		wantVersion(t, c, false, 1) // the session has seen it
		for hasNews(c) {
		}

		c.SetFaults(local.Faults{Delay: time.Hour})
		failed := make(chan error)
		go func() { failed <- c.Change(t.Context(), ask(5)) }()
		synctest.Wait()
		c.Expire()
		want(t, "a call under way", <-failed, coord.ErrUnknown)
		c.SetFaults(local.Faults{})
		if !hasNews(c) {
			t.Fatalf("no news of a new session")
		}
		after := wantVersion(t, c, false, 0) // the new session has not
		if after <= before {
			t.Fatalf("session %d, then %d", before, after)
		}
		c.Unpin()
		wantVersion(t, c, false, 1)
		if len(s.List()) != 1 {
			t.Fatalf("the registration went with the session")
		}
		time.Sleep(time.Hour) // the call that failed arrives, and finds another version
		synctest.Wait()
		wantVersion(t, c, true, 1)
	})
}

func TestStale(t *testing.T) {
	s, c := open(t, local.Faults{Seed: 1, Stale: 1, Lag: 5})
	shown := map[int64]int{}
	for version := range int64(5) {
		want(t, "Change", s.Change(ask(version)), nil)
	}
	for version := int64(5); version < 200; version++ {
		want(t, "Change", s.Change(ask(version)), nil)
		c.Expire() // a new session may be shown anything
		v, _, err := c.View(t.Context(), false)
		if err != nil || v.Version > version+1 || v.Version < version-4 {
			t.Fatalf("View after version %d: %v %v", version+1, v.Version, err)
		}
		shown[version+1-v.Version]++
	}
	for lag := range int64(6) {
		if shown[lag] == 0 {
			t.Errorf("no read was %d changes old: %v", lag, shown)
		}
	}
}

func TestNewsFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := open(t, local.Faults{Seed: 1, NewsDelay: time.Second})
		c.LoseNews(2)
		for version := range int64(2) {
			want(t, "Change", s.Change(ask(version)), nil)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if hasNews(c) {
			t.Fatalf("news that was to be lost came")
		}
		want(t, "Change", s.Change(ask(2)), nil)
		if hasNews(c) {
			t.Fatalf("late news came at once")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !hasNews(c) {
			t.Fatalf("late news never came")
		}
		c.SetFaults(local.Faults{LoseNews: 1})
		want(t, "Change", s.Change(ask(3)), nil)
		if hasNews(c) {
			t.Fatalf("news came that is always lost")
		}
		c.SetFaults(local.Faults{})
		want(t, "Register", s.Register(registration(1)), nil)
		if !hasNews(c) {
			t.Fatalf("no news")
		}
		_, err := s.Heartbeat(at(1, 0))
		want(t, "Heartbeat", err, nil)
		if hasNews(c) {
			t.Fatalf("a heartbeat was news")
		}
	})
}

// TestCloseUnderWay closes a client whose calls wait: they fail, and nothing is left behind.
func TestCloseUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := open(t, local.Faults{})
		c.SetReach(local.Silent)
		failed := make(chan error, 2)
		go func() { failed <- c.Change(t.Context(), ask(0)) }()
		go func() { _, _, err := c.View(t.Context(), false); failed <- err }()
		synctest.Wait()
		want(t, "Close", c.Close(), nil)
		want(t, "a call under way", <-failed, coord.ErrUnknown)
		want(t, "a call under way", <-failed, coord.ErrUnknown)
		c.Expire()
		c.SetReach(local.Everywhere)
		want(t, "Close", c.Close(), nil)
	})
}

// TestUnreliable is a counter by compare-and-set over clients with the default faults of tests. Every change
// that was answered is there; those of unknown outcome may be; and all of the faults do occur.
func TestUnreliable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout = time.Second
		s, plain := open(t, local.Faults{})
		var answered, conflicts, unknown, stale, sessions int64
		var clients []*local.Client
		for seed := range uint64(3) {
			c := local.NewClient(s, local.Unreliable(seed, timeout))
			clients = append(clients, c)
			defer c.Close()
		}
		for i := range 1500 {
			c := clients[i%3]
			v, session, err := c.View(within(t, timeout), false)
			if errors.Is(err, coord.ErrMissing) {
				v.Version, err = -1, nil // an old state, in a new session
			}
			if err != nil {
				want(t, "View", err, coord.ErrUnknown)
				continue
			}
			sessions = max(sessions, int64(session))
			if now, _ := s.View(); now.Version != v.Version {
				stale++
			}
			switch err := c.Change(within(t, timeout), ask(v.Version)); coord.Outcome(err) {
			case chain.OutcomeOK:
				answered++
			case chain.OutcomeConflict:
				conflicts++
			case chain.OutcomeUnknown:
				unknown++
			default:
				t.Fatal(err)
			}
		}
		time.Sleep(3 * timeout)
		synctest.Wait()
		v, _, err := plain.View(t.Context(), true)
		t.Logf("%d answered, %d conflicts, %d unknown, %d stale, version %d, up to %d sessions", answered, conflicts, unknown, stale, v.Version, sessions)
		if err != nil || v.Version < answered || v.Version > answered+unknown {
			t.Fatalf("view: %v, %v", v.Version, err)
		}
		if v.Version == answered || v.Version == answered+unknown || conflicts == 0 || stale == 0 || sessions == 1 {
			t.Fatalf("some fault did not occur")
		}
	})
}
