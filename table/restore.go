package table

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/chaintable/chaintable/chain"
)

// Restorer makes a table of a snapshot's chunks. It is for one goroutine at a time. The table answers and goes on
// exactly as the one of the snapshot. Chunks may come from anywhere: what is not a snapshot is refused. Memory grows
// with the bytes that have been added, by at most some twenty times as much (for keys of a few bytes).
type Restorer struct {
	table   *Table
	header  header
	section protowire.Number // of the last piece
	spans   uint64
	err     error // of the first chunk that was refused
}

// NewRestorer is one that has no chunk yet.
func NewRestorer(c Config) *Restorer { return &Restorer{table: New(c)} }

// Add takes the next chunk, whole and in order. It keeps nothing of it. After an error all further calls fail.
func (r *Restorer) Add(chunk []byte) error {
	if r.err == nil {
		if err := r.add(chunk); err != nil {
			r.err = fmt.Errorf("table: restore: %w", err)
		}
	}
	return r.err
}

// Finish is the table, when the last chunk has been added; the Restorer is of no use any more.
func (r *Restorer) Finish() (*Table, error) {
	t, h := r.table, r.header
	switch {
	case r.err != nil:
		return nil, r.err
	case r.section != sectionEnd:
		r.err = errors.New("table: restore: the last chunk is missing")
	case t.index.length != h.keys || uint64(len(t.sessions.at)) != h.sessions || r.spans != h.spans:
		r.err = fmt.Errorf("table: restore: %d keys, %d sessions, %d lost ranges instead of %d, %d, %d",
			t.index.length, len(t.sessions.at), r.spans, h.keys, h.sessions, h.spans)
	case t.sum.Load() != h.sum:
		r.err = errors.New("table: restore: the content does not have the sum that was announced")
	}
	if r.err != nil {
		return nil, r.err
	}
	t.position = h.position
	t.seq.Store(uint64(h.position.Seq))
	t.length.Store(int64(t.index.length))
	r.table, r.err = nil, errors.New("table: restore: finished")
	return t, nil
}

func (r *Restorer) add(chunk []byte) error {
	if len(chunk) == 0 {
		return errors.New("empty chunk")
	}
	if r.section == sectionEnd {
		return errors.New("a chunk behind the last")
	}
	f := fields{b: chunk, last: r.section}
	for {
		more, err := f.next(sectionItems, sectionSessions, sectionLost)
		if err != nil || !more {
			return err
		}
		if (r.section == 0) != (f.num == sectionHeader) {
			return errors.New("the header is missing")
		}
		r.section = f.num
		if f.num == sectionEnd {
			n, err := f.number(1)
			if err != nil || n != 1 {
				return errors.New("bad end")
			}
			continue
		}
		if err := f.want(protowire.BytesType); err != nil {
			return err
		}
		switch f.num {
		case sectionHeader:
			err = r.addHeader(f.bs)
		case sectionItems:
			err = r.addItem(f.bs)
		case sectionSessions:
			err = r.addSession(f.bs)
		case sectionLost:
			err = r.addSpan(f.bs)
		default:
			err = f.unknown()
		}
		if err != nil {
			return err
		}
	}
}

func (r *Restorer) addHeader(b []byte) error {
	h, err := decodeHeader(b)
	switch {
	case err != nil:
		return fmt.Errorf("header: %w", err)
	case h.format != snapshotFormat:
		return fmt.Errorf("header: format %d is not %d", h.format, snapshotFormat)
	case h.forgotten > h.position.Seq:
		return errors.New("header: forgotten is above seq")
	}
	r.header = h
	r.table.lost.forgotten = h.forgotten
	return nil
}

func (r *Restorer) addItem(b []byte) error {
	p, version, err := decodeItem(b)
	switch {
	case err != nil:
		return fmt.Errorf("item: %w", err)
	case len(p.Key) > MaxKeyBytes || len(p.Value) > MaxValueBytes:
		return fmt.Errorf("item: key of %d or value of %d bytes is too long", len(p.Key), len(p.Value))
	case version == 0 || version > r.header.position.Seq:
		return fmt.Errorf("item: version %d is not that of an entry", version)
	case r.table.index.length >= r.header.keys:
		return fmt.Errorf("item: more than %d", r.header.keys)
	}
	n := newNode(p.Key, p.Value, version, nil)
	if r.table.index.put(r.table.index.hash(p.Key), n) != nil {
		return errors.New("item: key given twice")
	}
	r.table.account(nil, n)
	return nil
}

func (r *Restorer) addSession(b []byte) error {
	s, err := decodeSession(b)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	all := r.table.sessions
	newest := &all.slots[all.slots[0].older]
	_, known := all.at[s.id]
	switch {
	case s.id == 0 || s.used < chain.Seq(s.id) || s.used <= newest.used || s.used > r.header.position.Seq || known:
		return fmt.Errorf("session %d: used at %d, after %d", s.id, s.used, newest.used)
	case len(all.at) >= all.limit:
		return fmt.Errorf("session: more than %d", all.limit)
	case s.doneBelow == 0:
		return fmt.Errorf("session %d: done below 0", s.id)
	}
	for i, x := range s.results {
		r, _ := s.result(x.number) // that of another, if they do not rise: then none is looked at
		if x.number < s.doneBelow || i > 0 && x.number <= s.results[i-1].number ||
			!x.code.executed() && x.code != CodeFull || x.seq <= chain.Seq(s.id) || x.seq > s.used || !possibleSteps(r) {
			return fmt.Errorf("session %d: result %d is not possible", s.id, x.number)
		}
	}
	all.open(s.id, s.used)
	restored := all.use(s.id, s.used)
	restored.doneBelow, restored.results, restored.found = s.doneBelow, s.results, s.found
	r.table.bytes.Add(sessionBytes + restored.resultBytes())
	return nil
}

// possibleSteps tells whether a transaction can have that result.
func possibleSteps(r Result) bool {
	if len(r.Steps) > 0 && (r.Code != CodeOK || r.Count != 0 && r.Count != 1) {
		return false
	}
	for _, s := range r.Steps {
		if s.Version > r.Seq || len(s.Value) > 0 && (!s.Found || s.Version == 0) {
			return false
		}
	}
	return true
}

func (r *Restorer) addSpan(b []byte) error {
	s, err := decodeSpan(b)
	l := &r.table.lost
	switch {
	case err != nil:
		return fmt.Errorf("lost range: %w", err)
	case s.first > s.last || s.first <= l.forgotten || s.last > r.header.position.Seq,
		l.newest.last != 0 && s.first-1 <= l.newest.last:
		return fmt.Errorf("lost range: %d to %d after %d", s.first, s.last, l.newest.last)
	case len(l.older) >= l.limit:
		return fmt.Errorf("lost range: more than %d", l.limit+1)
	}
	r.table.lose(s)
	r.spans++
	return nil
}
