package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// replaceFile writes a file beside path, which then takes its place: so path is always one or the other, whole, also after a loss of power. It is for
// the user alone. An error of write is returned as it is.
func replaceFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return localError(err)
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

// syncFolder makes durable what a folder holds.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
