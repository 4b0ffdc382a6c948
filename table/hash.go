package table

import (
	"github.com/cespare/xxhash/v2"

	"github.com/chaintable/chaintable/chain"
)

// Hash is for the slots of chain.Gate: the same in every process. The table's lists are chosen by another hash, which
// is seeded, so that nobody can aim at one list.
func Hash(key []byte) uint64 { return xxhash.Sum64(key) }

// Hash is the function Hash.
func (t *Table) Hash(key []byte) uint64 { return Hash(key) }

// seededHash chooses the list of a key.
func seededHash(seed uint64, key []byte) uint64 {
	var d xxhash.Digest
	d.ResetWithSeed(seed)
	d.Write(key)
	return d.Sum64()
}

// Digest is a sum of the table's content: equal content at an equal seq has an equal Sum. It finds replicas that
// differ by mistake; it does not withstand somebody who looks for two contents with one sum.
type Digest struct {
	Seq chain.Seq // of the last entry applied
	Sum uint64    // of the hashes of all entries (key, value, version), modulo 2^64
}

// hash is the node's part of Digest.Sum. The key's length is part of data: no byte can move from key to value.
func (n *node) hash() uint64 {
	h := xxhash.Sum64String(n.data) + uint64(n.version)*0x9e3779b97f4a7c15
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	return h
}
