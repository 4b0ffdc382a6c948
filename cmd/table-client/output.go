package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// The forms of what is printed.
const (
	formTable = "table" // for people
	formPlain = "plain" // for scripts: cells with a tab between them
	formJSON  = "json"
)

// output is where results and notes go.
type output struct {
	out, notes io.Writer
	terminal   bool   // out is one
	watched    bool   // notes is one
	form       string // empty: table on a terminal, plain otherwise
	answered   bool   // the command has printed a document
	toNotes    bool   // what a command answers goes to notes: out gets its data
}

func isTerminal(x any) bool {
	f, ok := x.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (o *output) json() bool { return o.form == formJSON }

func (o *output) plain() bool { return o.form == formPlain || o.form == "" && !o.terminal }

// unread tells that nobody reads any more what is printed: the other end of a pipe is closed. Where that cannot be seen, writing tells.
func (o *output) unread() bool {
	f, ok := o.out.(*os.File)
	if !ok {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(f.Fd())}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 // of a pipe, one here and the other there
}

func (o *output) note(format string, args ...any) {
	fmt.Fprintf(o.notes, "table-client: "+format+"\n", args...)
}

func (o *output) print(text string) error { return o.write([]byte(text)) }

func (o *output) write(b []byte) error { return writeTo(o.out, b) }

func writeTo(w io.Writer, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return failf(codeFailed, "cannot print the result: %w", err)
	}
	return nil
}

// result prints text, or in JSON the document.
func (o *output) result(text string, document any) error {
	to := o.out
	if o.toNotes {
		to = o.notes
	}
	b := []byte(text)
	if o.json() {
		var err error
		if b, err = encode(document); err != nil {
			return err
		}
		o.answered = true
	}
	return writeTo(to, b)
}

// encode is one line of JSON.
func encode(document any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(document)
	return b.Bytes(), err
}

// value prints a value as it is. The C client stores a final NUL, which a terminal need not see.
func (o *output) value(v []byte) error {
	if n := len(v); o.terminal && n > 0 && v[n-1] == 0 {
		v = v[:n-1]
	}
	return o.write(append(slices.Clip(v), '\n'))
}

// draw is rows of cells under a heading: columns for people, and tabs for scripts.
func (o *output) draw(rows [][]string) string {
	var b strings.Builder
	if o.plain() {
		for _, row := range rows {
			b.WriteString(strings.Join(row, "\t") + "\n")
		}
		return b.String()
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // to b
	return b.String()
}

// blob is any bytes in JSON: text, or where they are none, base64 under another name.
type blob struct {
	text   *string
	base64 []byte
}

func newBlob[T string | []byte](v T) blob {
	if s := string(v); utf8.ValidString(s) {
		return blob{text: &s}
	}
	return blob{base64: []byte(v)}
}

// record is an entry in JSON, as load reads it and dump writes it.
type record struct {
	Key         *string `json:"key,omitempty"`
	KeyBase64   []byte  `json:"key_base64,omitempty"`
	Value       *string `json:"value,omitempty"`
	ValueBase64 []byte  `json:"value_base64,omitempty"`
	Version     uint64  `json:"version,omitempty"`
}

func newRecord(key string, value []byte) record {
	k, v := newBlob(key), newBlob(value)
	return record{Key: k.text, KeyBase64: k.base64, Value: v.text, ValueBase64: v.base64}
}

// show is a key as people read it: in quotes if it is empty, would not be one line of text, or looks as if it were in quotes.
func show(key string) string {
	if key == "" || strings.HasPrefix(key, `"`) || slices.ContainsFunc([]rune(key), func(r rune) bool { return !strconv.IsPrint(r) }) ||
		strings.ToValidUTF8(key, "") != key {
		return strconv.Quote(key)
	}
	return key
}

// count is how many there are of something.
func count[N int | uint64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// clean is what others have said, in one line of at most so many characters.
func clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
