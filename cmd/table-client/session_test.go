package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// unnumbered is an outcome without the numbers of operations.
func (o outcome) unnumbered() outcome {
	o.out = regexp.MustCompile(`(operation |version |"version":)\d+`).ReplaceAllString(o.out, "${1}N")
	return o
}

// numbersLeft is an outcome without any numbers.
func (o outcome) numbersLeft() outcome {
	o.out = regexp.MustCompile(`\d+(\.\d+)?`).ReplaceAllString(o.out, "N")
	return o
}

// Commands that are piped in are carried out line by line, and the exit code is that of the worst.
func TestSession(t *testing.T) {
	t.Parallel()
	address := single(t, nil)
	call(strings.Join([]string{
		"put k  two  spaces ", "get k", "  size", "", "put e ", "get e", "put\tk v", "PUT \x00\xff x", "getkeys", "get -v \x00\xff", "get k",
		"cas n 0  a b ", "get n", "put -- -k  v", "get -- -k", "put --numbered n m", "get -o json k", "get k", "del k", "get -o plain n",
	}, "\n"), address).unnumbered().check(t, "a script", 2, "operation N\n two  spaces \n1\noperation N\n\noperation N\n\"\\x00\\xff\"\ne\nk\n"+
		"version N\nx\n two  spaces \noperation N\n a b \noperation N\n v\noperation N\n{\"key\":\"k\",\"value\":\" two  spaces \",\"version\":N}\n two  spaces \noperation N\nm\n",
		`unknown command "put\tk"`)
	for name, c := range map[string]struct {
		in       string
		code     int
		out, err string
	}{
		"nothing":                {"", 0, "", ""},
		"quit":                   {"quit\nbogus\n", 0, "", ""},
		"no such key":            {"get nope\nsize\n", 1, "4\n", "table-client: line 1: no such key: nope\n"},
		"usage is worse":         {"put k\nget nope\n", 2, "", "put: want KEY DATA"},
		"keys without data":      {"put  \nput  x\n", 2, "", "put: want KEY DATA"},
		"several words":          {"get a b\n", 2, "", "get: want one word"},
		"a line without end":     {"size", 0, "4\n", ""},
		"bytes that are no text": {"\x00\xff\xfe\n", 2, "", "unknown command"},
		"a line too long":        {"put k " + strings.Repeat("v", maxCommand) + "\nsize\n", 2, "4\n", "is skipped"},
		"flags alone":            {"-o plain\nsize\n", 2, "4\n", "line 1: want a command"},
		"CRLF":                   {"get nope \r\n\r\nsize\r\n", 1, "4\n", "no such key: nope\n"},
		"comments":               {"# x\n   # put k x\n  size \n", 0, "4\n", ""},
		"what it is in":          {"help\n", 0, commandList(newRoot(newApp(nil, io.Discard, io.Discard))), ""},
	} {
		call(c.in, address).check(t, name, c.code, c.out, c.err)
	}
	value := strings.Repeat("v", 16<<20)
	o := call("put k "+value+"\nget k\n", "--timeout", "30s", address) // gRPC sends 64 KiB at a time: on a busy machine that takes seconds
	o.out = strings.Replace(o.out, value, "VALUE", 1)                  // it is long for what unnumbered does
	o.unnumbered().check(t, "the longest value", 0, "operation N\nVALUE\n", "")
}

func TestParseLine(t *testing.T) {
	for line, want := range map[string][]string{
		"":                             nil,
		"\r":                           {},
		"# put k v":                    nil,
		"  # put k v":                  nil,
		" put k  v ":                   {"put", "--", "k", " v "},
		"get k\r":                      {"get", "k"},
		"put k v\r":                    {"put", "--", "k", "v\r"},
		"  ":                           nil,
		" get  k ":                     {"get", "k"},
		"put k v":                      {"put", "--", "k", "v"},
		"put k  a  b ":                 {"put", "--", "k", " a  b "},
		"put k ":                       {"put", "--", "k", ""},
		"put k":                        {"put", "--", "k"},
		"put":                          {"put", "--"},
		"Put --numbered k -v":          {"put", "--numbered", "--", "k", "-v"},
		"put --timeout 3s -- - b":      {"put", "--timeout", "3s", "--", "-", "b"},
		"cas k 7 a b":                  {"cas", "--", "k", "7", "a b"},
		"cas k 7":                      {"cas", "--", "k", "7"},
		`txn if  a  then put b "c  d"`: {"txn", "--", `if  a  then put b "c  d"`},
		`get "x \"y\xff"`:              {"get", "x \"y\xff"},
		`get  "x y"  z`:                {"get", "x y", "z"},
		`put "my key" "data" x`:        {"put", "--", "my key", `"data" x`},
		`get "-x"`:                     {"get", "--", "-x"},
		`txn -f "my file"`:             {"txn", "-f", "my file", "--"},
		`put --timeout "5s" k v`:       {"put", "--timeout", "5s", "--", "k", "v"},
		`put "" x`:                     {"put", "--", "", "x"},
		`put "k"`:                      {"put", "--", "k"},
		`cas "my key" 7 x y`:           {"cas", "--", "my key", "7", "x y"},
		`put k" v`:                     {"put", "--", `k"`, "v"},
		"put  k v":                     {"put", "--", ""},
		"txn":                          {"txn", "--"},
		"txn -f x":                     {"txn", "-f", "x", "--"},
	} {
		if got, err := parseLine(line); !slices.Equal(got, want) || err != nil {
			t.Errorf("%q: got %q, %v, want %q", line, got, err, want)
		}
	}
	for _, line := range []string{`get "a`, `put "a b`, `put "a"b c`, `get "\y"`, `cas "a" "7`} {
		if got, err := parseLine(line); codeOf(err) != 2 || got != nil {
			t.Errorf("%q: got %q, %v", line, got, err)
		}
	}
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

// What cannot be read is not the end.
func TestInputBreaks(t *testing.T) {
	in := io.MultiReader(strings.NewReader("put k v\nput l w"), &reader{errors.New("input/output error")})
	var out, errs strings.Builder
	code := run([]string{single(t, nil)}, in, &out, &errs)
	if code != 3 || strings.Count(out.String(), "\n") != 1 || errs.String() != "table-client: line 2: standard input cannot be read on: input/output error\n" {
		t.Errorf("exit code %d, printed %q, %q", code, out.String(), errs.String())
	}
}

// full is a disk that is.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestOutputIsLost(t *testing.T) {
	address := single(t, nil)
	var errs strings.Builder
	if code := run([]string{address, "size"}, nil, full{}, &errs); code != 3 || !strings.Contains(errs.String(), "cannot print the result: no space left") {
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

// What the prompt completes: commands, flags and files.
func TestCompleteLine(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"words [1].txt", "wonders"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := newApp(nil, io.Discard, io.Discard)
	a.address, a.line = "7001", true
	for line, want := range map[string]string{
		"getk":           "getkeys ",
		"put --nu":       "--numbered ",
		"status --f":     "--follow ",
		"get k":          "",
		"help veri":      "verify ",
		"nothing x":      "",
		"members dr":     "drain ",
		"bogus x":        "",
		"put --nope x y": "",

		"GET --v":                   "--version ",
		"compl":                     "",
		"load --format t":           "tsv ",
		"load --rate 1 -o ":         "table |plain |json ",
		"bench --clients 3 ycsb-a":  "ycsb-a ",
		"bench ycsb-a ycsb-":        "",
		"members --timeout ":        "",
		"load " + dir + "/wor":      `"` + dir + `/words [1].txt"`,
		"txn -f " + dir + "/won":    dir + "/wonders",
		"dump --format json " + dir: dir + "/",
	} {
		_, got, _ := completeLine(a, line, len([]rune(line)))
		if s := strings.Join(got, "|"); s != want {
			t.Errorf("%q: got %q, want %q", line, s, want)
		}
	}
	head, got, tail := completeLine(a, "ge k", 2)
	if head != "" || tail != " k" || strings.Join(got, "|") != "get |getkeys " {
		t.Errorf("in the middle: %q %q %q", head, got, tail)
	}
}

// The history is the user's alone, and kept whole.
func TestHistory(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	path := historyPath()
	for i := range 2 {
		want := fmt.Sprintf("put k %d\n", i)
		if err := writeHistory(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	t.Setenv("XDG_STATE_HOME", "relative")
	t.Setenv("HOME", "/somewhere")
	if got := historyPath(); got != "/somewhere/.local/state/chaintable/history" {
		t.Errorf("got %s", got)
	}
}
