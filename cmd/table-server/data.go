package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/storage"
	"github.com/chaintable/chaintable/table"
)

// progressEvery is how often the log tells how far opening has got.
const progressEvery = time.Second

// What the log takes of a disk that is not large: an eighth for what others may have missed, and segments of which there can be many.
const (
	segmentShare, minSegment, maxSegment = 64, 1 << 20, 64 << 20
	retainShare, minRetain, maxRetain    = 8, 4 << 20, 256 << 20
	maxCheckpoint                        = 128 << 20
)

// share is a part of a disk's size, in bytes, within bounds.
func share(size, parts uint64, least, most int64) int64 {
	return max(least, int64(min(size/parts, uint64(most)))) &^ 4095
}

// dataConfig says where and how a server keeps what it holds.
type dataConfig struct {
	path     string
	segment  int64 // bytes of a segment of the log; zero is as many as suit the disk
	interval bool  // writes are acknowledged before they are synced
	alone    bool  // there is no coordinator
	table    table.Config
}

// data is a data directory in use.
type data struct {
	dir      *storage.Dir
	store    *storage.Store
	recovery *storage.Recovery
	interval bool
}

// openData opens a data directory, or makes one, and reads what it holds.
func openData(ctx context.Context, c dataConfig, log *slog.Logger) (*data, error) {
	var dir *storage.Dir
	err := stillInUse(ctx, func(err error) bool { return errors.Is(err, storage.ErrInUse) }, func() (err error) {
		dir, err = storage.OpenDir(c.path)
		return err
	})
	if err != nil {
		return nil, err
	}
	size, err := dir.Size()
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	d := &data{dir: dir, interval: c.interval}
	started := time.Now()
	d.store, d.recovery, err = storage.Open(storage.Config{
		FS: dir, Table: c.table, Random: random, Node: chain.NodeID(random()), Boot: bootID(), Interval: c.interval, Alone: c.alone,
		SegmentBytes: cmp.Or(c.segment, share(size, segmentShare, minSegment, maxSegment)), RetainBytes: share(size, retainShare, minRetain, maxRetain),
		CheckpointBytes: share(size, retainShare, minRetain, maxCheckpoint),
		Progress:        reading(ctx, log),
	})
	if err != nil {
		return nil, errors.Join(dataError(c.path, err), dir.Close())
	}
	if err := d.check(c); err != nil {
		return nil, errors.Join(err, d.store.Close(), dir.Close())
	}
	for _, note := range d.recovery.Notes {
		log.Warn(note, "data_dir", c.path)
	}
	switch r := d.recovery; {
	case r.Doubt != nil:
		log.Error("what this server kept cannot be used: it takes a copy from the chain", "data_dir", c.path, "cause", r.Doubt)
	case r.Chain != nil:
		log.Info("recovered", "data_dir", c.path, "chain", r.Chain.Chain.String(), "epoch", uint64(r.Chain.Epoch), "seq", uint64(r.Chain.Base.Seq),
			"keys", r.Table.Len(), "uncertain", len(r.Chain.Log), "took", time.Since(started))
	default:
		log.Info("new data directory", "data_dir", c.path, "id", r.Identity.Node.String())
	}
	return d, nil
}

// reading tells the log now and then how far reading a directory has got, and ends that with a context.
func reading(ctx context.Context, log *slog.Logger) func(storage.Progress) error {
	told := time.Now()
	return func(p storage.Progress) error {
		if time.Since(told) >= progressEvery {
			told = time.Now()
			log.Info("reading", "file", p.Reading, "bytes", formatBytes(p.Bytes), "entries", p.Entries)
		}
		return ctx.Err()
	}
}

// check refuses what this server must not begin with.
func (d *data) check(c dataConfig) error {
	if c.alone && d.recovery.Doubt != nil {
		return fmt.Errorf("data directory %s: %w. There is no chain to take a copy from: put a backup in its place (table-server restore), or "+
			"keep what can be read of it: table-server recover --data-dir %s --as-new-chain", c.path, d.recovery.Doubt, c.path)
	}
	return nil
}

// dataError says what can be done.
func dataError(path string, err error) error {
	if errors.Is(err, storage.ErrCoordinated) {
		return fmt.Errorf("data directory %s is that of a server whose chain ZooKeeper keeps: say where ZooKeeper is, behind the number of lists; or, if that is lost, "+
			"make a chain of its own of it: table-server recover --data-dir %s --as-new-chain", path, path)
	}
	return fmt.Errorf("data directory %s: %w", path, err)
}

// close lets go of the directory, behind the replica. That of no directory does nothing.
func (d *data) close() error {
	if d == nil {
		return nil
	}
	return d.dir.Close()
}
