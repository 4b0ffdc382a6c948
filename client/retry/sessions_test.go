package retry

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// opened is sessions of which so many are open, and idle.
func opened(t *testing.T, limit, n int) *Sessions {
	p := NewSessions(limit)
	var all []*Session
	for i := range n {
		want(t, p, Open)
		s := NewSession(7, uint64(i+1))
		p.Opened(s)
		s.Begin()
		all = append(all, s)
	}
	for _, s := range all {
		p.Give(s, Happened, false, 0)
	}
	return p
}

// want takes, and demands that it is this.
func want(t *testing.T, p *Sessions, action Action) *Session {
	t.Helper()
	s, got := p.Take(0)
	if got != action || (s != nil) != (got == Use || got == Settle) {
		t.Fatalf("take says %d with %+v, want %d", got, s, action)
	}
	if s != nil {
		s.Begin()
	}
	return s
}

// TestNumbersRise has each request of a session have a number of its own, from 1.
func TestNumbersRise(t *testing.T) {
	s := NewSession(7, 1)
	for i := range uint64(3) {
		if got := s.Begin(); got != i+1 {
			t.Errorf("request %d has the number %d", i+1, got)
		}
	}
}

// TestSessionsAreBounded opens as many as may be, and no more while they are in use or being opened.
func TestSessionsAreBounded(t *testing.T) {
	p := NewSessions(2)
	want(t, p, Open)
	want(t, p, Open)
	want(t, p, Wait)
	p.Opened(nil)
	want(t, p, Open)
	a, b := NewSession(7, 1), NewSession(7, 2)
	p.Opened(a)
	p.Opened(b)
	want(t, p, Wait)
	p.Give(a, Happened, false, 0)
	if got := want(t, p, Use); got != a {
		t.Errorf("it uses %v, want the one given back", got)
	}
}

// TestFewSessionsAreUsed has a client that writes one at a time use one session, the last.
func TestFewSessionsAreUsed(t *testing.T) {
	p := opened(t, 3, 3)
	for range 5 {
		s := want(t, p, Use)
		if s.ID != 3 {
			t.Errorf("it uses session %d, want 3", s.ID)
		}
		p.Give(s, Happened, false, 0)
	}
}

// TestOldSessionsAreLeft has a session that was not used for long not be used again: servers may have forgotten it.
func TestOldSessionsAreLeft(t *testing.T) {
	for now, action := range map[time.Duration]Action{sessionAge: Use, sessionAge + 1: Open} {
		p := opened(t, 1, 1)
		if _, got := p.Take(now); got != action {
			t.Errorf("after %v take says %d, want %d", now, got, action)
		}
	}
}

// TestUseKeepsSessionsYoung counts the time from the last use.
func TestUseKeepsSessionsYoung(t *testing.T) {
	p := opened(t, 1, 1)
	p.Give(want(t, p, Use), Happened, false, sessionAge)
	if _, got := p.Take(2 * sessionAge); got != Use {
		t.Errorf("take says %d, want %d", got, Use)
	}
}

// TestForgottenSessionsAreLeft does so with one that the servers do not know, also if its request may have happened: it cannot any more.
func TestForgottenSessionsAreLeft(t *testing.T) {
	p := opened(t, 1, 1)
	p.Give(want(t, p, Use), MayHaveHappened, true, 0)
	want(t, p, Open)
}

// TestOlderSessionsAreForgottenFirst has no write find out that a session is forgotten which was used before one that is.
func TestOlderSessionsAreForgottenFirst(t *testing.T) {
	p := opened(t, 4, 4)
	var all []*Session
	for range 4 {
		all = append(all, want(t, p, Use))
	}
	for i, s := range all {
		p.Give(s, Happened, false, time.Duration(i))
	}
	newest, older := want(t, p, Use), want(t, p, Use)
	p.Give(newest, Happened, false, 4)
	p.Give(older, MayHaveHappened, true, 4)
	if s := want(t, p, Use); s != newest {
		t.Errorf("take gives %+v, want the one that was used later", s)
	}
	want(t, p, Open)
}

// TestDoubt has the next write settle the doubt of a session, while others wait.
func TestDoubt(t *testing.T) {
	for _, c := range []struct {
		claim   string
		outcome Outcome // of the next write
		doubt   bool    // afterwards
	}{
		{"an answer settles it", Happened, false},
		{"what did not happen settles nothing", DidNotHappen, true},
		{"one more given up settles nothing", MayHaveHappened, true},
	} {
		p := opened(t, 3, 3)
		under := want(t, p, Use)
		doubtful := want(t, p, Use)
		p.Give(doubtful, MayHaveHappened, false, 0)
		if s := want(t, p, Use); s != doubtful {
			t.Errorf("%s: the next write is in session %d, not in that in doubt", c.claim, s.ID)
		}
		want(t, p, Wait)
		p.Give(under, Happened, false, 0) // another one's answer changes nothing
		want(t, p, Wait)
		p.Give(doubtful, c.outcome, false, 0)
		want(t, p, Use)
		if _, next := p.Take(0); (next == Wait) != c.doubt {
			t.Errorf("%s: beside the one after that take says %d", c.claim, next)
		}
	}
}

// TestSeveralDoubts has all but one be settled by themselves, and then the write settle the last.
func TestSeveralDoubts(t *testing.T) {
	p := opened(t, 3, 3)
	a, b, c := want(t, p, Use), want(t, p, Use), want(t, p, Use)
	for _, s := range []*Session{a, b, c} {
		p.Give(s, MayHaveHappened, false, 0)
	}
	if got := want(t, p, Settle); got != a {
		t.Errorf("session %d is settled first, want that which has waited for longest", got.ID)
	}
	if got := want(t, p, Settle); got != b { // for another write, at the same time
		t.Errorf("session %d is settled, want the other one", got.ID)
	}
	p.Give(a, Happened, false, 0)
	p.Give(b, Happened, false, 0)
	if got := want(t, p, Use); got != c {
		t.Errorf("the write is in session %d, want that of the last doubt", got.ID)
	}
}

// TestAnotherChain has sessions of a chain that is no more be left, those in use too.
func TestAnotherChain(t *testing.T) {
	p := opened(t, 3, 3)
	inUse, doubtful := want(t, p, Use), want(t, p, Use)
	p.Give(doubtful, MayHaveHappened, false, 0)
	p.Follow(7) // no news
	p.Give(want(t, p, Use), MayHaveHappened, false, 0)
	p.Follow(8)
	want(t, p, Open)
	s := NewSession(8, 1)
	p.Opened(s)
	p.Give(inUse, MayHaveHappened, false, 0)
	p.Give(s, Happened, false, 0)
	if got := want(t, p, Use); got != s {
		t.Errorf("it uses %+v", got)
	}
}

// TestDoubtsEnd makes a client's writes at random and demands: whoever may write when there was doubt settles all of it, by the session that it
// uses; nobody else uses that session; and somebody may always go on.
func TestDoubtsEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 4).Draw(t, "limit")
		p := NewSessions(limit)
		doubt, inUse := make(map[*Session]bool), make(map[*Session]bool)
		var out []*Session
		opening, ids := 0, uint64(0)
		give := func(i int, outcome Outcome, forgotten bool) {
			s := out[i]
			out = append(out[:i], out[i+1:]...)
			delete(inUse, s)
			if outcome != DidNotHappen {
				doubt[s] = outcome == MayHaveHappened
			}
			if forgotten {
				delete(doubt, s)
			}
			p.Give(s, outcome, forgotten, 0)
		}
		take := func() Action {
			s, action := p.Take(0)
			switch {
			case action == Open:
				opening++
			case s == nil:
			case inUse[s]:
				t.Fatalf("session %d is used twice", s.ID)
			default:
				inUse[s] = true
				out = append(out, s)
			}
			for other, is := range doubt {
				if is && action != Wait && action != Settle && other != s {
					t.Fatalf("a write begins (%d), and session %d is in doubt", action, other.ID)
				}
			}
			if len(out)+opening > limit {
				t.Fatalf("%d sessions in use, of %d", len(out)+opening, limit)
			}
			return action
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {},
			"take": func(t *rapid.T) {
				if take() == Wait && len(out)+opening == 0 {
					t.Fatal("it waits for nobody")
				}
			},
			"open": func(t *rapid.T) {
				if opening == 0 {
					return
				}
				if opening--; rapid.Bool().Draw(t, "fails") {
					p.Opened(nil)
					return
				}
				ids++
				s := NewSession(7, ids)
				p.Opened(s)
				inUse[s], out = true, append(out, s)
			},
			"give": func(t *rapid.T) {
				if len(out) == 0 {
					return
				}
				i := rapid.IntRange(0, len(out)-1).Draw(t, "which")
				give(i, rapid.SampledFrom([]Outcome{DidNotHappen, MayHaveHappened, Happened}).Draw(t, "outcome"), rapid.IntRange(0, 9).Draw(t, "forgotten") == 0)
			},
		})
	})
}

func TestOutcomeString(t *testing.T) {
	for o, want := range map[Outcome]string{0: "unknown outcome", DidNotHappen: "not executed", MayHaveHappened: "may have been executed", Happened: "executed"} {
		if got := fmt.Sprint(o); got != want {
			t.Errorf("outcome %d is %q, want %q", o, got, want)
		}
	}
}
