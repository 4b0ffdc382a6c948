package retry

import (
	"slices"
	"testing"
	"time"
)

func TestOutcome(t *testing.T) {
	const write, read = true, false
	for _, c := range []struct {
		claim   string
		write   bool
		reports []Report
		want    Outcome
		more    bool
	}{
		{"what was never tried did not happen", write, nil, DidNotHappen, true},
		{"an answer ends it", write, []Report{Answered}, Happened, false},
		{"a server that does not serve it ends nothing", write, []Report{Unserved, Unserved}, DidNotHappen, true},
		{"after silence it may have happened", write, []Report{Silent}, MayHaveHappened, true},
		{"a later try that did not happen says nothing of that", write, []Report{Silent, Unserved}, MayHaveHappened, true},
		{"an answer settles it", write, []Report{Silent, Unserved, Answered}, Happened, false},
		{"a refusal ends it", write, []Report{Unserved, Refused}, DidNotHappen, false},
		{"a refusal says nothing of an earlier try", write, []Report{Silent, Refused}, MayHaveHappened, false},
		{"of a forgotten session nobody knows", write, []Report{Forgotten}, MayHaveHappened, false},
		{"a read has no effect", read, []Report{Silent}, DidNotHappen, true},
		{"a read is answered", read, []Report{Silent, Answered}, Happened, false},
	} {
		r, more := NewRequest(c.write), true
		for _, report := range c.reports {
			more = r.Ended(report)
		}
		if r.Outcome() != c.want || more != c.more {
			t.Errorf("%s: %v, more %t, want %v, %t", c.claim, r.Outcome(), more, c.want, c.more)
		}
	}
}

// TestRounds has a request go round all servers, with longer and longer pauses between rounds, and more and more patience.
func TestRounds(t *testing.T) {
	s := NewServers([]string{"a", "b"})
	r := NewRequest(true)
	pauses := []time.Duration{0, 5, 10, 20, 40, 80, 160, 250, 250}
	timeouts := []time.Duration{1, 2, 4, 8, 16, 32, 32, 32, 32}
	for i := range pauses {
		for j, server := range []string{"a", "b"} {
			want := Try{Server: server, Timeout: timeouts[i] * time.Second}
			if j == 0 {
				want.Pause = pauses[i] * time.Millisecond
			}
			if got, ok := r.Next(s, 0); !ok || got != want {
				t.Errorf("round %d: %+v, want %+v", i+1, got, want)
			}
		}
	}
	for range 1000 { // no shift is too far
		if got, _ := r.Next(s, 0); got.Pause != longestPause || got.Timeout != longestTimeout {
			t.Fatalf("%+v", got)
		}
		r.Next(s, 0)
	}
}

// TestRenew has a request ask the head of a new view next, not those who were left of the round.
func TestRenew(t *testing.T) {
	s := NewServers([]string{"a", "b", "c", "d"})
	r := NewRequest(true)
	next := func() string {
		try, _ := r.Next(s, 0)
		return try.Server
	}
	got := []string{next()}
	s.Adopt(View{Chain: 1, Epoch: 1, Members: []string{"d"}})
	got = append(got, next())
	r.Renew()
	if got = append(got, next()); !slices.Equal(got, []string{"a", "b", "d"}) {
		t.Errorf("it asks %v, want a b d", got)
	}
}

// TestStrangersAreLeftOut has a request not ask a server that was in its round and is in another chain, as was told since; and wait where there is no other,
// with no more patience afterwards than it had.
func TestStrangersAreLeftOut(t *testing.T) {
	s := NewServers([]string{"a", "b", "c"})
	s.Adopt(View{Chain: 7, Epoch: 1, Members: []string{"a", "b"}})
	r := NewRequest(true)
	r.Next(s, 0)
	s.Told("b", View{Chain: 8, Epoch: 1, Members: []string{"b"}})
	if try, _ := r.Next(s, 0); try.Server != "c" {
		t.Errorf("it asks %s, want c", try.Server)
	}
	s.Told("a", View{Chain: 8, Epoch: 1, Members: []string{"b"}})
	s.Told("c", View{Chain: 8, Epoch: 1, Members: []string{"b"}})
	for range 100 {
		if try, ok := r.Next(s, 0); ok {
			t.Fatalf("it asks %s", try.Server)
		}
	}
	s.Looked()
	if try, ok := r.Next(s, 0); !ok || try != (Try{shortestPause, "b", 2 * shortestTimeout}) {
		t.Errorf("the next try is %+v, %t", try, ok)
	}
}

// TestReadsAndWrites has a write ask the head, and a read the nearest.
func TestReadsAndWrites(t *testing.T) {
	s := known()
	s.Measured("c", time.Millisecond)
	for write, want := range map[bool]string{true: "a", false: "c"} {
		if got, _ := NewRequest(write).Next(s, 0); got.Server != want {
			t.Errorf("with write %t it asks %s, want %s", write, got.Server, want)
		}
	}
}

func TestNobodyToAsk(t *testing.T) {
	if try, ok := NewRequest(true).Next(NewServers(nil), 0); ok {
		t.Errorf("without a server the next try is %+v", try)
	}
}
