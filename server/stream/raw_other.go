//go:build !unix

package stream

import (
	"net"
	"os"
)

// raw is nil where descriptors cannot be read without waiting.
type raw struct{}

func newRaw(net.Conn) *raw { return nil }

func (c *Conn) fillRaw() error { panic("stream: no raw connections here") }

func (c *Conn) poll() error { return os.ErrDeadlineExceeded }

func (c *Conn) writeNow([]byte) (int, error) { return 0, nil }

func (c *Conn) readRaw(uintptr) bool { return true }

func (c *Conn) writeRaw(uintptr) bool { return true }
