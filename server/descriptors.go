package server

import (
	"math"
	"syscall"
)

// descriptorLimit is how many files the process may open; ok is false if that is not known.
func descriptorLimit() (n int, ok bool) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return int(min(uint64(limit.Cur), math.MaxInt32)), true
}
