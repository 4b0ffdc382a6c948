package diskmodel

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/chaintable/chaintable/storage"
)

// ErrStopped is of every operation of a life that has ended.
var ErrStopped = errors.New("diskmodel: the machine has stopped")

// Op is an operation that changes something.
type Op uint8

// The operations.
const (
	Create Op = iota + 1
	Rename
	Remove
	SyncNames
	Write
	Sync
)

func (o Op) String() string {
	return [...]string{"none", "create", "rename", "remove", "sync of the directory", "write", "sync"}[o]
}

// Disk is a disk with one directory. It is for one goroutine at a time.
type Disk struct {
	// Fail says why an operation fails, nil for not at all; it may be nil. A Write that fails has been carried out in part, all else not.
	Fail func(op Op, name string) error
	// Subsets has the power take changes of names in any combination. Otherwise those that reach the disk are the first ones, as where
	// the file system keeps a journal.
	Subsets bool

	rng     *rand.Rand
	names   map[string]*inode // as they are seen
	kept    map[string]*inode // as they are on disk
	changes []change          // of names, since the last sync
	life    int
	ops     int // of this life
	stopAt  int // zero for never
	stopped bool
}

// change is one of: a file that gets a name, under which another was or none; a name that is no more.
type change struct {
	name string
	file *inode // nil: there is none any more
}

// New is an empty disk.
func New(rng *rand.Rand) *Disk {
	return &Disk{rng: rng, names: make(map[string]*inode), kept: make(map[string]*inode)}
}

// StopAt ends this life in the middle of the n-th operation from now on; zero is never. Then comes Kill or PowerLoss.
func (d *Disk) StopAt(n int) {
	d.stopAt = 0
	if n > 0 {
		d.stopAt = d.ops + n
	}
}

// Stopped tells whether this life has come to the operation at which it ends.
func (d *Disk) Stopped() bool { return d.stopped }

// Ops is how many operations this life has had.
func (d *Disk) Ops() int { return d.ops }

// Kill ends a life, and begins another.
func (d *Disk) Kill() {
	d.life++
	d.ops, d.stopAt, d.stopped = 0, 0, false
}

// PowerLoss ends a life, and begins another with what is on disk.
func (d *Disk) PowerLoss() {
	d.Kill()
	d.loseNames()
	d.names = maps.Clone(d.kept)
	reach := []float64{0, 0.1, 0.5, 0.9, 1}[d.rng.IntN(5)]
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		d.names[name].powerLoss(d.rng, reach)
	}
}

// loseNames has some of the changes of names reach the disk.
func (d *Disk) loseNames() {
	n := d.rng.IntN(len(d.changes) + 1)
	for i, c := range d.changes {
		if i >= n && !(d.Subsets && d.rng.IntN(2) == 0) {
			continue
		}
		c.on(d.kept)
	}
	d.changes = nil
}

// on makes the change. A file has one name: the other that it had is gone with the same change.
func (c change) on(names map[string]*inode) {
	if c.file == nil {
		delete(names, c.name)
		return
	}
	for name, file := range names {
		if file == c.file {
			delete(names, name)
		}
	}
	names[c.name] = c.file
}

// begin is the beginning of an operation: half tells that it happens in part, and is the last.
func (d *Disk) begin(op Op, name string, life int) (half bool, err error) {
	if d.stopped || life != d.life {
		return false, ErrStopped
	}
	if d.ops++; d.ops == d.stopAt {
		d.stopped = true
		return true, ErrStopped
	}
	if d.Fail != nil {
		err = d.Fail(op, name)
	}
	return false, err
}

// change makes a change of names, or may have made it.
func (d *Disk) change(op Op, changes ...change) error {
	half, err := d.begin(op, changes[0].name, d.life)
	if err != nil && !(half && d.rng.IntN(2) == 0) {
		return err
	}
	for _, c := range changes {
		c.on(d.names)
	}
	d.changes = append(d.changes, changes...)
	return err
}

// List implements storage.FS.
func (d *Disk) List() ([]string, error) {
	if d.stopped {
		return nil, ErrStopped
	}
	return slices.Sorted(maps.Keys(d.names)), nil
}

// Create implements storage.FS.
func (d *Disk) Create(name string) (storage.File, error) {
	n := &inode{}
	if err := d.change(Create, change{name, n}); err != nil {
		return nil, err
	}
	return &file{disk: d, inode: n, name: name, life: d.life}, nil
}

// Open implements storage.FS.
func (d *Disk) Open(name string) (storage.File, error) {
	if d.stopped {
		return nil, ErrStopped
	}
	n := d.names[name]
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &file{disk: d, inode: n, name: name, life: d.life}, nil
}

// Rename implements storage.FS.
func (d *Disk) Rename(from, to string) error {
	n := d.names[from]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	return d.change(Rename, change{to, n})
}

// Remove implements storage.FS.
func (d *Disk) Remove(name string) error {
	if d.names[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	return d.change(Remove, change{name: name})
}

// Sync implements storage.FS.
func (d *Disk) Sync() error {
	half, err := d.begin(SyncNames, "", d.life)
	if err != nil && !(half && d.rng.IntN(2) == 0) {
		return err
	}
	for _, c := range d.changes {
		c.on(d.kept)
	}
	d.changes = nil
	return err
}

// Clone is a disk of its own with the same on it, in a life that has just begun.
func (d *Disk) Clone(rng *rand.Rand) *Disk {
	to := &Disk{Fail: d.Fail, Subsets: d.Subsets, rng: rng, names: make(map[string]*inode), kept: make(map[string]*inode)}
	copies := make(map[*inode]*inode)
	clone := func(n *inode) *inode {
		if n != nil && copies[n] == nil {
			copies[n] = n.clone()
		}
		return copies[n]
	}
	for name, n := range d.names {
		to.names[name] = clone(n)
	}
	for name, n := range d.kept {
		to.kept[name] = clone(n)
	}
	for _, c := range d.changes {
		to.changes = append(to.changes, change{c.name, clone(c.file)})
	}
	return to
}

// Size is the length of a file, zero where there is none.
func (d *Disk) Size(name string) int64 {
	if n := d.names[name]; n != nil {
		return int64(len(n.seen))
	}
	return 0
}

// Rot changes a byte of a file, where it is on disk. It tells whether there is one that anybody would notice: it is not zero, and nothing that is still
// to be written lies over it.
func (d *Disk) Rot(name string, offset int64, flip byte) bool {
	n := d.names[name]
	if n == nil || offset >= int64(len(n.kept)) || n.kept[offset] == 0 || flip == 0 {
		return false
	}
	for _, w := range n.dirty {
		if offset >= int64(w.offset) && offset < int64(w.offset+len(w.bytes)) {
			return false
		}
	}
	n.kept[offset] ^= flip
	if offset < int64(len(n.seen)) {
		n.seen[offset] = n.kept[offset]
	}
	return true
}
