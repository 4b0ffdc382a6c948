package chain

import (
	"errors"
	"testing"
	"time"
)

// The sum that most hold is right; in a tie that which stands first in the chain. Who has none has no say.
func TestMostHeld(t *testing.T) {
	a, b, c, none := Sum{Known: true, Sum: 1}, Sum{Known: true}, Sum{Known: true, Sum: 1 << 63}, Sum{}
	taught := func(s Sum) Sum { return Sum{Known: true, Sum: s.Sum, Learned: true} }
	for _, x := range []struct {
		name string
		sums []Sum
		want Sum
	}{
		{"all agree", []Sum{a, a, a}, a},
		{"the head differs", []Sum{a, b, b}, b},
		{"the tail differs", []Sum{a, a, c}, a},
		{"two: the head counts", []Sum{c, a}, c},
		{"a tie among four", []Sum{a, b, b, a}, a},
		{"a tie without the head's", []Sum{c, a, b, b, a}, a},
		{"all differ", []Sum{b, a, c}, b},
		{"who has none", []Sum{none, none, b, none}, b},
		{"the head has none", []Sum{none, b, a}, b},
		{"nobody has one", []Sum{none, none}, none},
		{"those whom the tail taught have no say", []Sum{a, b, taught(b), taught(b)}, a},
		{"nor those before it", []Sum{taught(b), a, taught(b)}, a},
		{"unless all were taught", []Sum{taught(b), taught(a), none, taught(a)}, a},
	} {
		if got := mostHeld(x.sums); got != x.want.Sum {
			t.Errorf("%s: %x, want %x", x.name, got, x.want.Sum)
		}
	}
}

// The first entry at or beyond each multiple of 64 is a mark, wherever a table began; the newest are remembered, and no more than are needed.
func TestMarks(t *testing.T) {
	var d digests
	for _, x := range []struct {
		prev, seq Seq
		mark      bool
	}{{0, 1, false}, {62, 63, false}, {63, 64, true}, {64, 65, false}, {60, 65, true}, {65, 127, false}, {3, 65_540, true}} {
		if got := d.handOut(x.prev, &Entry{Seq: x.seq}); got != x.mark {
			t.Errorf("%d behind %d: a mark: %t, want %t", x.seq, x.prev, got, x.mark)
		}
	}
	d = digests{}
	last := Seq(4 * MaxUncommitted)
	for seq := Seq(1); seq <= last; seq++ {
		if d.handOut(seq-1, &Entry{Seq: seq}) {
			d.applied([]uint64{uint64(seq) * 3})
		}
	}
	if len(d.marks) != maxMarks || cap(d.marks) > 4*maxMarks {
		t.Errorf("remembers %d of room for %d, want %d", len(d.marks), cap(d.marks), maxMarks)
	}
	for _, seq := range []Seq{last, last - 64, last - MaxUncommitted, last - 2*MaxUncommitted + 64} {
		if got := d.sum(seq); got != (Sum{Known: true, Sum: uint64(seq) * 3}) {
			t.Errorf("at %d: %v", seq, got)
		}
	}
	for _, seq := range []Seq{0, 64, last - 2*MaxUncommitted, last - 1, last + 64, 1<<64 - 1} {
		if got := d.sum(seq); got != (Sum{}) {
			t.Errorf("at %d, which is no mark or forgotten: %v", seq, got)
		}
	}
}

// A list counts only from those who can have made it: one that is under way from the predecessor, the whole one from the tail, and nothing of
// another epoch.
func TestListsOfOthersAreDropped(t *testing.T) {
	c := chainOf(t, 4)
	r := c.servers[2].r
	wrong := func(n int) []Sum {
		sums := make([]Sum, n)
		for i := range sums {
			sums[i] = Sum{Known: true, Sum: uint64(min(i, 1))} // most differ from the head
		}
		return sums
	}
	older := c.mail(4, 2, Digest{3, wrong(4)})
	older.Epoch--
	for _, env := range []Envelope{
		c.mail(1, 2, Digest{3, nil}),
		c.mail(3, 2, Digest{3, wrong(1)}),
		c.mail(1, 2, Digest{3, wrong(2)}),
		c.mail(1, 2, Digest{3, wrong(4)}),
		c.mail(4, 2, Digest{3, wrong(3)}),
		c.mail(4, 2, Digest{3, wrong(5)}),
		older,
	} {
		r.Step(c.now, Received{env})
		if r.digest.waits != nil || r.counts.Digests != 0 {
			t.Errorf("%s at epoch %d is taken", c.show(env), env.Epoch)
		}
	}
	// Its own sum is unknown, so that it agrees with all.
	r.Step(c.now, Received{c.mail(4, 2, Digest{3, []Sum{{Known: true, Sum: 1}, {}, {Known: true, Sum: 2}, {Known: true, Sum: 1}}})})
	if r.counts.Digests != 1 || r.counts.Differing != 1 || r.digest.err != nil {
		t.Errorf("the whole list from the tail: %+v, %v", r.counts, r.digest.err)
	}
}

// A list that comes before its entry has been applied waits for that; there is room for one, the newest.
func TestListWaitsForItsEntry(t *testing.T) {
	c := chainOf(t, 3)
	r := c.servers[2].r
	next := r.applied + 1
	for _, seq := range []Seq{1 << 63, next} {
		r.Step(c.now, Received{c.mail(1, 2, Digest{seq, []Sum{{Known: true, Sum: 1}}})})
		if out := r.Ready(); len(out.Send) > 0 {
			t.Errorf("at %d: sends %v", seq, out.Send)
		}
	}
	r.applied, r.applying = next, next // the rest of applying an entry is not what this is about
	out := r.Ready()
	if len(out.Send) != 1 || c.show(out.Send[0]) != c.show(c.mail(2, 3, Digest{next, []Sum{{Known: true, Sum: 1}, {}}})) {
		t.Errorf("sends %v", out.Send)
	}
}

// A lost list is asked for again, no more often than once a second; one that has come whole is not.
func TestHeadComparesEachMarkOnce(t *testing.T) {
	c := chainOf(t, 2)
	r := c.servers[1].r
	asked := func() (n int) {
		for _, env := range r.Ready().Send {
			if _, is := env.Message.(Digest); is {
				n++
			}
		}
		return n
	}
	r.digest.marks = []mark{{1, 7}}
	for _, x := range []struct {
		passed time.Duration
		want   int
	}{{0, 1}, {digestEvery - 1, 0}, {1, 1}, {digestEvery, 1}} {
		c.now = c.now.Add(x.passed)
		r.Step(c.now, Tick{})
		if got := asked(); got != x.want {
			t.Errorf("after %v: asks %d times, want %d", x.passed, got, x.want)
		}
	}
	r.Step(c.now, Received{c.mail(2, 1, Digest{1, []Sum{{Known: true, Sum: 7}, {Known: true, Sum: 7}}})})
	c.now = c.now.Add(2 * digestEvery)
	r.Step(c.now, Tick{})
	if got := asked(); got != 0 {
		t.Error("asks for what has come")
	}
}

// The runtime marks the data directory of a server that ends because of this.
func TestWhoDiffersHaltsWithItsReason(t *testing.T) {
	c := chainOf(t, 3)
	r := c.servers[2].r
	r.digest.marks = []mark{{1, 7}}
	r.Step(c.now, Received{c.mail(3, 2, Digest{1, []Sum{{Known: true, Sum: 8}, {Known: true, Sum: 7}, {Known: true, Sum: 8}}})})
	out := r.Ready()
	if r.Serving() || r.Gate().Leased(r.Gate().Term(), c.now) || out.Halt != nil {
		t.Errorf("serves: %t, halts: %v", r.Serving(), out.Halt)
	}
	c.now = c.now.Add(c.cfg.SessionTimeout + 1)
	r.Step(c.now, Tick{})
	if out = r.Ready(); !errors.Is(out.Halt, ErrDiffers) || out.Left {
		t.Errorf("halts: %v, left: %t", out.Halt, out.Left)
	}
}
