package stream

import (
	"sync/atomic"
	"time"
)

// Limits of design.md, section 9, and those that follow from them.
const (
	// MaxInput bounds the input of all connections together, in bytes: what has come and is not consumed, but for buffers of up
	// to chunkBytes, and commands that wait for the chain.
	MaxInput = 1 << 30

	// MaxUnread is how many bytes of replies a connection may leave unread before it is closed.
	MaxUnread = 256 << 20

	// stallTimeout is how long a client that does not read may keep replies waiting before it is closed.
	stallTimeout = 60 * time.Second

	// chunkBytes is the size of the buffer that a connection reads into, from a pool, while there is input.
	chunkBytes = 16 << 10

	// softUnread is how much may be queued for a client that does read: above it the producer waits for it.
	softUnread = 1 << 20

	// admitInterval is how often a connection that may not queue more asks again.
	admitInterval = 250 * time.Millisecond

	// paceTimeout is how long the queue must have stood still before its client counts as not reading.
	paceTimeout = 20 * time.Millisecond
)

// sharedUnread is how many bytes all connections together may queue before they have to wait for their clients to
// read, but for one at a time.
const sharedUnread = 8 << 20

// Limits are shared by all connections of a server. The zero Limits take no input.
type Limits struct {
	Input  *Quota
	unread atomic.Int64         // bytes queued at all connections
	large  atomic.Pointer[Conn] // the one that may queue up to MaxUnread; nil for none
}

// NewLimits makes the limits of design.md.
func NewLimits() *Limits { return &Limits{Input: NewQuota(MaxInput)} }

// Unread is how many bytes are queued at all connections.
func (l *Limits) Unread() int64 { return l.unread.Load() }

// admit tells whether c may queue more. While all together have little queued, everybody may; beyond that one connection at
// a time, until it has none queued. So a thousand clients that never read cost little, and one that reads only when it
// has sent all it wants to is served all the same; several of these one after the other.
func (l *Limits) admit(c *Conn) bool {
	return l.unread.Load() <= sharedUnread || l.large.Load() == c || l.large.CompareAndSwap(nil, c)
}

// drained takes back what admit gave.
func (l *Limits) drained(c *Conn) {
	if l.large.Load() == c {
		l.large.CompareAndSwap(c, nil)
	}
}
