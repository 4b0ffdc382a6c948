package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// respClient is the least client of Redis's protocol.
type respClient struct {
	conn net.Conn
	r    *bufio.Reader
}

func newRESP(address string) (*respClient, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	return &respClient{conn: conn, r: bufio.NewReader(conn)}, nil
}

func dialRESP(t *testing.T, address string) *respClient {
	t.Helper()
	c, err := newRESP(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.conn.Close() })
	return c
}

// do sends a command and returns its answer: a line, a number or a string. Errors of the server are errors, and so is a
// string that is not there.
func (c *respClient) do(words ...string) (string, error) {
	if err := c.send(appendCommand(nil, words...)); err != nil {
		return "", err
	}
	return c.receive()
}

func appendCommand(b []byte, words ...string) []byte {
	b = fmt.Appendf(b, "*%d\r\n", len(words))
	for _, w := range words {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b
}

// send writes commands, each of which has one answer to be received.
func (c *respClient) send(commands []byte) error {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := c.conn.Write(commands)
	return err
}

func (c *respClient) receive() (string, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	switch line[0] {
	case '+', ':':
		return line[1:], nil
	case '-':
		return "", fmt.Errorf("server says %s", line[1:])
	case '$':
		n, err := strconv.Atoi(line[1:])
		if err != nil || n < 0 {
			return "", fmt.Errorf("no such key (%s)", line)
		}
		data := make([]byte, n+2)
		if _, err := io.ReadFull(c.r, data); err != nil {
			return "", err
		}
		return string(data[:n]), nil
	}
	return "", fmt.Errorf("answer %q", line)
}

// insist is do, again and again while the server is not in its chain.
func (c *respClient) insist(words ...string) (answer string, err error) {
	for end := time.Now().Add(patience); ; {
		answer, err = c.do(words...)
		if err == nil || !strings.Contains(err.Error(), "LOADING") || time.Now().After(end) {
			return answer, err
		}
	}
}

func (c *respClient) must(t *testing.T, want string, words ...string) {
	t.Helper()
	if got, err := c.do(words...); err != nil || got != want {
		t.Fatalf("%s: %q, %v, want %q", strings.Join(words, " "), got, err, want)
	}
}
