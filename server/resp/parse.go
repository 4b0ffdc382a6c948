package resp

import (
	"bytes"
	"errors"
	"fmt"
	"math"
)

// Limits of a request (design.md, section 9).
const (
	maxBulk    = 16 << 20
	maxRequest = 64 << 20
	maxArgs    = 1_048_576
	maxInline  = 64 << 10

	// maxDropped is the longest bulk string that is read and dropped so that its request can be refused and the
	// connection go on. A longer one closes the connection.
	maxDropped = 512 << 20

	// maxHeader is the longest line that announces a length, its end included.
	maxHeader = 24

	// keptArgs is how large a parser's args may stay between requests.
	keptArgs = 128
)

// A protocolError is a breach of the protocol after which nothing that follows can be understood.
type protocolError string

func (e protocolError) Error() string { return "Protocol error: " + string(e) }

// parser finds requests in a stream of bytes. It is iterative, looks at no byte of a string, and
// keeps nothing but a few numbers for a request that is not whole.
type parser struct {
	// args are those of the last request. They alias the bytes given to next.
	args [][]byte
	// inlined: it was a line of words.
	inlined bool

	pos     int   // up to which the request has been parsed
	scanned int   // of an inline request: up to which there is no line end
	array   bool  // within an array
	count   int   // of the array's bulk strings
	left    int   // of them, not parsed yet
	bulk    int   // length of the one being parsed, -1 before it is known
	drop    int   // bytes to be dropped, the end of a bulk string that is too long
	refused error // why the request will be refused when it is whole; until then its bytes are dropped
}

// next parses b, which starts where the last request ended, less what was consumed since. It returns how many bytes
// are consumed and whether a request is whole. If one is, err says that it is refused, though the connection may go
// on; if none is, err is a protocolError, or nil when more bytes are needed. A whole request without args is
// to be ignored.
func (p *parser) next(b []byte) (n int, whole bool, err error) {
	p.args = p.args[:0]
	fresh := p.pos == 0 // args of this call are all
	if !p.array {
		if len(b) == 0 {
			return 0, false, nil
		}
		p.inlined = b[0] != '*'
		if p.inlined {
			return p.inline(b)
		}
		count, ok, err := p.header(b, "multibulk")
		if !ok {
			return 0, false, err
		}
		if count > maxArgs {
			return 0, false, protocolError(fmt.Sprintf("invalid multibulk length: at most %d arguments", maxArgs))
		}
		p.count, p.bulk, p.array = max(0, int(count)), -1, true
		p.left = p.count
	}
	for p.left > 0 {
		arg, ok, err := p.bulkString(b)
		if err != nil {
			return 0, false, err
		}
		if !ok {
			n := p.dropped()
			p.shrink()
			return n, false, nil
		}
		if fresh && p.refused == nil {
			p.args = append(p.args, arg)
		}
		p.left--
		p.bulk = -1
	}
	n, err = p.pos, p.refused
	if !fresh && err == nil {
		p.collect(b)
	}
	p.reset()
	return n, true, err
}

// dropped is how many of the bytes a request that will be refused has used up, none for others.
func (p *parser) dropped() int {
	if p.refused == nil {
		return 0
	}
	n := p.pos
	p.pos = 0
	return n
}

// bulkString parses the next bulk string; ok tells whether it is whole. One of a refused request is nil.
func (p *parser) bulkString(b []byte) (arg []byte, ok bool, err error) {
	if p.bulk < 0 {
		if p.pos == len(b) {
			return nil, false, nil
		}
		if b[p.pos] != '$' {
			return nil, false, protocolError(fmt.Sprintf("expected '$', got '%s'", printable(b[p.pos:p.pos+1])))
		}
		length, ok, err := p.header(b, "bulk")
		if !ok {
			return nil, false, err
		}
		if length < 0 || length > maxDropped {
			return nil, false, protocolError(fmt.Sprintf("invalid bulk length: at most %d bytes", maxBulk))
		}
		p.bulk = int(length)
		p.refuse()
		p.drop = p.bulk + 2
	}
	if p.refused != nil {
		n := min(p.drop, len(b)-p.pos)
		p.pos += n
		p.drop -= n
		return nil, p.drop == 0, nil
	}
	end := p.pos + p.bulk
	if len(b) < end+2 {
		return nil, false, nil
	}
	if b[end] != '\r' || b[end+1] != '\n' {
		return nil, false, protocolError("expected the end of a bulk string")
	}
	arg = b[p.pos:end:end]
	p.pos = end + 2
	return arg, true, nil
}

// refuse decides whether the bulk string whose length was just parsed makes its request too large.
func (p *parser) refuse() {
	switch {
	case p.refused != nil:
	case p.bulk > maxBulk:
		p.refused = fmt.Errorf("a string of %d bytes is longer than %d", p.bulk, maxBulk)
	case p.pos+p.bulk+2 > maxRequest:
		p.refused = fmt.Errorf("a command is longer than %d bytes", maxRequest)
	}
}

// header parses a line of a sign and a number at pos. ok is false if it is not whole or wrong.
func (p *parser) header(b []byte, what string) (number int64, ok bool, err error) {
	line := b[p.pos:min(len(b), p.pos+maxHeader)]
	end := bytes.IndexByte(line, '\n')
	switch {
	case end < 0 && len(line) == maxHeader:
		return 0, false, protocolError("too big " + what + " count string")
	case end < 0:
		return 0, false, nil
	case end < 2 || line[end-1] != '\r':
		return 0, false, protocolError("invalid " + what + " length")
	}
	number, ok = parseInt(line[1 : end-1])
	if !ok {
		return 0, false, protocolError("invalid " + what + " length")
	}
	p.pos += end + 1
	return number, true, nil
}

// collect cuts b, a whole request whose lengths have been checked, into args.
func (p *parser) collect(b []byte) {
	p.args = p.args[:0]
	pos := bytes.IndexByte(b, '\n') + 1
	for range p.count {
		end := pos + bytes.IndexByte(b[pos:], '\n')
		length, _ := parseInt(b[pos+1 : end-1])
		pos = end + 1 + int(length)
		p.args = append(p.args, b[end+1:pos:pos])
		pos += 2
	}
}

func (p *parser) reset() {
	*p = parser{args: p.args, inlined: p.inlined}
}

// shrink lets go of args that a large request has needed. Called when they are not in use.
func (p *parser) shrink() {
	if cap(p.args) > keptArgs {
		p.args = nil
	} else {
		clear(p.args[:cap(p.args)])
	}
}

var errInlineLength = protocolError(fmt.Sprintf("too big inline request: at most %d bytes", maxInline))

// inline parses a line of words.
func (p *parser) inline(b []byte) (n int, whole bool, err error) {
	end := bytes.IndexByte(b[p.scanned:min(len(b), maxInline)], '\n')
	if end < 0 {
		if len(b) >= maxInline {
			return 0, false, errInlineLength
		}
		p.scanned = len(b)
		return 0, false, nil
	}
	end += p.scanned
	line := b[:end]
	if end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	p.args, err = splitWords(line, p.args)
	if err != nil {
		return 0, false, err
	}
	p.reset()
	return end + 1, true, nil
}

var errQuotes error = protocolError("unbalanced quotes in request")

// splitWords cuts a line into words, adding them to words, as Redis' sdssplitargs does: blanks between them, "…" with the
// escapes \n \r \t \b \a \xHH, '…' with \'. Words with quotes are rewritten in place.
func splitWords(line []byte, words [][]byte) ([][]byte, error) {
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			return words, nil
		}
		start, end := i, i // of the word, as rewritten
		for i < len(line) && !isSpace(line[i]) {
			quote := line[i]
			if quote != '"' && quote != '\'' {
				line[end] = quote
				i, end = i+1, end+1
				continue
			}
			n, size, ok := unquote(line[end:], line[i:])
			if !ok {
				return words, errQuotes
			}
			i, end = i+n, end+size
			if i < len(line) && !isSpace(line[i]) {
				return words, errQuotes // a closing quote ends the word
			}
		}
		words = append(words, line[start:end:end])
	}
}

// unquote writes to dst the text of the quoted string that src starts with. It returns the length of both; dst may be
// the same memory as src, or lie before it.
func unquote(dst, src []byte) (n, size int, ok bool) {
	quote := src[0]
	for i := 1; i < len(src); {
		c := src[i]
		i++
		switch {
		case c == quote:
			return i, size, true
		case c == '\\' && quote == '\'' && i < len(src) && src[i] == '\'':
			c = '\''
			i++
		case c == '\\' && quote == '"' && i+2 < len(src) && src[i] == 'x' && isHex(src[i+1]) && isHex(src[i+2]):
			c = fromHex(src[i+1])<<4 | fromHex(src[i+2])
			i += 3
		case c == '\\' && quote == '"' && i < len(src):
			c = unescape(src[i])
			i++
		}
		dst[size] = c
		size++
	}
	return 0, 0, false
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func fromHex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

var errInteger = errors.New("value is not an integer or out of range")

// parseInt reads a decimal int64 as Redis does: no blanks, no plus sign, no leading zeros.
func parseInt(b []byte) (int64, bool) {
	digits := b
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 19 || digits[0] == '0' && len(b) > 1 {
		return 0, false
	}
	var n uint64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0') // 19 digits fit
	}
	switch {
	case negative && n <= math.MaxInt64+1:
		return -int64(n), true
	case !negative && n <= math.MaxInt64:
		return int64(n), true
	}
	return 0, false
}

// printable is b with blanks for what would break a line of the protocol or a terminal. Text beyond ASCII stays as it is.
func printable(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		if c < ' ' || c == 0x7F {
			c = ' '
		}
		out[i] = c
	}
	return string(out)
}
