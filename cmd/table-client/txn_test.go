package main

import (
	"fmt"
	"strings"
	"testing"
)

// written is how a transaction was understood.
func (s script) written() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d if", len(s.when))
	for i, steps := range [][]step{s.then, s.orElse} {
		fmt.Fprint(&b, [...]string{" then", " else"}[i])
		for _, x := range steps {
			fmt.Fprintf(&b, " %s %q=%q", x.op, x.key, x.value)
		}
	}
	return b.String()
}

func TestParseTxn(t *testing.T) {
	for source, want := range map[string]string{
		`get k`:                           `0 if then get "k"="" else`,
		` put k v ; del "a b";get c; `:    `0 if then put "k"="v" del "a b"="" get "c"="" else`,
		`if exists(k) then get k else`:    `1 if then get "k"="" else`,
		`if absent ( k ) then else get k`: `1 if then else get "k"=""`,
		"if version(k)=5 and value(j)=\"x\"\n and exists(l)\nthen put k v; del j; get l\nelse get k\n": `3 if then put "k"="v" del "j"="" get "l"="" else get "k"=""`,
		`if value(value) != version and version(version)>0 then put exists absent`:                     `2 if then put "exists"="absent" else`,
		`put "if" "\x00\"\\\n" ; put "😀\u00e9" "\ud83d\ude00"`:                                         `0 if then put "if"="\x00\"\\\n" put "😀é"="😀" else`,
		`put base64(AP8=) base64( )`: `0 if then put "\x00\xff"="" else`,
		`put base64 "base64(x)"`:     `0 if then put "base64"="base64(x)" else`,
		"put \xff user/1-2.3:4,#":    `0 if then put "\xff"="user/1-2.3:4,#" else`,
		`put "" ""`:                  `0 if then put ""="" else`,

		``:                                              `line 1, column 1: want a step: put, del or get, not the end`,
		`  ;`:                                           `line 1, column 3: want a step: put, del or get, not ;`,
		`if`:                                            `line 1, column 3: want a condition: version(KEY), value(KEY), exists(KEY) or absent(KEY), not the end`,
		`if exists(k)`:                                  `line 1, column 13: want and, or then, not the end`,
		`if exists(k) then`:                             `line 1, column 18: want a step`,
		`if exists k then get k`:                        `line 1, column 11: want (, not k`,
		`if exists(k then get k`:                        `line 1, column 13: want ), not then`,
		`if exists(then) then get k`:                    `line 1, column 11: want a key, which needs quotes if it is a word of this language, not then`,
		`if version(k) then get k`:                      `line 1, column 15: want =, !=, < or > behind version(…), not then`,
		`if version(k) = x then get k`:                  `line 1, column 17: want a version, which is a number, not x`,
		`if version(k) = "5" then get k`:                `line 1, column 17: want a version, which is a number, not "5"`,
		`if version(k) == 5 then get k`:                 `line 1, column 16: want a version, which is a number, not =`,
		`if version(k) = -5 then get k`:                 `line 1, column 17: want a version, which is a number, not -5`,
		`if version(k) <= 5 then get k`:                 `line 1, column 16: want a version`,
		`if value(k) ! x then get k`:                    `line 1, column 13: want =, !=, < or > behind value(…), not !`,
		`if value(k) = then get k`:                      `line 1, column 15: want a value, which needs quotes`,
		`if size(k) = 5 then get k`:                     `line 1, column 4: want a condition`,
		`if exists(k) or then get k`:                    `line 1, column 14: want and, or then, not or`,
		`if exists(k) and then get k`:                   `line 1, column 18: want a condition`,
		`get k else get j`:                              `line 1, column 7: want ; and another step, or the end, not else`,
		`get k get j`:                                   `line 1, column 7: want ; and another step, or the end, not get`,
		`if exists(k) then get k get j`:                 `line 1, column 25: want ; and another step, else, or the end, not get`,
		`if exists(k) then get k else get k else get k`: `line 1, column 36: want ; and another step, else, or the end, not else`,
		`put k`:                             `line 1, column 6: want a value, not the end`,
		`put k v w`:                         `line 1, column 9: want ; and another step, or the end, not w`,
		`put k else`:                        `line 1, column 7: want a value, which needs quotes`,
		`Put k v`:                           `line 1, column 1: want a step: put, del or get, not Put`,
		`"put" k v`:                         `line 1, column 1: want a step`,
		"get k;\n\n  get 'k'":               `line 3, column 7: want double quotes`,
		`get "k`:                            `line 1, column 5: a quote that does not end`,
		`get "k\"`:                          `line 1, column 5: a quote that does not end`,
		`get "\`:                            `line 1, column 5: a quote that does not end`,
		`get "\q"`:                          `line 1, column 5: "\q" is no string of Go or JSON`,
		`get "\ud83d"`:                      `line 1, column 5: "\ud83d" is no string of Go or JSON`,
		"get \"\xff\"":                      `line 1, column 5:`,
		`get é base64(!)`:                   `line 1, column 7: want base64 and )`,
		`get base64(AP8=`:                   `line 1, column 5: want base64 and )`,
		`get (k)`:                           `line 1, column 5: want a key, not (`,
		"get " + strings.Repeat("k", 65537): `line 1, column 5: a key of 65537 bytes is too long: at most 65536`,
	} {
		s, err := parseTxn(source)
		got := s.written()
		if err != nil {
			got = strings.TrimPrefix(err.Error(), "txn: ")
		}
		if got != want && (err == nil || !strings.HasPrefix(got, want)) {
			t.Errorf("%.60q: got %q, want %q", source, got, want)
		}
		if err != nil && codeOf(err) != codeUsage {
			t.Errorf("%.60q: exit code %d", source, codeOf(err))
		}
	}
}

// Nothing that is read makes the parser panic or go on for ever, and what it takes has steps.
func FuzzParseTxn(f *testing.F) {
	f.Add(`if version(k) = 5 and value("j") != base64(AA==) then put k v; del j else get k`)
	f.Add(`get "\`)
	f.Add("put é\u2028x \xff")
	f.Fuzz(func(t *testing.T, source string) {
		s, err := parseTxn(source)
		if (err == nil) != (len(s.then)+len(s.orElse) > 0) {
			t.Errorf("%v, and %d steps", err, len(s.then)+len(s.orElse))
		}
	})
}

// A record that is read, written and read again is the same.
func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"key":"k","value_base64":"AP8="}`))
	f.Add([]byte(`{"key":"\ud83d\ude00\ufffd","value":""}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		key, value, err := parseRecord(text)
		if err != nil {
			return
		}
		line, err := encode(newRecord(key, value))
		if err != nil {
			t.Fatal(err)
		}
		if k, v, err := parseRecord(line); err != nil || k != key || string(v) != string(value) {
			t.Errorf("%q, %q became %q, %q, %v", key, value, k, v, err)
		}
	})
}
