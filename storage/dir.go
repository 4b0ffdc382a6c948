package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const lockName = "LOCK"

// Dir is the FS of a directory of the operating system. One process at a time has it.
type Dir struct {
	path string
	dir  *os.File
	lock *os.File
}

// ErrInUse is of a directory that another process has open.
var ErrInUse = errors.New("another process has it open")

// OpenDir opens a directory, and makes it if it is not there: for its owner only, as all files in it are. Close it behind the Store.
func OpenDir(path string) (*Dir, error) {
	d, err := openDir(path)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", path, err)
	}
	return d, nil
}

func openDir(path string) (_ *Dir, err error) {
	made := false
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := os.Mkdir(path, 0o700); err != nil {
			return nil, err
		}
		made = true
	}
	d := &Dir{path: path}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	if d.dir, err = os.Open(path); err != nil {
		return nil, err
	}
	if made {
		parent, err := os.Open(filepath.Dir(path))
		if err != nil {
			return nil, err
		}
		defer parent.Close()
		if err := parent.Sync(); err != nil {
			return nil, err
		}
	}
	if d.lock, err = os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if err := lock(d.lock); err != nil {
		return nil, err
	}
	return d, nil
}

// Close lets others open the directory.
func (d *Dir) Close() error {
	var errs []error
	for _, f := range []*os.File{d.dir, d.lock} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	d.dir, d.lock = nil, nil
	return errors.Join(errs...)
}

// Path is where the directory is.
func (d *Dir) Path() string { return d.path }

// Size is how many bytes the whole file system has.
func (d *Dir) Size() (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(d.dir.Fd()), &s); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: d.path, Err: err}
	}
	return s.Blocks * uint64(s.Bsize), nil
}

// List leaves out the lock.
func (d *Dir) List() ([]string, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Name() != lockName {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Create implements FS.
func (d *Dir) Create(name string) (File, error) {
	return open(d.join(name), os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

// Open implements FS.
func (d *Dir) Open(name string) (File, error) { return open(d.join(name), os.O_RDWR) }

// Rename implements FS.
func (d *Dir) Rename(from, to string) error { return os.Rename(d.join(from), d.join(to)) }

// Remove implements FS.
func (d *Dir) Remove(name string) error { return os.Remove(d.join(name)) }

// Sync implements FS.
func (d *Dir) Sync() error { return d.dir.Sync() }

func (d *Dir) join(name string) string { return filepath.Join(d.path, name) }

// file leaves out of errors by which name it was opened: it may have another one by now.
type file struct{ *os.File }

func (f file) ReadAt(b []byte, offset int64) (int, error) {
	n, err := f.File.ReadAt(b, offset)
	return n, nameless("read", err)
}

func (f file) WriteAt(b []byte, offset int64) (int, error) {
	n, err := f.File.WriteAt(b, offset)
	return n, nameless("write", err)
}

func nameless(what string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", what, p.Err)
	}
	return err
}

func open(path string, flag int) (File, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
