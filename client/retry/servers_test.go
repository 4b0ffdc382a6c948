package retry

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// known is servers s1 and s2 as seeds, and a view of a, b and c.
func known() *Servers {
	s := NewServers([]string{"s1", "s2"})
	s.Adopt(View{Chain: 7, Epoch: 3, Members: []string{"a", "b", "c"}})
	return s
}

func TestWhoIsAskedFirst(t *testing.T) {
	const write, read = true, false
	for _, c := range []struct {
		claim string
		write bool
		know  func(*Servers)
		want  string
	}{
		{"a write goes to the head, then down the chain, then to the seeds", write, func(*Servers) {}, "a b c s1 s2"},
		{"a write does not mind how far the head is", write, func(s *Servers) {
			s.Measured("a", time.Second)
			s.Measured("c", time.Millisecond)
		}, "a b c s1 s2"},
		{"a head that has failed is asked last", write, func(s *Servers) { s.Failed("a", 0) }, "b c s1 s2 a"},
		{"until it has answered", write, func(s *Servers) {
			s.Failed("a", 0)
			s.Answered("a")
		}, "a b c s1 s2"},
		{"a read goes to the nearest member, then to the next", read, func(s *Servers) {
			s.Measured("a", 9*time.Millisecond)
			s.Measured("b", 5*time.Millisecond)
			s.Measured("c", time.Millisecond)
		}, "c b a s1 s2"},
		{"one that was never measured is far", read, func(s *Servers) { s.Measured("b", time.Second) }, "b a c s1 s2"},
		{"a seed is asked after the members, however near it is", read, func(s *Servers) {
			s.Measured("a", time.Second)
			s.Measured("s1", time.Millisecond)
		}, "a b c s1 s2"},
		{"a nearest that has failed is left", read, func(s *Servers) {
			s.Measured("b", time.Millisecond)
			s.order(read, 0)
			s.Failed("b", 0)
		}, "a c s1 s2 b"},
		{"a seed that is a member is asked once", write, func(s *Servers) {
			s.Adopt(View{Chain: 7, Epoch: 4, Members: []string{"s2", "b"}})
		}, "s2 b s1"},
	} {
		s := known()
		c.know(s)
		if got := strings.Join(s.order(c.write, time.Millisecond), " "); got != c.want {
			t.Errorf("%s: asks %s, want %s", c.claim, got, c.want)
		}
	}
}

// TestReadsStay has reads go to another member only if that is clearly nearer.
func TestReadsStay(t *testing.T) {
	s := known()
	s.Measured("a", 10*time.Millisecond)
	s.order(false, 0)
	for _, c := range []struct {
		delay time.Duration
		want  string
	}{{9 * time.Millisecond, "a"}, {7 * time.Millisecond, "b"}} {
		s.delay["b"] = c.delay
		if got := s.order(false, 0)[0]; got != c.want {
			t.Errorf("with %v against 10ms a read goes to %s, want %s", c.delay, got, c.want)
		}
	}
}

// TestReadsDoNotReturn has reads that have left a member that failed come back to it only if it is clearly nearer.
func TestReadsDoNotReturn(t *testing.T) {
	s := known()
	s.Measured("a", 10*time.Millisecond)
	s.Measured("b", 11*time.Millisecond)
	s.order(false, 0)
	s.Failed("a", 0)
	for _, now := range []time.Duration{0, shortestSuspicion} {
		if got := s.order(false, now)[0]; got != "b" {
			t.Errorf("at %v a read goes to %s, want b", now, got)
		}
	}
}

// TestMeasured has one slow answer move the delay a little, and many all of it.
func TestMeasured(t *testing.T) {
	s := known()
	s.Measured("a", 10*time.Millisecond)
	s.Measured("a", 50*time.Millisecond)
	if got := s.delay["a"]; got != 20*time.Millisecond {
		t.Errorf("after one slow answer %v, want 20ms", got)
	}
	for range 30 {
		s.Measured("a", 50*time.Millisecond)
	}
	if got := s.delay["a"].Round(time.Millisecond); got != 50*time.Millisecond {
		t.Errorf("after many %v, want 50ms", got)
	}
}

// TestSuspicion has a server be suspected for longer each time it fails again, and as before once it has answered.
func TestSuspicion(t *testing.T) {
	s := known()
	now := time.Duration(0)
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 32} {
		s.Failed("a", now)
		s.Failed("a", now+time.Millisecond) // with it: it counts once
		want *= time.Second
		if !s.suspected("a", now+want-1) || s.suspected("a", now+want) {
			t.Errorf("it is suspected until %v, want %v after %v", s.suspect["a"].until, want, now)
		}
		now += want
	}
	s.Answered("a")
	if s.suspected("a", now) {
		t.Error("it is suspected although it has answered")
	}
	if s.Failed("a", now); s.suspected("a", now+shortestSuspicion) {
		t.Error("it is suspected for longer although it had answered")
	}
}

func TestAdopt(t *testing.T) {
	for _, c := range []struct {
		claim string
		view  View
		want  bool
	}{
		{"a later view is news", View{7, 4, []string{"b"}}, true},
		{"the same is not", View{7, 3, []string{"b"}}, false},
		{"an older one is not", View{7, 2, []string{"b"}}, false},
		{"one of another chain is, whatever its epoch", View{8, 1, []string{"b"}}, true},
		{"one without members is not", View{8, 9, nil}, false},
	} {
		s := known()
		want := s.View()
		if c.want {
			want = c.view
		}
		if got := s.Adopt(c.view); got != c.want || s.View().Chain != want.Chain || !slices.Equal(s.View().Members, want.Members) {
			t.Errorf("%s: %t, and the view is %v", c.claim, got, s.View())
		}
	}
}

// TestAdoptForgets has nothing be kept of servers that are gone: there may be ever new ones.
func TestAdoptForgets(t *testing.T) {
	s := known()
	for _, address := range []string{"a", "b", "s1"} {
		s.Measured(address, time.Millisecond)
		s.Failed(address, 0)
	}
	s.Adopt(View{Chain: 7, Epoch: 4, Members: []string{"b"}})
	for address, want := range map[string]bool{"a": false, "b": true, "s1": true} {
		if _, is := s.delay[address]; is != want {
			t.Errorf("the delay of %s is kept: %t, want %t", address, is, want)
		}
		if _, is := s.suspect[address]; is != want {
			t.Errorf("the suspicion of %s is kept: %t, want %t", address, is, want)
		}
	}
}

// TestAdoptCopies has the caller keep its slice, and All's caller change what it got.
func TestAdoptCopies(t *testing.T) {
	s := NewServers(nil)
	members := []string{"a", "b"}
	s.Adopt(View{Chain: 7, Epoch: 1, Members: members})
	members[0] = "x"
	s.All()[1] = "y"
	if got := strings.Join(s.All(), " "); got != "a b" {
		t.Errorf("members are %s, want a b", got)
	}
}
