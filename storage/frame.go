package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/chaintable/chaintable/chain"
)

const (
	frameMagic  = 0x6d617266 // "fram"
	frameHeader = 48
	frameBytes  = 1 << 20 // a frame gets no further record when it has so many

	recordHeader = 28
	recordEntry  = 1
	recordCut    = 2
)

// record is one thing that the log says.
type record struct {
	kind     uint32
	position chain.Position // of the entry; of a cut the last entry that is left
	payload  []byte         // of an entry: as table.AppendEntry writes it

	committed chain.Seq // of one that is still to be written: a lower bound, in the log as it is behind this
}

func (r *record) bytes() int64 { return recordHeader + int64(len(r.payload)) }

// appendRecord appends a record behind one with a CRC, and returns its own.
func appendRecord(b []byte, r *record, before uint32) ([]byte, uint32) {
	at := len(b)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.payload)))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.position.Seq))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.position.Epoch))
	b = binary.LittleEndian.AppendUint32(b, r.kind)
	b = append(b, r.payload...)
	crc := crc32.Update(before, castagnoli, b[at+4:])
	binary.LittleEndian.PutUint32(b[at:], crc)
	return b, crc
}

// nextRecord takes the first record off b. The payload aliases it.
func nextRecord(b []byte, before uint32) (r record, rest []byte, crc uint32, ok bool) {
	if len(b) < recordHeader {
		return r, nil, 0, false
	}
	n := int64(binary.LittleEndian.Uint32(b[4:]))
	if n > int64(len(b))-recordHeader {
		return r, nil, 0, false
	}
	end := recordHeader + int(n)
	crc = crc32.Update(before, castagnoli, b[4:end])
	r = record{
		kind:     binary.LittleEndian.Uint32(b[24:]),
		position: chain.Position{Seq: chain.Seq(binary.LittleEndian.Uint64(b[8:])), Epoch: chain.Epoch(binary.LittleEndian.Uint64(b[16:]))},
		payload:  b[recordHeader:end],
	}
	return r, b[end:], crc, crc == binary.LittleEndian.Uint32(b)
}

// frame is the header of records that were written together.
type frame struct {
	length    uint32 // of the records, in bytes; zero is the mark behind all that is on disk
	synced    int64  // offset in the segment up to which all was on disk when this was written
	committed chain.Seq
	before    uint32 // CRC of the record before
}

// frameSize is what a frame takes with records of so many bytes.
func frameSize(length int64) int64 {
	return (frameHeader + length + blockBytes - 1) &^ (blockBytes - 1)
}

// put writes the header of a frame at an offset of the segment into b.
func (s *segment) put(b []byte, f *frame, offset int64) {
	binary.LittleEndian.PutUint32(b, frameMagic)
	binary.LittleEndian.PutUint32(b[4:], f.length)
	binary.LittleEndian.PutUint64(b[8:], s.number)
	binary.LittleEndian.PutUint64(b[16:], uint64(offset))
	binary.LittleEndian.PutUint64(b[24:], uint64(f.synced))
	binary.LittleEndian.PutUint64(b[32:], uint64(f.committed))
	binary.LittleEndian.PutUint32(b[40:], f.before)
	binary.LittleEndian.PutUint32(b[44:], s.frameCRC(b))
}

// frameCRC is that of a header. It depends on the salt, or a client could send a value that looks like a frame.
func (s *segment) frameCRC(b []byte) uint32 {
	var salt [8]byte
	binary.LittleEndian.PutUint64(salt[:], s.salt)
	return crc32.Update(crc32.Checksum(salt[:], castagnoli), castagnoli, b[:44])
}

// header reads the header of a frame that stands at an offset, if that is one.
func (s *segment) header(b []byte, offset int64) (f frame, ok bool) {
	if len(b) < frameHeader || binary.LittleEndian.Uint32(b) != frameMagic || binary.LittleEndian.Uint64(b[8:]) != s.number ||
		binary.LittleEndian.Uint64(b[16:]) != uint64(offset) || binary.LittleEndian.Uint32(b[44:]) != s.frameCRC(b) {
		return f, false
	}
	f = frame{
		length:    binary.LittleEndian.Uint32(b[4:]),
		synced:    int64(binary.LittleEndian.Uint64(b[24:])),
		committed: chain.Seq(binary.LittleEndian.Uint64(b[32:])),
		before:    binary.LittleEndian.Uint32(b[40:]),
	}
	return f, int64(f.length) <= s.size-offset-frameHeader && f.synced >= segmentHeader && f.synced <= offset
}

// window is the part of a file that is being looked at.
type window struct {
	file File
	size int64
	at   int64 // where buf begins in the file
	buf  []byte
}

// windowBytes is how much is read at once, unless more is asked for.
const windowBytes = 1 << 20

// bytes is n bytes from an offset, or as many as the file has. They are valid until the next call.
func (w *window) bytes(offset, n int64) ([]byte, error) {
	n = min(n, w.size-offset)
	if n <= 0 {
		return nil, nil
	}
	if offset < w.at || offset+n > w.at+int64(len(w.buf)) {
		want := min(max(n, windowBytes), w.size-offset)
		if int64(cap(w.buf)) < want {
			w.buf = make([]byte, want)
		}
		w.at, w.buf = offset, w.buf[:want]
		_, err := w.file.ReadAt(w.buf, offset)
		if err != nil && n < want {
			w.buf = w.buf[:n] // what cannot be read may be behind it
			_, err = w.file.ReadAt(w.buf, offset)
		}
		if err != nil {
			w.buf = w.buf[:0]
			if errors.Is(err, io.EOF) {
				return nil, &DamageError{Offset: offset, What: "the file has become shorter"}
			}
			return nil, err
		}
	}
	return w.buf[offset-w.at:][:n], nil
}

// cursor goes through the frames of a segment.
type cursor struct {
	segment *segment
	window  window
	mark             // of the next frame
	frame   frame    // the last one read
	records []record // of it; they alias the window
}

func newCursor(s *segment, from mark) *cursor {
	return &cursor{segment: s, window: window{file: s.file, size: s.size}, mark: from}
}

// next goes to the next frame. It returns false where there is none that follows the one before: at the end, or because something is
// damaged; offset is where that begins.
func (c *cursor) next() (bool, error) {
	s := c.segment
	b, err := c.window.bytes(c.offset, frameHeader)
	if err != nil {
		return false, err
	}
	f, ok := s.header(b, c.offset)
	if !ok || f.length == 0 || f.before != c.crc {
		return false, nil
	}
	if b, err = c.window.bytes(c.offset+frameHeader, int64(f.length)); err != nil {
		return false, err
	}
	// All of a frame, or nothing.
	last, crc := c.last, c.crc
	c.records = c.records[:0]
	for rest := b; len(rest) > 0; {
		var r record
		if r, rest, crc, ok = nextRecord(rest, crc); !ok {
			return false, nil
		}
		if last, ok = r.after(last); !ok {
			return false, s.damage(c.offset, fmt.Sprintf("%v follows %v", r.position, last))
		}
		c.records = append(c.records, r)
	}
	c.frame = f
	c.offset, c.last, c.crc = c.offset+frameSize(int64(f.length)), last, crc
	return true, nil
}

// after is the end of a log that ended at last, with the record behind it.
func (r *record) after(last chain.Position) (end chain.Position, ok bool) {
	switch r.kind {
	case recordEntry:
		return r.position, r.position.Seq > last.Seq && r.position.Epoch >= last.Epoch
	case recordCut:
		return r.position, r.position.Seq <= last.Seq && r.position.Epoch <= last.Epoch
	}
	return last, false
}

// ending tells what stands where the frames end. Where something was on disk that is not there any more, that is damage; what was written and
// never synced is dirt, from one offset to another, for a crash leaves of that what it likes.
//
// A frame says up to where all was on disk when it was written. So one behind the end that was written when the log already went further shows
// that something is missing here. So does the mark, a frame without records that is written behind each sync, for the last frame.
func (c *cursor) ending() (from, dirt int64, err error) {
	s := c.segment
	from = c.offset
	for offset := c.offset; offset < s.size; offset += blockBytes {
		b, err := c.window.bytes(offset, blockBytes)
		if err != nil {
			return 0, 0, err
		}
		if bytes.Equal(b, zeros[:len(b)]) {
			continue
		}
		dirt = offset + int64(len(b))
		f, ok := s.header(b, offset)
		if ok && offset == c.offset && f.length == 0 && f.before == c.crc {
			from += blockBytes // the mark is as it should be, and must not be missing for a moment
			continue
		}
		if ok && (f.synced > c.offset || f.synced == c.offset && f.length == 0 && f.before != c.crc) {
			return 0, 0, s.damage(c.offset, "what was on disk here is not there any more, or changed")
		}
	}
	return from, dirt, nil
}

var zeros [frameBytes]byte
