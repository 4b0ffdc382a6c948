package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chaintable/chaintable/client"
)

// maxDumps is how often dump, or backup, begins, when the server that it reads from goes away.
const maxDumps = 5

// dumped is what dump says at the end.
type dumped struct {
	Seq  client.Seq `json:"seq"`
	Keys uint64     `json:"keys"`
}

func newDump(a *app) *cobra.Command {
	form, prefix := linesJSON, ""
	c := &cobra.Command{
		Use:     "dump [FLAGS] FILE",
		GroupID: groupFiles,
		Short:   "write all keys and values of one moment to a file",
		Long: `Write all keys and values to FILE, or to standard output if that is -, as they are at one moment, after the operation whose number is told. The order means
nothing. load reads it back:

  json   {"key":…,"value":…} a line; what is no text is in key_base64 and value_base64
  tsv    key, tab, value: fails if a key has a tab or line end, or begins with a byte order mark, or a value has a line end. Load it with
         --format tsv

With - what is told besides, and in JSON too, goes to standard error.

FILE appears, or takes the place of an older one, when all is in it and on the disk; until then it has another name beside it. It is for its user alone.
--timeout counts while nothing comes from the server. If that goes away, dump begins again with another; not so for standard output.`,
		Example: "  table-client 7001 dump table.json\n  table-client 7001 dump - | gzip > table.json.gz\n  table-client 7001 dump --prefix user/ --format tsv users.tsv",
		Args: func(_ *cobra.Command, args []string) error {
			a.out.toNotes = slices.Contains(args, "-")
			switch {
			case len(args) != 1 || args[0] == "":
				return usagef("want the name of a file; - is standard output")
			case form != linesJSON && form != linesTSV:
				return usagef("--format %s: want json or tsv", show(form))
			}
			return checkSizes(prefix, "")
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return a.whole(args[0], func(ctx context.Context) (fmt.Stringer, error) { return a.dumpOnce(ctx, args[0], prefix, form) })
		},
	}
	f := c.Flags()
	f.StringVar(&form, "format", form, "form of the lines: json or tsv")
	f.StringVar(&prefix, "prefix", "", "only keys that begin so")
	_ = c.RegisterFlagCompletionFunc("format", words(linesJSON, linesTSV)) // the flag is there
	_ = c.RegisterFlagCompletionFunc("prefix", cobra.NoFileCompletions)
	return c
}

// whole writes a file of what one server streams, once: if that goes away, it begins again with another.
func (a *app) whole(path string, once func(context.Context) (fmt.Stringer, error)) error {
	if path != "-" {
		if _, err := replaceable(path); err != nil {
			return err
		}
	}
	if err := a.reach(); err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	for n := 1; ; n++ {
		sum, err := once(ctx)
		a.cut = a.cut || interrupted(ctx)
		switch {
		case err == nil:
			return a.out.result(sum.String()+"\n", sum)
		case interrupted(ctx) && path == "-":
			return failf(codeFailed, "interrupted: what was written is not all")
		case interrupted(ctx):
			return failf(codeFailed, "interrupted: nothing is written")
		case errors.As(err, new(failure)):
			return err
		case path == "-" || n == maxDumps:
			return failf(codeFailed, "the server that was read from went away: %w", explain(err))
		}
		a.out.note("%v: once more, from the beginning", explain(err))
	}
}

func (d dumped) String() string {
	return fmt.Sprintf("%s at operation %d", count(d.Keys, "key"), d.Seq)
}

// dumpOnce dumps what one server has. An error that is no failure is that the server went away.
func (a *app) dumpOnce(ctx context.Context, path, prefix, form string) (sum dumped, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := a.newPatience(cancel)
	defer p.Stop()
	l, err := a.opened.List(ctx, prefix, true)
	if p.over() {
		err = failf(codeFailed, "no answer in %v", p.timeout)
	}
	if err != nil {
		return sum, failf(codeFailed, "%w", explain(err))
	}
	defer l.Close()
	total := int64(-1)
	if prefix == "" {
		total = int64(l.Size)
	}
	bar := a.newBar(total, "key")
	defer bar.clear()
	sum.Seq = l.At
	write := func(to io.Writer) error {
		w, drawn := bufio.NewWriterSize(to, 256<<10), time.Now()
		p.Reset(p.timeout)
		for e, err := range l.All() {
			if p.over() && err != nil {
				err = fmt.Errorf("nothing has come for %v", p.timeout)
			}
			if err != nil {
				return err
			}
			line, err := dumpLine(e, form)
			if err == nil {
				_, err = w.Write(line)
			}
			if err != nil {
				return localError(err)
			}
			if sum.Keys++; sum.Keys%1024 == 0 && time.Since(drawn) > drawEvery {
				drawn = time.Now()
				bar.show(int64(sum.Keys), sum.Keys)
			}
			p.Reset(p.timeout)
		}
		return localError(w.Flush())
	}
	if path == "-" {
		return sum, write(a.out.out)
	}
	return sum, replaceFile(path, func(f *os.File) error { return write(f) })
}

// localError is a failure of err, which may be nil, to write.
func localError(err error) error {
	if err == nil || errors.As(err, new(failure)) {
		return err
	}
	return failf(codeFailed, "cannot write: %w", err)
}

// dumpLine is an entry as load reads it.
func dumpLine(e client.Entry, form string) ([]byte, error) {
	if form == linesJSON {
		return encode(newRecord(e.Key, e.Value))
	}
	if strings.HasPrefix(e.Key, "\ufeff") {
		return nil, failf(codeUsage, "the key %s begins with a byte order mark: use --format json", clean(show(e.Key), 80))
	}
	if strings.ContainsAny(e.Key, "\t\n") || strings.Contains(string(e.Value), "\n") {
		return nil, failf(codeUsage, "the key %s, or its value, has a tab or a line end: use --format json", clean(show(e.Key), 80))
	}
	return fmt.Appendf(nil, "%s\t%s\n", e.Key, e.Value), nil
}
