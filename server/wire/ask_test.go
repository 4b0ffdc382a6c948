package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// marker is what AppendRequest puts behind a request, refused the reply to it.
var (
	marker  = m(1, 10, 2, 10)
	refused = m(1, 99, 2, 60, 6, -1)
)

// What a client asks is what the server understands, even if it comes byte by byte.
func TestAsk(t *testing.T) {
	for _, c := range []struct {
		op        Op
		key, data string
		number    int32
		want      string
	}{
		{Put, "key", "data", 0, `40/30 "key"="data" 0`},
		{Put, "key", "", 0, `40/30 "key"="" 0`},
		{Put, "", "", 0, `40/30 ""="" 0`},
		{Put, "\xff\x00 k", "\x00", 0, `40/30 "\xff\x00 k"="\x00" 0`},
		{Get, "key", "no", 7, `30/10 "key"="" 0`},
		{Get, "", "", 0, `30/10 ""="" 0`},
		{Del, "key", "", 0, `20/10 "key"="" 0`},
		{Size, "no", "no", 7, `10/60 ""="" 0`},
		{GetKeys, "", "", 0, `50/60 ""="" 0`},
		{Verify, "", "", 1<<31 - 1, `60/50 ""="" 2147483647`},
		{Verify, "", "", 0, `60/50 ""="" 0`},
	} {
		in := AppendRequest(nil, c.op, []byte(c.key), []byte(c.data), c.number)
		in = AppendRequest(in, Size, nil, nil, 0)
		want := strings.Join([]string{c.want, `10/10 ""="" 0`, `10/60 ""="" 0`, `10/10 ""="" 0`}, " ")
		var cuts []int
		for cut := range len(in) {
			cuts = append(cuts, cut)
		}
		if got := decodeAll(in, open); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := decodeAll(in, open, cuts...); got != want {
			t.Errorf("byte by byte: got %s, want %s", got, want)
		}
	}
}

// A put of which a part arrives, and then the end, is not carried out.
func TestPutCutOff(t *testing.T) {
	whole := AppendRequest(nil, Put, []byte("key"), []byte("data"), 0)
	for cut := range len(whole) - len(marker) {
		if got := decodeAll(whole[:cut], ended); strings.Contains(got, "40/30") {
			t.Errorf("%q is carried out: %s", whole[:cut], got)
		}
	}
}

func TestReadReply(t *testing.T) {
	for name, c := range map[string]struct {
		op   Op
		in   string
		want string
	}{
		"number":                    {Put, m(1, 41, 2, 50, 6, 7) + refused, `{false 7 "" []} true <nil>`},
		"number, then the end":      {Put, m(1, 41, 2, 50, 6, 7), `{false 7 "" []} false <nil>`},
		"number, then half":         {Del, m(1, 21, 2, 50, 6, 7) + refused[:3], `{false 7 "" []} false <nil>`},
		"failure":                   {Put, refused + refused, `{true 0 "" []} true <nil>`},
		"failure, then the end":     {Get, refused, `{true 0 "" []} false <nil>`},
		"size 0":                    {Size, m(1, 11, 2, 50) + refused, `{false 0 "" []} true <nil>`},
		"size":                      {Size, m(1, 11, 2, 50, 6, 3) + refused, `{false 3 "" []} true <nil>`},
		"value":                     {Get, m(1, 31, 2, 20, 5, "a\x00") + refused, `{false 0 "a\x00" []} true <nil>`},
		"empty value":               {Get, m(1, 31, 2, 20) + refused, `{false 0 "" []} true <nil>`},
		"keys":                      {GetKeys, m(1, 51, 2, 40, 7, "a", 7, "", 7, "\xff") + refused, `{false 0 "" ["a" "" "\xff"]} true <nil>`},
		"no keys":                   {GetKeys, m(1, 51, 2, 40) + refused, `{false 0 "" []} true <nil>`},
		"lost":                      {Verify, m(1, 61, 2, 50, 6, -1) + refused, `{false -1 "" []} true <nil>`},
		"pending":                   {Verify, m(1, 61, 2, 50) + refused, `{false 0 "" []} true <nil>`},
		"fields nobody knows":       {Size, m(1, 11, 9, 5, 2, 50, 99, "x", 6, 3) + refused, `{false 3 "" []} true <nil>`},
		"nothing":                   {Put, "", `EOF`},
		"a part":                    {Put, "\x08\x29\x10", `unexpected EOF`},
		"a part of a value":         {Get, m(1, 31, 2, 20, 5, "value")[:8], `unexpected EOF`},
		"a value, then the end":     {Get, m(1, 31, 2, 20, 5, "value"), `unexpected EOF`},
		"keys, result, end":         {GetKeys, m(1, 51, 2, 40, 7, "a", 6, 1), `unexpected EOF`},
		"size 0, then the end":      {Size, m(1, 11, 2, 50), `unexpected EOF`},
		"text":                      {Get, "-ERR max number of clients reached\r\n", `nonsense`},
		"HTTP":                      {Get, "HTTP/1.1 400 Bad Request\r\n", `nonsense`},
		"another opcode":            {Get, m(1, 11, 2, 50, 6, 3) + refused, `nonsense`},
		"another type":              {Get, m(1, 31, 2, 50, 6, 3) + refused, `nonsense`},
		"number 0":                  {Put, m(1, 41, 2, 50) + refused, `nonsense`},
		"negative number":           {Put, m(1, 41, 2, 50, 6, -1) + refused, `nonsense`},
		"negative size":             {Size, m(1, 11, 2, 50, 6, -1) + refused, `nonsense`},
		"fate 2":                    {Verify, m(1, 61, 2, 50, 6, 2) + refused, `nonsense`},
		"field 0":                   {Size, m(1, 11) + "\x00\x00", `nonsense`},
		"group":                     {Size, m(1, 11) + "\x0b\x00", `nonsense`},
		"number without end":        {Size, "\x08" + strings.Repeat("\x80", 11), `nonsense`},
		"value of 16 MiB and one":   {Get, m(1, 31, 2, 20) + "\x2a\x81\x80\x80\x08", `nonsense`},
		"value of 16 MiB, promised": {Get, m(1, 31, 2, 20) + "\x2a\x80\x80\x80\x08", `unexpected EOF`},
		"key of 64 KiB and one":     {GetKeys, m(1, 51, 2, 40) + "\x3a\x81\x80\x04", `nonsense`},
		"value of 2^64-1":           {Get, m(1, 31, 2, 20) + "\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", `nonsense`},
		"marker answered with size": {Size, m(1, 11, 2, 50, 6, 3) + m(1, 11, 2, 50, 6, 3), `nonsense`},
		"marker answered with text": {Size, m(1, 11, 2, 50, 6, 3) + m(1, 99, 2, 60, 5, "x", 6, -1), `nonsense`},
		"marker without result":     {Size, m(1, 11, 2, 50, 6, 3) + m(1, 99) + refused, `nonsense`},
	} {
		for way, r := range map[string]io.Reader{
			"whole": strings.NewReader(c.in), "byte by byte": iotest.OneByteReader(strings.NewReader(c.in)),
		} {
			buffered := bufio.NewReader(r)
			reply, more, err := ReadReply(buffered, c.op)
			got := fmt.Sprintf("{%v %d %q %q} %v %v", reply.Failed, reply.Result, reply.Data, reply.Keys, more, err)
			switch {
			case errors.Is(err, ErrReply):
				got = "nonsense"
			case err != nil:
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("%s, %s: got %s (%v), want %s", name, way, got, err, c.want)
			}
			if more && buffered.Buffered() > 0 {
				t.Errorf("%s, %s: %d bytes are left", name, way, buffered.Buffered())
			}
		}
	}
}

// endless repeats what it holds.
type endless struct{ what, rest []byte }

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		e.rest = e.what
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// A reply without end is given up, and what it takes until then is bounded.
func TestReplyIsBounded(t *testing.T) {
	for name, what := range map[string]string{
		"values":  m(5, strings.Repeat("v", 1<<20)),
		"keys":    m(7, strings.Repeat("k", 64<<10)),
		"unknown": m(9, strings.Repeat("x", 64<<10)),
	} {
		in := io.MultiReader(strings.NewReader(m(1, 51, 2, 40)), &endless{what: []byte(what)})
		counted := &io.LimitedReader{R: in, N: 9 << 20}
		if _, _, err := readReply(bufio.NewReader(counted), GetKeys, 8<<20); !errors.Is(err, ErrReply) {
			t.Errorf("%s without end: %v, %d bytes are left", name, err, counted.N)
		}
	}
}

func FuzzReadReply(f *testing.F) {
	for _, op := range []Op{Put, Get, GetKeys} {
		f.Add([]byte(m(1, int(op)+1, 2, 50, 6, 7, 5, "v", 7, "k")+refused), int32(op))
	}
	f.Fuzz(func(t *testing.T, in []byte, op int32) {
		if !slices.Contains([]Op{Size, Del, Get, Put, GetKeys, Verify}, Op(op)) {
			return
		}
		reply, _, err := ReadReply(bufio.NewReader(bytes.NewReader(in)), Op(op))
		size := len(reply.Data)
		for _, k := range reply.Keys {
			size += len(k)
		}
		if size > len(in) || err != nil && size > 0 {
			t.Fatalf("%d bytes were made of %d, with %v", size, len(in), err)
		}
	})
}
