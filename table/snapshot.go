package table

import (
	"cmp"
	"errors"
	"iter"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/chaintable/chaintable/chain"
)

// Snapshot is the table as it was after one entry, however many have been applied since. It is for one goroutine at a
// time. While it is open it keeps from the garbage collector what has been replaced since.
type Snapshot struct {
	dir      *directory // frozen
	length   uint64
	sum      uint64
	position chain.Position
	sessions []session // in order of use once sorted
	lost     lost

	// Where Chunk goes on.
	section protowire.Number // of the chunk's fields; zero before the first
	list    uint64           // sectionItems: the next list
	node    *node            // sectionItems: the next node of the list before that, or nil
	at      int              // sectionSessions, sectionLost: the next one
}

// The sections of a snapshot are the fields of its chunks.
const (
	sectionHeader   protowire.Number = 1
	sectionItems    protowire.Number = 2
	sectionSessions protowire.Number = 3
	sectionLost     protowire.Number = 4
	sectionEnd      protowire.Number = 5
)

// snapshotFormat is the only version of the encoding.
const snapshotFormat = 1

// Snapshot begins a consistent iteration. It takes a moment between two entries (with 100,000 sessions about a
// millisecond); writes then go on, and copy each group of lists once, before they change it. Close the snapshot.
func (t *Table) Snapshot() *Snapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &Snapshot{
		dir:      t.index.freeze(),
		length:   t.index.length,
		sum:      t.sum.Load(),
		position: t.position,
		sessions: t.sessions.all(),
		lost:     t.lost,
	}
}

// Seq is that of the last entry applied.
func (s *Snapshot) Seq() chain.Seq { return s.position.Seq }

// Position is the last entry applied.
func (s *Snapshot) Position() chain.Position { return s.position }

// Len is the number of keys.
func (s *Snapshot) Len() int { return int(s.length) }

// Digest is that of the table.
func (s *Snapshot) Digest() Digest { return Digest{s.position.Seq, s.sum} }

// Close lets go of what the snapshot keeps. A closed one is empty, and Chunk fails.
func (s *Snapshot) Close() { s.dir, s.sessions, s.node = nil, nil, nil }

// Item is a value and the seq of its last write.
type Item struct {
	Value   []byte
	Version chain.Seq
}

// All is every key and its value, in no order that means anything. Both are shared: do not change them.
func (s *Snapshot) All() iter.Seq2[[]byte, Item] {
	return func(yield func([]byte, Item) bool) {
		d := s.dir
		if d == nil {
			return
		}
		for i := range d.lists.Load() {
			for n := d.head(i); n != nil; n = n.next {
				key, value := n.split()
				if !yield(key, Item{value, n.version}) {
					return
				}
			}
		}
	}
}

const defaultChunkBytes = 1 << 20

// Chunk is the next piece of the snapshot as it travels: the whole state, sessions and lost numbers included. It has
// at most maxBytes (1 MiB if that is not positive), or one item, session or range if that alone is longer: so less
// than MaxValueBytes + MaxKeyBytes + 64 in any case. Behind the last chunk there is an error.
func (s *Snapshot) Chunk(maxBytes int) (data []byte, last bool, err error) {
	switch {
	case s.dir == nil:
		return nil, false, errors.New("table: snapshot: closed")
	case s.section > sectionEnd:
		return nil, false, errors.New("table: snapshot: no chunk behind the last")
	case s.section == 0:
		s.section = sectionHeader
		slices.SortFunc(s.sessions, func(a, b session) int { return cmp.Compare(a.used, b.used) })
	}
	if maxBytes <= 0 {
		maxBytes = defaultChunkBytes
	}
	for s.section <= sectionEnd {
		size := s.nextBytes()
		if size == 0 {
			s.section++
			s.at = 0
			continue
		}
		if len(data) > 0 && len(data)+size > maxBytes {
			return data, false, nil
		}
		data = s.appendNext(data)
	}
	return data, true, nil
}

// nextBytes is at least the size of the next piece of the section, or 0 if there is none left.
func (s *Snapshot) nextBytes() int {
	switch s.section {
	case sectionItems:
		for s.node == nil && s.list < s.dir.lists.Load() {
			s.node = s.dir.head(s.list)
			s.list++
		}
		if s.node != nil {
			return len(s.node.data) + 32
		}
	case sectionSessions:
		if s.at < len(s.sessions) {
			return 64 + 64*len(s.sessions[s.at].results) + int(s.sessions[s.at].found.size())
		}
	case sectionLost:
		if s.at < s.lost.len() {
			return 32
		}
	default: // one piece
		if s.at == 0 {
			return 128
		}
	}
	return 0
}

// appendNext appends the next piece.
func (s *Snapshot) appendNext(dst []byte) []byte {
	var b []byte
	switch s.section {
	case sectionHeader:
		b = s.appendHeader(nil)
	case sectionItems:
		n := s.node
		s.node = n.next
		return appendItem(dst, n)
	case sectionSessions:
		b = appendSession(nil, &s.sessions[s.at])
	case sectionLost:
		b = appendSpan(nil, s.lost.at(s.at))
	case sectionEnd:
		s.at++
		return appendNumber(dst, sectionEnd, 1)
	}
	s.at++
	return appendBytes(dst, s.section, b)
}
