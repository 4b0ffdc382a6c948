package local_test

import (
	"reflect"
	"testing"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/local"
)

// TestHistory reads old states: each exactly as it was, and the oldest one for what is forgotten.
func TestHistory(t *testing.T) {
	const changes = 3 * local.History
	s := local.NewStore()
	if s.Index() != 0 || len(s.List()) != 0 {
		t.Fatalf("a new store: index %d, %v", s.Index(), s.List())
	}
	want(t, "Register", s.Register(registration(1)), nil)
	for version := range int64(changes) {
		_, err := s.Heartbeat(at(1, version))
		want(t, "Heartbeat", err, nil)
	}
	for back := range uint64(local.History) {
		list := s.ListAt(s.Index() - back)
		if len(list) != 1 || list[0].Version != int64(changes-back) {
			t.Fatalf("%d changes ago: %v", back, list)
		}
	}
	oldest := s.ListAt(s.Index() - local.History + 1)
	if got := s.ListAt(0); !reflect.DeepEqual(got, oldest) {
		t.Errorf("what is forgotten: got version %d, want %d", got[0].Version, oldest[0].Version)
	}
	if got := s.ListAt(s.Index() + 1); !reflect.DeepEqual(got, s.List()) {
		t.Errorf("what is to come: got version %d", got[0].Version)
	}
	if _, err := s.ViewAt(1); coord.Outcome(err) != chain.OutcomeMissing {
		t.Errorf("ViewAt: %v", err)
	}
}

func TestWipe(t *testing.T) {
	s, c := open(t, local.Faults{})
	want(t, "Register", s.Register(registration(1)), nil)
	hasNews(c)
	before := s.Index()
	s.Wipe()
	wantVersion(t, c, false, -1)
	if len(s.List()) != 0 || s.Index() != before+1 || !hasNews(c) {
		t.Fatalf("after Wipe: %v, index %d", s.List(), s.Index())
	}
	want(t, "Change", s.Change(ask(0)), coord.ErrMissing)
	want(t, "Change", s.Change(ask(-1)), nil)
	wantVersion(t, c, false, 0)
}

func TestFull(t *testing.T) {
	s := local.NewStore()
	for n := range local.MaxRegistrations {
		want(t, "Register", s.Register(registration(chain.NodeID(n+1))), nil)
	}
	want(t, "Register in a full store", s.Register(registration(1<<40)), coord.ErrInvalid)
	want(t, "Delete", s.Delete(at(7, 0)), nil)
	want(t, "Register", s.Register(registration(1<<40)), nil)
}

func BenchmarkHeartbeat(b *testing.B) {
	s := local.NewStore()
	for n := range chain.NodeID(5) {
		_ = s.Register(registration(n + 1))
	}
	for i := range b.N {
		if _, err := s.Heartbeat(at(1, int64(i))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkView(b *testing.B) {
	s := local.NewStore()
	_ = s.Change(ask(-1))
	for b.Loop() {
		_, _ = s.View()
	}
}
