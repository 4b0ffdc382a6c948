package stream

import (
	"math"
	"sync/atomic"
	"time"
)

// Limits of design.md, section 9, and those that follow from them.
const (
	// MaxInput bounds the input of all connections together, in bytes; buffers of up to chunkBytes do not count.
	MaxInput = 1 << 30

	// MaxUnread is how many bytes of replies a connection may leave unread before it is closed.
	MaxUnread = 256 << 20

	// stallTimeout is how long a client that does not read may keep replies waiting before it is closed.
	stallTimeout = 60 * time.Second

	// chunkBytes is the size of the buffer that a connection reads into, from a pool, while there is input.
	chunkBytes = 64 << 10

	// softUnread is how much may be queued for a client that does read: above it the producer waits for it.
	softUnread = 1 << 20

	// paceTimeout is how long the queue must have stood still before its client counts as not reading.
	paceTimeout = 20 * time.Millisecond
)

// Limits are shared by all connections of a server.
type Limits struct {
	Input   *Quota
	waiting atomic.Int64 // connections whose output is queued
}

// NewLimits makes the limits of design.md.
func NewLimits() *Limits { return &Limits{Input: NewQuota(MaxInput)} }

// share is how many bytes a connection may queue now without being made to wait. A lone connection has MaxUnread; n of
// them have so much less that together they have MaxUnread/sqrt(n): a thousand clients that never read hold 8 MiB, and
// whatever the order in which they came at most 2.7 times MaxUnread.
func (l *Limits) share() int {
	n := float64(max(1, l.waiting.Load()))
	return max(int(MaxUnread/math.Pow(n, 1.5)), 4<<10)
}
