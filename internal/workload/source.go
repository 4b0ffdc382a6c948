package workload

import (
	"math/rand/v2"
	"strconv"
	"sync"
)

// keyDigits is how many digits a key has behind the prefix, at least.
const keyDigits = 12

// keyOf is the key of that number.
func keyOf(prefix string, number uint64) string {
	digits := strconv.FormatUint(number, 10)
	b := append(make([]byte, 0, len(prefix)+keyDigits+8), prefix...)
	for i := len(digits); i < keyDigits; i++ {
		b = append(b, '0')
	}
	return string(append(b, digits...))
}

// request is one thing to ask.
type request struct {
	kind  Kind
	key   uint64
	scan  uint64 // keys to read, of a Scan
	value []byte // of all that writes; shared, and not to be changed
}

// source is what one goroutine asks. The same seed and number give the same requests.
type source struct {
	random *rand.Rand
	mix    *mix
	keys   uint64 // there at the start
	grown  *frontier
	values *values
	recent zipf // over the keys there are, for latest
}

func newSource(seed, number uint64, m *mix, keys uint64, grown *frontier, v *values) *source {
	return &source{random: rand.New(rand.NewPCG(seed, number)), mix: m, keys: keys, grown: grown, values: v}
}

func (s *source) next() request {
	r := request{kind: s.mix.kind(s.random.Float64())}
	if r.kind == Insert {
		r.key = s.grown.take()
	} else {
		n := s.keys
		if s.mix.keys == latest {
			n = s.grown.all()
		}
		r.key = s.mix.keys.choose(s.random, &s.recent, n)
	}
	switch r.kind {
	case Scan:
		r.scan = 1 + s.random.Uint64N(maxScan)
	case Set, Insert, Modify:
		r.value = s.values.draw(s.random)
	}
	return r
}

// values are pieces of random bytes, so that a value costs nothing to make, and no two are likely to be equal.
type values struct {
	bytes          []byte
	least, longest int
}

// spareBytes is how much longer the bytes are than the longest value.
const spareBytes = 64 << 10

func newValues(seed uint64, least, longest int) *values {
	v := &values{bytes: make([]byte, longest+spareBytes), least: least, longest: longest}
	random := rand.New(rand.NewPCG(seed, 1<<63)) // no goroutine has this number
	for i := 0; i < len(v.bytes); i += 8 {
		for j, bits := i, random.Uint64(); j < min(i+8, len(v.bytes)); j++ {
			v.bytes[j], bits = byte(bits), bits>>8
		}
	}
	return v
}

func (v *values) draw(random *rand.Rand) []byte {
	n := v.least + random.IntN(v.longest-v.least+1)
	at := random.IntN(len(v.bytes) - n + 1)
	return v.bytes[at : at+n : at+n]
}

// frontier is how far the keys reach while they are inserted: a key counts once its insert and all before it have ended. What waits for one
// before it is no more than the requests under way.
type frontier struct {
	mu struct {
		sync.Mutex
		next, settled uint64
		ahead         map[uint64]bool // settled beyond
	}
}

func newFrontier(keys uint64) *frontier {
	f := &frontier{}
	f.mu.next, f.mu.settled, f.mu.ahead = keys, keys, map[uint64]bool{}
	return f
}

// take is the number of a new key.
func (f *frontier) take() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.next++
	return f.mu.next - 1
}

// settle notes that the insert of a key has ended, well or not.
func (f *frontier) settle(key uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.ahead[key] = true
	for f.mu.ahead[f.mu.settled] {
		delete(f.mu.ahead, f.mu.settled)
		f.mu.settled++
	}
}

// all is how many keys there are that count.
func (f *frontier) all() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.settled
}

// taken is how many keys there may be.
func (f *frontier) taken() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.next
}
