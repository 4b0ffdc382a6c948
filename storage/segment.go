package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/chaintable/chaintable/chain"
)

const (
	logPrefix = "log-"
	spareName = "spare"
	temporary = ".tmp"

	segmentMagic  = "chainlog"
	segmentFormat = 1
	segmentHeader = 4096 // bytes in front of the first frame
	segmentFields = 76   // of them that mean something
	blockBytes    = 512  // frames begin at multiples of it
)

// segment is a file of the log.
type segment struct {
	name       string
	number     uint64 // rises from segment to segment, and never falls
	generation uint64 // rises where the log begins anew, behind a table that came from another server
	chain      chain.ID
	base       chain.Position // of the entry before the first
	before     uint32         // CRC of the record before the first
	size       int64
	salt       uint64 // random: no client can know what a frame of this segment looks like
	crc        uint32 // of the header, with which that of the first record begins

	file    File
	reading sync.RWMutex // held by readers, and by who closes file

	contents // behind the log's lock
}

// contents is what a reader wants to know of a segment.
type contents struct {
	end   int64  // behind the last frame; zero while nobody has looked
	marks []mark // where reading can begin, in order
	cuts  []cut  // in order
}

// mark is a frame's place, and what was before it.
type mark struct {
	offset int64
	last   chain.Position
	crc    uint32
}

// cut is where the log was cut: of what stands before offset, entries above seq do not count. It is the end of a frame.
type cut struct {
	offset int64
	seq    chain.Seq
}

func segmentName(number uint64) string { return fmt.Sprintf("%s%016x", logPrefix, number) }

// parseSegment is the number in a segment's name.
func parseSegment(name string) (number uint64, ok bool) {
	digits, ok := strings.CutPrefix(name, logPrefix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 16, 64)
	return number, err == nil && segmentName(number) == name
}

// encode is the header as it stands in the file. It sets crc.
func (s *segment) encode() []byte {
	b := make([]byte, segmentHeader)
	copy(b, segmentMagic)
	binary.LittleEndian.PutUint32(b[8:], segmentFormat)
	binary.LittleEndian.PutUint32(b[12:], s.before)
	binary.LittleEndian.PutUint64(b[16:], s.number)
	binary.LittleEndian.PutUint64(b[24:], s.generation)
	binary.LittleEndian.PutUint64(b[32:], uint64(s.chain))
	binary.LittleEndian.PutUint64(b[40:], uint64(s.base.Seq))
	binary.LittleEndian.PutUint64(b[48:], uint64(s.base.Epoch))
	binary.LittleEndian.PutUint64(b[56:], uint64(s.size))
	binary.LittleEndian.PutUint64(b[64:], s.salt)
	s.crc = crc32.Checksum(b[:segmentFields-4], castagnoli)
	binary.LittleEndian.PutUint32(b[segmentFields-4:], s.crc)
	return b
}

// openSegment reads a segment's header. It says of a file that does not check that it is damaged.
func openSegment(dir FS, name string, number uint64) (_ *segment, err error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	s := &segment{name: name, file: f}
	if err := s.decode(number); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

func (s *segment) decode(number uint64) error {
	size, err := s.file.Size()
	if err != nil {
		return err
	}
	b := make([]byte, segmentFields)
	if _, err := s.file.ReadAt(b, 0); err != nil {
		if errors.Is(err, io.EOF) {
			return s.damage(size, "too short for its header")
		}
		return err
	}
	format := binary.LittleEndian.Uint32(b[8:])
	s.before = binary.LittleEndian.Uint32(b[12:])
	s.number = binary.LittleEndian.Uint64(b[16:])
	s.generation = binary.LittleEndian.Uint64(b[24:])
	s.chain = chain.ID(binary.LittleEndian.Uint64(b[32:]))
	s.base.Seq = chain.Seq(binary.LittleEndian.Uint64(b[40:]))
	s.base.Epoch = chain.Epoch(binary.LittleEndian.Uint64(b[48:]))
	s.size = int64(binary.LittleEndian.Uint64(b[56:]))
	s.salt = binary.LittleEndian.Uint64(b[64:])
	s.crc = crc32.Checksum(b[:segmentFields-4], castagnoli)
	switch {
	case string(b[:8]) != segmentMagic:
		return s.damage(0, "this is no segment of a log")
	case s.crc != binary.LittleEndian.Uint32(b[segmentFields-4:]):
		return s.damage(0, "the header does not have its checksum")
	case format != segmentFormat:
		return fmt.Errorf("storage: %s: %w", s.name, errFormat(uint64(format), segmentFormat))
	case s.number != number:
		return s.damage(0, fmt.Sprintf("this is segment %d", s.number))
	case s.size != size:
		return s.damage(size, fmt.Sprintf("it had %d bytes, and has %d", s.size, size))
	}
	return nil
}

func (s *segment) damage(offset int64, what string) error {
	return &DamageError{File: s.name, Offset: offset, What: what}
}

// start is the place of the first frame.
func (s *segment) start() mark { return mark{segmentHeader, s.base, s.crc} }

// markEvery is how far marks are apart.
const markEvery = 64 << 10

// note takes in a frame that begins at a mark, its last record, and its end.
func (c *contents) note(from mark, last *record, end int64) {
	if n := len(c.marks); n == 0 || from.offset-c.marks[n-1].offset >= markEvery {
		c.marks = append(c.marks, from)
	}
	if last.kind == recordCut {
		c.cuts = append(c.cuts, cut{end, last.position.Seq})
	}
	c.end = end
}

// scan goes through all frames, and gives each to look, if that is not nil, with where it begins. The cursor is then where they end.
func (s *segment) scan(look func(c *cursor, from mark) error) (*cursor, contents, error) {
	c, found := newCursor(s, s.start()), contents{end: segmentHeader}
	for {
		from := c.mark
		ok, err := c.next()
		if err != nil {
			return c, found, s.unreadable(c.offset, err)
		}
		if !ok {
			return c, found, nil
		}
		found.note(from, &c.records[len(c.records)-1], c.offset)
		if look == nil {
			continue
		}
		if err := look(c, from); err != nil {
			return c, found, s.damage(from.offset, err.Error())
		}
	}
}

// precedes tells whether next goes on from where the cursor is.
func (c *cursor) precedes(next *segment) error {
	if next.base != c.last || next.before != c.crc {
		return c.segment.damage(c.offset, "what is here is not what the next segment goes on from")
	}
	return nil
}

// unreadable is the error of what cannot be read: as good as damaged, for a disk often says so where it was.
func (s *segment) unreadable(offset int64, err error) error {
	if d, ok := errors.AsType[*DamageError](err); ok {
		d.File = s.name
		return err
	}
	return s.damage(offset, err.Error())
}

// close waits for readers.
func (s *segment) close() error {
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return f.Close()
}
