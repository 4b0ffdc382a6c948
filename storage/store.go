package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// Config is what a Store must know from the start.
type Config struct {
	FS     FS           // required
	Table  table.Config // of the table that is recovered
	Random func() uint64
	// Node is the id that a new directory gets. Not zero.
	Node chain.NodeID
	// Boot names the present boot of the machine, empty where that cannot be told.
	Boot string
	// Interval says that Sync will not be called before what was appended is acknowledged, only now and then: what is recovered is complete only
	// while the machine has not been booted since.
	Interval bool
	// Alone says that the server has no coordinator: the view is its own.
	Alone bool
	// SegmentBytes is the size of a segment of the log. Zero is 64 MiB.
	SegmentBytes int64
	// RetainBytes is how much of the log is kept at least, for servers that were away. Zero is 256 MiB.
	RetainBytes int64
	// CheckpointBytes is how much the log grows at least from one snapshot to the next. Zero is 128 MiB.
	CheckpointBytes int64
	// Progress is told how far Open has got, and ends it with an error; it may be nil.
	Progress func(Progress) error
}

// Progress is how far Open has got.
type Progress struct {
	Reading string // a snapshot, or a segment of the log
	Bytes   int64  // of it
	Entries uint64 // applied, of the log
}

// MinSegmentBytes is the least that a segment may have.
const MinSegmentBytes = 8 << 10

const (
	defaultSegmentBytes = 64 << 20
	defaultRetainBytes  = 256 << 20
	defaultCheckpoint   = 128 << 20
)

// Store keeps a server's log, tables and identity in a directory. Its methods are for one goroutine at a time, but where they say
// otherwise. After an error of one that writes it is of no use any more, and the process is to end and to recover; but for ErrNoRoom, after which the same
// is to be tried again.
type Store struct {
	config Config
	dir    FS
	log    log
	now    atomic.Pointer[generation]
	doubt  bool // what is on disk is damaged, and stays until there is something better

	identity struct {
		sync.Mutex
		Identity
		file   *identityFile
		unsure bool // it was read, and need not be on disk, in both copies
	}

	staging *staging
	tables  struct {
		sync.Mutex
		list []savedTable // newest first, of the present generation
	}
}

// generation is what the log's segments are of. Number is zero where there are none that count.
type generation struct {
	number uint64
	chain  chain.ID
}

// savedTable is a snapshot's file.
type savedTable struct {
	name       string
	generation uint64
	seq        chain.Seq
	bytes      int64
}

func (c *Config) complete() error {
	switch {
	case c.FS == nil || c.Random == nil:
		return errors.New("storage: config: FS and Random are required")
	case c.Node == 0:
		return errors.New("storage: config: Node is zero")
	case c.SegmentBytes < 0 || c.RetainBytes < 0 || c.CheckpointBytes < 0 || c.SegmentBytes != 0 && c.SegmentBytes < MinSegmentBytes:
		return fmt.Errorf("storage: config: a segment has at least %d bytes", MinSegmentBytes)
	}
	c.SegmentBytes = cmp.Or(c.SegmentBytes, defaultSegmentBytes) &^ (blockBytes - 1)
	c.RetainBytes = cmp.Or(c.RetainBytes, defaultRetainBytes)
	c.CheckpointBytes = cmp.Or(c.CheckpointBytes, defaultCheckpoint)
	if c.Progress == nil {
		c.Progress = func(Progress) error { return nil }
	}
	return nil
}

// Identity is who the server is. Any goroutine may ask.
func (s *Store) Identity() Identity {
	s.identity.Lock()
	defer s.identity.Unlock()
	return s.identity.Identity
}

// update changes the identity, on disk when it returns.
func (s *Store) update(change func(*Identity)) error {
	s.identity.Lock()
	defer s.identity.Unlock()
	id := s.identity.Identity
	if change(&id); id == s.identity.Identity && !s.identity.unsure {
		return nil
	}
	if err := s.identity.file.write(id); err != nil {
		return fmt.Errorf("storage: %s: %w", identityName, err)
	}
	s.identity.Identity, s.identity.unsure = id, false
	return nil
}

// Register raises the incarnation to one that is about to be registered: no later life has it again. Any goroutine may call it.
func (s *Store) Register(n chain.Incarnation) error {
	return s.update(func(id *Identity) { id.Incarnation = max(id.Incarnation, n) })
}

// Distrust says that what the server holds must not be used again: the next Open finds it incomplete. Any goroutine may call it.
func (s *Store) Distrust(why string) error {
	return s.update(func(id *Identity) { id.Distrusted = why })
}

// Adopt says which chain the server is about to be in, or outside of, and its epoch.
func (s *Store) Adopt(c chain.ID, e chain.Epoch) error {
	if err := s.log.write(); err != nil {
		return err
	}
	if g := s.now.Load(); !s.doubt && (c != g.chain && g.number != 0 && s.log.last == (chain.Position{}) || s.Identity().Chain == 0) {
		// Before the identity says that there is one.
		if err := s.begin(c, chain.Position{}); err != nil {
			return err
		}
	}
	return s.update(func(id *Identity) {
		if id.Chain != c {
			id.Chain, id.Epoch = c, 0
		}
		id.Epoch, id.Restored = max(id.Epoch, e), false
	})
}

// Last is the end of the log, synced or not.
func (s *Store) Last() chain.Position { return s.log.last }

// Append puts entries behind the log, in order. They are on disk after the next Sync. Committed is a lower bound of what had committed by then. It keeps
// the entries' Encoded until then.
func (s *Store) Append(entries []chain.Entry, committed chain.Seq) error {
	if c := s.Identity().Chain; len(entries) > 0 && c != s.now.Load().chain {
		// What is here is of another chain, or damaged; and from now on nothing is missing.
		if err := s.begin(c, chain.Position{}); err != nil {
			return err
		}
	}
	for i := range entries {
		e := &entries[i]
		s.log.add(record{kind: recordEntry, position: e.Position(), payload: e.Encoded})
	}
	s.log.commit(committed)
	return nil
}

// Truncate says that the log ends behind an entry that it holds. Nothing is overwritten: a record says so.
func (s *Store) Truncate(end chain.Position, committed chain.Seq) {
	if s.Identity().Chain != s.now.Load().chain {
		return // nothing of the log that is meant was ever here
	}
	if end != s.log.last {
		s.log.add(record{kind: recordCut, position: end})
	}
	s.log.commit(committed)
}

// Write hands the operating system what was appended. That survives the end of the process.
func (s *Store) Write() error { return s.log.write() }

// Sync returns when all that was appended is on disk.
func (s *Store) Sync() error {
	if err := s.log.write(); err != nil {
		return err
	}
	return s.log.sync()
}

// Prepare makes the next segment of the log while this one is written: any goroutine may call it. It fails where there is no room; the log can
// still be written until the present segment is full.
func (s *Store) Prepare() error {
	if err := s.log.prepare(); err != nil {
		return fmt.Errorf("storage: the next segment: %w", err)
	}
	return nil
}

// begin starts a new generation of the log, behind a position at which there is a table, or at the very start. When the first segment is there under
// its name, nothing of former generations counts any more.
func (s *Store) begin(c chain.ID, base chain.Position) error {
	g := generation{s.now.Load().number + 1, c}
	if err := s.log.open(&segment{generation: g.number, chain: c, base: base}, 0); err != nil {
		return s.log.unlessRoom(err)
	}
	s.log.pending, s.log.last, s.log.committed = nil, base, base.Seq
	s.log.grown.Store(0)
	s.now.Store(&g)
	s.doubt = false
	if err := s.update(func(id *Identity) { id.Distrusted = "" }); err != nil {
		return s.log.fail(err)
	}
	return s.sweep()
}

// sweep removes what is of no generation that counts.
func (s *Store) sweep() error {
	now := s.now.Load().number
	if err := s.log.drop(func(x *segment) bool { return x.generation != now }); err != nil {
		return s.log.fail(err)
	}
	s.tables.Lock()
	defer s.tables.Unlock()
	s.tables.list = slices.DeleteFunc(s.tables.list, func(x savedTable) bool { return x.generation != now })
	names, err := s.dir.List()
	if err != nil {
		return s.log.fail(err)
	}
	for _, name := range names {
		g, _, isTable := parseSnapshot(name)
		n, isLog := parseSegment(name)
		if isTable && g != now || isLog && !s.log.has(n) {
			if err := s.dir.Remove(name); err != nil {
				return s.log.fail(err)
			}
		}
	}
	return nil
}

func (l *log) has(number uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.mu.segments, func(s *segment) bool { return s.number == number })
}

// Close lets go of the files. What was not synced may be lost with the machine.
func (s *Store) Close() error {
	s.Unstage()
	return errors.Join(s.log.close(), s.identity.file.file.Close())
}

// staging is a table that comes from another server.
type staging struct {
	name string
	file File
	to   *SnapshotWriter
	base chain.Position
	kept bool // the file is whole, and has its name
}

// Stage takes the next chunk of a table at base that comes from another server; first begins anew.
func (s *Store) Stage(base chain.Position, chunk []byte, first bool) error {
	if first {
		s.Unstage()
		name := snapshotName(s.now.Load().number+1, base.Seq)
		f, err := s.dir.Create(name + temporary)
		if err != nil {
			return fmt.Errorf("storage: %s: %w", name, err)
		}
		s.staging = &staging{name: name, file: f, base: base}
		if s.staging.to, err = NewSnapshotWriter(io.NewOffsetWriter(f, 0), Origin{s.Identity().Chain, base}); err != nil {
			return fmt.Errorf("storage: %s: %w", name, err)
		}
	}
	if s.staging == nil || s.staging.base != base {
		return errors.New("storage: no table is being received")
	}
	if err := s.staging.to.Add(chunk); err != nil {
		return fmt.Errorf("storage: %s: %w", s.staging.name, err)
	}
	return nil
}

// Unstage gives up the table that was being received.
func (s *Store) Unstage() {
	if x := s.staging; x != nil {
		s.staging = nil
		x.file.Close()
		s.dir.Remove(x.name + temporary) // or the next Open does
	}
}

// Install puts the table that was received in the place of all that is here. The log goes on behind it.
func (s *Store) Install() error {
	x := s.staging
	if !x.kept {
		if err := s.keepStaged(x); err != nil {
			s.staging = nil
			return s.log.fail(err)
		}
		x.kept = true
	}
	if err := s.begin(s.Identity().Chain, x.base); err != nil {
		return err
	}
	s.staging = nil
	s.addTable(savedTable{x.name, s.now.Load().number, x.base.Seq, int64(x.to.Bytes())})
	return nil
}

func (s *Store) keepStaged(x *staging) error {
	if err := x.to.Finish(); err != nil {
		return errors.Join(err, x.file.Close())
	}
	return s.keep(x.file, x.name)
}

// keep gives a whole file its name.
func (s *Store) keep(f File, name string) error {
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := s.dir.Rename(name+temporary, name); err != nil {
		return err
	}
	return s.dir.Sync()
}

func (s *Store) addTable(t savedTable) {
	s.tables.Lock()
	defer s.tables.Unlock()
	old := slices.DeleteFunc(s.tables.list, func(x savedTable) bool { return x.name == t.name }) // it has been replaced
	s.tables.list = append([]savedTable{t}, old...)
}
