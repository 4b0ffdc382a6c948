package table

import (
	"testing"

	"github.com/chaintable/chaintable/chain"
)

// TestLost compares lost numbers, their bound included, with a set.
func TestLost(t *testing.T) {
	random := seeded(t)
	const limit = 48
	l := lost{limit: limit}
	set := map[chain.Seq]bool{}
	next := chain.Seq(1)
	forgot := 0
	for range 2000 {
		s := span{next, next + chain.Seq(random.IntN(3))}
		next = s.last + 1
		if random.IntN(2) == 0 {
			next += chain.Seq(random.IntN(3))
		}
		before, held := l.len(), l
		kept := make([]span, 0, limit+1)
		for i := range l.len() {
			kept = append(kept, l.at(i))
		}
		if got := l.add(s); got != l.len()-before {
			t.Fatalf("add says %d more, there are %d", got, l.len()-before)
		}
		for seq := s.first; seq <= s.last; seq++ {
			set[seq] = true
		}
		// A copy, such as a snapshot has, stays as it is.
		for i := range kept {
			if held.at(i) != kept[i] {
				t.Fatalf("span %d of a copy became %v, was %v", i, held.at(i), kept[i])
			}
		}
		if l.forgotten != held.forgotten {
			forgot++
			if l.forgotten != held.at(limit/16-1).last {
				t.Fatalf("forgot up to %d of %v", l.forgotten, kept)
			}
		}
		if l.len() > limit+1 {
			t.Fatalf("%d spans", l.len())
		}
		for seq := l.forgotten + 1; seq < next+3; seq++ {
			if l.has(seq) != set[seq] {
				t.Fatalf("lost %d: %v, want %v", seq, l.has(seq), set[seq])
			}
		}
	}
	if forgot < 100 {
		t.Fatalf("forgot %d times: too few to tell", forgot)
	}
}

// TestTakeover: the numbers that a new head skipped are lost, and only they.
func TestTakeover(t *testing.T) {
	x := newWriter(Config{})
	x.put("a", "1")
	x.put("a", "2")
	const skipping = 3 + chain.MaxUncommitted
	x.Apply(&chain.Entry{Seq: skipping, Epoch: 2, Kind: chain.KindTakeover, Skipped: 3})
	x.Apply(&chain.Entry{Seq: skipping + 1, Epoch: 2, Kind: chain.KindBarrier})
	for seq, want := range map[chain.Seq]Fate{
		0: Lost, 1: Executed, 2: Executed, 3: Lost, 1000: Lost, skipping - 1: Lost,
		skipping: Executed, skipping + 1: Executed, skipping + 2: Pending, 1<<64 - 1: Pending,
	} {
		if got := x.Fate(seq); got != want {
			t.Errorf("%d is %v, want %v", seq, got, want)
		}
	}
	if x.lost.len() != 1 {
		t.Errorf("%d ranges for one takeover", x.lost.len())
	}
	// A takeover that skipped nothing, and one that claims what was executed.
	x.Apply(&chain.Entry{Seq: skipping + 2, Epoch: 3, Kind: chain.KindTakeover, Skipped: skipping + 2})
	x.Apply(&chain.Entry{Seq: skipping + 4, Epoch: 4, Kind: chain.KindTakeover, Skipped: 1})
	if x.Fate(1) != Executed || x.Fate(skipping+2) != Executed || x.Fate(skipping+3) != Lost {
		t.Errorf("fates %v %v %v", x.Fate(1), x.Fate(skipping+2), x.Fate(skipping+3))
	}
}

// TestApplyKeepsOrder: an entry that does not follow is our own mistake, and must not go unnoticed.
func TestApplyKeepsOrder(t *testing.T) {
	x := newWriter(Config{})
	x.put("a", "1")
	defer func() {
		if recover() == nil {
			t.Error("seq 1 was applied twice")
		}
		if value, _, _ := x.Get([]byte("a")); string(value) != "1" {
			t.Errorf("a is %q", value)
		}
	}()
	x.next = 1
	x.put("a", "2")
}
