package storage

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// restoring is there as long as Restore has not put all in place.
const restoring = "restoring" + temporary

// ErrUnfinished is of a directory in which a Restore did not come to its end.
var ErrUnfinished = errors.New("a restore into this directory did not come to its end: restore again")

// Vacant tells whether Restore may use a directory that holds files of these names: it does not overwrite what is there, but for what an earlier Restore has
// left that did not come to its end.
func Vacant(names []string) error {
	unfinished := slices.Contains(names, restoring)
	if slices.Contains(names, identityName) {
		return errors.New("it is a server's data directory already")
	}
	for _, name := range names {
		switch {
		case name == lockName:
		case !unfinished || !ours(name):
			return fmt.Errorf("it is not empty: it holds %s", name)
		}
	}
	return nil
}

// ours tells whether a file that has the name is one that a Store makes.
func ours(name string) bool {
	_, _, isTable := parseSnapshot(name)
	_, isLog := parseSegment(name)
	return isTable || isLog || name == spareName || strings.HasSuffix(name, temporary)
}

// Restore makes a data directory of a table: that of a server of its own, with an id, and a chain, that nobody has ever heard of. So nothing of the chain that
// the table comes from can be mixed up with it. The server may make the first view of that chain, but join none.
//
// Of the Config it wants FS, Random and Node. Pace is as for Checkpoint.Write. If Restore is interrupted the directory is none that a server opens, and Restore
// can be called again.
func Restore(c Config, t *table.Table, pace func(bytes int) error) (Identity, error) {
	id, err := restore(&c, t, pace)
	if err != nil {
		return id, fmt.Errorf("storage: restore: %w", err)
	}
	return id, nil
}

func restore(c *Config, t *table.Table, pace func(bytes int) error) (id Identity, err error) {
	if err := c.complete(); err != nil {
		return id, err
	}
	names, err := c.FS.List()
	if err == nil {
		err = Vacant(names)
	}
	if err != nil {
		return id, err
	}
	mark, err := c.FS.Create(restoring)
	if err != nil {
		return id, err
	}
	if err := errors.Join(mark.Sync(), mark.Close(), c.FS.Sync()); err != nil {
		return id, err
	}
	for _, name := range names {
		if name != restoring {
			if err := c.FS.Remove(name); err != nil {
				return id, err
			}
		}
	}
	if id, err = plant(c, t, place{1, 1}, 0, pace); err != nil {
		return id, err
	}
	return id, errors.Join(c.FS.Remove(restoring), c.FS.Sync())
}

// place is where a table and the log behind it go: numbers that nothing has in the directory.
type place struct{ generation, segment uint64 }

// plant makes a table the beginning of a chain of its own. When the identity is there, all else is.
func plant(c *Config, t *table.Table, at place, epoch chain.Epoch, pace func(bytes int) error) (id Identity, err error) {
	snap := t.Snapshot()
	defer snap.Close()
	position := snap.Position()
	id = Identity{
		Node: c.Node, Chain: cmp.Or(chain.ID(c.Random()), 1), Epoch: max(epoch, position.Epoch, 1), Boot: c.Boot, Restored: true,
	}
	s := &Store{config: *c, dir: c.FS}
	s.log.dir, s.log.config, s.log.number = c.FS, &s.config, at.segment-1
	name := snapshotName(at.generation, position.Seq)
	f, err := c.FS.Create(name + temporary)
	if err != nil {
		return id, err
	}
	if _, err := writeTable(f, snap, Origin{id.Chain, position}, pace); err != nil {
		return id, errors.Join(err, f.Close(), c.FS.Remove(name+temporary))
	}
	if err := s.keep(f, name); err != nil {
		return id, err
	}
	if err := s.log.open(&segment{generation: at.generation, chain: id.Chain, base: position}, 0); err != nil {
		return id, err
	}
	if err := s.log.close(); err != nil {
		return id, err
	}
	identity, err := createIdentity(c.FS, id)
	if err != nil {
		return id, err
	}
	return id, identity.file.Close()
}
