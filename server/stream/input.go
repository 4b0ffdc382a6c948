package stream

import (
	"io"
	"sync"
)

// chunks are buffers of chunkBytes for connections that have input.
var chunks = sync.Pool{New: func() any { return new([chunkBytes]byte) }}

// input is what came and is not consumed: buf[r:w]. Its buffer is nil, a chunk of the pool, a small one of the size
// that was needed, or a large one taken from the quota.
type input struct {
	buf   []byte
	r, w  int
	chunk *[chunkBytes]byte // the pool's array behind buf, or nil
	taken int               // bytes of buf taken from quota
	quota *Quota
}

// room makes space for at least one byte behind w, and a whole chunk if the buffer is smaller.
func (in *input) room() error {
	switch {
	case in.w < len(in.buf) && len(in.buf) >= chunkBytes:
		return nil
	case in.r > 0 && len(in.buf) >= chunkBytes && in.r >= len(in.buf)/2:
		in.w = copy(in.buf, in.buf[in.r:in.w])
		in.r = 0
		return nil
	case in.w-in.r < chunkBytes:
		chunk := chunks.Get().(*[chunkBytes]byte)
		in.replace(chunk[:], chunk, 0)
		return nil
	}
	size := 2 * len(in.buf)
	if !in.quota.Take(size) {
		return ErrInput
	}
	in.replace(make([]byte, size), nil, size)
	return nil
}

// park gives up what the bytes at hand do not need, because it may be long until the next come.
func (in *input) park() {
	n := in.w - in.r
	switch {
	case n == 0:
		in.replace(nil, nil, 0)
	case n <= len(in.buf)/2 && len(in.buf) <= chunkBytes && in.chunk != nil:
		in.replace(make([]byte, n), nil, 0)
	case in.taken > 0 && n < chunkBytes:
		in.replace(make([]byte, n), nil, 0)
	}
}

// replace moves what is not consumed to another buffer and gives the old one back.
func (in *input) replace(buf []byte, chunk *[chunkBytes]byte, taken int) {
	n := copy(buf, in.buf[in.r:in.w])
	if in.chunk != nil {
		chunks.Put(in.chunk)
	}
	if in.taken > 0 {
		in.quota.Give(in.taken)
	}
	in.buf, in.r, in.w, in.chunk, in.taken = buf, 0, n, chunk, taken
}

// Bytes is what came and is not consumed. It is valid until the next Fill, Release, Shrink or Close.
func (c *Conn) Bytes() []byte { return c.in.buf[c.in.r:c.in.w] }

// Discard consumes n of Bytes.
func (c *Conn) Discard(n int) { c.in.r += n }

// Release gives the input's buffer back if everything is consumed, or if it is a large one that what is left does not need.
func (c *Conn) Release() {
	if c.in.r == c.in.w || c.in.taken > 0 {
		c.in.park()
	}
}

// Take takes n bytes of the memory that all connections share for input, for a command that is to wait for the chain. It is
// false if there are not as many; otherwise Give returns them.
func (c *Conn) Take(n int) bool { return c.limits.Input.Take(n) }

// Give returns what was taken.
func (c *Conn) Give(n int) { c.limits.Input.Give(n) }

// Shrink gives up what the input's buffer has beyond Bytes, which move.
func (c *Conn) Shrink() { c.in.park() }

// Fill waits until there are more Bytes. It returns io.EOF when the peer has ended, ErrInput when there is no memory
// for more, and what the connection returns otherwise, a deadline included.
func (c *Conn) Fill() error {
	if c.raw != nil {
		return c.fillRaw()
	}
	if err := c.in.room(); err != nil {
		return err
	}
	n, err := c.Conn.Read(c.in.buf[c.in.w:])
	c.in.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}
