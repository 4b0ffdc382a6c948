package chain

import (
	"strings"
	"testing"
	"time"
)

func TestParseID(t *testing.T) {
	for _, id := range []uint64{0, 1, 0xabcdef, 1<<64 - 1} {
		if got, err := ParseID(ID(id).String()); err != nil || got != ID(id) {
			t.Errorf("ParseID(%v) = %v, %v", ID(id), got, err)
		}
		if got, err := ParseNodeID(NodeID(id).String()); err != nil || got != NodeID(id) {
			t.Errorf("ParseNodeID(%v) = %v, %v", NodeID(id), got, err)
		}
	}
	for _, bad := range []string{
		"", "1", "000000000000000", "00000000000000000", "000000000000000g", "+00000000000000f", "-00000000000000f", "0x00000000000001",
		"0_0000000000000f", " 00000000000000f", "00000000000000\x00f", "é00000000000000",
	} {
		if got, err := ParseID(bad); err == nil {
			t.Errorf("ParseID(%q) = %v", bad, got)
		} else if !strings.HasPrefix(err.Error(), "chain: ") {
			t.Errorf("ParseID(%q): %v", bad, err)
		}
		if got, err := ParseNodeID(bad); err == nil {
			t.Errorf("ParseNodeID(%q) = %v", bad, got)
		}
	}
}

// TestParseIDIsOneToOne: two texts never name the same id, else two records at the coordinator could.
func TestParseIDIsOneToOne(t *testing.T) {
	if id, err := ParseID("00000000000000AB"); err == nil && id.String() != "00000000000000AB" {
		t.Errorf("00000000000000AB is read as %v", id)
	}
}

func TestConfigValidate(t *testing.T) {
	good := func() Config {
		return Config{Self: Member{MemberID: MemberID{Node: 1}}, SessionTimeout: time.Second, NewChain: 1}
	}
	c := good()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Config){
		"Self.Node":      func(c *Config) { c.Self.Node = 0 },
		"SessionTimeout": func(c *Config) { c.SessionTimeout = 19 * time.Millisecond },
		"NewChain":       func(c *Config) { c.NewChain = 0 },
		"negative":       func(c *Config) { c.Target = -1 },
		"negative bound": func(c *Config) { c.MaxPending = -1 },
		"bound":          func(c *Config) { c.MaxMemory = -1 },
	} {
		c := good()
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.HasPrefix(err.Error(), "chain: config: ") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := New(c); err == nil {
			t.Errorf("%s: New takes it", name)
		}
	}
}

func TestView(t *testing.T) {
	m := func(n int) Member { return Member{MemberID: MemberID{NodeID(n), 1}} }
	v := View{Epoch: 4, Members: []Member{m(1), m(2), m(3)}, Learner: m(4)}
	if v.Head() != m(1) || v.Tail() != m(3) || (View{}).Head() != (Member{}) || (View{}).Tail() != (Member{}) {
		t.Error("head or tail")
	}
	for _, x := range []struct{ of, before, after int }{{1, 0, 2}, {2, 1, 3}, {3, 2, 4}, {4, 3, 0}, {5, 0, 0}} {
		want := func(n int) Member {
			if n == 0 {
				return Member{}
			}
			return m(n)
		}
		if got, ok := v.predecessor(m(x.of).MemberID); got != want(x.before) || ok != (x.before > 0) {
			t.Errorf("predecessor of %d: %v", x.of, got)
		}
		if got, ok := v.successor(m(x.of).MemberID); got != want(x.after) || ok != (x.after > 0) {
			t.Errorf("successor of %d: %v", x.of, got)
		}
	}
	if _, ok := v.predecessor(MemberID{}); ok {
		t.Error("nobody has a predecessor")
	}
	if _, ok := (View{Members: v.Members}).Find(MemberID{}); ok {
		t.Error("nobody is found in a view without a learner")
	}
	next := v.without(func(id MemberID) bool { return id.Node == 1 || id.Node == 4 })
	if next.Epoch != 5 || len(next.Members) != 2 || next.Head() != m(2) || next.Learner != (Member{}) || len(v.Members) != 3 || v.Head() != m(1) {
		t.Errorf("without: %v, and now %v", next, v)
	}
}
