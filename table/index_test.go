package table

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/chaintable/chaintable/chain"
)

// seeded is a source of random numbers whose seed the test's log tells.
func seeded(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// writer applies commands in order, each as the next entry.
type writer struct {
	*Table
	next chain.Seq
}

func newWriter(c Config) *writer { return &writer{New(c), 1} }

func (w *writer) do(c Command) Result {
	e := &chain.Entry{Seq: w.next, Epoch: 1, Kind: chain.KindCommand, Command: c.Append(nil)}
	w.next++
	return w.Apply(e)
}

func (w *writer) put(key, value string) Result {
	return w.do(Command{Op: OpPut, Pairs: []Pair{{[]byte(key), []byte(value)}}})
}

func (w *writer) remove(key string) Result {
	return w.do(Command{Op: OpDelete, Keys: [][]byte{[]byte(key)}})
}

// TestAddress: whatever the number of lists, they share out all hashes, and the intervals that Scan walks are they.
func TestAddress(t *testing.T) {
	random := seeded(t)
	for lists := uint64(1); lists < 300; lists++ {
		seen := make([]bool, lists)
		for at, ended := uint64(0), false; !ended; {
			i := address(bits.Reverse64(at), lists)
			if seen[i] {
				t.Fatalf("%d lists: %d has two intervals", lists, i)
			}
			seen[i] = true
			width := uint64(1) << (64 - depth(i, lists)) // 0 is everything
			for range 10 {
				hash := bits.Reverse64(at + random.Uint64()&(width-1))
				if got := address(hash, lists); got != i {
					t.Fatalf("%d lists: %x is in list %d, but in the interval of %d", lists, hash, got, i)
				}
			}
			at += width
			ended = at == 0
		}
		if slices.Contains(seen, false) {
			t.Fatalf("%d lists: intervals of %v", lists, seen)
		}
		if lists > 1 && address(lists-1, lists-1) != buddy(lists-1) {
			t.Fatalf("list %d is parted from %d, not %d", lists-1, address(lists-1, lists-1), buddy(lists-1))
		}
	}
}

// TestWaves lets the table grow and shrink, again and again, against a map. A write of one key may
// part one list or join two, and a scan that runs all the while returns what stays exactly once.
func TestWaves(t *testing.T) {
	random := seeded(t)
	for _, start := range []int{1, 3, 100, 1000} {
		x, twin := newWriter(Config{Lists: start, Seed: random.Uint64()}), map[string]string{}
		for i := range 100 {
			x.put(fmt.Sprint("stays", i), "")
			twin[fmt.Sprint("stays", i)] = ""
		}
		var cursor uint64
		seen := map[string]int{}
		grown, shrunk, scans := 0, 0, 0
		for wave := range 4 {
			for range 8000 {
				lists := x.index.dir.Load().lists.Load()
				key := fmt.Sprint("k", random.IntN(3000))
				if random.IntN(50) > 0 == (wave%2 == 0) {
					value := fmt.Sprint(random.IntN(1000))
					twin[key] = value
					x.put(key, value)
				} else {
					delete(twin, key)
					x.remove(key)
				}
				switch now := x.index.dir.Load().lists.Load(); now {
				case lists + 1:
					grown++
				case lists - 1, lists - 2:
					shrunk++
				case lists:
				default:
					t.Fatalf("one write took the table from %d lists to %d", lists, now)
				}
				if random.IntN(4) == 0 {
					var keys [][]byte
					keys, cursor = x.Scan(cursor, 1+random.IntN(10))
					for _, k := range keys {
						seen[string(k)]++
					}
					if cursor == 0 {
						for i := range 100 {
							if n := seen[fmt.Sprint("stays", i)]; n != 1 {
								t.Fatalf("a scan while the table changes returned a key %d times", n)
							}
						}
						clear(seen)
						scans++
					}
				}
			}
			checkMap(t, x.Table, twin)
		}
		t.Logf("start %d: grown %d, shrunk %d, %d scans", start, grown, shrunk, scans)
		if grown < 1000 || shrunk < 500 || scans < 3 {
			t.Fatalf("start %d: grown %d, shrunk %d, %d scans: too few to tell", start, grown, shrunk, scans)
		}
		for k := range twin {
			x.remove(k)
		}
		if x.Len() != 0 || x.Digest().Sum != 0 || x.Bytes() != 0 || len(scanAll(x.Table, 10)) != 0 {
			t.Fatalf("empty table: %d keys, %v, %d bytes", x.Len(), x.Digest(), x.Bytes())
		}
	}
}

func checkMap(t *testing.T, x *Table, want map[string]string) {
	t.Helper()
	if x.Len() != len(want) {
		t.Fatalf("%d keys, want %d", x.Len(), len(want))
	}
	for k, v := range want {
		if got, _, ok := x.Get([]byte(k)); !ok || string(got) != v {
			t.Fatalf("%q is %q, %v; want %q", k, got, ok, v)
		}
	}
	if n := len(scanAll(x, 100)); n != len(want) {
		t.Fatalf("a scan finds %d of %d keys", n, len(want))
	}
	s := x.Snapshot()
	defer s.Close()
	n := 0
	for k, item := range s.All() {
		if want[string(k)] != string(item.Value) {
			t.Fatalf("snapshot: %q is %q, want %q", k, item.Value, want[string(k)])
		}
		n++
	}
	if n != len(want) {
		t.Fatalf("a snapshot finds %d of %d keys", n, len(want))
	}
}

// reader looks for one key after another, in steps, each of which is a load or a few that the writer cannot part in
// any way that matters.
type reader struct {
	*index
	keys  [][]byte // those that are always there
	key   []byte
	sight sight
	list  uint64
	found bool
	steps int
}

// step returns false if the reader has missed its key and believes it.
func (r *reader) step(random *rand.Rand) bool {
	switch r.steps++; r.steps {
	case 1:
		r.key = r.keys[random.IntN(len(r.keys))]
		r.sight.joins = r.joins.Load()
	case 2:
		r.sight.dir = r.dir.Load()
		r.sight.lists = r.sight.dir.lists.Load()
		r.list = address(r.hash(r.key), r.sight.lists)
	case 3:
		r.found = r.sight.dir.head(r.list).find(r.key) != nil
	case 4:
		r.steps = 0
		return r.found || !r.whole(r.sight, r.list)
	}
	return true
}

// TestWhole: whatever the writer does between the steps of a reader, and wherever it is in its own, a key that is
// always there is either found or missed in a list of which the reader is told that it was not whole.
func TestWhole(t *testing.T) {
	random := seeded(t)
	misses := 0
	for range 300 {
		x := newIndex(random.Uint64(), []int{1, 1, 1, 2, 3, 5, groupLists}[random.IntN(7)])
		patience := 2 + random.IntN(30) // how often the writer steps for each step of a reader
		put := func(k string) { x.put(x.hash([]byte(k)), newNode([]byte(k), nil, 1, nil)) }
		var stays [][]byte
		for i := 0; len(stays) < int(min(x.start, 4)); i++ {
			// In the first lists, which are those that are parted as the directory gets longer.
			if k := fmt.Appendf(nil, "stays%d", i); x.hash(k)%groupLists < 4 {
				stays = append(stays, k)
				put(string(k))
			}
		}
		readers := make([]reader, 8)
		for i := range readers {
			readers[i] = reader{index: x, keys: stays}
		}
		x.between = func() {
			for i := range readers {
				for r := &readers[i]; random.IntN(patience) == 0; {
					if !r.step(random) {
						t.Fatalf("of %d lists, now %d, %d did not have %s", r.sight.lists, x.look().lists, r.list, r.key)
					}
					if r.steps == 3 && !r.found {
						misses++
					}
				}
			}
		}
		var others []string
		for range 100 {
			up := random.IntN(2) == 0
			for range random.IntN(2 + 2*int(x.start)) {
				switch n := len(others); {
				case random.IntN(30) == 0:
					x.freeze()
				case up:
					others = append(others, fmt.Sprint(random.IntN(1e6)))
					put(others[n])
				case n > 0:
					x.remove(x.hash([]byte(others[n-1])), []byte(others[n-1]))
					others = others[:n-1]
				}
				x.between()
			}
			if s := x.look(); !x.whole(s, address(random.Uint64(), s.lists)) {
				t.Fatal("nothing happens, and yet a reader must begin anew")
			}
		}
	}
	t.Logf("%d misses", misses)
	if misses < 100 {
		t.Fatal("too few misses to tell")
	}
}

// TestListsStayShort: the hash spreads keys, and lists are as many as keys.
func TestListsStayShort(t *testing.T) {
	x := newWriter(Config{Lists: 1})
	for i := range 20_000 {
		x.put(fmt.Sprint(i), "")
	}
	d := x.index.dir.Load()
	longest := 0
	for i := range d.lists.Load() {
		length := 0
		for n := d.head(i); n != nil; n = n.next {
			length++
		}
		longest = max(longest, length)
	}
	if longest > 15 {
		t.Fatalf("a list of %d", longest)
	}
}

// TestScanTakesAnyCursor: it comes from strangers.
func TestScanTakesAnyCursor(t *testing.T) {
	x := newWriter(Config{Lists: 3})
	for i := range 1000 {
		x.put(fmt.Sprint(i), "")
	}
	random := seeded(t)
	for _, cursor := range []uint64{1, 1 << 63, 1<<64 - 1, random.Uint64(), random.Uint64()} {
		for _, count := range []int{-1, 0, 1, 1 << 62} {
			last := bits.Reverse64(cursor)
			for next := cursor; ; {
				if _, next = x.Scan(next, count); next == 0 {
					break
				}
				if bits.Reverse64(next) <= last {
					t.Fatalf("cursor %x goes back", next)
				}
				last = bits.Reverse64(next)
			}
		}
	}
	if keys, next := newWriter(Config{Lists: 1 << 40}).Scan(0, 10); len(keys) != 0 || next == 0 {
		t.Fatalf("an empty table of very many lists: %d keys, next %x: a call must end soon", len(keys), next)
	}
}

// TestOwnsItsBytes: the caller's buffers may be used again, and values already given out stay as they were.
func TestOwnsItsBytes(t *testing.T) {
	x := New(Config{})
	command := (&Command{Op: OpPut, Pairs: []Pair{{[]byte("key"), []byte("value")}}}).Append(nil)
	x.Apply(&chain.Entry{Seq: 1, Epoch: 1, Kind: chain.KindCommand, Command: command})
	clear(command)
	value, _, _ := x.Get([]byte("key"))
	x.Apply(&chain.Entry{
		Seq: 2, Epoch: 1, Kind: chain.KindCommand,
		Command: (&Command{Op: OpPut, Pairs: []Pair{{[]byte("key"), []byte("other")}}}).Append(nil),
	})
	if string(value) != "value" {
		t.Fatalf("value given out became %q", value)
	}
	if cap(value) != len(value) {
		t.Fatal("appending to a value would write into the table")
	}
}

// TestScanAmongSteps scans while lists are parted and joined, call by call, wherever the writer is in its own steps: each key that is
// there throughout comes exactly once.
func TestScanAmongSteps(t *testing.T) {
	random := seeded(t)
	for range 100 {
		x := newWriter(Config{Lists: 1, Seed: random.Uint64()})
		stays := make(map[string]int)
		for i := range 10 {
			k := fmt.Sprint("stays", i)
			x.put(k, "")
			stays[k] = 0
		}
		var cursor uint64
		x.index.between = func() {
			if random.IntN(3) > 0 {
				return
			}
			var keys [][]byte
			keys, cursor = x.Scan(cursor, 1+random.IntN(3))
			for _, k := range keys {
				if _, ok := stays[string(k)]; ok {
					stays[string(k)]++
				}
			}
			if cursor != 0 {
				return
			}
			for k, n := range stays {
				if n != 1 {
					t.Fatalf("%s came %d times", k, n)
				}
				stays[k] = 0
			}
		}
		var others []string
		for range 100 {
			up := random.IntN(2) == 0
			for range random.IntN(40) {
				switch n := len(others); {
				case up:
					others = append(others, fmt.Sprint(random.IntN(1e6)))
					x.put(others[n], "")
				case n > 0:
					x.remove(others[n-1])
					others = others[:n-1]
				}
			}
		}
	}
}
