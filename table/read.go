package table

import (
	"runtime"

	"github.com/chaintable/chaintable/chain"
)

// Get is the key's value and the seq of its last write. The value is shared: do not change it. It is nil only if the
// key is missing.
func (t *Table) Get(key []byte) (value []byte, version chain.Seq, ok bool) {
	n := t.index.lookup(t.index.hash(key), key)
	if n == nil {
		return nil, 0, false
	}
	return n.value(), n.version, true
}

// patience is how many keys GetMany looks up before it takes a snapshot. That always succeeds, but costs the next
// writes some copying.
const patience = 4096

// GetMany sets values[i] to the value of keys[i], or to nil if it is missing: all as they are between two entries.
// The values are shared: do not change them.
func (t *Table) GetMany(keys [][]byte, values [][]byte) {
	for left := patience; left > 0; left -= len(keys) + 1 {
		before := t.version.Load()
		if before%2 != 0 {
			runtime.Gosched()
			continue
		}
		for i, k := range keys {
			values[i] = nil
			if n := t.index.lookup(t.index.hash(k), k); n != nil {
				values[i] = n.value()
			}
		}
		if t.version.Load() == before {
			return
		}
	}
	t.mu.Lock()
	d := t.index.freeze()
	t.mu.Unlock()
	for i, k := range keys {
		values[i] = nil
		if n := d.find(t.index.hash(k), k); n != nil {
			values[i] = n.value()
		}
	}
}

// Len is the number of keys.
func (t *Table) Len() int { return int(t.length.Load()) }

// Bytes is about what the table holds in memory: keys, values, lists, sessions, results, lost numbers. It is the same
// at equal replicas. Not in it: what the garbage collector has not yet found, and what snapshots keep from it.
func (t *Table) Bytes() int64 { return t.bytes.Load() }

// Seq is the seq of the last entry applied.
func (t *Table) Seq() chain.Seq { return chain.Seq(t.seq.Load()) }

// Position is the last entry applied.
func (t *Table) Position() chain.Position {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.position
}

// Digest is the sum of the table's content, and the entry after which it is so.
func (t *Table) Digest() Digest {
	for range 100 {
		before := t.version.Load()
		d := Digest{chain.Seq(t.seq.Load()), t.sum.Load()}
		if before%2 == 0 && t.version.Load() == before {
			return d
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return Digest{chain.Seq(t.seq.Load()), t.sum.Load()}
}
