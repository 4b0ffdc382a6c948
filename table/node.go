package table

import (
	"bytes"
	"encoding/binary"
	"unsafe"

	"github.com/chaintable/chaintable/chain"
)

// node is one entry of a list. Nodes never change: a list is changed by copying the nodes in front of the change and
// sharing those behind it. So whoever holds the head of a list holds the whole list as it was.
type node struct {
	next    *node
	version chain.Seq // of the last write
	// data is uvarint(len(key)) key value, in memory of its own: one string costs 16 bytes here, a key and a value
	// apart would cost 40.
	data string
}

func newNode(key, value []byte, version chain.Seq, next *node) *node {
	data := make([]byte, 0, uvarintLen(uint64(len(key)))+len(key)+len(value))
	data = binary.AppendUvarint(data, uint64(len(key)))
	data = append(data, key...)
	data = append(data, value...)
	// Nobody else has data, and nobody changes it from now on.
	return &node{next: next, version: version, data: unsafe.String(unsafe.SliceData(data), len(data))}
}

// split is the key and the value, shared with the node: not to be changed.
func (n *node) split() (key, value []byte) {
	data := unsafe.Slice(unsafe.StringData(n.data), len(n.data)) // never empty
	size, at := uint64(data[0]), 1
	if size >= 0x80 {
		size, at = binary.Uvarint(data)
	}
	end := at + int(size)
	return data[at:end:end], data[end:len(data):len(data)]
}

func (n *node) key() []byte {
	key, _ := n.split()
	return key
}

func (n *node) value() []byte {
	_, value := n.split()
	return value
}

// find is the node of the key in the list that starts with n, which may be nil; or nil.
func (n *node) find(key []byte) *node {
	for ; n != nil; n = n.next {
		if bytes.Equal(n.key(), key) {
			return n
		}
	}
	return nil
}

// replace is the list with new in the place of old, which is in the list; or without old, where new is nil.
func (n *node) replace(old, new *node) *node {
	behind := old.next
	if new != nil {
		new.next = behind
		behind = new
	}
	return n.copyUntil(old, behind)
}

// copyUntil is a copy of the list up to and without end, with behind for what follows. The order is kept.
func (n *node) copyUntil(end, behind *node) *node {
	var first *node
	last := &first
	for ; n != end; n = n.next {
		c := &node{version: n.version, data: n.data}
		*last = c
		last = &c.next
	}
	*last = behind
	return first
}

// partition parts the list by the hash of its keys into those that stay and those that move. The longest end of the
// list that goes one way is shared; most lists are so short that nothing is copied.
func (n *node) partition(moves func(*node) bool) (stay, move *node) {
	if n == nil {
		return nil, nil
	}
	run, way := n, moves(n)
	for m := n.next; m != nil; m = m.next {
		if w := moves(m); w != way {
			run, way = m, w
		}
	}
	if way {
		move = run
	} else {
		stay = run
	}
	for m := n; m != run; m = m.next {
		if moves(m) {
			move = &node{next: move, version: m.version, data: m.data}
		} else {
			stay = &node{next: stay, version: m.version, data: m.data}
		}
	}
	return stay, move
}

// concat is both lists in one.
func (n *node) concat(other *node) *node {
	if other == nil {
		return n
	}
	return n.copyUntil(nil, other)
}

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
