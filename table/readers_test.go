package table

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// TestReaders lets readers of every kind run while one writer makes the table grow and shrink. Each entry sets the
// same number in many keys, so whoever sees two numbers has seen half an entry.
func TestReaders(t *testing.T) {
	const together = 20
	writes := 15_000
	if testing.Short() {
		writes = 5_000
	}
	random := seeded(t)
	x := newWriter(Config{Lists: 1})
	set := Command{Op: OpPut}
	var keys [][]byte
	for i := range together {
		keys = append(keys, fmt.Appendf(nil, "together%d", i))
		set.Pairs = append(set.Pairs, Pair{keys[i], []byte("0")})
	}
	x.do(set)

	var done atomic.Bool
	var wg sync.WaitGroup
	read := func(check func() error) {
		var rounds int
		wg.Go(func() {
			for !done.Load() {
				if err := check(); err != nil {
					t.Error(err)
					return
				}
				rounds++
			}
		})
		t.Cleanup(func() { t.Logf("%d rounds", rounds) })
	}
	many := func(n int) func() error {
		last := 0
		values := make([][]byte, n)
		return func() error {
			x.GetMany(keys[:n], values)
			number, err := same(values)
			if err == nil && number < last {
				err = fmt.Errorf("time went back from %d to %d", last, number)
			}
			last = number
			return err
		}
	}
	read(many(2))
	read(many(together))
	txn := &Command{Op: OpTxn, Compares: []Compare{ifExists("none", true)}}
	for _, k := range keys {
		txn.Else = append(txn.Else, Step{Op: StepGet, Key: k})
	}
	read(func() error { // the same, by a transaction: the values are those of the entry that it names, or of one before
		before := x.Seq()
		r := x.ReadTxn(txn)
		var values [][]byte
		for _, s := range r.Steps {
			if values = append(values, s.Value); s.Version != r.Steps[0].Version || s.Version > r.Seq {
				return fmt.Errorf("a transaction at %d reads %q of %d and %d", r.Seq, s.Value, s.Version, r.Steps[0].Version)
			}
		}
		if r.Seq < before || r.Seq > x.Seq() {
			return fmt.Errorf("a transaction is at %d, and the table was at %d before", r.Seq, before)
		}
		_, err := same(values)
		return err
	})
	read(func() error { // a key that is always there, in a list that is parted and joined
		for _, k := range keys {
			if _, _, ok := x.Get(k); !ok {
				return fmt.Errorf("%s is missing", k)
			}
		}
		return nil
	})
	read(func() error {
		n := 0
		for _, k := range scanAll(x.Table, 7) {
			if len(k) > 8 && k[:8] == "together" {
				n++
			}
		}
		if n != together {
			return fmt.Errorf("a scan finds %d keys of %d", n, together)
		}
		return nil
	})
	read(func() error {
		s := x.Snapshot()
		defer s.Close()
		var values [][]byte
		digest := Digest{Seq: s.Seq()}
		for k, item := range s.All() {
			if item.Version > s.Seq() {
				return fmt.Errorf("snapshot at %d has version %d", s.Seq(), item.Version)
			}
			if len(k) > 8 {
				values = append(values, item.Value)
			}
			digest.Sum += newNode(k, item.Value, item.Version, nil).hash()
		}
		if digest != s.Digest() || len(values) != together {
			return fmt.Errorf("snapshot of %d keys adds up to %v, not %v", len(values), digest, s.Digest())
		}
		_, err := same(values)
		return err
	})
	read(func() error {
		d := x.Digest()
		if x.Seq() < d.Seq || x.Len() < together || x.Bytes() <= 0 || x.Fate(d.Seq) != Executed {
			return fmt.Errorf("digest at %d, then seq %d; %d keys; %d bytes", d.Seq, x.Seq(), x.Len(), x.Bytes())
		}
		return nil
	})

	var others []string
	for i := range writes {
		if i%3 == 0 {
			for j := range set.Pairs {
				set.Pairs[j].Value = strconv.AppendInt(nil, int64(i), 10)
			}
			x.do(set)
			continue
		}
		if i/1000%2 == 0 {
			others = append(others, fmt.Sprint(random.IntN(1000)))
			x.put(others[len(others)-1], "")
		} else if n := len(others); n > 0 {
			x.remove(others[n-1])
			others = others[:n-1]
		}
	}
	done.Store(true)
	wg.Wait()
}

// TestReadersOfMovingLists: a few lists are parted and joined without pause; whoever looks for a key that is always
// there finds it.
func TestReadersOfMovingLists(t *testing.T) {
	x := newIndex(seeded(t).Uint64(), 1)
	put := func(key []byte) { x.put(x.hash(key), newNode(key, nil, 1, nil)) }
	stays, comes := make([][]byte, 4), make([][]byte, 12)
	for i := range stays {
		stays[i] = fmt.Append(nil, "stays", i)
		put(stays[i])
	}
	for i := range comes {
		comes[i] = fmt.Append(nil, "comes", i)
	}
	var done atomic.Bool
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for !done.Load() {
				for _, k := range stays {
					if x.lookup(x.hash(k), k) == nil {
						t.Errorf("%s is missing", k)
						return
					}
				}
				for at, n := uint64(0), 0; ; {
					var head *node
					head, at = x.interval(at)
					for ; head != nil; head = head.next {
						if head.key()[0] == 's' {
							n++
						}
					}
					if at != 0 {
						continue
					}
					if n < len(stays) {
						t.Errorf("%d of %d keys in all intervals", n, len(stays))
						return
					}
					break
				}
			}
		})
	}
	rounds := 20_000
	if testing.Short() {
		rounds = 5_000
	}
	for i := range rounds {
		for _, k := range comes {
			put(k)
		}
		if i%16 == 0 {
			x.freeze()
		}
		for _, k := range comes {
			x.remove(x.hash(k), k)
		}
	}
	done.Store(true)
	wg.Wait()
}

// same is the one number that all values are.
func same(values [][]byte) (int, error) {
	if slices.ContainsFunc(values, func(v []byte) bool { return string(v) != string(values[0]) }) {
		return 0, fmt.Errorf("half an entry: %q", values)
	}
	return strconv.Atoi(string(values[0]))
}

// TestGetManyEnds: it gives up waiting for a moment without a write, and is right all the same.
func TestGetManyEnds(t *testing.T) {
	x := newWriter(Config{Lists: 1})
	x.put("a", "1")
	x.put("b", "")
	x.version.Add(1) // as if a write were always under way
	values := [][]byte{[]byte("old"), []byte("old"), []byte("old")}
	x.GetMany([][]byte{[]byte("a"), []byte("b"), []byte("c")}, values)
	if string(values[0]) != "1" || values[1] == nil || len(values[1]) != 0 || values[2] != nil {
		t.Fatalf("got %q", values)
	}
	if d := x.Digest(); d.Seq != 2 {
		t.Fatalf("digest %v", d)
	}
	x.version.Add(1)
	x.mu.Lock()
	if !x.index.frozen {
		t.Error("the fallback reads lists that may change")
	}
	x.mu.Unlock()
	x.put("a", "2")
	x.GetMany([][]byte{[]byte("a")}, values)
	if string(values[0]) != "2" {
		t.Fatalf("got %q", values)
	}
}
