package resp

import (
	"math"
	"strconv"

	"github.com/chaintable/chaintable/server/metrics"
	"github.com/chaintable/chaintable/server/stream"
)

// flushBytes is how much a writer gathers before it passes it on.
const flushBytes = 8 << 10

// keptBytes is how large a writer's buffer may stay between requests.
const keptBytes = 4 << 10

// sharedBytes is the length from which a value is sent from where it is instead of being copied.
const sharedBytes = 32 << 10

// writer encodes replies in RESP2, or in RESP3 where that differs.
type writer struct {
	conn  *stream.Conn
	buf   []byte
	resp3 bool
	err   error // of the connection

	// outcome is what became of the request that is being answered: OK, unless something else was said.
	outcome metrics.Outcome
}

// flush sends what was gathered.
func (w *writer) flush() {
	if len(w.buf) == 0 {
		return
	}
	if w.err == nil {
		_, w.err = w.conn.Write(w.buf)
	}
	if w.buf = w.buf[:0]; cap(w.buf) > 4*flushBytes {
		w.buf = nil
	}
}

// rest lets go of a large buffer; all has been flushed.
func (w *writer) rest() {
	if cap(w.buf) > keptBytes {
		w.buf = nil
	}
}

func (w *writer) line(kind byte, s string) {
	w.buf = append(append(append(w.buf, kind), s...), '\r', '\n')
}

func (w *writer) number(kind byte, n int64) {
	w.buf = append(strconv.AppendInt(append(w.buf, kind), n, 10), '\r', '\n')
}

// simple writes a short string without line ends.
func (w *writer) simple(s string) { w.line('+', s) }

func (w *writer) ok() { w.simple("OK") }

// error writes an error; s starts with its code. What would break the line is replaced.
func (w *writer) error(s string) {
	w.outcome = outcomeOf(s)
	w.line('-', printable([]byte(s)))
}

func (w *writer) int(n int64) { w.number(':', n) }

// bulk writes a string of any bytes. Long ones must never change.
func (w *writer) bulk(b []byte) {
	w.number('$', int64(len(b)))
	w.bytes(b)
	w.buf = append(w.buf, '\r', '\n')
}

// bytes adds b; long ones are not copied and must never change.
func (w *writer) bytes(b []byte) {
	if len(b) < sharedBytes {
		w.buf = append(w.buf, b...)
		return
	}
	w.flush()
	if w.err == nil {
		w.err = w.conn.WriteShared(b)
	}
}

// copied writes a string of any bytes, which may change afterwards. A long one waits for a client that does not read.
func (w *writer) copied(b []byte) {
	w.number('$', int64(len(b)))
	if len(b) < sharedBytes {
		w.buf = append(w.buf, b...)
	} else if w.flush(); w.err == nil {
		_, w.err = w.conn.Write(b)
	}
	w.buf = append(w.buf, '\r', '\n')
}

func (w *writer) text(s string) {
	w.number('$', int64(len(s)))
	w.buf = append(append(w.buf, s...), '\r', '\n')
}

// verbatim writes a text for people.
func (w *writer) verbatim(s string) {
	if !w.resp3 {
		w.text(s)
		return
	}
	w.number('=', int64(len(s))+4)
	w.buf = append(append(append(w.buf, "txt:"...), s...), '\r', '\n')
}

func (w *writer) null() {
	if w.resp3 {
		w.line('_', "")
	} else {
		w.line('$', "-1")
	}
}

// value writes a string, or null for nil.
func (w *writer) value(b []byte) {
	if b == nil {
		w.null()
	} else {
		w.bulk(b)
	}
}

// array announces n elements.
func (w *writer) array(n int) { w.number('*', int64(n)) }

// mapping announces n keys, each followed by its value.
func (w *writer) mapping(n int) {
	if w.resp3 {
		w.number('%', int64(n))
	} else {
		w.array(2 * n)
	}
}

// set announces n elements in no order.
func (w *writer) set(n int) {
	if w.resp3 {
		w.number('~', int64(n))
	} else {
		w.array(n)
	}
}

// texts writes an array of strings.
func (w *writer) texts(list []string) {
	w.array(len(list))
	for _, s := range list {
		w.text(s)
	}
}

// bulkBytes is how long a bulk string is on the wire, at most.
func bulkBytes(length int) int { return length + len("$") + decimals(length) + 2*len("\r\n") }

func decimals(n int) int {
	if n < 10 {
		return 1
	}
	return int(math.Log10(float64(n))) + 2
}
