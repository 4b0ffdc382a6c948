package storage

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/chaintable/chaintable/chain"
)

// log is the segments of one generation. One goroutine writes; others may read what stands in it, and prepare.
type log struct {
	dir    FS
	config *Config

	mu struct {
		sync.Mutex
		segments []*segment // the last one is being written
		spare    File       // for the next, full of zeros; nil for none
		busy     bool       // somebody has the name of the spare: who makes it, or who is about to give it another one
	}

	// Of the writer.
	pending   []record       // not yet written
	last      chain.Position // behind them
	committed chain.Seq      // a lower bound, in the log as it is written: behind a cut that is still pending more may have committed
	end       mark           // of what is written
	synced    int64          // in the last segment
	number    uint64         // of the last segment ever
	buf       []byte
	grown     atomic.Int64 // bytes written since the last checkpoint began
	failed    error        // the first error; the log is of no use any more
}

// current is the segment that is being written, nil for none.
func (l *log) current() *segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.mu.segments); n > 0 {
		return l.mu.segments[n-1]
	}
	return nil
}

// all is the segments, oldest first.
func (l *log) all() []*segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.mu.segments)
}

// add puts a record behind the others.
func (l *log) add(r record) {
	end, ok := r.after(l.last)
	if !ok {
		panic(fmt.Sprintf("storage: log: record of kind %d, %v, behind %v", r.kind, r.position, l.last))
	}
	l.pending, l.last = append(l.pending, r), end
}

// commit notes what has committed, of what is in the log by now.
func (l *log) commit(seq chain.Seq) {
	seq = min(seq, l.last.Seq)
	if n := len(l.pending); n > 0 {
		l.pending[n-1].committed = seq
		return
	}
	l.committed = max(l.committed, seq)
}

// write hands all that is pending to the operating system.
func (l *log) write() error {
	if l.failed != nil {
		return l.failed
	}
	for len(l.pending) > 0 {
		if err := l.writeFrame(); err != nil {
			return l.unlessRoom(err)
		}
	}
	l.pending = nil
	return nil
}

// ErrNoRoom is of a log that cannot grow, because the file system is full. Nothing is lost: what failed can be tried again.
var ErrNoRoom = errors.New("there is no room for another file of the log")

// unlessRoom ends the log with an error, unless that is only for the time being.
func (l *log) unlessRoom(err error) error {
	if errors.Is(err, ErrNoRoom) {
		return fmt.Errorf("storage: %w", err)
	}
	return l.fail(err)
}

func (l *log) fail(err error) error {
	if l.failed == nil {
		l.failed = fmt.Errorf("storage: %w", err)
	}
	return l.failed
}

// writeFrame writes one frame: of as many records as it may have, and the segment has room for.
func (l *log) writeFrame() error {
	s := l.current()
	room := s.size - l.end.offset - blockBytes // for the mark
	n, length := 0, int64(0)
	for n < len(l.pending) && length < frameBytes && frameSize(length+l.pending[n].bytes()) <= room {
		length += l.pending[n].bytes()
		if n++; l.pending[n-1].kind == recordCut {
			break
		}
	}
	if n == 0 {
		return l.rotate(segmentHeader + frameSize(l.pending[0].bytes()) + blockBytes)
	}
	for i := range l.pending[:n] {
		l.committed = max(l.committed, l.pending[i].committed)
	}
	f := frame{length: uint32(length), synced: l.synced, committed: l.committed, before: l.end.crc}
	next := l.end
	next.offset += frameSize(length)
	b := append(l.buf[:0], zeros[:frameHeader]...)
	for i := range l.pending[:n] {
		r := &l.pending[i]
		b, next.crc = appendRecord(b, r, next.crc)
		next.last = r.position
	}
	b = append(b, zeros[:frameSize(length)-int64(len(b))]...)
	s.put(b, &f, l.end.offset)
	if _, err := s.file.WriteAt(b, l.end.offset); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	l.grown.Add(int64(len(b)))
	if l.buf = b; cap(b) > 2*frameBytes {
		l.buf = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.note(l.end, &l.pending[n-1], next.offset)
	l.end = next
	clear(l.pending[:n])
	l.pending = l.pending[n:]
	return nil
}

// sync returns when all that was written is on disk, and puts the mark behind it.
func (l *log) sync() error {
	if l.failed != nil {
		return l.failed
	}
	s := l.current()
	if s == nil || l.synced == l.end.offset {
		return nil
	}
	if err := s.file.Sync(); err != nil {
		return l.fail(fmt.Errorf("%s: %w", s.name, err))
	}
	l.synced = l.end.offset
	return l.putMark()
}

// putMark writes the mark behind what is on disk, which is all.
func (l *log) putMark() error {
	s := l.current()
	if l.synced+blockBytes > s.size {
		return nil
	}
	b := make([]byte, blockBytes)
	s.put(b, &frame{synced: l.synced, committed: l.committed, before: l.end.crc}, l.synced)
	if _, err := s.file.WriteAt(b, l.synced); err != nil {
		return l.fail(fmt.Errorf("%s: %w", s.name, err))
	}
	return nil
}

// rotate goes on in a new segment, of the usual size or one with room for so many bytes.
func (l *log) rotate(bytes int64) error {
	if err := l.sync(); err != nil {
		return err
	}
	s := l.current()
	return l.open(&segment{generation: s.generation, chain: s.chain, base: l.end.last, before: l.end.crc}, bytes)
}

// open makes s the segment that is written. When it is there under its name, it is on disk, and all before it. ErrNoRoom says that nothing has
// changed.
func (l *log) open(s *segment, bytes int64) error {
	s.number, s.name = l.number+1, segmentName(l.number+1)
	s.size = max(l.config.SegmentBytes, (bytes+blockBytes-1)&^(blockBytes-1))
	s.salt = l.config.Random()
	name := spareName
	if s.size == l.config.SegmentBytes {
		if s.file = l.takeSpare(); s.file != nil {
			defer l.freeSpare()
		}
	}
	if s.file == nil {
		var err error
		name = s.name + temporary
		if s.file, err = blank(l.dir, name, s.size); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if err := l.publish(s, name); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", s.name, err), s.file.Close())
	}
	l.number++
	s.contents = contents{end: segmentHeader}
	l.end, l.synced = s.start(), segmentHeader
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.segments = append(l.mu.segments, s)
	return nil
}

// publish gives a new segment its header, and then its name.
func (l *log) publish(s *segment, name string) error {
	if _, err := s.file.WriteAt(s.encode(), 0); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	if err := l.dir.Rename(name, s.name); err != nil {
		return err
	}
	return l.dir.Sync()
}

// blank makes a file of zeros. They are written, not only reserved: the first write of a block that is reserved costs the file system a change of its
// own tables, with each sync.
func blank(dir FS, name string, size int64) (File, error) {
	f, err := dir.Create(name)
	if err != nil {
		return nil, noRoom(err)
	}
	if err := fill(f, size); err != nil {
		return nil, errors.Join(noRoom(err), f.Close(), dir.Remove(name))
	}
	return f, nil
}

func fill(f File, size int64) error {
	for offset := int64(0); offset < size; {
		n := min(size-offset, int64(len(zeros)))
		if _, err := f.WriteAt(zeros[:n], offset); err != nil {
			return err
		}
		if offset += n; offset%blankSync == 0 || offset == size {
			if err := f.Sync(); err != nil {
				return err
			}
		}
	}
	return nil
}

// noRoom says of an error that the file system is full, if it is that.
func noRoom(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	return err
}

// blankSync is how much is written between syncs: the log's own sync may have to wait for what others have written.
const blankSync = 4 << 20

// prepare makes the file of the next segment, unless there is one. Meanwhile the log may be written.
func (l *log) prepare() error {
	l.mu.Lock()
	if l.mu.spare != nil || l.mu.busy {
		l.mu.Unlock()
		return nil
	}
	l.mu.busy = true
	l.mu.Unlock()
	f, err := blank(l.dir, spareName, l.config.SegmentBytes)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.busy = false
	l.mu.spare = f
	return err
}

// openSpare takes over the file that an earlier life has prepared, if that is as it should be.
func (l *log) openSpare() error {
	f, err := l.dir.Open(spareName)
	if err != nil {
		return fmt.Errorf("storage: %s: %w", spareName, err)
	}
	size, err := f.Size()
	if err == nil && size == l.config.SegmentBytes {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.mu.spare = f
		return nil
	}
	if err := errors.Join(err, f.Close(), l.dir.Remove(spareName)); err != nil {
		return fmt.Errorf("storage: %s: %w", spareName, err)
	}
	return nil
}

// takeSpare returns the file that was prepared, nil for none. Until freeSpare nobody makes the next: it would have the same name, and so be the same file.
func (l *log) takeSpare() File {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.mu.spare
	l.mu.spare, l.mu.busy = nil, l.mu.busy || f != nil
	return f
}

// freeSpare says that the file that was taken has another name.
func (l *log) freeSpare() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.busy = false
}

// drop removes segments from the log, and then their files.
func (l *log) drop(gone func(*segment) bool) error {
	l.mu.Lock()
	var old []*segment
	l.mu.segments = slices.DeleteFunc(l.mu.segments, func(s *segment) bool {
		if gone(s) {
			old = append(old, s)
			return true
		}
		return false
	})
	l.mu.Unlock()
	for _, s := range old {
		if err := s.close(); err != nil {
			return err
		}
		if err := l.dir.Remove(s.name); err != nil {
			return err
		}
	}
	return nil
}

// close lets go of the files.
func (l *log) close() error {
	l.mu.Lock()
	segments, spare := l.mu.segments, l.mu.spare
	l.mu.segments, l.mu.spare = nil, nil
	l.mu.Unlock()
	var errs []error
	for _, s := range segments {
		errs = append(errs, s.close())
	}
	if spare != nil {
		errs = append(errs, spare.Close())
	}
	return errors.Join(errs...)
}
