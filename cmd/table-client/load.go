package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

const (
	// maxParallel is how many writes load may have under way: as many as a Client does.
	maxParallel = 256
	// maxUnderWay is how many bytes of values load may have under way, unless one alone is larger.
	maxUnderWay = 64 << 20
	// maxBurst is for how long load may be ahead of its rate, to make up for what a machine's clock or a failing server cost.
	maxBurst = 100 * time.Millisecond
	// drawEvery is the time between two looks of a progress bar.
	drawEvery = 200 * time.Millisecond
	// maxTold is how many failing lines are told.
	maxTold = 5
)

// loadOptions are the flags of load.
type loadOptions struct {
	form     string
	rate     float64 // lines a second; 0: as fast as it goes
	parallel int
	skipBad  bool
	from     int
}

// loaded is what load says at the end.
type loaded struct {
	Lines   int     `json:"lines"`   // that are in
	Skipped int     `json:"skipped"` // that made no sense
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rate"`
	Next    int     `json:"next_line,omitempty"` // to go on with, if not all lines are in
	Error   string  `json:"error,omitempty"`     // why not
}

func newLoad(a *app) *cobra.Command {
	o := loadOptions{form: linesAuto, parallel: 64, from: 1}
	c := &cobra.Command{
		Use:     "load [FLAGS] FILE",
		GroupID: groupFiles,
		Short:   "put all lines of a file",
		Long: `Put each line of FILE, or of standard input if that is -. The forms of a line (--format):

  tsv    key, tab, value: everything behind the first tab is the value
  json   {"key":…,"value":…}; key_base64 and value_base64 hold what is no text. dump writes this
  lines  each line is a key, and its value the number of the line
  auto   json if the first of them begins with {, else tsv

Lines with nothing but spaces are passed over, and so is a byte order mark at the start. Else the bytes are taken as they are: a carriage return at the end belongs to the value.

Many lines are under way at a time, but those with the same key one after the other: the last one counts. A line is tried again until its --timeout (1m) is
over, and takes effect once; servers may come and go meanwhile.

A line that makes no sense ends the load, and the exit code is 2; with --skip-bad it is told, and counted. One that could not be put ends it with 3,
one of which nobody knows whether it was put with 4. In each case, and after Ctrl-C, it is said with which line to go on: all lines before it are in, and
some behind it may be, which does no harm: load FILE --from LINE puts them again, in the same order.`,
		Example: `  table-client 7001 load words.tsv
  table-client 7001,7002,7003 load --rate 1000 --format lines /usr/share/dict/words
  zcat dump.gz | table-client 7001 load -
  table-client 7001 load words.tsv --from 1017`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) != 1:
				return usagef("want the name of one file; - is standard input")
			case args[0] == "-" && a.line:
				return usagef("standard input has the commands: want the name of a file")
			case o.parallel < 1 || o.parallel > maxParallel:
				return usagef("--parallel %d: want 1 to %d", o.parallel, maxParallel)
			case o.from < 1:
				return usagef("--from %d: lines count from 1", o.from)
			case !(o.rate >= 0 && o.rate <= 1e9):
				return usagef("--rate %v: want a number of lines a second", o.rate)
			case !slices.Contains([]string{linesAuto, linesTSV, linesJSON, linesKeys}, o.form):
				return usagef("--format %s: want auto, tsv, json or lines", show(o.form))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.load(args[0], o) },
	}
	f := c.Flags()
	f.SortFlags = false
	f.Float64Var(&o.rate, "rate", 0, "lines a second, at most; 0 is as fast as it goes")
	f.StringVar(&o.form, "format", o.form, "form of the lines: auto, tsv, json or lines")
	f.IntVar(&o.parallel, "parallel", o.parallel, "how many lines may be under way at a time, 1 to 256")
	f.IntVar(&o.from, "from", o.from, "begin with this `line`")
	f.BoolVar(&o.skipBad, "skip-bad", false, "go on behind lines that make no sense")
	_ = c.RegisterFlagCompletionFunc("format", words(linesAuto, linesTSV, linesJSON, linesKeys)) // the flag is there
	return c
}

func (a *app) load(path string, o loadOptions) error {
	in, total := a.in, int64(-1)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return failf(codeUsage, "load: %w", err)
		}
		defer f.Close()
		info, err := f.Stat()
		switch {
		case err != nil:
			return failf(codeFailed, "load: %w", err)
		case info.IsDir():
			return failf(codeUsage, "load: %s is a folder", path)
		case info.Mode().IsRegular():
			total = info.Size()
		}
		in = f
	}
	if err := a.reach(); err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	l := newLoader(a, o)
	l.bar = a.newBar(total, "line")
	err := l.run(ctx, stop, in)
	a.cut = a.cut || interrupted(ctx)
	return err
}

// loader puts lines. All of it is for the one goroutine that runs it, but for writes.
type loader struct {
	options loadOptions
	out     *output
	put     func(ctx context.Context, key string, value []byte) error
	timeout time.Duration // of each line
	bar     *bar          // nil for none

	began time.Time
	due   time.Time       // of the next line
	busy  map[string]bool // keys under way
	under int             // lines under way
	bytes int             // of their values
	done  chan loadResult
	read  int64 // bytes of the file

	written, bad int
	next         int           // the first line that was not begun
	failed       []loadFailure // one ends the load: so no more than were under way, and one that was read
}

// loadResult is how a line ended.
type loadResult struct {
	loadLine
	err error
}

// loadFailure is a line that was not put, or may not be.
type loadFailure struct {
	line int
	err  error
}

func newLoader(a *app, o loadOptions) *loader {
	return &loader{
		options: o, out: a.out, timeout: a.within(loadTimeout), busy: make(map[string]bool), done: make(chan loadResult, o.parallel), next: o.from,
		put: func(ctx context.Context, key string, value []byte) error {
			_, err := a.opened.Put(ctx, key, value)
			return err
		},
	}
}

// run puts lines until their end, the first failure or a signal, which ends ctx; then it waits for those under way. stop has the next signal end the
// process.
func (l *loader) run(ctx context.Context, stop func(), in io.Reader) error {
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	source := newLineSource(in, l.options.form)
	lines := make(chan loadLine)
	go source.send(reading, l.options.from, lines)
	defer func() {
		cancel()
		for unblock(in) {
			if _, more := <-lines; !more {
				break
			}
		}
	}()

	l.began = time.Now()
	l.due = l.began
	draw := time.NewTicker(drawEvery)
	defer draw.Stop()
	ended := ctx.Done()
	var waiting *loadLine
	more, whole := true, false
	for more && len(l.failed) == 0 || l.under > 0 {
		var from <-chan loadLine
		var due <-chan time.Time
		if going := more && len(l.failed) == 0; going && waiting == nil {
			from = lines
		} else if going && l.room(waiting) {
			pause := time.Until(l.due)
			if pause <= 0 {
				l.begin(ctx, *waiting)
				waiting = nil
				continue
			}
			due = time.After(pause)
		}
		select {
		case line, ok := <-from:
			if !ok {
				more, whole = false, true // nobody else has the source any more
			} else {
				waiting = l.take(line)
			}
		case r := <-l.done:
			l.end(r)
		case <-due:
		case <-draw.C:
			l.bar.show(l.read, uint64(l.written))
		case <-ended:
			more, ended = false, nil
			stop()
		}
	}
	l.bar.clear()
	if whole && ctx.Err() == nil && source.last < l.options.from-1 { // a signal has the source end, too
		return failf(codeUsage, "--from %d: the file has %s", l.options.from, count(source.last, "line"))
	}
	return l.tell(ctx)
}

// unblock has a read from a file that may wait end; false if that cannot be: it ends with the process.
func unblock(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return true
	}
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular() || f.SetReadDeadline(time.Now()) == nil
}

// take takes a line that was read. A bad one is nil.
func (l *loader) take(line loadLine) *loadLine {
	l.next, l.read = line.number, line.end
	read := readError{}
	switch {
	case line.bad == nil:
		return &line
	case errors.As(line.bad, &read):
		l.fail(line.number, failf(codeFailed, "the file cannot be read on: %w", read.error))
	case l.options.skipBad:
		l.out.note("line %d: %v", line.number, line.bad)
		l.bad++
		l.next = line.number + 1
	default:
		l.fail(line.number, failf(codeUsage, "%w", line.bad))
	}
	return nil
}

// room tells whether a line may be under way with the others.
func (l *loader) room(line *loadLine) bool {
	return l.under == 0 || l.under < l.options.parallel && !l.busy[line.key] && l.bytes+len(line.value) <= maxUnderWay
}

// begin puts a line.
func (l *loader) begin(ctx context.Context, line loadLine) {
	if l.options.rate > 0 {
		l.due = l.due.Add(time.Duration(float64(time.Second) / l.options.rate))
		if late := time.Now().Add(-maxBurst); l.due.Before(late) {
			l.due = late
		}
	}
	l.next = line.number + 1
	l.busy[line.key] = true
	l.under++
	l.bytes += len(line.value)
	go func() { // ends with the timeout, not with a signal; run waits for it
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.timeout)
		defer cancel()
		l.done <- loadResult{line, l.put(ctx, line.key, line.value)}
	}()
}

func (l *loader) end(r loadResult) {
	delete(l.busy, r.key)
	l.under--
	l.bytes -= len(r.value)
	if r.err != nil {
		l.fail(r.number, explain(r.err))
		return
	}
	l.written++
}

func (l *loader) fail(line int, err error) {
	l.failed = append(l.failed, loadFailure{line, err})
}

// tell says what came of it.
func (l *loader) tell(ctx context.Context) error {
	slices.SortFunc(l.failed, func(a, b loadFailure) int { return a.line - b.line })
	sum := loaded{Lines: l.written, Skipped: l.bad, Seconds: time.Since(l.began).Seconds()}
	sum.Rate = float64(sum.Lines) / max(sum.Seconds, 1e-9)
	digits := 0
	if sum.Rate < 10 {
		digits = 1
	}
	text := fmt.Sprintf("%s in %.1f s, %.*f a second", count(sum.Lines, "line"), sum.Seconds, digits, sum.Rate)
	if l.bad > 0 {
		text += fmt.Sprintf("; skipped, since they make no sense: %d", l.bad)
	}
	worst := 0
	switch {
	case len(l.failed) > 0:
		sum.Next, sum.Error = min(l.next, l.failed[0].line), fmt.Sprintf("line %d: %v", l.failed[0].line, l.failed[0].err)
	case interrupted(ctx):
		sum.Next, sum.Error, worst = l.next, "interrupted", codeFailed
	}
	if err := l.out.result(text+"\n", sum); err != nil {
		return err
	}
	for i, f := range l.failed {
		if worst = max(worst, codeOf(f.err)); i < maxTold {
			l.out.note("line %d: %v", f.line, f.err)
		}
	}
	if n := len(l.failed) - maxTold; n > 0 {
		l.out.note("and %s more", count(n, "line"))
	}
	switch {
	case len(l.failed) > 0:
		return failf(worst, "the load has stopped. %s", goOn(sum.Next))
	case worst > 0:
		return failf(worst, "interrupted. %s", goOn(sum.Next))
	}
	return nil
}

// goOn says with which line to go on.
func goOn(line int) string {
	if line == 1 {
		return "Begin again: no line need be in"
	}
	return fmt.Sprintf("All lines before %d are in: go on with --from %d", line, line)
}
