package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// replaceFile writes a file beside path, which then takes its place: so path is always one or the other, whole, also after a loss of power. It is for
// the user alone. A path where no file can be is found before anything is written, and is wrong usage. An error of write is returned as it is.
func replaceFile(path string, write func(*os.File) error) error {
	path, err := replaceable(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".table-client-*")
	if err != nil {
		return badPath(path, err) // not of the name that nobody has given
	}
	if err := write(f); err != nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
		return err
	}
	err = errors.Join(f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return localError(err)
	}
	return localError(syncFolder(filepath.Dir(path)))
}

// replaceable is where the file is that path names, or will be.
func replaceable(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return "", badPath(path, errors.New("is a link to what is not there"))
		}
		return path, nil
	}
	switch {
	case err != nil:
		return "", badPath(path, err)
	case info.IsDir():
		return "", badPath(path, errors.New("is a folder"))
	case !info.Mode().IsRegular():
		return "", badPath(path, errors.New("is no regular file; - is standard output"))
	}
	target, err := filepath.EvalSymlinks(path) // the link stays
	if err != nil {
		return "", badPath(path, err)
	}
	return target, nil
}

// badPath is that no file can be written there. It is the user's fault, unless the system lacks something.
func badPath(path string, err error) error {
	code := codeUsage
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		if err = e.Err; slices.Contains([]error{syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, syscall.EIO}, err) {
			code = codeFailed
		}
	}
	return failf(code, "cannot write %s: %w", show(path), err)
}

// syncFolder makes durable what a folder holds.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
