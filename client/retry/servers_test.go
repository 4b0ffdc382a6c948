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
		{"one of another chain is, whatever its epoch: the coordinator knows", View{8, 1, []string{"b"}}, true},
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

// TestTold has a client keep to its chain while a member of it tells that it lives, and go over to another one afterwards.
func TestTold(t *testing.T) {
	// What a server tells, and to whom a read goes then.
	type word struct {
		address string
		view    View
	}
	ours := View{7, 3, []string{"a", "b", "c"}}
	other := View{8, 1, []string{"x", "y"}}
	silent := View{}
	for _, c := range []struct {
		claim string
		words []word
		chain uint64
		asked string // by a write, in order
	}{
		{"a later view of the chain is taken", []word{{"s1", View{7, 4, []string{"b", "c"}}}}, 7, "b c s1 s2"},
		{"a server of another chain is not asked", []word{{"a", ours}, {"b", ours}, {"c", ours}, {"s1", other}}, 7, "a b c s2"},
		{"one member that tells the chain is enough", []word{{"s1", other}, {"a", silent}, {"b", other}, {"c", ours}}, 7, "a c s2"},
		{"and so is one that was not asked yet", []word{{"s1", other}, {"a", silent}, {"b", silent}}, 7, "a b c s2"},
		{"where all members are silent, another chain is followed", []word{{"s1", other}, {"a", silent}, {"b", silent}, {"c", silent}}, 8, "x y s1 s2"},
		{"those that were there once are silent like the others", []word{{"s1", other}, {"a", ours}, {"a", silent}, {"b", silent}, {"c", silent}}, 8, "x y s1 s2"},
		{"where no other is known, none is", []word{{"s1", silent}, {"a", silent}, {"b", silent}, {"c", silent}}, 7, "a b c s1 s2"},
		{"where all members are in another chain, that is followed", []word{{"a", other}, {"b", other}, {"c", other}}, 8, "x y s1 s2"},
		{"members' word counts before that of others", []word{{"s1", View{9, 1, []string{"z"}}}, {"a", silent}, {"b", other}, {"c", silent}}, 8, "x y s2"},
		{"one of another chain that is silent now is not followed", []word{{"s1", other}, {"s1", silent}, {"a", silent}, {"b", silent}, {"c", silent}}, 7, "a b c s2"},
		{"one that has come back to the chain is asked again", []word{{"s1", other}, {"s1", ours}}, 7, "a b c s1 s2"},
	} {
		s := known()
		for _, w := range c.words {
			s.Told(w.address, w.view)
		}
		s.Looked()
		if got := strings.Join(s.order(true, 0), " "); s.View().Chain != c.chain || got != c.asked {
			t.Errorf("%s: it asks %s of chain %d, want %s of %d", c.claim, got, s.View().Chain, c.asked, c.chain)
		}
		if s.Looked() {
			t.Errorf("%s: it has changed its mind", c.claim)
		}
	}
}

// TestFirstView has the first of two chains be followed, and everybody be asked before.
func TestFirstView(t *testing.T) {
	s := NewServers([]string{"s1", "s2"})
	s.Told("s1", View{})
	if got := strings.Join(s.order(true, 0), " "); got != "s1 s2" {
		t.Errorf("before the first view it asks %s, want s1 s2", got)
	}
	if !s.Told("s2", View{8, 1, []string{"s2"}}) || s.Told("s1", View{7, 5, []string{"s1"}}) || s.Looked() || s.View().Chain != 8 {
		t.Errorf("the view is %v, want that which came first", s.View())
	}
	if got := s.Strangers(); len(got) != 1 || got["s1"] != 7 {
		t.Errorf("in other chains are %v, want s1 in 7", got)
	}
}

// TestMembersAreAskedAnew has what a server told before it was a member not be held against it: then it was silent, and now it may serve.
func TestMembersAreAskedAnew(t *testing.T) {
	s := known()
	s.Told("s1", View{})
	s.Told("s2", View{8, 1, []string{"s2"}})
	s.Told("a", View{7, 4, []string{"s1"}})
	if s.Looked() {
		t.Errorf("it follows %v, although the member was not asked yet", s.View())
	}
	if s.Told("s1", View{}); !s.Looked() || s.View().Chain != 8 {
		t.Errorf("it follows %v, although no member tells it", s.View())
	}
	if !s.Adopt(View{7, 5, []string{"s1"}}) || s.View().Chain != 7 {
		t.Errorf("it follows %v, and not the coordinator", s.View())
	}
}

// TestAdoptForgets has nothing be kept of servers that are gone: there may be ever new ones.
func TestAdoptForgets(t *testing.T) {
	s := known()
	for _, address := range []string{"a", "b", "s1"} {
		s.Measured(address, time.Millisecond)
		s.Failed(address, 0)
		s.Told(address, View{})
	}
	s.Adopt(View{Chain: 7, Epoch: 4, Members: []string{"b"}})
	for address, want := range map[string]bool{"a": false, "b": true, "s1": true} {
		if _, is := s.delay[address]; is != want {
			t.Errorf("the delay of %s is kept: %t, want %t", address, is, want)
		}
		if _, is := s.suspect[address]; is != want {
			t.Errorf("the suspicion of %s is kept: %t, want %t", address, is, want)
		}
		if _, is := s.told[address]; is != (address == "s1") {
			t.Errorf("what %s told is kept: %t", address, is)
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
