package system_test

import (
	"slices"
	"testing"
)

// TestNoticed has a server that is dead by now have noticed that bytes were changed.
func TestNoticed(t *testing.T) {
	const notice = "msg=x error=\"frame does not check\""
	fake := func(running bool, lines ...string) *server {
		s := &server{t: t, ended: make(chan struct{}), lines: lines}
		if !running {
			close(s.ended)
		}
		return s
	}
	for _, c := range []struct {
		name    string
		server  *server
		spoiled int64
		want    bool
	}{
		{"noticed", fake(true, "a", notice), 9, true},
		{"not noticed", fake(true, "a", "b"), 9, false},
		{"hardly any", fake(true), 2, true},
		{"noticed, and dead", fake(false, notice), 9, true},
		{"dead before it could notice", fake(false), 9, true},
	} {
		p := &proxy{}
		p.spoiled.Store(c.spoiled)
		r := &trial{network: &network{places: map[*server]*place{c.server: {in: p}, fake(true): {in: &proxy{}}}}}
		if got := r.noticed(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestGarbageApart has a flood, of which a server logs only some, never hide that it noticed changed bytes.
func TestGarbageApart(t *testing.T) {
	of := func(name string) *fault {
		return &faults[slices.IndexFunc(faults, func(f fault) bool { return f.name == name })]
	}
	if bytes, flood := of("change bytes on a link"), of("flood two servers with connections"); bytes.goes(flood) || flood.goes(bytes) {
		t.Error("they go together")
	}
}
