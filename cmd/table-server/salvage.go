package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/chaintable/chaintable/storage"
)

// asNewChain makes what can be read in a data directory a chain of its own.
func (o *recovery) asNewChain(ctx context.Context, out io.Writer, log *slog.Logger) error {
	if info, err := os.Stat(o.dataDir); err != nil || !info.IsDir() { // opening makes it
		return fmt.Errorf("data directory %s: there is no such directory", o.dataDir)
	}
	d, err := storage.OpenDir(o.dataDir)
	if err != nil {
		return err
	}
	config, err := newServer(d)
	var found *storage.Salvaged
	if err == nil {
		config.Progress = reading(ctx, log)
		found, err = storage.Salvage(config)
	}
	if err == nil {
		tellSalvaged(out, o.dataDir, found)
		err = o.rebuild(ctx, out, config, found)
	}
	if errors.Is(err, storage.ErrNothing) {
		err = fmt.Errorf("data directory %s: %w. Restore a backup in its place (table-server restore)", o.dataDir, err)
	}
	return errors.Join(err, d.Close())
}

func (o *recovery) rebuild(ctx context.Context, out io.Writer, config storage.Config, found *storage.Salvaged) error {
	if !o.yes {
		return fmt.Errorf("nothing is done yet: with --yes, %s becomes a chain of its own that begins with what it holds, and the old files are removed "+
			"(copy them first, if somebody may want to look at them)", o.dataDir)
	}
	id, err := found.Rebuild(config, func(int) error { return ctx.Err() })
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		return fmt.Errorf("data directory %s: not finished: what it held is there still, and this command can be repeated: %w", o.dataDir, err)
	}
	tellNew(out, o.dataDir, id)
	return nil
}

// tellSalvaged tells what can be read, and what may be lost.
func tellSalvaged(out io.Writer, dir string, s *storage.Salvaged) {
	last := s.Table.Seq()
	if id := &s.Identity; id.Node != 0 {
		fmt.Fprintf(out, "%s is that of server %v, which knew epoch %d of chain %v\n", dir, id.Node, id.Epoch, id.Chain)
	}
	fmt.Fprintf(out, "what can be read is chain %v up to operation %d: %s\n", s.Chain, last, sizeOf(s.Table))
	if s.Uncertain > 0 {
		fmt.Fprintf(out, "of these, the operations above %d, %d of them, are not known to have committed: perhaps no client was told of them, and other servers do "+
			"not have them. They are kept\n", s.Known.Seq, s.Uncertain)
	}
	for _, d := range s.Damage {
		fmt.Fprintf(out, "DAMAGED: %v\n", d)
	}
	switch {
	case s.Beyond > last:
		fmt.Fprintf(out, "LOST HERE: the operations above %d; there were some up to %d at least\n", last, s.Beyond)
	case len(s.Damage) > 0:
		fmt.Fprintf(out, "what came after operation %d, if anything did, is lost here\n", last)
	}
	fmt.Fprintf(out, "other servers of the chain may hold more: run this on each, without --yes, and take the one with the highest operation\n")
}
