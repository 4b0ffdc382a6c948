package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/storage"
	"github.com/chaintable/chaintable/table"
)

func newRestore() *cobra.Command {
	dir := ""
	c := &cobra.Command{
		Use:   "restore <file> --data-dir <dir>",
		Short: "Make a data directory of a backup",
		Long: `Make a data directory of a backup, which table-client ADDR backup FILE has written, for the first server of a new chain. The directory must be
empty, or not be there: nothing is overwritten. The whole file is read and checked first, which takes as much memory as a server that holds
the data.

The chain has a new id, so that nothing of the old one can be mixed up with it: a server on the restored directory makes a chain where
there is none (ZooKeeper has no view of it), and joins none. Operations are numbered on from where the backup was made. The sessions of the
clients of the old chain are forgotten.

Restore into one directory, and start a server on that. The other servers start with empty directories, and take a copy.`,
		Example:           `  table-server restore monday.backup --data-dir /var/lib/chaintable`,
		DisableAutoGenTag: true,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) != 1:
				return usagef("want the name of one backup: table-server restore FILE --data-dir DIR")
			case dir == "":
				return usagef("want --data-dir: where the restored data are to be")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return restore(c.Context(), c.OutOrStdout(), args[0], dir)
		},
	}
	c.Flags().StringVar(&dir, "data-dir", "", "directory of the server that is to have the data: empty, or not there yet")
	return c
}

// restore makes a data directory of a backup.
func restore(ctx context.Context, out io.Writer, path, dir string) error {
	if err := vacant(dir); err != nil {
		return err
	}
	t, origin, err := readBackup(ctx, path)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is whole: chain %v behind operation %d, %s\n", path, origin.Chain, origin.Position.Seq, sizeOf(t))
	d, err := storage.OpenDir(dir)
	if err != nil {
		return err
	}
	config, err := newServer(d)
	var id storage.Identity
	if err == nil {
		id, err = storage.Restore(config, t, func(int) error { return ctx.Err() })
	}
	if err := errors.Join(err, d.Close()); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		return fmt.Errorf("data directory %s is not finished, and no server starts on it: restore again: %w", dir, err)
	}
	tellNew(out, dir, id)
	return nil
}

// newServer is what a data directory is made with that is of a new server, and of a new chain.
func newServer(d *storage.Dir) (storage.Config, error) {
	size, err := d.Size()
	return storage.Config{
		FS: d, Table: table.Config{Seed: random()}, Random: random, Node: chain.NodeID(random()), Boot: bootID(),
		SegmentBytes: share(size, segmentShare, minSegment, maxSegment),
	}, err
}

// vacant refuses a directory that holds something.
func vacant(dir string) error {
	var names []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	switch {
	case err == nil:
		err = storage.Vacant(names)
	case errors.Is(err, fs.ErrNotExist):
		_, err = os.Stat(filepath.Dir(dir)) // better now than when the backup has been read
	}
	if err != nil {
		return fmt.Errorf("data directory %s: %w", dir, err)
	}
	return nil
}

// readBackup reads a whole backup.
func readBackup(ctx context.Context, path string) (*table.Table, storage.Origin, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, storage.Origin{}, err
	}
	defer f.Close()
	t, origin, err := storage.ReadSnapshot(bufio.NewReaderSize(&interruptible{ctx, f}, 1<<20), table.Config{Seed: random()}, nil)
	switch {
	case ctx.Err() != nil:
		return nil, origin, errors.New("interrupted: nothing is restored")
	case err != nil:
		var d *storage.DamageError
		if errors.As(err, &d) {
			d.File = path
		}
		return nil, origin, fmt.Errorf("nothing is restored: %w", err)
	}
	return t, origin, nil
}

// interruptible is a reader that fails once a context has ended.
type interruptible struct {
	ctx  context.Context
	from io.Reader
}

func (r *interruptible) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(b)
}

func sizeOf(t *table.Table) string {
	keys := "1 key"
	if n := t.Len(); n != 1 {
		keys = fmt.Sprintf("%d keys", n)
	}
	return keys + ", " + formatBytes(t.Bytes()) + " in memory"
}

// tellNew tells what a directory has become, and what comes next.
func tellNew(out io.Writer, dir string, id storage.Identity) {
	fmt.Fprintf(out, `%[1]s is now that of a new server, and of a new chain, %[2]v, which begins with all of this.
Sessions of clients of the old chain are forgotten: what became of a write that had no answer yet, nobody will tell them.
Next, start the server: table-server PORT LISTS [ZOOKEEPER] --data-dir %[1]s
ZooKeeper must have no view of the chain (or name another with --chain). Then start the others, with empty directories.
`, dir, id.Chain)
}
