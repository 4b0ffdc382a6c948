package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

const prompt = "chaintable> "

// maxLine is the longest command, in bytes; what is longer is cut there.
const maxLine = 4096

// console is where people see what happens and say what they want. Printing is safe for concurrent use.
type console struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool // a person sits there: show a prompt
}

func newConsole(in io.Reader, out io.Writer) *console {
	return &console{out: out, terminal: isTerminal(in) && isTerminal(out)}
}

func isTerminal(x any) bool {
	f, ok := x.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// print writes text, whole lines, above the prompt.
func (c *console) print(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.terminal {
		text = "\r\x1b[K" + text + prompt
	}
	io.WriteString(c.out, text)
}

func (c *console) printf(format string, args ...any) { c.print(fmt.Sprintf(format+"\n", args...)) }

// deaf says that nobody listens to the prompt any more, and shows it no longer.
func (c *console) deaf(text string) {
	c.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.terminal {
		c.terminal = false
		fmt.Fprintln(c.out, text)
	}
}

// end leaves the terminal to whoever comes next.
func (c *console) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.terminal {
		io.WriteString(c.out, "\r\x1b[K")
	}
}

// readLines sends the lines of in, until it ends or ctx does; then it closes the channel. It may go on waiting for a
// line until the process ends.
func readLines(ctx context.Context, in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		r := bufio.NewReaderSize(in, maxLine)
		for {
			line, err := readLine(r)
			if err != nil {
				return
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// readLine is the next line, of which at most maxLine bytes are kept. The last one may lack its end.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	text := string(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
	}
	if err != nil && text == "" {
		return "", err
	}
	return text, nil
}
