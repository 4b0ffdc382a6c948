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

// list sends a command that is answered with a list of strings, and returns them.
func (c *conn) list(timeout time.Duration, words ...string) (values []linear.Value, err error) {
	if err := c.send(timeout, words...); err != nil {
		return nil, err
	}
	line, err := c.r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line[0] == '-' {
		return nil, refusal(line[1:])
	}
	n, err := strconv.Atoi(strings.TrimPrefix(line, "*"))
	if err != nil {
		return nil, fmt.Errorf("answer %q", line)
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

// answer reads the answer to one command.
func (c *conn) answer() (string, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	switch line[0] {
	case '+', ':':
		return line[1:], nil
	case '-':
		return "", refusal(line[1:])
	case '$':
		n, err := strconv.Atoi(line[1:])
		if err != nil {
			return "", err
		}
		if n < 0 {
			return "", errNoKey
		}
		data := make([]byte, n+2)
		_, err = io.ReadFull(c.r, data)
		return string(data[:n]), err
	}
	return "", fmt.Errorf("answer %q", line)
}
