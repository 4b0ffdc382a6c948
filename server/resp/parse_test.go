package resp

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// outcome is what a parser makes of a stream: each whole request, or why it was refused, and the breach that ended it.
type outcome struct {
	requests []string
	breach   string
	rest     int // bytes that are not consumed
}

// parseAll feeds input in pieces that end at the cuts.
func parseAll(input []byte, cuts ...int) outcome {
	var p parser
	var out outcome
	var held []byte
	from := 0
	for _, to := range append(cuts, len(input)) {
		held = append(held, input[from:to]...)
		from = to
		for {
			n, whole, err := p.next(held)
			switch {
			case whole && err != nil:
				out.requests = append(out.requests, "refused: "+err.Error())
			case whole && len(p.args) > 0:
				out.requests = append(out.requests, fmt.Sprintf("%q", p.args))
			case err != nil:
				out.breach = err.Error()
				return out
			}
			held = bytes.Clone(held[n:]) // whoever still looks at the old bytes sees other ones
			if !whole {
				break
			}
		}
	}
	out.rest = len(held)
	return out
}

func (o outcome) String() string {
	s := strings.Join(o.requests, " ")
	if o.breach != "" {
		s += " BREACH " + o.breach
	}
	if o.rest > 0 {
		s += fmt.Sprintf(" REST %d", o.rest)
	}
	return strings.TrimSpace(s)
}

var parseCases = []struct{ name, in, want string }{
	{"nothing", "", ""},
	{"one", "*1\r\n$4\r\nPING\r\n", `["PING"]`},
	{"empty string", "*2\r\n$3\r\nGET\r\n$0\r\n\r\n", `["GET" ""]`},
	{"line ends within", "*2\r\n$3\r\nGET\r\n$4\r\n\r\n\r\n\r\n", `["GET" "\r\n\r\n"]`},
	{"pipeline", "*1\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\nc d\r\n", `["a"] ["b"] ["c" "d"]`},
	{"empty array", "*0\r\n*-1\r\n*1\r\n$1\r\na\r\n", `["a"]`},
	{"half header", "*1\r\n$4", "REST 6"},
	{"half string", "*1\r\n$4\r\nPIN", "REST 11"},
	{"no line end behind string", "*1\r\n$1\r\nabc", "BREACH Protocol error: expected the end of a bulk string"},
	{"no dollar", "*1\r\n:4\r\n", "BREACH Protocol error: expected '$', got ':'"},
	{"unprintable instead of dollar", "*1\r\n\n", "BREACH Protocol error: expected '$', got ' '"},
	{"negative length", "*1\r\n$-1\r\n", "BREACH Protocol error: invalid bulk length: at most 16777216 bytes"},
	{"length of 2^63-1", "*1\r\n$9223372036854775807\r\n", "BREACH Protocol error: invalid bulk length: at most 16777216 bytes"},
	{"length of 2^63", "*1\r\n$9223372036854775808\r\n", "BREACH Protocol error: invalid bulk length"},
	{"length of 2^64+1", "*1\r\n$18446744073709551617\r\n", "BREACH Protocol error: invalid bulk length"},
	{"length that is none", "*1\r\n$1x\r\n", "BREACH Protocol error: invalid bulk length"},
	{"length with plus", "*1\r\n$+1\r\na\r\n", "BREACH Protocol error: invalid bulk length"},
	{"endless length", "*1\r\n$" + strings.Repeat("1", 40), "BREACH Protocol error: too big bulk count string"},
	{"count of 2^63-1", "*9223372036854775807\r\n", "BREACH Protocol error: invalid multibulk length: at most 1048576 arguments"},
	{"one arg too many", "*1048577\r\n", "BREACH Protocol error: invalid multibulk length: at most 1048576 arguments"},
	{"as many args as may be", "*1048576\r\n", "REST 10"},
	{"count that is none", "*x\r\n", "BREACH Protocol error: invalid multibulk length"},
	{"bare line feed in header", "*1\n$4\nPING\n", "BREACH Protocol error: invalid multibulk length"},
	{"inline", "PING\r\n", `["PING"]`},
	{"inline, bare line feed", "SET k v\n", `["SET" "k" "v"]`},
	{"inline, blanks", "  SET \t k   v  \r\n", `["SET" "k" "v"]`},
	{"inline, empty lines", "\r\n\n   \r\nPING\r\n", `["PING"]`},
	{"inline, quotes", `SET "a b" 'c d' "" ''` + "\r\n", `["SET" "a b" "c d" "" ""]`},
	{"inline, escapes", `SET "\n\r\t\b\a\x41\"\\\q" '\'\n'` + "\r\n", `["SET" "\n\r\t\b\aA\"\\q" "'\\n"]`},
	{"inline, bad hex", `SET "\xZZ"` + "\r\n", `["SET" "xZZ"]`},
	{"inline, open quote", "SET \"a\r\n", "BREACH Protocol error: unbalanced quotes in request"},
	{"inline, open apostrophe", "SET 'a\r\n", "BREACH Protocol error: unbalanced quotes in request"},
	{"inline, text behind quote", "SET \"a\"b\r\n", "BREACH Protocol error: unbalanced quotes in request"},
	{"inline, quote within", "SET a\"b c\"\r\n", `["SET" "ab c"]`},
	{"inline, no end", "SET k", "REST 5"},
	{"inline, too long", strings.Repeat("a", maxInline), "BREACH Protocol error: too big inline request: at most 65536 bytes"},
	{"inline, longest", strings.Repeat("a", maxInline-1) + "\n", fmt.Sprintf(`["%s"]`, strings.Repeat("a", maxInline-1))},
}

func TestParse(t *testing.T) {
	for _, c := range parseCases {
		if got := parseAll([]byte(c.in)).String(); got != c.want {
			t.Errorf("%s: %q:\ngot  %.200s\nwant %.200s", c.name, c.in, got, c.want)
		}
	}
}

// However a stream is split, the requests are the same.
func TestParseSplit(t *testing.T) {
	for _, c := range parseCases {
		if len(c.in) > 1000 {
			continue
		}
		want := parseAll([]byte(c.in))
		for cut := range len(c.in) {
			if got := parseAll([]byte(c.in), cut); got.String() != want.String() {
				t.Errorf("%s, split at %d: got %v, want %v", c.name, cut, got, want)
			}
		}
		var all []int
		for i := range len(c.in) {
			all = append(all, i)
		}
		if got := parseAll([]byte(c.in), all...); got.String() != want.String() {
			t.Errorf("%s, byte by byte: got %v, want %v", c.name, got, want)
		}
	}
}

// A string that is too long is dropped as it comes, and the request behind it is carried out.
func TestParseDropsWhatIsTooLong(t *testing.T) {
	var p parser
	const length = 300 << 20
	feed := []byte(fmt.Sprintf("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", length))
	piece := make([]byte, 1<<20)
	held := feed
	most := 0
	for sent := 0; ; {
		n, whole, err := p.next(held)
		held = held[n:]
		most = max(most, len(held))
		if whole {
			if err == nil || !strings.Contains(err.Error(), "16777216") {
				t.Fatalf("whole, with %v", err)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		next := piece[:min(len(piece), length-sent)]
		if sent += len(next); len(next) == 0 {
			next = []byte("\r\n*1\r\n$4\r\nPING\r\n")
		}
		held = append(held, next...)
	}
	if n, whole, err := p.next(held); n != len(held) || !whole || err != nil || string(p.args[0]) != "PING" {
		t.Fatalf("behind it: %d %v %v %q", n, whole, err, p.args)
	}
	if most > 1024 {
		t.Errorf("%d bytes were kept of a request that will be refused", most)
	}
}

func TestParseRefusesLongCommands(t *testing.T) {
	var in bytes.Buffer
	in.WriteString("*6\r\n")
	for range 6 {
		fmt.Fprintf(&in, "$%d\r\n%s\r\n", maxBulk, bytes.Repeat([]byte("x"), maxBulk))
	}
	in.WriteString("PING\r\n")
	got := parseAll(in.Bytes())
	want := fmt.Sprintf(`refused: a command is longer than %d bytes ["PING"]`, maxRequest)
	if got.String() != want {
		t.Errorf("got %.300s", got)
	}
}

// A request of many args keeps nothing per arg until it is whole.
func TestParseKeepsNothingOfHalfARequest(t *testing.T) {
	var p parser
	in := append([]byte("*1048576\r\n"), bytes.Repeat([]byte("$0\r\n\r\n"), 500_000)...)
	for size := 1000; size < len(in); size += 100_000 {
		if n, whole, err := p.next(in[:size]); n != 0 || whole || err != nil {
			t.Fatal(n, whole, err)
		}
		if cap(p.args) > keptArgs {
			t.Fatalf("%d args are kept", cap(p.args))
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range parseCases {
		if len(c.in) < 1000 {
			f.Add([]byte(c.in), uint(3))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, cut uint) {
		whole := parseAll(bytes.Clone(in))
		at := int(cut % uint(len(in)+1))
		if split := parseAll(bytes.Clone(in), at); split.String() != whole.String() {
			t.Fatalf("whole %v, split at %d %v", whole, at, split)
		}
	})
}

func TestParseInt(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-1": "-1", "9223372036854775807": "9223372036854775807", "-9223372036854775808": "-9223372036854775808",
		"9223372036854775808": "no", "-9223372036854775809": "no", "99999999999999999999": "no", "": "no", "-": "no", "+1": "no",
		"01": "no", "-0": "no", " 1": "no", "1 ": "no", "1a": "no", "１": "no",
	} {
		got := "no"
		if n, ok := parseInt([]byte(in)); ok {
			got = fmt.Sprint(n)
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}
