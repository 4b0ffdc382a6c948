package storage

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Sync leaves out the times of the file, which fsync would write too.
func (f file) Sync() error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) {
		for {
			if failed = unix.Fdatasync(int(fd)); !errors.Is(failed, unix.EINTR) {
				return
			}
		}
	}); err != nil {
		return err
	}
	if failed != nil {
		return fmt.Errorf("fdatasync: %w", failed)
	}
	return nil
}
