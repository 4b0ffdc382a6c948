package storage

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// Recovery is what Open has found.
type Recovery struct {
	Identity Identity
	// Chain is for chain.Config; nil in a new directory. It is incomplete if something is damaged, or may be missing: then there is nothing in it.
	Chain *chain.Recovered
	Table *table.Table // at Chain.Base
	// Doubt is why it is incomplete.
	Doubt error
	// Notes are what else somebody may want to know, a sentence each.
	Notes []string
}

// Open opens a directory. It repairs what a crash leaves behind; what is damaged it leaves as it is, until the server has another table, or
// the chain's log from its start.
//
// If it is interrupted it does the same again.
func Open(c Config) (*Store, *Recovery, error) {
	if err := c.complete(); err != nil {
		return nil, nil, err
	}
	s := &Store{config: c, dir: c.FS}
	s.log.dir, s.log.config = c.FS, &s.config
	s.now.Store(&generation{})
	rec, err := s.open()
	if err != nil {
		if s.identity.file != nil {
			err = errors.Join(err, s.identity.file.file.Close())
		}
		return nil, nil, errors.Join(err, s.log.close())
	}
	return s, rec, nil
}

func (s *Store) open() (*Recovery, error) {
	names, err := s.dir.List()
	if err == nil {
		err = s.dir.Sync() // what is seen need not be on disk: a process may have ended between a rename and the sync
	}
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	if err := s.openIdentity(names); err != nil {
		return nil, err
	}
	rec := &Recovery{Table: table.New(s.config.Table)}
	before := s.Identity()
	if before.Chain != 0 && s.config.Alone && !before.Alone && !before.Restored {
		return nil, ErrCoordinated
	}
	err = s.recover(names, rec)
	switch {
	case isDamage(err):
		rec.Doubt, rec.Table = err, table.New(s.config.Table)
		rec.Chain = &chain.Recovered{}
		s.doubt = true
		s.now.Store(&generation{number: s.now.Load().number})
	case err != nil:
		return nil, err
	}
	if err := s.settle(rec); err != nil {
		return nil, err
	}
	rec.Identity = s.Identity()
	switch {
	case rec.Identity.Chain == 0:
		rec.Chain = nil
	default:
		rec.Chain.Chain, rec.Chain.Complete = rec.Identity.Chain, rec.Doubt == nil
		rec.Chain.Epoch = max(rec.Identity.Epoch, rec.Chain.Epoch)
		rec.Chain.Table = rec.Table.Bytes()
		rec.Chain.Found = rec.Chain.Complete && (rec.Identity.Alone || rec.Identity.Restored)
	}
	return rec, nil
}

// ErrCoordinated is of a directory whose chain has a coordinator, where Config says that it has none.
var ErrCoordinated = errors.New("storage: the directory is that of a chain whose view a coordinator keeps")

// doubt is why what the server holds cannot be relied on, whatever it looks like.
func (id *Identity) doubt(boot string) error {
	switch {
	case id.Chain == 0:
		return nil
	case id.Distrusted != "":
		return errDamaged(id.Distrusted)
	case id.unsynced(boot) && !id.Alone:
		return errDamaged(booted)
	}
	return nil
}

const booted = "the machine was booted since, and what was written in the last second before need not have been on disk (--sync interval)"

// unsynced tells whether acknowledged writes may be missing: a process that is killed loses nothing that it wrote, but a machine may.
func (id *Identity) unsynced(boot string) bool { return id.Interval && (boot == "" || id.Boot != boot) }

// openIdentity reads who the server is, or makes it up in a directory that is empty.
func (s *Store) openIdentity(names []string) (err error) {
	s.identity.file, s.identity.Identity, err = openIdentity(s.dir)
	s.identity.unsure = err == nil
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if slices.Contains(names, restoring) {
		return fmt.Errorf("storage: %w", ErrUnfinished)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, temporary) || !strings.HasPrefix(name, identityName) {
			return fmt.Errorf("storage: the directory holds %s, and no file %s: it is no data directory, or has lost that file", name, identityName)
		}
	}
	s.identity.Identity = Identity{Node: s.config.Node}
	s.identity.file, err = createIdentity(s.dir, s.identity.Identity)
	return err
}

// settle removes what an earlier life has left unfinished, and notes how this one writes.
func (s *Store) settle(rec *Recovery) error {
	names, err := s.dir.List()
	if err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	for _, name := range names {
		g, _, isTable := parseSnapshot(name)
		_, isLog := parseSegment(name)
		if name == spareName {
			if err := s.log.openSpare(); err != nil {
				return err
			}
			continue
		}
		fresh := s.Identity().Chain == 0 && (isTable || isLog) // it had not yet said that there is a chain
		now := s.now.Load().number
		unborn := isTable && g > now // of a generation that never began, and whose number comes again
		if strings.HasSuffix(name, temporary) || fresh || unborn || isTable && rec.Doubt == nil && g != now {
			if err := s.dir.Remove(name); err != nil {
				return fmt.Errorf("storage: %w", err)
			}
		}
	}
	if rec.Doubt != nil {
		// What shows that something is missing may be a mark that no sync has followed yet, and must outlive the machine.
		for _, x := range s.log.all() {
			if err := x.file.Sync(); err != nil {
				return fmt.Errorf("storage: %s: %w", x.name, err)
			}
		}
	}
	return s.update(func(id *Identity) {
		switch {
		case !id.unsynced(s.config.Boot):
		case id.Alone:
			rec.Notes = append(rec.Notes, booted)
		case id.Distrusted == "" && id.Chain != 0:
			id.Distrusted = booted // the next life must not take it for complete either
		}
		id.Restored = id.Restored || id.Alone && id.Chain != 0 && !s.config.Alone // the coordinator that it has from now on knows nothing of it
		id.Boot, id.Interval, id.Alone = s.config.Boot, s.config.Interval, s.config.Alone
	})
}

// recover reads the newest table that is whole, and the log behind it. The error is a DamageError where these are not what they should be.
func (s *Store) recover(names []string, rec *Recovery) error {
	id := s.Identity()
	if err := s.openSegments(names); err != nil {
		return err
	}
	if err := id.doubt(s.config.Boot); err != nil {
		return err
	}
	if id.Chain == 0 {
		err := s.log.close() // a first segment may be there that nobody has heard of
		s.now.Store(&generation{number: s.now.Load().number})
		return err
	}
	if len(s.log.all()) == 0 {
		return errDamaged("the log is missing")
	}
	if g := s.now.Load(); g.chain != id.Chain {
		// Adopt may have begun a log for a chain that the identity does not name yet, where there was nothing: there still is.
		if err := s.replay(rec); err != nil || s.log.last == (chain.Position{}) {
			return err
		}
		return errDamaged(fmt.Sprintf("the log is that of chain %v, not %v", g.chain, id.Chain))
	}
	var damaged error
	for _, x := range s.tables.list {
		t, err := s.readTable(x, id.Chain)
		switch {
		case err == nil:
			rec.Table = t
			return s.replay(rec)
		case !isDamage(err):
			return err
		}
		rec.Notes = append(rec.Notes, "a snapshot is damaged, and is not used: "+err.Error())
		damaged = errors.Join(damaged, err)
	}
	if first := s.log.all()[0]; first.base != (chain.Position{}) {
		return cmp.Or(damaged, errDamaged(fmt.Sprintf("the log begins behind %v, and there is no snapshot", first.base)))
	}
	return s.replay(rec)
}

// openSegments finds the log: the segments of the newest generation, as far back as none is missing.
func (s *Store) openSegments(names []string) error {
	var found []*segment
	var damaged error
	for _, name := range names {
		if g, seq, ok := parseSnapshot(name); ok {
			s.tables.list = append(s.tables.list, savedTable{name: name, generation: g, seq: seq})
		}
		number, ok := parseSegment(name)
		if !ok {
			continue
		}
		s.log.number = max(s.log.number, number)
		x, err := openSegment(s.dir, name, number)
		switch {
		case isDamage(err):
			damaged = cmp.Or(damaged, err)
		case err != nil:
			return err
		default:
			found = append(found, x)
		}
	}
	s.log.mu.segments = found // so that they are closed
	g := generation{}
	for _, x := range found {
		if x.generation >= g.number {
			g = generation{x.generation, x.chain}
		}
	}
	for _, x := range s.tables.list {
		if damaged != nil {
			g.number = max(g.number, x.generation) // whatever was damaged, what comes next is newer
		}
	}
	s.now.Store(&g)
	if damaged != nil {
		return damaged
	}
	slices.SortFunc(found, func(a, b *segment) int { return cmp.Compare(b.number, a.number) })
	keep := 0
	for keep < len(found) && found[keep].generation == g.number && found[keep].number == s.log.number-uint64(keep) {
		keep++
	}
	s.log.mu.segments = slices.Clone(found[:keep])
	slices.Reverse(s.log.mu.segments)
	for _, x := range found[keep:] { // of a generation that is over, or needed by no table when they were removed
		if err := errors.Join(x.close(), s.dir.Remove(x.name)); err != nil {
			return err
		}
	}
	s.tables.list = slices.DeleteFunc(s.tables.list, func(x savedTable) bool { return x.generation != g.number })
	slices.SortFunc(s.tables.list, func(a, b savedTable) int { return cmp.Compare(b.seq, a.seq) })
	return nil
}

// readTable reads a snapshot's file.
func (s *Store) readTable(x savedTable, c chain.ID) (*table.Table, error) {
	f, err := s.dir.Open(x.name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	t, o, err := ReadSnapshot(bufio.NewReaderSize(io.NewSectionReader(f, 0, size), windowBytes), s.config.Table, func(n int64) error {
		return s.config.Progress(Progress{Reading: x.name, Bytes: n})
	})
	var d *DamageError
	switch {
	case errors.As(err, &d):
		d.File = x.name
		return nil, err
	case errors.Is(err, ErrFormat):
		return nil, fmt.Errorf("storage: %s: %w", x.name, err)
	case err != nil:
		return nil, err
	case o.Chain != c || o.Position.Seq != x.seq:
		return nil, &DamageError{File: x.name, What: fmt.Sprintf("the table is that of chain %v at %v", o.Chain, o.Position)}
	}
	return t, nil
}

// replay applies the log behind the table: what is known to have committed. The rest is for the chain.
func (s *Store) replay(rec *Recovery) error {
	segments := s.log.all()
	from := rec.Table.Position()
	first := len(segments) - 1
	for first > 0 && segments[first].base.Seq > from.Seq {
		first--
	}
	if segments[first].base.Seq > from.Seq {
		return errDamaged(fmt.Sprintf("the log begins behind %v, and the newest snapshot that is whole is of %v", segments[first].base, from))
	}
	p := &player{store: s, table: rec.Table, from: from, found: segments[first].base == from}
	for i, x := range segments[first:] {
		var next *segment
		if n := first + i + 1; n < len(segments) {
			next = segments[n]
		}
		if err := p.segment(x, next); err != nil {
			return err
		}
	}
	if !p.found {
		return errDamaged(fmt.Sprintf("%v, the last entry in the snapshot, is not in the log", from))
	}
	s.log.last, s.log.committed = p.end.last, p.committed
	s.log.end, s.log.synced = p.end, p.end.offset
	s.log.grown.Store(p.bytes)
	rec.Chain = &chain.Recovered{Base: rec.Table.Position(), Log: p.waiting, Committed: rec.Table.Position().Seq, Epoch: p.epoch}
	return s.log.putMark()
}

// player applies a log to a table.
type player struct {
	store     *Store
	table     *table.Table
	from      chain.Position // where the table was at first
	found     bool           // the log has that entry
	waiting   []chain.Entry  // not known to have committed
	owned     int            // so many of them have bytes of their own
	committed chain.Seq
	epoch     chain.Epoch // of the last entry
	end       mark
	bytes     int64 // of log behind from
	applied   uint64
}

// segment plays one segment. Next is the one behind it, nil for the last.
func (p *player) segment(x, next *segment) error {
	c, found, err := x.scan(func(c *cursor, from mark) error {
		p.committed = max(p.committed, c.frame.committed)
		for i := range c.records {
			if err := p.record(&c.records[i]); err != nil {
				return err
			}
		}
		if p.found {
			p.bytes += c.offset - from.offset
		}
		return p.apply()
	})
	stopped := p.store.config.Progress(Progress{Reading: x.name, Bytes: c.offset, Entries: p.applied})
	switch {
	case stopped != nil:
		return stopped
	case err != nil:
		return err
	case next != nil:
		err = c.precedes(next)
	default:
		err = x.finish(c)
	}
	p.end = c.mark
	p.store.log.know(x, found)
	return err
}

// know takes in what has been found in a segment.
func (l *log) know(x *segment, found contents) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x.contents = found
}

// finish looks at what stands behind the log in its last segment, and brings the log to disk: a process that ended may have written what it never
// synced. Where it ended because a sync had failed, another sync alone would do nothing: so that is written again.
func (s *segment) finish(c *cursor) error {
	from, dirt, err := c.ending()
	if err != nil {
		return s.unreadable(c.offset, err)
	}
	err = s.rewrite(c.frame.synced, c.offset)
	if err == nil {
		err = s.clean(from, dirt)
	}
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("storage: %s: %w", s.name, err)
	}
	return nil
}

// rewrite writes what is there.
func (s *segment) rewrite(from, to int64) error {
	from = max(from, segmentHeader)
	b := make([]byte, min(max(to-from, 0), windowBytes))
	for from < to {
		n, err := s.file.ReadAt(b[:min(to-from, int64(len(b)))], from)
		if err != nil {
			return err
		}
		if _, err := s.file.WriteAt(b[:n], from); err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}

// clean overwrites what was written behind the end of the log and never synced, so that nothing of it can come back.
func (s *segment) clean(from, to int64) error {
	for offset := from; offset < to; {
		n := min(to-offset, int64(len(zeros)))
		if _, err := s.file.WriteAt(zeros[:n], offset); err != nil {
			return err
		}
		offset += n
	}
	return nil
}

// record takes in one record.
func (p *player) record(r *record) error {
	if r.kind == recordCut {
		if at := p.table.Position(); r.position.Seq < at.Seq && p.found {
			if at != p.from {
				return fmt.Errorf("the log was cut behind %v, and %v had committed", r.position, at)
			}
			p.found = false // the snapshot is of what came later
		}
		p.waiting = slices.DeleteFunc(p.waiting, func(e chain.Entry) bool { return e.Seq > r.position.Seq })
		p.owned = min(p.owned, len(p.waiting))
		return nil
	}
	p.epoch = max(p.epoch, r.position.Epoch)
	if r.position.Seq <= p.from.Seq {
		p.found = p.found || r.position == p.from
		return nil
	}
	if !p.found {
		return nil // of what was cut before the entry with this number came that is in the snapshot; else that is missing at the end
	}
	e, err := table.DecodeEntry(r.payload)
	if err != nil {
		return err
	}
	if e.Position() != r.position {
		return fmt.Errorf("%v is stored as %v", e.Position(), r.position)
	}
	p.waiting = append(p.waiting, e)
	return nil
}

// apply applies what has committed; what has not must outlive the window that it was read from.
func (p *player) apply() error {
	n := 0
	for n < len(p.waiting) && p.waiting[n].Seq <= p.committed {
		p.table.Apply(&p.waiting[n])
		n++
	}
	p.applied += uint64(n)
	p.waiting = slices.Delete(p.waiting, 0, n)
	for i := max(0, p.owned-n); i < len(p.waiting); i++ {
		e, err := table.DecodeEntry(bytes.Clone(p.waiting[i].Encoded))
		if err != nil {
			return err
		}
		p.waiting[i] = e
	}
	p.owned = len(p.waiting)
	return nil
}
