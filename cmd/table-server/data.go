package main

import (
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

// dataConfig says where and how a server keeps what it holds.
type dataConfig struct {
	path     string
	interval bool // writes are acknowledged before they are synced
	alone    bool // there is no coordinator
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
func openData(c dataConfig, log *slog.Logger) (*data, error) {
	dir, err := storage.OpenDir(c.path)
	if err != nil {
		return nil, err
	}
	d := &data{dir: dir, interval: c.interval}
	started := time.Now()
	told := started
	d.store, d.recovery, err = storage.Open(storage.Config{
		FS: dir, Table: c.table, Random: random, Node: chain.NodeID(random()), Boot: bootID(), Interval: c.interval, Alone: c.alone,
		Progress: func(p storage.Progress) {
			if time.Since(told) >= progressEvery {
				told = time.Now()
				log.Info("reading", "file", p.Reading, "bytes", formatBytes(p.Bytes), "entries", p.Entries)
			}
		},
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
