package table

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chaintable/chaintable/chain"
)

var big = flag.Bool("big", false, "benchmark 10 million entries, too: it takes a minute and 3 GiB")

// BenchmarkTable works on tables of 1 thousand, 1 million and, with -big, 10 million entries, with keys of 16 bytes
// and values of 32. Beside ns/op it prints what an entry costs in memory: heap-B/entry is what is alive, said-B/entry
// what Table.Bytes says, resident-B/entry what the process got from the system, garbage included.
func BenchmarkTable(b *testing.B) {
	for _, size := range []int{1_000, 1_000_000, 10_000_000} {
		if size > 1_000_000 && !*big {
			continue
		}
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			heapBefore, residentBefore := heap(), resident()
			x := newLoad(size)
			for range size {
				x.add()
			}
			residentAfter := resident()
			each := func(bytes int64) float64 { return float64(bytes) / float64(size) }
			held, said := heap()-heapBefore, x.Bytes()

			b.Run("get", func(b *testing.B) {
				for i := range b.N {
					if _, _, ok := x.Get(x.key(uint64(i) * 7919 % uint64(size))); !ok {
						b.Fatal("missing")
					}
				}
				b.ReportMetric(each(held), "heap-B/entry")
				b.ReportMetric(each(said), "said-B/entry")
				if residentAfter > 0 {
					b.ReportMetric(each(residentAfter-residentBefore), "resident-B/entry")
				}
			})
			b.Run("get from all processors", func(b *testing.B) {
				var next atomic.Uint64
				b.RunParallel(func(pb *testing.PB) {
					var key [16]byte
					for i := next.Add(1) << 32; pb.Next(); i++ {
						if _, _, ok := x.Get(keyOf(&key, i*7919%uint64(size))); !ok {
							b.Fatal("missing")
						}
					}
				})
			})
			b.Run("get 10 as one", func(b *testing.B) {
				keys, values := make([][]byte, 10), make([][]byte, 10)
				for i := range keys {
					keys[i] = make([]byte, 16)
				}
				for i := range b.N {
					for j := range keys {
						keyOf((*[16]byte)(keys[j]), uint64(i*10+j)*7919%uint64(size))
					}
					x.GetMany(keys, values)
				}
			})
			b.Run("overwrite", func(b *testing.B) {
				for i := range b.N {
					x.put(uint64(i) * 7919 % uint64(size))
				}
			})
			b.Run("overwrite beside a snapshot", func(b *testing.B) {
				var s *Snapshot
				for i := range b.N {
					if i%(size/2) == 0 {
						if s != nil {
							s.Close()
						}
						s = x.Snapshot()
					}
					x.put(uint64(i) * 7919 % uint64(size))
				}
				s.Close()
			})
			b.Run("scan", func(b *testing.B) {
				var cursor uint64
				for n := 0; n < b.N; {
					var keys [][]byte
					keys, cursor = x.Scan(cursor, 100)
					n += len(keys)
				}
			})
			b.Run("snapshot", func(b *testing.B) { // for each entry
				var s *Snapshot
				for n := 0; n < b.N; {
					if s == nil {
						s = x.Snapshot()
					}
					chunk, last, err := s.Chunk(0)
					if err != nil {
						b.Fatal(err)
					}
					if n += len(chunk) / 60; last {
						s = nil
					}
				}
			})
			b.Run("insert", func(b *testing.B) { // last: the table grows
				for range b.N {
					x.add()
				}
			})
			runtime.KeepAlive(x)
		})
	}
}

// load makes entries as a replica gets them: encoded commands in a session.
type load struct {
	*Table
	entry   chain.Entry
	command Command
	next    uint64 // key to be added
	k       [16]byte
	value   [32]byte
	buffer  []byte
}

func newLoad(size int) *load {
	x := &load{Table: New(Config{Seed: 1})}
	x.Apply(&chain.Entry{Seq: 1, Epoch: 1, Kind: chain.KindSession})
	x.command = Command{Op: OpPut, Pairs: []Pair{{x.k[:], x.value[:]}}}
	x.entry = chain.Entry{Seq: 1, Epoch: 1, Kind: chain.KindCommand, Request: chain.RequestID{Session: 1}}
	return x
}

func (x *load) key(i uint64) []byte { return keyOf(&x.k, i) }

func keyOf(k *[16]byte, i uint64) []byte {
	copy(k[:], "user:000")
	binary.BigEndian.PutUint64(k[8:], i)
	return k[:]
}

func (x *load) put(i uint64) {
	x.key(i)
	x.buffer = x.command.Append(x.buffer[:0])
	x.entry.Seq++
	x.entry.Request.Number++
	x.entry.DoneBelow = x.entry.Request.Number
	x.entry.Command = x.buffer
	x.Apply(&x.entry)
}

func (x *load) add() {
	x.put(x.next)
	x.next++
}

// resident is the process's memory as the system sees it, or 0 where that cannot be told.
func resident() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
