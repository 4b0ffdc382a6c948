package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/storage"
	"github.com/chaintable/chaintable/table"
)

// backedUp is what a backup is.
type backedUp struct {
	Chain    string  `json:"chain"`
	Seq      uint64  `json:"seq"` // the last operation in it
	Epoch    uint64  `json:"epoch"`
	Keys     uint64  `json:"keys"`
	Sessions *int    `json:"sessions,omitempty"` // with --verify
	Bytes    uint64  `json:"bytes"`              // of the file
	Seconds  float64 `json:"seconds"`
}

func (b backedUp) String() string {
	sessions := ""
	if b.Sessions != nil {
		sessions = count(*b.Sessions, "session") + ", "
	}
	return fmt.Sprintf("chain %s at operation %d: %s, %s%s, %.1f s", b.Chain, b.Seq, count(b.Keys, "key"), sessions, count(b.Bytes, "byte"), b.Seconds)
}

func newBackup(a *app) *cobra.Command {
	verify := false
	c := &cobra.Command{
		Use:     "backup [--verify] FILE",
		GroupID: groupFiles,
		Short:   "write everything that the chain holds to a file, for table-server restore",
		Long: `Write the whole state of the chain to FILE, or to standard output if that is -, as it is at one moment: every write is in it that was acknowledged
before. Writes go on meanwhile. Of the file table-server restore makes the data directory of the first server of a new chain. It is compressed, and has a
checksum for each block. (dump writes keys and values for other programs, without their versions.)

FILE appears, or takes the place of an older one, when all is in it and on the disk, and has been read back and has its checksums; until then it has another
name beside it. It is for its user alone. --timeout counts while nothing comes from the server. If that goes away, the backup begins again with another; not
so for standard output. With - what is told besides goes to standard error.

backup --verify FILE asks no server. It reads all of a backup as restore does, which takes as much memory as a server that holds the data, and tells of what it
is; if it is damaged it says where, and the exit code is 2.`,
		Example: `  table-client 7001,7002,7003 backup monday.backup
  table-client backup --verify monday.backup
  table-client 7001 backup - | ssh vault 'cat > monday.backup'`,
		Args: func(_ *cobra.Command, args []string) error {
			a.out.toNotes = !verify && slices.Contains(args, "-")
			switch {
			case len(args) != 1 || args[0] == "":
				return usagef("want the name of a file; - is standard output")
			case verify && args[0] == "-":
				return usagef("--verify wants the name of a file")
			case args[0] == "-" && a.out.terminal:
				return usagef("it is nothing to read on a terminal: want the name of a file")
			case a.address == "" && !verify:
				return usagef("want the address first: table-client 127.0.0.1:7001 backup %s", show(args[0]))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if verify {
				return a.verifyBackup(args[0])
			}
			return a.whole(args[0], func(ctx context.Context) (fmt.Stringer, error) { return a.backupOnce(ctx, args[0]) })
		},
	}
	c.Flags().BoolVar(&verify, "verify", false, "read a backup, and tell whether it is whole and what it is")
	return c
}

// backupOnce writes what one server has. An error that is no failure is that the server went away.
func (a *app) backupOnce(ctx context.Context, path string) (sum backedUp, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	p := a.newPatience(cancel)
	defer p.Stop()
	b, err := a.opened.Backup(ctx)
	if p.over() {
		err = failf(codeFailed, "no answer in %v", p.timeout)
	}
	if err != nil {
		return sum, failf(codeFailed, "%w", explain(err))
	}
	defer b.Close()
	id, err := chain.ParseID(b.Chain)
	if err != nil {
		return sum, failf(codeFailed, "the server streams a backup of no chain: %w", err)
	}
	origin := storage.Origin{Chain: id, Position: chain.Position{Seq: chain.Seq(b.At), Epoch: chain.Epoch(b.Epoch)}}
	sum = backedUp{Chain: b.Chain, Seq: uint64(b.At), Epoch: b.Epoch, Keys: b.Keys}
	bar := a.newBar(int64(b.Bytes), "byte")
	defer bar.clear()
	write := func(to io.Writer) error {
		w := bufio.NewWriterSize(to, 1<<20)
		s, err := storage.NewSnapshotWriter(w, origin)
		if err == nil {
			err = p.chunks(b, func(chunk []byte, read uint64) error {
				bar.show(int64(min(read, b.Bytes)), read)
				return s.Add(chunk)
			})
		}
		if err != nil {
			return err
		}
		if err := errors.Join(s.Finish(), w.Flush()); err != nil {
			return localError(err)
		}
		sum.Bytes, sum.Seconds = s.Bytes(), time.Since(began).Seconds()
		return nil
	}
	if path == "-" {
		return sum, write(a.out.out)
	}
	return sum, replaceFile(path, func(f *os.File) error {
		if err := write(f); err != nil {
			return err
		}
		return localError(readBack(f, origin))
	})
}

// patience is how long to wait for what a server streams: it cancels the stream when nothing has come for the timeout.
type patience struct {
	*time.Timer
	timeout time.Duration
}

func (a *app) newPatience(cancel func()) *patience {
	timeout := a.within(defaultTimeout)
	return &patience{time.AfterFunc(timeout, cancel), timeout}
}

// over ends the waiting, and tells whether it has been in vain.
func (p *patience) over() bool { return !p.Stop() }

// chunks gives each chunk of a backup to add, with how many bytes they are by now. What add fails with is a failure.
func (p *patience) chunks(b *client.Backup, add func(chunk []byte, read uint64) error) error {
	read := uint64(0)
	p.Reset(p.timeout)
	for chunk, err := range b.Chunks() {
		if p.over() && err != nil {
			err = fmt.Errorf("nothing has come for %v", p.timeout)
		}
		if err != nil {
			return err
		}
		read += uint64(len(chunk))
		if err := add(chunk, read); err != nil {
			return localError(err)
		}
		p.Reset(p.timeout)
	}
	p.Stop()
	return nil
}

// readBack reads what was written, and compares the checksums.
func readBack(f *os.File, origin storage.Origin) error {
	if err := f.Sync(); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	got, err := storage.CheckSnapshot(bufio.NewReaderSize(io.NewSectionReader(f, 0, info.Size()), 1<<20))
	if err == nil && got != origin {
		err = fmt.Errorf("it is of chain %v at %v", got.Chain, got.Position)
	}
	if err != nil {
		return fmt.Errorf("what was written is not what is read back: %w", err)
	}
	return nil
}

// verifyBackup reads a backup.
func (a *app) verifyBackup(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return failf(codeUsage, "backup: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return failf(codeFailed, "backup: %w", err)
	case !info.Mode().IsRegular():
		return failf(codeUsage, "backup: %s is no regular file", show(path))
	}
	ctx, stop := interruptible()
	defer stop()
	began := time.Now()
	r := &watched{ctx: ctx, from: f, bar: a.newBar(info.Size(), "byte")}
	t, origin, err := storage.ReadSnapshot(bufio.NewReaderSize(r, 1<<20), table.Config{Seed: rand.Uint64()}, nil)
	r.bar.clear()
	a.cut = a.cut || interrupted(ctx)
	var damage *storage.DamageError
	switch {
	case interrupted(ctx):
		return failf(codeFailed, "interrupted")
	case r.err != nil:
		return failf(codeFailed, "backup: %w", r.err)
	case errors.As(err, &damage):
		return failf(codeUsage, "%s is damaged at byte %d, or is no backup: %s", show(path), damage.Offset, damage.What)
	case err != nil:
		return failf(codeFailed, "backup: %w", err)
	}
	sessions := t.Sessions()
	sum := backedUp{
		Chain: origin.Chain.String(), Seq: uint64(origin.Position.Seq), Epoch: uint64(origin.Position.Epoch), Keys: uint64(t.Len()),
		Sessions: &sessions, Bytes: uint64(info.Size()), Seconds: time.Since(began).Seconds(),
	}
	return a.out.result("whole: "+sum.String()+"\n", sum)
}

// watched is a file that is read until a signal, with a bar.
type watched struct {
	ctx  context.Context
	from io.Reader
	bar  *bar
	read uint64
	err  error // of the file, but for its end
}

func (w *watched) Read(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.from.Read(b)
	w.read += uint64(n)
	w.bar.show(int64(w.read), w.read)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}
