package chain

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// plainLog does what entryLog does, by looking at every entry.
type plainLog struct {
	base    Position
	entries []Entry
}

func (l *plainLog) last() Position {
	if len(l.entries) == 0 {
		return l.base
	}
	return l.entries[len(l.entries)-1].Position()
}

func (l *plainLog) holds(p Position) bool {
	return p == l.base || slices.ContainsFunc(l.entries, func(e Entry) bool { return e.Position() == p })
}

func (l *plainLog) floor(seq Seq) Position {
	p := l.base
	for _, e := range l.entries {
		if e.Seq <= seq {
			p = e.Position()
		}
	}
	return p
}

func (l *plainLog) above(seq Seq) (n int, size uint64) {
	for _, e := range l.entries {
		if e.Seq > seq {
			n++
			size += uint64(e.bytes())
		}
	}
	return n, size
}

func (l *plainLog) truncate(seq Seq) {
	l.entries = slices.DeleteFunc(l.entries, func(e Entry) bool { return e.Seq > seq })
}

func (l *plainLog) compact(seq Seq, keep uint64) {
	for len(l.entries) > 0 && l.entries[0].Seq <= seq {
		if _, size := l.above(l.base.Seq); size <= keep {
			return
		}
		l.base, l.entries = l.entries[0].Position(), l.entries[1:]
	}
}

func TestEntryLogAgainstItsTwin(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		base := Position{Seq(rng.IntN(3) * 10), Epoch(rng.IntN(2))}
		l, twin := entryLog{base: base}, plainLog{base: base}
		for range 300 {
			near := l.base.Seq + Seq(rng.IntN(40))
			switch rng.IntN(8) {
			default:
				last := l.last()
				e := Entry{Seq: last.Seq + 1, Epoch: last.Epoch, Command: make([]byte, rng.IntN(300))}
				if rng.IntN(6) == 0 {
					e.Seq, e.Epoch = e.Seq+Seq(rng.IntN(9)), e.Epoch+1
				}
				l.push(e)
				twin.entries = append(twin.entries, e)
			case 0:
				if near >= l.base.Seq {
					l.truncate(near)
					twin.truncate(near)
				}
			case 1:
				keep := uint64(rng.IntN(3000))
				l.compact(near, keep)
				twin.compact(near, keep)
			}
			for probe := l.base.Seq; probe < l.last().Seq+3; probe++ {
				n, size := twin.above(probe)
				p := Position{probe, Epoch(rng.IntN(5))}
				if l.after(probe) != len(twin.entries)-n || l.bytesAfter(probe) != size || l.floor(probe) != twin.floor(probe) || l.holds(p) != twin.holds(p) {
					t.Fatalf("seed %d: they differ at %v: after %d %d, bytes %d %d, floor %v %v, holds %v %v", seed, p,
						l.after(probe), len(twin.entries)-n, l.bytesAfter(probe), size, l.floor(probe), twin.floor(probe), l.holds(p), twin.holds(p))
				}
			}
			if l.last() != twin.last() || l.base != twin.base {
				t.Fatalf("seed %d: last %v %v, base %v %v", seed, l.last(), twin.last(), l.base, twin.base)
			}
		}
	}
}

func TestEntryLogRefusesWhatDoesNotRise(t *testing.T) {
	for _, seq := range []Seq{0, 4, 5} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("push of %d behind 5 did not panic", seq)
				}
			}()
			l := entryLog{base: Position{5, 1}}
			l.push(Entry{Seq: seq, Epoch: 2})
		}()
	}
}
