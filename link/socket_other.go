//go:build !linux

package link

import (
	"syscall"
	"time"
)

// control does nothing: here the write deadline and keep-alive must do, which notice later.
func control(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
