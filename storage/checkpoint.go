package storage

import (
	"errors"
	"fmt"
	"io"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// Checkpoint is a snapshot of the server's own table, on disk under a name that does not count yet.
type Checkpoint struct {
	dir   FS
	snap  *table.Snapshot
	chain chain.ID
	grown int64 // how much the log had grown when it began
	table savedTable
	file  File
}

// checkpointSync is how much of a checkpoint is written between syncs: the log's own sync may have to wait for what others have written.
const checkpointSync = 1 << 20

// Due tells whether it is time for a checkpoint: the log has grown by as much as the table has, and by Config.CheckpointBytes. Any goroutine may ask.
func (s *Store) Due() bool { return s.Grown() >= max(s.config.CheckpointBytes, s.TableBytes()) }

// Grown is how many bytes the log has grown since the last checkpoint began: what opening has to read beside that. Any goroutine may ask.
func (s *Store) Grown() int64 { return s.log.grown.Load() }

// TableBytes is the size of the newest snapshot's file, zero for none. Any goroutine may ask.
func (s *Store) TableBytes() int64 {
	s.tables.Lock()
	defer s.tables.Unlock()
	if len(s.tables.list) == 0 {
		return 0
	}
	return s.tables.list[0].bytes
}

// BeginCheckpoint names a snapshot of the server's own table. No Install may be under way whose table the server does not have yet. Any goroutine may
// call it.
func (s *Store) BeginCheckpoint(snap *table.Snapshot) *Checkpoint {
	g := s.now.Load()
	return &Checkpoint{
		dir: s.dir, snap: snap, chain: g.chain, grown: s.log.grown.Load(),
		table: savedTable{name: snapshotName(g.number, snap.Seq()), generation: g.number, seq: snap.Seq()},
	}
}

// Snapshot is what is written.
func (c *Checkpoint) Snapshot() *table.Snapshot { return c.snap }

// Bytes is the size of the file, once it is written.
func (c *Checkpoint) Bytes() int64 { return c.table.bytes }

// Write writes the snapshot. Any goroutine may call it, one at a time, while the store is used. Publish makes it count. It calls pace after each block
// with the size of that, and ends with its error, if that is not nil.
func (c *Checkpoint) Write(pace func(bytes int) error) (err error) {
	name := c.table.name + temporary
	if c.file, err = c.dir.Create(name); err == nil {
		if c.table.bytes, err = writeTable(c.file, c.snap, Origin{c.chain, c.snap.Position()}, pace); err != nil {
			err = errors.Join(err, c.file.Close(), c.dir.Remove(name))
		}
	}
	if err != nil {
		return fmt.Errorf("storage: %s: %w", c.table.name, err)
	}
	return nil
}

func writeTable(f File, snap *table.Snapshot, o Origin, pace func(int) error) (int64, error) {
	w, err := NewSnapshotWriter(io.NewOffsetWriter(f, 0), o)
	if err != nil {
		return 0, err
	}
	for last, synced := false, uint64(0); !last; {
		var chunk []byte
		if chunk, last, err = snap.Chunk(chunkBytes); err != nil {
			return 0, err
		}
		if err := w.Add(chunk); err != nil {
			return 0, err
		}
		if w.Bytes()-synced >= checkpointSync {
			if err := f.Sync(); err != nil {
				return 0, err
			}
			synced = w.Bytes()
		}
		if err := pace(len(chunk)); err != nil {
			return 0, err
		}
	}
	if err := w.Finish(); err != nil {
		return 0, err
	}
	return int64(w.Bytes()), f.Sync()
}

// Publish makes a checkpoint count, and forgets what nobody needs any more: all tables but the newest two, and the log below them, but for
// Config.RetainBytes. So if a table turns out to be damaged, there is one before it, and the log from there.
func (s *Store) Publish(c *Checkpoint) error {
	if c.table.generation != s.now.Load().number {
		return errors.Join(c.file.Close(), s.dir.Remove(c.table.name+temporary)) // another table has come since
	}
	// The log has to go on from the table: it may have been applied before it was on disk here.
	if err := s.Sync(); err != nil {
		return err
	}
	if s.log.last.Seq < c.table.seq {
		panic(fmt.Sprintf("storage: a table at %d, and a log that ends at %v", c.table.seq, s.log.last))
	}
	if err := s.keep(c.file, c.table.name); err != nil {
		return s.log.fail(err)
	}
	s.log.grown.Add(-c.grown)
	s.addTable(c.table)
	if err := s.trim(); err != nil {
		return s.log.fail(err)
	}
	return nil
}

// tablesKept is how many tables are kept.
const tablesKept = 2

// trim removes what is not needed.
func (s *Store) trim() error {
	s.tables.Lock()
	var old []savedTable
	if n := len(s.tables.list); n > tablesKept {
		s.tables.list, old = s.tables.list[:tablesKept:tablesKept], s.tables.list[tablesKept:]
	}
	list := s.tables.list
	s.tables.Unlock()
	for _, x := range old {
		if err := s.dir.Remove(x.name); err != nil {
			return err
		}
	}
	if len(list) < tablesKept {
		return nil
	}
	last := s.log.unneeded(list[tablesKept-1].seq, s.config.RetainBytes)
	return s.log.drop(func(x *segment) bool { return x.number <= last })
}

// unneeded is the number of the newest segment of those that can go: all in them is at or below seq, and of those behind them there is
// enough. Zero is none.
func (l *log) unneeded(seq chain.Seq, retain int64) (last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	behind := int64(0)
	for i := len(l.mu.segments) - 1; i > 0; i-- {
		if behind += l.mu.segments[i].end; behind >= retain && l.mu.segments[i].base.Seq <= seq {
			return l.mu.segments[i-1].number
		}
	}
	return 0
}
