package main

import (
	"bufio"
	"errors"
	"io"
	"os"

	"github.com/peterh/liner"
	"golang.org/x/term"

	"github.com/chaintable/chaintable/table"
)

const prompt = "chaintable> "

// maxCommand is the longest line: a put with the longest key and value.
const maxCommand = table.MaxKeyBytes + table.MaxValueBytes + 16

// errLong is a line that is longer. It has been skipped.
var errLong = usagef("a line of more than %d bytes is skipped", maxCommand)

// lines are what a session reads its commands from.
type lines interface {
	next() (string, error) // io.EOF at the end
	Close() error
}

// session carries out commands until quit or the end of input. The exit code is that of the worst, but 0 if a person sat there who
// has seen what became of them.
func session(c *client, in io.Reader, out *output) error {
	person := isTerminal(in) && out.terminal
	var input lines = &plain{r: bufio.NewReaderSize(in, 64<<10)}
	if person {
		input = newEditor()
		if err := out.print("Type help for the commands, quit to end.\n"); err != nil {
			return err
		}
	}
	defer input.Close()
	worst := 0
	for {
		line, err := input.next()
		if errors.Is(err, io.EOF) {
			if person {
				_ = out.print("\n")
			}
			break
		}
		quit := false
		if err == nil {
			quit, err = obey(c, line, out)
		}
		if err != nil && err.Error() != "" {
			out.note("%v", err)
		}
		if worst = max(worst, codeOf(err)); quit && (err == nil || !person) {
			break
		}
	}
	if person || worst == 0 {
		return nil
	}
	return failf(worst, "") // it has been said
}

// obey carries out a line. An empty one is nothing.
func obey(c *client, line string, out *output) (quit bool, err error) {
	if line == "" {
		return false, nil
	}
	r, err := parseLine(line)
	if err != nil {
		return false, err
	}
	return execute(c, r, out)
}

func isTerminal(x any) bool {
	f, ok := x.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// plain reads lines from what is no terminal.
type plain struct{ r *bufio.Reader }

// next is the next line without its end, which the last one may lack.
func (p *plain) next() (string, error) {
	var line []byte
	for {
		part, err := p.r.ReadSlice('\n')
		if len(line) <= maxCommand {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return "", errors.Join(io.EOF, err)
		case err != nil && len(line) == 0:
			return "", io.EOF
		case err == nil:
			line = line[:len(line)-1]
		}
		if len(line) > maxCommand {
			return "", errLong
		}
		return string(line), nil
	}
}

func (p *plain) Close() error { return nil }

// editor reads lines from a person, who can edit and repeat them.
type editor struct{ *liner.State }

func newEditor() *editor {
	e := &editor{liner.NewLiner()}
	e.SetCtrlCAborts(true)
	return e
}

func (e *editor) next() (string, error) {
	line, err := e.Prompt(prompt)
	switch {
	case errors.Is(err, liner.ErrPromptAborted):
		return "", nil // Ctrl-C forgets the line
	case err != nil:
		return "", io.EOF
	case line != "" && len(line) < 4096:
		e.AppendHistory(line)
	}
	return line, nil
}
