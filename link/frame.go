package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"sync/atomic"
	"time"
)

const headerBytes = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame writes the frame, whose sizes are given, behind b.
func appendFrame(b []byte, f *frame, body, payload int) []byte {
	start := len(b)
	b = append(b, make([]byte, headerBytes)...)
	e := encoder{b: b}
	e.frame(f, body)
	b = e.b
	binary.BigEndian.PutUint32(b[start:], uint32(payload))
	binary.BigEndian.PutUint32(b[start+4:], crc32.Checksum(b[start+headerBytes:], castagnoli))
	return b
}

// badFrame is what the other side must not send. It ends the connection.
type badFrame struct{ error }

func (e badFrame) Unwrap() error { return e.error }

const (
	firstBuffer = 4 << 10  // until the other side has said what it wants
	buffer      = 64 << 10 // a frame that fits is read into it
	firstGrowth = 256 << 10
)

// reader takes frames from a connection. Memory grows with what has arrived, never with what was announced.
type reader struct {
	conn    net.Conn
	timeout time.Duration // for each next piece of a frame that has begun
	input   *budget

	buf        []byte
	start, end int  // of what has arrived and was not taken
	deadline   bool // one is set on conn
	begun      bool // the first frame has come: now there may be silence
}

func newReader(conn net.Conn, timeout time.Duration, input *budget) *reader {
	return &reader{conn: conn, timeout: timeout, input: input, buf: make([]byte, firstBuffer)}
}

// grow gives the reader its full buffer.
func (r *reader) grow() {
	buf := make([]byte, buffer)
	r.start, r.end = 0, copy(buf, r.buf[r.start:r.end])
	r.buf = buf
}

// frame returns what the next frame says; it holds no part of the buffer.
func (r *reader) frame() (frame, error) {
	payload, owned, err := r.next()
	if err != nil {
		return frame{}, err
	}
	f, err := decodeFrame(payload, owned)
	if err != nil {
		return frame{}, badFrame{err}
	}
	r.begun = true
	return f, nil
}

// next returns the next payload. Unless it is owned by the caller, it is valid until the following call. io.EOF
// is an end between two frames.
func (r *reader) next() (payload []byte, owned bool, err error) {
	if err := r.fill(headerBytes); err != nil {
		return nil, false, err
	}
	header := r.buf[r.start : r.start+headerBytes]
	length, sum := binary.BigEndian.Uint32(header), binary.BigEndian.Uint32(header[4:])
	if length > MaxFrameBytes {
		return nil, false, badFrame{fmt.Errorf("link: frame of %d bytes, over %d", length, MaxFrameBytes)}
	}
	if n := headerBytes + int(length); n <= len(r.buf) {
		if err := r.fill(n); err != nil {
			return nil, false, err
		}
		payload = r.buf[r.start+headerBytes : r.start+n]
		r.start += n
	} else {
		r.start += headerBytes
		owned = true
		if payload, err = r.large(int(length)); err != nil {
			return nil, false, err
		}
	}
	if crc32.Checksum(payload, castagnoli) != sum {
		return nil, false, badFrame{errors.New("link: frame does not check")}
	}
	return payload, owned, nil
}

// fill waits until n bytes, at most len(r.buf), have arrived.
func (r *reader) fill(n int) error {
	if r.end-r.start >= n {
		return nil
	}
	if r.start+n > len(r.buf) || r.start == r.end {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	for r.end-r.start < n {
		got, err := r.read(r.buf[r.end:], r.end > r.start)
		if r.end += got; err != nil && r.end-r.start < n {
			return err
		}
	}
	return nil
}

// large reads a payload that the buffer cannot hold.
func (r *reader) large(length int) ([]byte, error) {
	size := min(length, firstGrowth)
	if err := r.input.take(size); err != nil {
		return nil, err
	}
	defer func() { r.input.give(size) }()

	payload := make([]byte, size)
	have := copy(payload, r.buf[r.start:r.end])
	r.start += have
	for have < length {
		if have == size {
			more := min(size, length-size)
			if err := r.input.take(more); err != nil {
				return nil, err
			}
			size += more
			bigger := make([]byte, size)
			copy(bigger, payload)
			payload = bigger
		}
		n, err := r.read(payload[have:], true)
		if have += n; err != nil && have < length {
			return nil, err
		}
	}
	return payload, nil
}

// read reads once. A connection may be silent for ever, but not in the middle of a frame.
func (r *reader) read(b []byte, within bool) (int, error) {
	if limited := within || !r.begun; limited || r.deadline {
		var t time.Time
		if limited {
			t = time.Now().Add(r.timeout)
		}
		if err := r.conn.SetReadDeadline(t); err != nil {
			return 0, err
		}
		r.deadline = limited
	}
	n, err := r.conn.Read(b)
	if err == io.EOF && within {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// budget bounds the bytes of all large frames that are being read.
type budget struct {
	limit, used atomic.Int64
}

func (b *budget) take(n int) error {
	if b.used.Add(int64(n)) > b.limit.Load() {
		b.give(n)
		return badFrame{fmt.Errorf("link: more than %d bytes of unfinished frames", b.limit.Load())}
	}
	return nil
}

func (b *budget) give(n int) { b.used.Add(-int64(n)) }
