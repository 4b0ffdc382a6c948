package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/chaintable/chaintable/table"
)

// The forms of a file's lines.
const (
	linesAuto = "auto"
	linesTSV  = "tsv"   // key, tab, value
	linesJSON = "json"  // records
	linesKeys = "lines" // each is a key, and its value the number of the line
)

// maxLoadLine is the longest line, in bytes: the longest key and value, each byte of them as \u00xx, and the names.
const maxLoadLine = 6*(table.MaxKeyBytes+table.MaxValueBytes) + 1024

// loadLine is a line of a file, or what is wrong with it.
type loadLine struct {
	number int   // from 1
	end    int64 // the offset behind it
	blank  bool  // to be passed over
	key    string
	value  []byte
	bad    error
}

// lineSource reads the lines of a file. One goroutine uses it.
type lineSource struct {
	r    *bufio.Reader
	form string
	last int   // the number of the last line that was read
	read int64 // how many bytes lines have had, with their ends
}

func newLineSource(r io.Reader, form string) *lineSource {
	return &lineSource{r: bufio.NewReaderSize(r, 256<<10), form: form}
}

// send reads line after line from the one with the number from on, until the end, which closes the channel, or ctx ends. An error that is not of a
// line is told as a line's, too, and the last.
func (s *lineSource) send(ctx context.Context, from int, to chan<- loadLine) {
	defer close(to)
	for {
		l, err := s.next(s.last+1 >= from)
		if err == io.EOF {
			return
		}
		if err != nil {
			l = loadLine{number: s.last + 1, bad: readError{err}}
		}
		if err == nil && (l.number < from || l.blank) {
			if ctx.Err() != nil {
				return
			}
			continue
		}
		select {
		case to <- l:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// readError is that a file cannot be read on.
type readError struct{ error }

// next is the next line; without wanted it is only counted.
func (s *lineSource) next(wanted bool) (loadLine, error) {
	text, err := readLine(s.r, maxLoadLine)
	if err != nil && !errors.Is(err, errLong) {
		return loadLine{}, err
	}
	s.last++
	s.read += int64(len(text)) + 1
	if s.last == 1 {
		text = bytes.TrimPrefix(text, []byte("\ufeff"))
	}
	l := loadLine{number: s.last, end: s.read, blank: err == nil && len(bytes.Trim(text, " \r")) == 0}
	if s.form == linesAuto && !l.blank {
		s.form = linesTSV
		if isObject(text) {
			s.form = linesJSON
		}
	}
	switch {
	case err != nil:
		l.bad = fmt.Errorf("longer than %d bytes", maxLoadLine)
	case !wanted:
	case l.blank:
		return l, nil
	case s.form == linesJSON && len(bytes.TrimSpace(text)) == 0: // in tsv a tab is the empty key, and no value
		l.blank = true
		return l, nil
	case s.form == linesTSV:
		key, value, found := bytes.Cut(text, []byte("\t"))
		switch {
		case !found && isArray(text):
			l.bad = errArray
		case !found && isObject(text):
			l.bad = errors.New("no tab between key and value: is it --format json?")
		case !found:
			l.bad = errors.New("no tab between key and value (--format lines takes each line as a key)")
		}
		l.key, l.value = string(key), slices.Clone(value)
	case s.form == linesKeys:
		l.key, l.value = string(text), []byte(strconv.Itoa(l.number))
	default:
		l.key, l.value, l.bad = parseRecord(text)
	}
	if l.bad == nil {
		l.bad = checkSizes(l.key, "")
	}
	if l.bad == nil && len(l.value) > table.MaxValueBytes {
		l.bad = fmt.Errorf("a value of %d bytes is too long: at most %d", len(l.value), table.MaxValueBytes)
	}
	return l, nil
}

// errArray is that a file is one JSON array, which tools like to make.
var errArray = errors.New("a JSON array: want an object on each line, as jq -c '.[]' makes them")

func isArray(text []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(text, " "), []byte("[")) }

func isObject(text []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(text, " "), []byte("{")) }

// jsonError is what a person is told of JSON that is no record.
func jsonError(err error) error {
	var kind *json.UnmarshalTypeError
	var corrupt base64.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends too early")
	case errors.As(err, &corrupt):
		return errors.New("what is in key_base64 or value_base64 is no base64")
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Errorf("it is a JSON %s", kind.Value)
	case errors.As(err, &kind) && kind.Field == "version":
		return errors.New("version is no whole number")
	case errors.As(err, &kind) && strings.HasSuffix(kind.Field, "_base64"):
		return fmt.Errorf("%s is no base64 in quotes", kind.Field)
	case errors.As(err, &kind):
		return fmt.Errorf("%s is no text in quotes", kind.Field)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

// parseRecord reads a record: one object with a key and a value, each as text or in base64.
func parseRecord(text []byte) (key string, value []byte, err error) {
	if !utf8.Valid(text) {
		return "", nil, errors.New("no valid UTF-8: use key_base64 and value_base64")
	}
	var r record
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if isArray(text) {
		return "", nil, errArray
	}
	if err := d.Decode(&r); err != nil {
		return "", nil, fmt.Errorf("no JSON object with key and value: %w", jsonError(err))
	}
	if _, err := d.Token(); err != io.EOF {
		return "", nil, errors.New("something behind the JSON object")
	}
	switch {
	case (r.Key == nil) == (r.KeyBase64 == nil):
		return "", nil, errors.New("want key or key_base64, one of them")
	case (r.Value == nil) == (r.ValueBase64 == nil):
		return "", nil, errors.New("want value or value_base64, one of them")
	case r.Key != nil:
		key = *r.Key
	default:
		key = string(r.KeyBase64)
	}
	value = r.ValueBase64
	if r.Value != nil {
		value = []byte(*r.Value)
	}
	if r.Key != nil && replaced(text, key) || r.Value != nil && replaced(text, *r.Value) {
		return "", nil, errors.New("half of a surrogate pair is no text: use key_base64 and value_base64")
	}
	return key, value, nil
}

// replaced tells that decoding has put U+FFFD in the place of what is no text, and was not there.
func replaced(source []byte, text string) bool {
	return strings.ContainsRune(text, utf8.RuneError) && !bytes.ContainsRune(source, utf8.RuneError) &&
		!bytes.Contains(bytes.ToLower(source), []byte(`\ufffd`))
}
