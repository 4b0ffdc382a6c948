package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// Salvaged is what can be read in a data directory, whatever is wrong with that.
type Salvaged struct {
	// Identity is zero where it cannot be read.
	Identity Identity
	// Chain is that of the table.
	Chain chain.ID
	// Table holds all that can be read: also the entries behind Known.
	Table *table.Table
	// Known is the last entry that is known to have committed. Of those behind it, Uncertain many, other servers may never have heard.
	Known     chain.Position
	Uncertain int
	// Beyond is a seq up to which the log went at least, if that is above what can be read; else zero.
	Beyond chain.Seq
	// Damage is what cannot be read, and why some of what can be need not be all.
	Damage []error

	highest place // numbers that there are
}

// ErrNothing is of a directory in which nothing can be read that a table could be made of.
var ErrNothing = errors.New("storage: nothing is left of what it held")

// Salvage reads what can be read in a data directory: the newest snapshot that is whole, and the log behind it as far as that goes. It changes nothing. It fails
// only where the directory cannot be looked into, was written by a later release, or has nothing.
//
// Of the Config it wants FS, Random, Node, Table, Boot and Progress.
func Salvage(c Config) (*Salvaged, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	names, err := c.FS.List()
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	v := &salvage{store: &Store{config: c, dir: c.FS}, found: &Salvaged{}}
	err = v.all(names)
	for _, x := range v.segments {
		err = errors.Join(err, x.close())
	}
	if err != nil {
		return nil, err
	}
	return v.found, nil
}

// salvage is one Salvage.
type salvage struct {
	store    *Store
	found    *Salvaged
	segments []*segment // whose headers can be read
	tables   []savedTable
	broken   bool // reading ended where there is more
}

func (v *salvage) all(names []string) error {
	if err := v.identity(names); err != nil {
		return err
	}
	if err := v.files(names); err != nil {
		return err
	}
	var generations []uint64
	for _, x := range v.segments {
		generations = append(generations, x.generation)
	}
	for _, x := range v.tables {
		generations = append(generations, x.generation)
	}
	slices.Sort(generations)
	generations = slices.Compact(generations)
	slices.Reverse(generations)
	for _, g := range generations {
		something, err := v.generation(g)
		if err != nil {
			return err
		}
		if something {
			v.judge()
			return nil
		}
	}
	return errors.Join(append([]error{ErrNothing}, v.found.Damage...)...)
}

// damaged notes what is wrong. What is no damage, and no refusal of the disk, is for whoever called: it is of a later release.
func (v *salvage) damaged(err error) error {
	var refused *fs.PathError
	if !isDamage(err) && !errors.As(err, &refused) {
		return err
	}
	v.found.Damage = append(v.found.Damage, err)
	return nil
}

func (v *salvage) identity(names []string) error {
	if slices.Contains(names, restoring) && !slices.Contains(names, identityName) {
		return fmt.Errorf("storage: %w", ErrUnfinished)
	}
	if !slices.Contains(names, identityName) {
		return v.damaged(&DamageError{File: identityName, What: "it is missing"})
	}
	file, id, err := openIdentity(v.store.dir)
	if err != nil {
		return v.damaged(err)
	}
	v.found.Identity = id
	return file.file.Close()
}

// files looks at what there is.
func (v *salvage) files(names []string) error {
	slices.Sort(names)
	high := &v.found.highest
	for _, name := range names {
		if g, seq, ok := parseSnapshot(name); ok {
			v.tables = append(v.tables, savedTable{name: name, generation: g, seq: seq})
			high.generation = max(high.generation, g)
		}
		number, ok := parseSegment(name)
		if !ok {
			continue
		}
		high.segment = max(high.segment, number)
		x, err := openSegment(v.store.dir, name, number)
		if err != nil {
			if err := v.damaged(err); err != nil {
				return err
			}
			continue
		}
		v.segments = append(v.segments, x)
		high.generation = max(high.generation, x.generation)
	}
	slices.SortFunc(v.tables, func(a, b savedTable) int { return cmp.Compare(b.seq, a.seq) })
	return nil
}

// generation reads what there is of one. It is false if there is nothing to begin with.
func (v *salvage) generation(g uint64) (bool, error) {
	var segments []*segment
	for _, x := range v.segments { // in the order of their numbers
		if x.generation == g {
			segments = append(segments, x)
		}
	}
	for _, x := range v.tables {
		if x.generation != g {
			continue
		}
		t, c, err := v.table(x)
		if err == nil {
			return true, v.play(t, c, segments)
		}
		if err := v.damaged(err); err != nil {
			return false, err
		}
	}
	if len(segments) == 0 || segments[0].base != (chain.Position{}) {
		return false, nil
	}
	return true, v.play(table.New(v.store.config.Table), segments[0].chain, segments)
}

// table reads a snapshot, of whatever chain.
func (v *salvage) table(x savedTable) (*table.Table, chain.ID, error) {
	f, err := v.store.dir.Open(x.name)
	if err != nil {
		return nil, 0, err
	}
	size, err := f.Size()
	head := make([]byte, snapshotHeader)
	if err == nil {
		_, err = f.ReadAt(head[:min(size, snapshotHeader)], 0)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, 0, &DamageError{File: x.name, What: err.Error()}
	}
	c := chainOf(head)
	t, err := v.store.readTable(x, c)
	return t, c, err
}

// play applies the log behind a table, as far as it can be read.
func (v *salvage) play(t *table.Table, c chain.ID, segments []*segment) error {
	v.found.Chain, v.found.Table = c, t
	from := t.Position()
	first := len(segments) - 1
	for first >= 0 && segments[first].base.Seq > from.Seq {
		first--
	}
	if first < 0 {
		v.found.Known = from
		v.note(nil, 0, fmt.Sprintf("there is no log behind %v, the last entry in the snapshot", from))
		v.beyond(segments)
		return nil
	}
	p := &player{store: v.store, table: t, from: from}
	i := first
	for ; i < len(segments); i++ {
		var next *segment
		if i+1 < len(segments) {
			next = segments[i+1]
		}
		if err := v.store.config.Progress(Progress{Reading: segments[i].name}); err != nil {
			return err
		}
		p.found = p.found || segments[i].base == from
		if !v.segment(p, segments[i], next) {
			break
		}
	}
	if !p.found {
		v.note(nil, 0, fmt.Sprintf("%v, the last entry in the snapshot, cannot be found in the log, and so nothing behind it", from))
	}
	v.found.Known, v.found.Uncertain = t.Position(), len(p.waiting)
	p.committed = math.MaxUint64
	if err := p.apply(); err != nil {
		v.found.Damage = append(v.found.Damage, err)
	}
	if v.broken || !p.found {
		v.beyond(segments[min(i, len(segments)):])
	}
	return nil
}

// note notes what is wrong at a place of a segment, or in none.
func (v *salvage) note(x *segment, offset int64, what string) {
	d := &DamageError{Offset: offset, What: what}
	if x != nil {
		d.File = x.name
	}
	v.found.Damage = append(v.found.Damage, d)
}

// segment plays one segment. It is false where the log goes no further. Before the last entry of the snapshot was found, nothing of what is damaged is
// missed.
func (v *salvage) segment(p *player, x, next *segment) bool {
	c := newCursor(x, x.start())
	ok, err := c.next()
	for {
		switch {
		case ok:
			err = p.frame(c)
		case err == nil && next == nil:
			if _, _, err = c.ending(); err == nil {
				return false
			}
		case err == nil:
			if err = c.precedes(next); err == nil {
				return true
			}
		}
		if err == nil {
			ok, err = c.next()
			continue
		}
		v.found.Damage = append(v.found.Damage, x.unreadable(c.offset, err))
		if p.found {
			v.broken = true
			return false
		}
		if ok, err = c.resync(), nil; !ok {
			return true
		}
	}
}

// frame takes in the records of the frame that the cursor has read.
func (p *player) frame(c *cursor) error {
	p.committed = max(p.committed, c.frame.committed)
	for i := range c.records {
		if err := p.record(&c.records[i]); err != nil {
			return c.segment.damage(c.offset, err.Error())
		}
	}
	return p.apply()
}

// resync goes on with the next frame whose records have their checksums, whatever was before it. It is false if there is none.
func (c *cursor) resync() bool {
	for offset := c.offset + blockBytes; offset < c.segment.size; offset += blockBytes {
		b, err := c.window.bytes(offset, frameHeader)
		if err != nil {
			offset += windowBytes // each try may take a disk seconds
			continue
		}
		f, ok := c.segment.header(b, offset)
		if !ok || f.length == 0 {
			continue
		}
		c.mark = mark{offset: offset, crc: f.before}
		if ok, err := c.next(); ok && err == nil {
			return true
		}
	}
	return false
}

// beyond looks for how far the log went. The first of the segments is the one in which reading it has ended.
func (v *salvage) beyond(segments []*segment) {
	last := chain.Seq(0)
	for _, x := range v.tables {
		last = max(last, x.seq)
	}
	for _, x := range segments {
		c := newCursor(x, x.start())
		for last = max(last, x.base.Seq); c.resync(); {
			for ok, err := true, error(nil); ok && err == nil; ok, err = c.next() {
				last = max(last, c.last.Seq, c.frame.committed)
			}
		}
	}
	if last > v.found.Table.Position().Seq {
		v.found.Beyond = last
	}
}

// judge says what else there is against relying on it.
func (v *salvage) judge() {
	id, config := &v.found.Identity, &v.store.config
	if id.Distrusted != "" {
		v.note(nil, 0, id.Distrusted)
	} else if id.unsynced(config.Boot) {
		v.note(nil, 0, booted)
	}
	if id.Chain != 0 && id.Chain != v.found.Chain {
		v.note(nil, 0, fmt.Sprintf("its identity is that of a server of chain %v, and what it holds is of chain %v", id.Chain, v.found.Chain))
	}
}

// Rebuild makes the directory that of a server of its own, as Restore does, which holds what was salvaged. Only when that is in place the old files are
// removed. If it is interrupted, Salvage finds either.
func (v *Salvaged) Rebuild(c Config, pace func(bytes int) error) (Identity, error) {
	if err := c.complete(); err != nil {
		return Identity{}, err
	}
	at := place{v.highest.generation + 1, v.highest.segment + 1}
	id, err := plant(&c, v.Table, at, v.Identity.Epoch, pace)
	if err == nil {
		err = sweepBut(c.FS, at)
	}
	if err != nil {
		return id, fmt.Errorf("storage: rebuild: %w", err)
	}
	return id, nil
}

// sweepBut removes all but what is at a place, and the identity.
func sweepBut(dir FS, at place) error {
	names, err := dir.List()
	if err != nil {
		return err
	}
	for _, name := range names {
		g, _, isTable := parseSnapshot(name)
		n, isLog := parseSegment(name)
		if !ours(name) || isTable && g == at.generation || isLog && n == at.segment {
			continue
		}
		if err := dir.Remove(name); err != nil {
			return err
		}
	}
	return dir.Sync()
}
