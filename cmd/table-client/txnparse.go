package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/chaintable/chaintable/client"
)

// The language of transactions:
//
//	txn   = [ "if" cond { "and" cond } "then" ] steps [ "else" steps ]     else only behind if
//	cond  = "version" "(" text ")" rel number
//	      | "value" "(" text ")" rel text
//	      | "exists" "(" text ")" | "absent" "(" text ")"
//	rel   = "=" | "!=" | "<" | ">"
//	steps = [ step { ";" step } [ ";" ] ]
//	step  = "put" text text | "del" text | "get" text
//	text  = word | string | "base64" "(" … ")"
//
// A word is anything without spaces, quotes and the signs above, and none of those that build a transaction. A string is in double quotes, as in Go or JSON.

// script is a transaction as it was written.
type script struct {
	when         []client.Compare
	then, orElse []step
}

// step is one of its steps.
type step struct {
	op, key string // put, del or get
	value   []byte // of put
}

// txn is what is asked of the chain.
func (s script) txn() client.Txn {
	list := func(steps []step) (all []client.Step) {
		for _, x := range steps {
			switch x.op {
			case "put":
				all = append(all, client.PutStep(x.key, x.value))
			case "del":
				all = append(all, client.DeleteStep(x.key))
			case "get":
				all = append(all, client.GetStep(x.key))
			}
		}
		return all
	}
	return client.Txn{If: s.when, Then: list(s.then), Else: list(s.orElse)}
}

// reserved words build a transaction: as keys and values they need quotes.
var reserved = []string{"if", "and", "then", "else", "put", "del", "get"}

var relations = map[string]client.Relation{"=": client.Equal, "!=": client.NotEqual, "<": client.Less, ">": client.Greater}

// parseTxn reads a transaction.
func parseTxn(source string) (s script, err error) {
	p := &txnParser{source: source}
	defer func() {
		if p.err != nil {
			s, err = script{}, p.err
		}
	}()
	p.step()
	conditional := p.word("if")
	if conditional {
		for p.step(); p.err == nil; p.step() {
			s.when = append(s.when, p.condition())
			if !p.word("and") {
				break
			}
		}
		if !p.word("then") {
			p.fail("want and, or then")
			return s, nil
		}
		p.step()
	}
	s.then = p.steps()
	if conditional && p.word("else") {
		p.step()
		s.orElse = p.steps()
	}
	switch {
	case p.now.kind != tokenEnd && conditional:
		p.fail("want ; and another step, else, or the end")
	case p.now.kind != tokenEnd:
		p.fail("want ; and another step, or the end")
	case len(s.then)+len(s.orElse) == 0:
		p.fail("want a step: put, del or get")
	}
	return s, nil
}

// The kinds of tokens.
const (
	tokenEnd  = iota
	tokenWord // as it stands
	tokenText // from quotes or base64
	tokenSign
)

type token struct {
	kind  int
	text  string
	begin int // in the source
}

// txnParser reads token after token. After the first error it stands at the end.
type txnParser struct {
	source string
	at     int // behind now
	now    token
	err    error
}

// fail notes what was wanted instead of now.
func (p *txnParser) fail(format string, args ...any) {
	found := "the end"
	if p.now.kind != tokenEnd {
		found = clean(p.source[p.now.begin:p.at], 30)
	}
	p.failAt(p.now.begin, format+", not %s", append(args, found)...)
}

func (p *txnParser) failAt(at int, format string, args ...any) {
	if p.err == nil {
		before := p.source[:at]
		line := strings.Count(before, "\n") + 1
		column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
		p.err = usagef("line %d, column %d: %s", line, column, fmt.Sprintf(format, args...))
	}
	p.at, p.now = len(p.source), token{begin: len(p.source)}
}

// word tells whether now is that word, unquoted.
func (p *txnParser) word(w string) bool { return p.now.kind == tokenWord && p.now.text == w }

// sign passes over a sign.
func (p *txnParser) sign(s string) {
	if p.now.kind != tokenSign || p.now.text != s {
		p.fail("want %s", s)
		return
	}
	p.step()
}

// signs end words.
const signs = `()=<>!;"'`

// step reads the next token.
func (p *txnParser) step() {
	for p.at < len(p.source) && strings.IndexByte(" \t\r\n", p.source[p.at]) >= 0 {
		p.at++
	}
	begin := p.at
	if begin == len(p.source) {
		p.now = token{begin: begin}
		return
	}
	rest := p.source[begin:]
	switch c := rest[0]; {
	case c == '"':
		p.quoted(rest)
	case c == '\'':
		p.failAt(begin, "want double quotes")
	case c == '!' && strings.HasPrefix(rest, "!="):
		p.token(tokenSign, "!=", 2)
	case strings.IndexByte(signs, c) >= 0:
		p.token(tokenSign, rest[:1], 1)
	default:
		n := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(signs, r) })
		if n < 0 {
			n = len(rest)
		}
		p.token(tokenWord, rest[:n], n)
		if strings.HasPrefix(rest, "base64(") {
			p.base64(rest)
		}
	}
}

func (p *txnParser) token(kind int, text string, length int) {
	p.now = token{kind, text, p.at}
	p.at += length
}

// quoted reads a string, as Go or JSON writes it.
func (p *txnParser) quoted(rest string) {
	n := 1
	for n < len(rest) && rest[n] != '"' {
		if rest[n] == '\\' {
			n++
		}
		n++
	}
	if n >= len(rest) {
		p.failAt(p.at, "a quote that does not end")
		return
	}
	quoted := rest[:n+1]
	text, err := strconv.Unquote(quoted)
	if err != nil {
		text = ""
		if err = json.Unmarshal([]byte(quoted), &text); err == nil && replaced([]byte(quoted), text) {
			err = strconv.ErrSyntax
		}
	}
	if err != nil || !utf8.ValidString(quoted) {
		p.failAt(p.at, "%s is no string of Go or JSON: base64(…) takes any bytes", clean(quoted, 30))
		return
	}
	p.token(tokenText, text, len(quoted))
}

// base64 reads bytes.
func (p *txnParser) base64(rest string) {
	inner, _, closed := strings.Cut(rest[len("base64("):], ")")
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(inner))
	if !closed || err != nil {
		p.failAt(p.now.begin, "want base64 and ), as in base64(aGVsbG8=)")
		return
	}
	p.at = p.now.begin
	p.token(tokenText, string(b), len("base64(")+len(inner)+1)
}

// What a text may be.
const (
	aKey   = "a key"
	aValue = "a value"
)

// text is a key or a value.
func (p *txnParser) text(what string) string {
	now := p.now
	switch {
	case now.kind != tokenWord && now.kind != tokenText:
		p.fail("want %s", what)
		return ""
	case now.kind == tokenWord && slices.Contains(reserved, now.text):
		p.fail("want %s, which needs quotes if it is a word of this language", what)
		return ""
	}
	err := checkSizes(now.text, "")
	if what == aValue {
		err = checkSizes("", now.text)
	}
	if err != nil {
		p.failAt(now.begin, "%v", err)
		return ""
	}
	p.step()
	return now.text
}

// condition is one of those behind if.
func (p *txnParser) condition() client.Compare {
	kind := p.now.text
	if p.now.kind != tokenWord || !slices.Contains([]string{"version", "value", "exists", "absent"}, kind) {
		p.fail("want a condition: version(KEY), value(KEY), exists(KEY) or absent(KEY)")
		return client.Compare{}
	}
	p.step()
	p.sign("(")
	key := p.text(aKey)
	p.sign(")")
	switch kind {
	case "exists":
		return client.Exists(key)
	case "absent":
		return client.Absent(key)
	}
	is, ok := relations[p.now.text]
	if p.now.kind != tokenSign || !ok {
		p.fail("want =, !=, < or > behind %s(…)", kind)
		return client.Compare{}
	}
	p.step()
	if kind == "value" {
		return client.Value(key, is, []byte(p.text(aValue)))
	}
	version, err := strconv.ParseUint(p.now.text, 10, 64)
	if p.now.kind != tokenWord || err != nil {
		p.fail("want a version, which is a number")
		return client.Compare{}
	}
	p.step()
	return client.Version(key, is, client.Seq(version))
}

// steps are those up to else or the end.
func (p *txnParser) steps() (all []step) {
	for p.err == nil && p.now.kind != tokenEnd && !p.word("else") {
		s := step{op: p.now.text}
		if p.now.kind != tokenWord || !slices.Contains([]string{"put", "del", "get"}, s.op) {
			p.fail("want a step: put, del or get")
			return nil
		}
		p.step()
		s.key = p.text(aKey)
		if s.op == "put" {
			s.value = []byte(p.text(aValue))
		}
		all = append(all, s)
		if p.now.kind != tokenSign || p.now.text != ";" {
			break
		}
		p.step()
	}
	return all
}
