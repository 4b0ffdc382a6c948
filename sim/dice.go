package sim

import (
	"math/rand/v2"
	"time"
)

// dice is one source of chance. A run has several, each made from the seed and from what it is for: so what is left out of a run
// (Options.Drop) does not change the throws of the rest.
type dice struct{ *rand.Rand }

// What dice are for, beside those of the world.
const (
	diceClient = iota + 1
	diceFault
	diceTimes
	diceDisk
)

// newDice makes the dice that these numbers name.
func newDice(numbers ...uint64) dice {
	var h hash
	h.mix(numbers...)
	return dice{rand.New(rand.NewPCG(numbers[0], uint64(h)))}
}

// chance is true with probability p.
func (d dice) chance(p float64) bool { return p > 0 && d.Float64() < p }

// between is a random time in a range; rarely it is much longer, as delays are.
func (d dice) between(r Range) time.Duration {
	if r.Max <= r.Min {
		return r.Min
	}
	t := r.Min + time.Duration(d.Int64N(int64(r.Max-r.Min)))
	if r.Rare > 0 && d.Float64() < 0.01 {
		t += time.Duration(d.Int64N(int64(r.Rare)))
	}
	return t
}

// soon is a random time of about t: exponential, so that anything may follow anything.
func (d dice) soon(t time.Duration) time.Duration {
	return time.Duration(min(d.ExpFloat64(), 8) * float64(t))
}

// hash is FNV-1a over words.
type hash uint64

func (h *hash) mix(numbers ...uint64) {
	if *h == 0 {
		*h = 14695981039346656037
	}
	for _, n := range numbers {
		*h = (*h ^ hash(n)) * 1099511628211
	}
}
