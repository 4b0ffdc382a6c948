package main

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/chaintable/chaintable/server/servertest"
)

// Commands that are piped in are carried out line by line, and the exit code is that of the worst.
func TestSession(t *testing.T) {
	address := serving(t, servertest.New())
	call(noZooKeeper, strings.Join([]string{
		"put k  two  spaces ", "get k", "  size", "", "put e ", "get e", "put\tk v", "PUT \x00\xff x", "getkeys", "help", "get k",
	}, "\n"), address).check(t, "a script", 2, "operation 1\n two  spaces \n1\noperation 2\n\noperation 3\n\"\\x00\\xff\"\ne\nk\n"+
		commandList+" two  spaces \n", `unknown command "put\tk"`)
	for name, c := range map[string]struct {
		in       string
		code     int
		out, err string
	}{
		"nothing":                {"", 0, "", ""},
		"quit":                   {"quit\nbogus\n", 0, "", ""},
		"no such key":            {"get nope\nsize\n", 1, "3\n", "table-client: no such key: nope\n"},
		"usage is worse":         {"put k\nget nope\n", 2, "", "want put KEY DATA"},
		"keys without data":      {"put  \nput  x\n", 2, "", "want put KEY DATA"},
		"several words":          {"get a b\n", 2, "", "want get and one word"},
		"a line without end":     {"size", 0, "3\n", ""},
		"bytes that are no text": {"\x00\xff\xfe\n", 2, "", "unknown command"},
		"a line too long":        {"put k " + strings.Repeat("v", maxCommand) + "\nsize\n", 2, "3\n", "is skipped"},
	} {
		call(noZooKeeper, c.in, address).check(t, name, c.code, c.out, c.err)
	}
	value := strings.Repeat("v", 16<<20)
	call(noZooKeeper, "put k "+value+"\nget k\n", address).check(t, "the longest value", 0, "operation 4\n"+value+"\n", "")
}

// The answers before and after one that is uncertain are there.
func TestSessionGoesOn(t *testing.T) {
	address, _ := pretend(t, "\x08\x0b\x10\x32\x30\x02"+refusal, "", "\x08\x0b\x10\x32\x30\x04"+refusal)
	call(noZooKeeper, "size\nput k v\nsize\nget\n", address).check(t, "a session", 4, "1\n2\n", "may or may not have been executed")
}

func TestLines(t *testing.T) {
	p := &plain{r: bufio.NewReaderSize(strings.NewReader("a b \r\n\n"+strings.Repeat("x", 100)+"\nlast"), 16)}
	var got []string
	for {
		line, err := p.next()
		if errors.Is(err, io.EOF) {
			break
		}
		got = append(got, line)
	}
	if want := "a b \r||" + strings.Repeat("x", 100) + "|last"; strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
}

// On a terminal the C client's final NUL is left out, and nothing else.
func TestValueOnTerminal(t *testing.T) {
	for value, want := range map[string]string{"": "\n", "v": "v\n", "v\x00": "v\n", "v\x00\x00": "v\x00\n", "\x00v": "\x00v\n"} {
		var b strings.Builder
		if err := (&output{out: &b, terminal: true}).value([]byte(value)); err != nil || b.String() != want {
			t.Errorf("%q is printed as %q, %v", value, b.String(), err)
		}
	}
}

// full is a disk that is.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestOutputIsLost(t *testing.T) {
	address := serving(t, servertest.New())
	var errs strings.Builder
	if code := run([]string{address, "size"}, nil, full{}, &errs, noZooKeeper); code != 3 || !strings.Contains(errs.String(), "cannot print the result: no space left") {
		t.Errorf("exit code %d, %s", code, errs.String())
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{"": "", "fine": "fine", "a\x1b[2J\n": "a?[2J?", "much too long": "much too…", "\xff": "\uFFFD"} {
		if got := clean(in, 9); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
