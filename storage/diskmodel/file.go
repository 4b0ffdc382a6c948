package diskmodel

import (
	"io"
	"math/rand/v2"
	"slices"
)

// sectorBytes is what reaches the disk whole or not at all.
const sectorBytes = 512

// inode is a file, whatever it is called.
type inode struct {
	seen  []byte  // in the page cache
	kept  []byte  // on disk
	dirty []write // between the two, in order
}

// write is one that was not synced.
type write struct {
	offset int
	bytes  []byte
}

func (n *inode) clone() *inode {
	to := &inode{seen: slices.Clone(n.seen), kept: slices.Clone(n.kept)}
	for _, w := range n.dirty {
		to.dirty = append(to.dirty, write{w.offset, w.bytes}) // nobody changes them
	}
	return to
}

// put puts bytes into a file, which grows with it.
func put(to []byte, b []byte, offset int) []byte {
	if end := offset + len(b); end > len(to) {
		to = append(to, make([]byte, end-len(to))...)
	}
	copy(to[offset:], b)
	return to
}

func (n *inode) write(b []byte, offset int) {
	n.seen = put(n.seen, b, offset)
	n.dirty = append(n.dirty, write{offset, slices.Clone(b)})
}

func (n *inode) sync() {
	for _, w := range n.dirty {
		n.kept = put(n.kept, w.bytes, w.offset)
	}
	n.dirty = nil
}

// powerLoss has sectors of what was not synced reach the disk, each by chance. One that was written twice holds the one or the other. A file that
// was growing has the old length, the new one, or one between.
func (n *inode) powerLoss(rng *rand.Rand, reach float64) {
	length := len(n.kept)
	if grown := len(n.seen) - length; grown > 0 {
		length += []int{0, rng.IntN(grown + 1), grown}[rng.IntN(3)]
	}
	for _, w := range n.dirty {
		for from := w.offset; from < w.offset+len(w.bytes); {
			to := min((from/sectorBytes+1)*sectorBytes, w.offset+len(w.bytes))
			if rng.Float64() < reach && from < length {
				n.kept = put(n.kept, w.bytes[from-w.offset:min(to, length)-w.offset], from)
			}
			from = to
		}
	}
	n.kept = put(n.kept, nil, length)
	n.seen, n.dirty = slices.Clone(n.kept), nil
}

// file is an open file. What a former life has opened is of no use any more.
type file struct {
	disk  *Disk
	inode *inode
	name  string // under which it was opened
	life  int
}

func (f *file) alive() error {
	if f.disk.stopped || f.life != f.disk.life {
		return ErrStopped
	}
	return nil
}

func (f *file) ReadAt(b []byte, offset int64) (int, error) {
	if err := f.alive(); err != nil {
		return 0, err
	}
	if offset >= int64(len(f.inode.seen)) {
		return 0, io.EOF
	}
	n := copy(b, f.inode.seen[offset:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(b []byte, offset int64) (int, error) {
	half, err := f.disk.begin(Write, f.name, f.life)
	switch {
	case err == nil:
		f.inode.write(b, int(offset))
		return len(b), nil
	case half || f.alive() == nil:
		n := f.disk.rng.IntN(len(b) + 1)
		if f.disk.rng.IntN(2) == 0 {
			n = len(b)
		}
		f.inode.write(b[:n], int(offset))
		return n, err
	}
	return 0, err
}

func (f *file) Size() (int64, error) {
	if err := f.alive(); err != nil {
		return 0, err
	}
	return int64(len(f.inode.seen)), nil
}

func (f *file) Sync() error {
	half, err := f.disk.begin(Sync, f.name, f.life)
	switch {
	case err == nil || half && f.disk.rng.IntN(2) == 0:
		f.inode.sync()
	case !half && f.alive() == nil:
		f.inode.clean(f.disk.rng)
	}
	return err
}

// clean is what is left of a sync that failed: some of it is on disk, and no page is dirty any more. What is not on disk is read as if it
// were, until it is forgotten.
func (n *inode) clean(rng *rand.Rand) {
	for _, w := range n.dirty {
		if rng.IntN(2) == 0 && w.offset <= len(n.kept) {
			n.kept = put(n.kept, w.bytes, w.offset)
		}
	}
	n.kept = put(n.kept, nil, len(n.seen))
	n.dirty = nil
}

// Close does not sync.
func (f *file) Close() error { return nil }
