package storage

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// ErrNotHeld is of a position that the log does not hold, or not any more.
var ErrNotHeld = errors.New("storage: the log does not hold that entry")

// Read is the entries that follow a position, in order: at least one, if there is one, and then as many as have maxBytes together. Their checksums
// hold. It reads what has been written, synced or not, so whoever asks for more than has committed may read what will be cut. Any
// goroutine may call it.
//
// A damaged log has a DamageError; then the server's next start will have to do without it, too.
func (s *Store) Read(after chain.Position, maxBytes int64) ([]chain.Entry, error) {
	l := &s.log
	segments := l.all()
	i := len(segments) - 1
	for i >= 0 && segments[i].base.Seq > after.Seq {
		i--
	}
	if i < 0 {
		return nil, ErrNotHeld
	}
	for _, x := range segments[i:] { // what is in one may have been cut in any later one
		if err := l.known(x); err != nil {
			return nil, err
		}
	}
	r := reading{log: l, after: after, left: maxBytes}
	for ; i < len(segments) && r.left > 0; i++ {
		if err := r.segment(segments[i]); err != nil {
			return nil, err
		}
		if !r.found {
			return nil, ErrNotHeld
		}
	}
	return r.entries, nil
}

// reading is one Read.
type reading struct {
	log     *log
	after   chain.Position
	found   bool // after is in the log
	left    int64
	entries []chain.Entry
}

// segment reads one segment, or ErrNotHeld if it has gone.
func (r *reading) segment(x *segment) error {
	x.reading.RLock()
	defer x.reading.RUnlock()
	if x.file == nil {
		return ErrNotHeld
	}
	from, end, cuts := r.log.place(x, r.after)
	if from.last == r.after {
		r.found = alive(r.after.Seq, from.offset, cuts)
	}
	c := newCursor(x, from)
	c.window.size = end
	for c.offset < end && r.left > 0 {
		ok, err := c.next()
		if err != nil {
			return x.unreadable(c.offset, err)
		}
		if !ok {
			return x.damage(c.offset, "a frame does not have its checksum")
		}
		for i := range c.records {
			if err := r.record(x, &c.records[i], c.offset, cuts); err != nil {
				return err
			}
		}
	}
	return nil
}

// record takes one record of a frame that ends at an offset.
func (r *reading) record(x *segment, rec *record, offset int64, cuts []cut) error {
	if rec.kind != recordEntry || r.left <= 0 {
		return nil
	}
	if !alive(rec.position.Seq, offset, cuts) {
		return nil
	}
	if rec.position.Seq <= r.after.Seq {
		r.found = r.found || rec.position == r.after
		return nil
	}
	if !r.found {
		return ErrNotHeld
	}
	e, err := table.DecodeEntry(bytes.Clone(rec.payload))
	if err != nil {
		return x.damage(offset, err.Error())
	}
	if e.Position() != rec.position {
		return x.damage(offset, fmt.Sprintf("%v is stored as %v", e.Position(), rec.position))
	}
	r.entries = append(r.entries, e)
	r.left -= int64(len(rec.payload))
	return nil
}

// alive tells whether an entry in a frame that ends at an offset was not cut afterwards.
func alive(seq chain.Seq, offset int64, cuts []cut) bool {
	return !slices.ContainsFunc(cuts, func(c cut) bool { return c.offset >= offset && seq > c.seq })
}

// place is where to begin to read for what follows a position, the end of what is written, and the cuts from there on, also those in later
// segments.
func (l *log) place(x *segment, after chain.Position) (from mark, end int64, cuts []cut) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from = x.start()
	for _, m := range x.marks {
		// A later mark can have a lower position, behind a cut.
		if m.last.Seq <= after.Seq {
			from = m
		}
	}
	behind := false
	for _, y := range l.mu.segments {
		for _, c := range y.cuts {
			switch {
			case y == x:
				cuts = append(cuts, c)
			case behind:
				cuts = append(cuts, cut{x.size, c.seq})
			}
		}
		behind = behind || y == x
	}
	return from, x.end, cuts
}

// known has a segment looked through, or is ErrNotHeld if it has gone.
func (l *log) known(x *segment) error {
	x.reading.RLock()
	defer x.reading.RUnlock()
	if x.file == nil {
		return ErrNotHeld
	}
	return l.index(x)
}

// index looks through a segment of an earlier life that nobody has read yet.
func (l *log) index(x *segment) error {
	l.mu.Lock()
	known := x.end != 0
	l.mu.Unlock()
	if known {
		return nil
	}
	c, found, err := x.scan(nil)
	if err != nil {
		return err
	}
	segments := l.all()
	if i := slices.Index(segments, x); i >= 0 && i+1 < len(segments) {
		if err := c.precedes(segments[i+1]); err != nil {
			return err
		}
	}
	l.know(x, found)
	return nil
}
