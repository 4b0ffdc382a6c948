package resp

import (
	"bytes"
	"testing"
	"time"
)

var globCases = []struct {
	pattern, s string
	want       bool
}{
	{"", "", true},
	{"", "a", false},
	{"*", "", true},
	{"*", "anything", true},
	{"a*", "abc", true},
	{"*c", "abc", true},
	{"a*c", "abc", true},
	{"a*b*c", "axbxbxc", true},
	{"a*b*c", "axbxbx", false},
	{"a?c", "abc", true},
	{"a?c", "ac", false},
	{"?", "", false},
	{"[abc]", "b", true},
	{"[abc]", "d", false},
	{"[^abc]", "d", true},
	{"[^abc]", "a", false},
	{"[a-c]x", "bx", true},
	{"[c-a]x", "bx", true},
	{"[a-c]", "d", false},
	{`[\]]`, "]", true},
	{"[abc", "c", true},
	{"[", "a", false},
	{"[]", "a", false},
	{"[^]", "a", true},
	{`\*`, "*", true},
	{`\*`, "a", false},
	{`a\`, `a\`, true},
	{"h[^e]llo", "hallo", true},
	{"h[^e]llo", "hello", false},
	{"**a**", "bab", true},
	{"*\x00*", "a\x00b", true},
	{"*[0-9]", "key:1", true},
}

func TestGlob(t *testing.T) {
	for _, c := range globCases {
		if got := glob([]byte(c.pattern), []byte(c.s)); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.s, got)
		}
		if got := globTwin([]byte(c.pattern), []byte(c.s)); got != c.want {
			t.Errorf("twin: %q on %q: %v", c.pattern, c.s, got)
		}
	}
}

// globTwin says the same by trying everything.
func globTwin(pattern, s []byte) bool {
	switch {
	case len(pattern) == 0:
		return len(s) == 0
	case pattern[0] == '*':
		return globTwin(pattern[1:], s) || len(s) > 0 && globTwin(pattern, s[1:])
	case len(s) == 0:
		return false
	}
	next, ok := globOne(pattern, 0, s[0])
	return ok && globTwin(pattern[next:], s[1:])
}

func TestGlobDoesNotBlowUp(t *testing.T) {
	pattern := append(bytes.Repeat([]byte("a*"), maxPattern/2-1), 'b')
	s := bytes.Repeat([]byte("a"), 64<<10)
	began := time.Now()
	if glob(pattern, s) {
		t.Error("matched")
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

func FuzzGlob(f *testing.F) {
	for _, c := range globCases {
		f.Add([]byte(c.pattern), []byte(c.s))
	}
	f.Fuzz(func(t *testing.T, pattern, s []byte) {
		stars := bytes.Count(pattern, []byte("*"))
		got := glob(pattern, s)
		if stars < 4 && len(s) < 24 && got != globTwin(pattern, s) {
			t.Errorf("%q on %q: %v", pattern, s, got)
		}
	})
}
