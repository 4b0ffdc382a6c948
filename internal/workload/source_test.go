package workload

import (
	"bytes"
	"strings"
	"testing"
)

func sourceOf(t *testing.T, name string, seed, number, keys uint64) *source {
	t.Helper()
	m, ok := mixOf(name, 0.3)
	if !ok {
		t.Fatalf("no workload %s", name)
	}
	return newSource(seed, number, &m, keys, newFrontier(keys), newValues(seed, 10, 200))
}

func TestMixes(t *testing.T) {
	for name, want := range map[string]map[Kind]float64{
		"get": {Get: 1}, "set": {Set: 1}, "mixed": {Get: 0.3, Set: 0.7}, "ycsb-a": {Get: 0.5, Set: 0.5}, "ycsb-b": {Get: 0.95, Set: 0.05},
		"ycsb-c": {Get: 1}, "ycsb-d": {Get: 0.95, Insert: 0.05}, "ycsb-e": {Scan: 0.95, Insert: 0.05}, "ycsb-f": {Get: 0.5, Modify: 0.5},
	} {
		s, counts := sourceOf(t, name, 1, 1, 1000), map[Kind]int{}
		inserted, longest := uint64(0), uint64(0)
		for range 50_000 {
			q := s.next()
			counts[q.kind]++
			writes := q.kind == Set || q.kind == Insert || q.kind == Modify
			if writes != (q.value != nil) || writes && (len(q.value) < 10 || len(q.value) > 200) {
				t.Fatalf("%s: %v with a value of %d bytes", name, q.kind, len(q.value))
			}
			if q.kind == Insert {
				if q.key != 1000+inserted {
					t.Fatalf("%s: inserts key %d", name, q.key)
				}
				inserted++
				s.grown.settle(q.key)
			} else if q.key >= 1000+inserted {
				t.Fatalf("%s: %v of key %d, which is not there", name, q.kind, q.key)
			}
			if longest = max(longest, q.scan); (q.kind == Scan) != (q.scan > 0) {
				t.Fatalf("%s: %v of %d keys", name, q.kind, q.scan)
			}
		}
		if len(counts) != len(want) || name == "ycsb-e" && longest != maxScan {
			t.Errorf("%s: %v, scans of up to %d", name, counts, longest)
		}
		for k, share := range want {
			near(t, name+" "+k.String(), float64(counts[k])/50_000, share)
		}
	}
	if names := Names(); len(names) != 9 || strings.Count(List(), "\n") != 9 {
		t.Errorf("names %v", names)
	}
}

func TestMixOfThree(t *testing.T) {
	m := mix{shares: [kinds]float64{Get: 0.2, Set: 0.3, Scan: 0.5}}
	for u, want := range map[float64]Kind{0: Get, 0.19: Get, 0.21: Set, 0.4: Set, 0.49: Set, 0.51: Scan, 0.99: Scan, 1: Scan} {
		if got := m.kind(u); got != want {
			t.Errorf("%v is %v, want %v", u, got, want)
		}
	}
}

func TestSourceIsDeterministic(t *testing.T) {
	for _, name := range Names() {
		a, b, other, another := sourceOf(t, name, 7, 3, 1e6), sourceOf(t, name, 7, 3, 1e6), sourceOf(t, name, 8, 3, 1e6), sourceOf(t, name, 7, 4, 1e6)
		same, sameElsewhere := 0, 0
		for range 1000 {
			q, r := a.next(), b.next()
			if q.kind != r.kind || q.key != r.key || q.scan != r.scan || !bytes.Equal(q.value, r.value) {
				t.Fatalf("%s: %v of key %d, and %v of key %d", name, q.kind, q.key, r.kind, r.key)
			}
			if r := other.next(); r.key == q.key && r.kind != Insert {
				same++
			}
			if r := another.next(); r.key == q.key && r.kind != Insert {
				sameElsewhere++
			}
		}
		if same > 100 || sameElsewhere > 100 {
			t.Errorf("%s: %d of 1000 keys are the same with another seed, %d for another goroutine", name, same, sameElsewhere)
		}
	}
}

func TestValues(t *testing.T) {
	v := newValues(1, 0, 3)
	s := newSource(1, 1, nil, 1, nil, v)
	sizes := map[int]int{}
	for range 1000 {
		b := v.draw(s.random)
		sizes[len(b)]++
		if cap(b) != len(b) {
			t.Fatal("a value has room to be appended to")
		}
	}
	if len(sizes) != 4 {
		t.Errorf("sizes %v", sizes)
	}
	if b := newValues(1, MaxValueBytes, MaxValueBytes).draw(s.random); len(b) != MaxValueBytes {
		t.Errorf("a value of %d bytes", len(b))
	}
}

func TestFrontier(t *testing.T) {
	f := newFrontier(10)
	a, b, c := f.take(), f.take(), f.take()
	f.settle(c)
	f.settle(b)
	if got := f.all(); a != 10 || got != 10 {
		t.Errorf("%d keys count before the first insert, of %d, has ended", got, a)
	}
	f.settle(a)
	if all, taken := f.all(), f.taken(); all != 13 || taken != 13 || len(f.mu.ahead) != 0 {
		t.Errorf("%d keys count, of %d; %d are kept in mind", all, taken, len(f.mu.ahead))
	}
}

func TestKeys(t *testing.T) {
	for number, want := range map[uint64]string{0: "p:000000000000", 42: "p:000000000042", 1_000_000_000_000: "p:1000000000000"} {
		if got := keyOf("p:", number); got != want {
			t.Errorf("key %d is %s", number, got)
		}
	}
}
