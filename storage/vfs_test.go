package storage

import (
	"github.com/cockroachdb/pebble/v2/vfs"
)

// vfsDir is a directory of one of Pebble's file systems as an FS. Only tests need it.
type vfsDir struct {
	fs   vfs.FS
	path string
}

const vfsCategory = vfs.DiskWriteCategory("storage")

func newVFSDir(fs vfs.FS) (vfsDir, error) {
	d := vfsDir{fs, "/data"}
	return d, fs.MkdirAll(d.path, 0o700)
}

func (d vfsDir) join(name string) string { return d.fs.PathJoin(d.path, name) }

func (d vfsDir) List() ([]string, error) { return d.fs.List(d.path) }

func (d vfsDir) Create(name string) (File, error) {
	f, err := d.fs.Create(d.join(name), vfsCategory)
	if err != nil {
		return nil, err
	}
	return vfsFile{f}, nil
}

func (d vfsDir) Open(name string) (File, error) {
	if _, err := d.fs.Stat(d.join(name)); err != nil {
		return nil, err // OpenReadWrite would make one
	}
	f, err := d.fs.OpenReadWrite(d.join(name), vfsCategory)
	if err != nil {
		return nil, err
	}
	return vfsFile{f}, nil
}

func (d vfsDir) Rename(from, to string) error { return d.fs.Rename(d.join(from), d.join(to)) }

func (d vfsDir) Remove(name string) error { return d.fs.Remove(d.join(name)) }

func (d vfsDir) Sync() error {
	dir, err := d.fs.OpenDir(d.path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

type vfsFile struct{ vfs.File }

func (f vfsFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f vfsFile) Sync() error { return f.SyncData() }
