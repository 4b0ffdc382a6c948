package system_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/chaintable/chaintable/internal/linear"
)

// conn is the least client of Redis's protocol: it tries nothing twice, so a test sees all that a server answers.
type conn struct {
	net.Conn
	r *bufio.Reader
}

// refusal is an error that a server has answered.
type refusal string

func (r refusal) Error() string { return "the server says " + string(r) }

// nonsense is an answer that is none to the request: no server should ever give it, and it says nothing of what became of that.
type nonsense string

func (n nonsense) Error() string { return "the server answers nonsense: " + string(n) }

func nonsensical(format string, args ...any) error { return nonsense(fmt.Sprintf(format, args...)) }

// errNoKey is the answer to GET where there is no such key.
var errNoKey = errors.New("no such key")

// connect makes a connection, to a server that may be gone.
func connect(address string) (*conn, error) {
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReader(c)}, nil
}

// do sends a command, and returns its answer: a line, a number or a string.
func (c *conn) do(timeout time.Duration, words ...string) (string, error) {
	if err := c.send(timeout, words...); err != nil {
		return "", err
	}
	return c.answer()
}

// list sends a command that is answered with a list of strings, one for each of its other words, and returns them.
func (c *conn) list(timeout time.Duration, words ...string) (values []linear.Value, err error) {
	if err := c.send(timeout, words...); err != nil {
		return nil, err
	}
	line, err := c.line()
	if err != nil {
		return nil, err
	}
	if line[0] == '-' {
		return nil, refusal(line[1:])
	}
	n, err := strconv.Atoi(line[1:])
	if line[0] != '*' || err != nil || n != len(words)-1 {
		return nil, nonsensical("%q to %q", line, words)
	}
	for range n {
		text, err := c.answer()
		if err != nil && !errors.Is(err, errNoKey) {
			return nil, err
		}
		values = append(values, linear.Value{Found: err == nil, Text: text})
	}
	return values, nil
}

// send sends a command, whose answer must come within timeout.
func (c *conn) send(timeout time.Duration, words ...string) error {
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	_, err := c.Write(command(nil, words...))
	return err
}

// command appends a command as it is sent.
func command(b []byte, words ...string) []byte {
	b = fmt.Appendf(b, "*%d\r\n", len(words))
	for _, w := range words {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b
}

// line reads a line, which is never empty.
func (c *conn) line() (string, error) {
	whole, err := c.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line, ok := strings.CutSuffix(whole, "\r\n")
	if !ok || line == "" {
		return "", nonsensical("%q", whole)
	}
	return line, nil
}

// answer reads the answer to one command.
func (c *conn) answer() (string, error) {
	line, err := c.line()
	if err != nil {
		return "", err
	}
	switch line[0] {
	case '+', ':':
		return line[1:], nil
	case '-':
		return "", refusal(line[1:])
	case '$':
		n, err := strconv.Atoi(line[1:])
		switch {
		case line == "$-1":
			return "", errNoKey
		case err != nil || n < 0 || n > maxAnswer:
			return "", nonsensical("%q", line)
		}
		data := make([]byte, n+2)
		if _, err := io.ReadFull(c.r, data); err != nil {
			return "", err
		}
		if end := string(data[n:]); end != "\r\n" {
			return "", nonsensical("%q behind %d bytes", end, n)
		}
		return string(data[:n]), nil
	}
	return "", nonsensical("%q", line)
}

// maxAnswer is more than any test writes.
const maxAnswer = 1 << 30
