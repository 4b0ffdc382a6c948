package replica_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/table"
)

// BenchmarkWrite is puts of 100 bytes through a chain of three in one process, without sockets, from so many clients that each wait
// for their answer, at the middle.
func BenchmarkWrite(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			rs := chainOf(b, 3)
			var commands [1024][]byte
			for i := range commands {
				commands[i] = putCommand(fmt.Sprintf("key:%012d", i), string(make([]byte, 100)))
			}
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			var wait sync.WaitGroup
			for range clients {
				wait.Go(func() {
					for i := left.Add(-1); i >= 0; i = left.Add(-1) {
						call := replica.Call{Command: commands[i%1024]}
						rs[1].Write(context.Background(), []*replica.Call{&call})
						if call.Err != nil {
							b.Error(call.Err)
							return
						}
					}
				})
			}
			wait.Wait()
		})
	}
}

// BenchmarkRead is reads of one key at the tail of a chain of three.
func BenchmarkRead(b *testing.B) {
	rs := chainOf(b, 3)
	key := []byte("key")
	call := replica.Call{Command: putCommand("key", "value")}
	rs[0].Write(context.Background(), []*replica.Call{&call})
	b.ReportAllocs()
	for b.Loop() {
		found := false
		err := rs[2].Read(context.Background(), replica.Key(key), func(t *table.Table) { _, _, found = t.Get(key) })
		if err != nil || !found {
			b.Fatal(err, found)
		}
	}
}

func chainOf(b *testing.B, n int) []*replica.Replica {
	c := newCluster(b)
	var rs []*replica.Replica
	for i := range n {
		rs = append(rs, c.start())
		await(b, rs[i], "member", members(i+1))
	}
	return rs
}
