package workload

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
)

const (
	// theta is YCSB's constant: the larger, the more uneven.
	theta = 0.99
	// scatterRanks is over how many ranks popularity is drawn before it is scattered over the keys. It is YCSB's number: so the hottest key has
	// about the same share of the requests with any number of keys.
	scatterRanks = 10_000_000_000
	// exactTerms is how many terms of zeta are summed; the rest is an integral, which is then right to ten digits.
	exactTerms = 1000
)

// zipf draws ranks from 0 to n-1, the rank r with a probability in proportion to 1/(r+1)^theta: the algorithm of Gray et al., SIGMOD '94, section 3.2.
type zipf struct {
	n                 uint64
	zetaN, alpha, eta float64
}

func newZipf(n uint64) zipf {
	z := zipf{n: n, zetaN: zeta(n), alpha: 1 / (1 - theta)}
	z.eta = (1 - math.Pow(2/float64(n), 1-theta)) / (1 - zeta(2)/z.zetaN)
	return z
}

// rank is the rank for u of [0, 1). With n of 1 or 2 the first two cases are all there are.
func (z *zipf) rank(u float64) uint64 {
	switch uz := u * z.zetaN; {
	case uz < 1 || z.n < 2:
		return 0
	case uz < 1+math.Pow(0.5, theta) || z.n == 2:
		return 1
	}
	return min(uint64(float64(z.n)*math.Pow(z.eta*u-z.eta+1, z.alpha)), z.n-1)
}

// head is the sum of the first terms of zeta, by how many they are.
var head = func() (sums [exactTerms + 1]float64) {
	for i := 1; i <= exactTerms; i++ {
		sums[i] = sums[i-1] + math.Pow(float64(i), -theta)
	}
	return sums
}()

// zeta is the sum of 1/i^theta for i from 1 to n. Beyond the first terms it is that of Euler and Maclaurin, so that n may be large, and may grow.
func zeta(n uint64) float64 {
	if n <= exactTerms {
		return head[n]
	}
	a, b := float64(exactTerms), float64(n)
	term := func(x float64) float64 { return math.Pow(x, -theta) }
	slope := func(x float64) float64 { return -theta * math.Pow(x, -theta-1) }
	return head[exactTerms] + (math.Pow(b, 1-theta)-math.Pow(a, 1-theta))/(1-theta) + (term(b)-term(a))/2 + (slope(b)-slope(a))/12
}

// scatter is the key, of n, that has the rank: popular ones lie anywhere. Several ranks may meet at one key, as in YCSB.
func scatter(rank, n uint64) uint64 {
	h := fnv.New64a()
	var b [8]byte
	for i := range b {
		b[i] = byte(rank >> (8 * i))
	}
	h.Write(b[:])
	return h.Sum64() % n
}

// popularity is drawn over the same ranks by all.
var popularity = newZipf(scatterRanks)

// choose draws a key of n.
func (c chooser) choose(random *rand.Rand, recent *zipf, n uint64) uint64 {
	switch c {
	case scattered:
		return scatter(popularity.rank(random.Float64()), n)
	case latest:
		if recent.n != n {
			*recent = newZipf(n)
		}
		return n - 1 - recent.rank(random.Float64())
	}
	return random.Uint64N(n)
}
