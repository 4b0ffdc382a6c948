package storage

import (
	"errors"
	"fmt"
)

// DamageError is about bytes that were on disk and are not what was written.
type DamageError struct {
	File   string // empty where it is no single one
	Offset int64  // about where, in bytes
	What   string
}

func (e *DamageError) Error() string {
	if e.File == "" {
		return e.What
	}
	return fmt.Sprintf("%s, at byte %d: %s", e.File, e.Offset, e.What)
}

func errDamaged(what string) error { return &DamageError{What: what} }

// ErrFormat is of files that a later release has written. Nothing is wrong with them.
var ErrFormat = errors.New("a later release wrote it, and this one cannot read it")

func errFormat(format, known uint64) error {
	return fmt.Errorf("format %d, and not %d: %w", format, known, ErrFormat)
}

// isDamage tells whether the bytes are wrong, where other errors say that they cannot be had at present.
func isDamage(err error) bool {
	var d *DamageError
	return errors.As(err, &d)
}
