package main

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/table"
)

const prompt = "chaintable> "

// maxCommand is the longest line: a put with the longest key and value.
const maxCommand = table.MaxKeyBytes + table.MaxValueBytes + 64

// errLong is a line that is longer. It has been skipped.
var errLong = failf(codeUsage, "a line of more than %d bytes is skipped", maxCommand)

// lines are what a session reads its commands from.
type lines interface {
	next() (string, error) // io.EOF at the end
	Close() error
}

// session carries out commands until quit or the end of input. The exit code is that of the worst, but 0 if a person sat there who
// has seen what became of them.
func (a *app) session() error {
	if a.line {
		return usagef("want a command") // flags alone
	}
	if err := a.reach(); err != nil {
		return err
	}
	a.line = true
	person := isTerminal(a.in) && a.out.terminal
	var input lines = &plain{r: bufio.NewReaderSize(a.in, 64<<10)}
	if person {
		input = newEditor(a)
		if err := a.out.print("Type help for the commands, quit to end.\n"); err != nil {
			return err
		}
	}
	defer input.Close()
	worst := 0
	for !a.quit {
		line, err := input.next()
		if errors.Is(err, io.EOF) {
			if person {
				_ = a.out.print("\n")
			}
			break
		}
		a.cut, a.out.answered, a.out.toNotes = false, false, false
		if !person {
			a.number++
		}
		switch {
		case err == nil:
			err = a.obey(line)
		case errors.Is(err, errLong):
			a.complain(err)
		default:
			err = failf(codeFailed, "standard input cannot be read on: %w", err)
			a.complain(err)
			a.quit = true
		}
		if worst = max(worst, codeOf(err)); a.cut && !person {
			break
		}
	}
	if person || worst == 0 {
		return nil
	}
	return failf(worst, "") // it has been said
}

// reach finds the chain, before the first command.
func (a *app) reach() error {
	ctx, stop := interruptible()
	defer stop()
	return a.until(ctx, a.within(defaultTimeout), func(context.Context, *client.Client) error { return nil })
}

// obey carries out a line, and tells what went wrong. Flags of a line hold for that line.
func (a *app) obey(line string) error {
	words, err := parseLine(line)
	if len(words) == 0 {
		a.complain(err)
		return err
	}
	before := a.options
	defer func() { a.options = before }()
	err = a.execute(newRoot(a), words)
	a.complain(err)
	return err
}

// plain reads lines from what is no terminal.
type plain struct{ r *bufio.Reader }

// next is the next line without its end, which the last one may lack.
func (p *plain) next() (string, error) {
	line, err := readLine(p.r, maxCommand)
	return string(line), err
}

func (p *plain) Close() error { return nil }

// readLine reads a line without its end, which the last one may lack. One of more than limit bytes is skipped, with errLong.
func readLine(r *bufio.Reader, limit int) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line) <= limit {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case err != nil && len(line) == 0:
			return nil, io.EOF
		case err == nil:
			line = line[:len(line)-1]
		}
		if len(line) > limit {
			return nil, errLong
		}
		return line, nil
	}
}
