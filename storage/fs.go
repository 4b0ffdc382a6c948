package storage

import "io"

// FS is all that a Store wants of a file system: files in one directory. Names are plain. A Store calls it from one goroutine at a time, but for
// reads and for what Checkpoint and Prepare do, which have files of their own.
//
// Nothing is taken to be on disk before it was synced: what is in a file with File.Sync, which names there are with FS.Sync. After a failure of
// either the Store is of no use any more, for the kernel may have thrown away what it could not write (Rebello et al., "Can Applications Recover
// from fsync Failures?", USENIX ATC '20).
type FS interface {
	// List is the names of all files, in any order.
	List() ([]string, error)
	// Create makes an empty file, in the place of any that has the name.
	Create(name string) (File, error)
	// Open opens a file to be read and written. If there is none the error is fs.ErrNotExist.
	Open(name string) (File, error)
	// Rename gives a file another name, at once; one that had this name is no more.
	Rename(from, to string) error
	Remove(name string) error
	// Sync returns when the names are on disk as they are.
	Sync() error
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	// Size is the length of the file, in bytes.
	Size() (int64, error)
	// Sync returns when what was written, and the length, is on disk.
	Sync() error
	Close() error
}
