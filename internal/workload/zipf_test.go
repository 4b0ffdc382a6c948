package workload

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

const draws = 200_000

// near tells that a share is within a tenth of what it should be.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > want/10 {
		t.Errorf("%s: share %.4f, want about %.4f", what, got, want)
	}
}

func TestZeta(t *testing.T) {
	// The constant of YCSB's ScrambledZipfianGenerator, which summed it term by term.
	if got, want := zeta(10_000_000_000), 26.46902820178302; math.Abs(got-want) > 1e-6 {
		t.Errorf("zeta(10^10) is %.9f, YCSB has %.9f", got, want)
	}
	sum := 0.0
	for i := uint64(1); i <= 100_000; i++ {
		sum += math.Pow(float64(i), -theta)
		if i == 1 || i == exactTerms || i == exactTerms+1 || i == 100_000 {
			if got := zeta(i); math.Abs(got-sum) > 1e-9 {
				t.Errorf("zeta(%d) is %.12f, the sum %.12f", i, got, sum)
			}
		}
	}
}

func TestZipf(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 1000, MaxKeys} {
		z := newZipf(n)
		random := rand.New(rand.NewPCG(1, n))
		counts := map[uint64]int{}
		for range draws {
			counts[z.rank(random.Float64())]++
		}
		for rank := range min(n, 2) { // the algorithm is exact for the first two
			near(t, "rank", float64(counts[rank])/draws, math.Pow(float64(rank+1), -theta)/z.zetaN)
		}
		for rank := range counts {
			if rank >= n {
				t.Errorf("rank %d of %d", rank, n)
			}
		}
		if first, last := z.rank(0), z.rank(math.Nextafter(1, 0)); first != 0 || last < n-1-n/1000 {
			t.Errorf("of %d the first is %d, the last %d", n, first, last)
		}
	}
	// Behind the first two it is an approximation: the first tenth of a thousand ranks has what it should have.
	z, random, inside := newZipf(1000), rand.New(rand.NewPCG(2, 0)), 0
	for range draws {
		if z.rank(random.Float64()) < 100 {
			inside++
		}
	}
	near(t, "first tenth", float64(inside)/draws, zeta(100)/zeta(1000))
}

func TestScatteredKeys(t *testing.T) {
	const n = 10_000
	random, counts := rand.New(rand.NewPCG(3, 0)), make([]int, n)
	for range draws {
		counts[scattered.choose(random, nil, n)]++
	}
	hottest := scatter(0, n)
	if slices.Max(counts) != counts[hottest] {
		t.Errorf("key %d was chosen %d times, another %d times", hottest, counts[hottest], slices.Max(counts))
	}
	near(t, "hottest key", float64(counts[hottest])/draws, 1/zeta(scatterRanks))
	if second := scatter(1, n); second == hottest || second == hottest+1 || hottest < 10 {
		t.Errorf("the hottest keys are %d and %d: not scattered", hottest, second)
	}
	seen := 0
	for _, c := range counts {
		if c > 0 {
			seen++
		}
	}
	if seen < n*9/10 {
		t.Errorf("%d of %d keys were chosen", seen, n)
	}
}

func TestLatestKeys(t *testing.T) {
	random, recent, counts := rand.New(rand.NewPCG(4, 0)), zipf{}, map[uint64]int{}
	const n = 1000
	for range draws {
		counts[latest.choose(random, &recent, n)]++
	}
	near(t, "newest key", float64(counts[n-1])/draws, 1/zeta(n))
	near(t, "the one before", float64(counts[n-2])/draws, math.Pow(2, -theta)/zeta(n))
	for range draws { // the table has grown
		if k := latest.choose(random, &recent, n+1); k > n {
			t.Fatalf("key %d of %d", k, n+1)
		} else if k == n {
			counts[n]++
		}
	}
	near(t, "new newest key", float64(counts[n])/draws, 1/zeta(n+1))
	old := 0
	recent = zipf{}
	for _, keys := range []uint64{1, 1000} {
		for range draws {
			if latest.choose(random, &recent, keys) < 500 && keys == 1000 {
				old++
			}
		}
	}
	near(t, "older half of a table that was small", float64(old)/draws, 1-zeta(500)/zeta(1000))
}

func TestUniformKeys(t *testing.T) {
	random, counts := rand.New(rand.NewPCG(5, 0)), make([]int, 20)
	for range draws {
		counts[uniform.choose(random, nil, 20)]++
	}
	for _, c := range counts {
		near(t, "key", float64(c)/draws, 1.0/20)
	}
}
