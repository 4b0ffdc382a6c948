package table

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/chaintable/chaintable/chain"
)

// heap is what is alive, in bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestBytesAreHonest compares Bytes with what the process in fact holds.
func TestBytesAreHonest(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	load := func(n, size int) func(*writer) {
		return func(x *writer) {
			value := string(make([]byte, size))
			for i := range n {
				x.put(fmt.Sprintf("key%09d", i), value)
			}
		}
	}
	for _, c := range []struct {
		name string
		fill func(*writer)
		off  float64 // by so much of Bytes may the heap be off
	}{
		{"no values", load(50_000, 0), 0.15},
		{"values of 8", load(50_000, 8), 0.15},
		{"values of 32", load(50_000, 32), 0.15},
		{"values of 100", load(30_000, 100), 0.15},
		{"values of 1,000", load(5_000, 1000), 0.15},
		{"values of 40,000", load(500, 40_000), 0.15},
		{"overwritten", func(x *writer) { load(50_000, 1)(x); load(50_000, 32)(x) }, 0.15},
		{"most deleted", func(x *writer) {
			load(100_000, 32)(x)
			for i := range 80_000 {
				x.remove(fmt.Sprintf("key%09d", i))
			}
		}, 0.2},
		{"sessions", func(x *writer) {
			for range maxSessions {
				x.open()
			}
		}, 0.25},
		{"results", func(x *writer) {
			var clients []client
			for range 300 {
				clients = append(clients, x.open())
			}
			for i := range uint64(200) {
				for _, c := range clients {
					c.increment(i+1, 0)
				}
			}
		}, 0.25},
		{"results of transactions", func(x *writer) {
			x.put("k", string(make([]byte, 100)))
			var clients []client
			for range 300 {
				clients = append(clients, x.open())
			}
			c := &Command{Op: OpTxn, Then: []Step{stepGet("k"), stepGet("none"), stepDelete("none"), stepGet("none")}}
			for i := range uint64(100) {
				for _, one := range clients {
					one.send(i+1, 0, c)
				}
			}
		}, 0.25},
		{"lost numbers", func(x *writer) {
			for range 50_000 {
				x.do(Command{})
				x.Apply(&chain.Entry{Seq: x.next, Epoch: 1, Kind: chain.KindBarrier})
				x.next++
			}
		}, 0.25},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := heap()
			x := newWriter(Config{})
			c.fill(x)
			held := heap() - before
			said := x.Bytes()
			ratio := float64(held) / float64(said)
			t.Logf("holds %d, says %d: %.2f", held, said, ratio)
			if ratio < 1-c.off || ratio > 1+c.off {
				t.Errorf("holds %d bytes, says %d: off by more than %.0f%%", held, said, 100*c.off)
			}
		})
	}
}
