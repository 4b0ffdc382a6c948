package storage

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

const benchEntries = 1_000_000

// millionPuts hands f entries that set a million keys of 16 bytes to values of 100.
func millionPuts(f func([]chain.Entry)) {
	const each = 1000
	for first := chain.Seq(1); first <= benchEntries; first += each {
		entries := make([]chain.Entry, each)
		for i := range entries {
			e := &entries[i]
			e.Seq, e.Epoch, e.Kind = first+chain.Seq(i), 1, chain.KindCommand
			value := make([]byte, 100)
			for n := 0; n < 96; n += 8 {
				binary.LittleEndian.PutUint64(value[n:], (uint64(e.Seq)+uint64(n))*0x9e3779b97f4a7c15)
			}
			command := table.Command{Op: table.OpPut, Pairs: []table.Pair{{Key: []byte(fmt.Sprintf("key:%012d", e.Seq)), Value: value}}}
			e.Command = command.Append(nil)
			e.Encoded = table.AppendEntry(nil, e)
		}
		f(entries)
	}
}

// BenchmarkOpen opens a directory with a million entries: in the log only, and with a snapshot of all of them.
func BenchmarkOpen(b *testing.B) {
	for _, snapshot := range []bool{false, true} {
		name := "log"
		if snapshot {
			name = "snapshot"
		}
		b.Run(name, func(b *testing.B) {
			dir, err := OpenDir(filepath.Join(b.TempDir(), "data"))
			if err != nil {
				b.Fatal(err)
			}
			defer dir.Close()
			config := testConfig(dir)
			config.SegmentBytes = 0
			s, _, err := Open(config)
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Adopt(testChain, 1); err != nil {
				b.Fatal(err)
			}
			t := table.New(table.Config{})
			millionPuts(func(entries []chain.Entry) {
				if err := s.Append(entries, entries[0].Seq); err != nil {
					b.Fatal(err)
				}
				if err := s.Write(); err != nil {
					b.Fatal(err)
				}
				for i := range entries {
					t.Apply(&entries[i])
				}
			})
			if err := s.Sync(); err != nil {
				b.Fatal(err)
			}
			if snapshot {
				c := s.BeginCheckpoint(t.Snapshot())
				if err := c.Write(func(int) error { return nil }); err != nil {
					b.Fatal(err)
				}
				if err := s.Publish(c); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				s, rec, err := Open(config)
				if err != nil {
					b.Fatal(err)
				}
				if n := rec.Table.Len() + len(rec.Chain.Log); n != benchEntries || rec.Doubt != nil {
					b.Fatalf("%d keys, %v", n, rec.Doubt)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
