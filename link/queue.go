package link

import (
	"fmt"
	"sync"

	"github.com/chaintable/chaintable/chain"
)

// chunkBytes is how much memory a queue takes at a time. A longer frame gets a chunk of its own.
const chunkBytes = 64 << 10

var chunks = sync.Pool{New: func() any { return new([chunkBytes]byte) }}

func newChunk(size int) []byte {
	if size > chunkBytes {
		return make([]byte, 0, size)
	}
	return chunks.Get().(*[chunkBytes]byte)[:0]
}

func recycle(queued [][]byte) {
	for i, c := range queued {
		if cap(c) == chunkBytes {
			chunks.Put((*[chunkBytes]byte)(c[:chunkBytes]))
		}
		queued[i] = nil
	}
}

// queue holds encoded frames until they are written. When it is full it drops everything, and takes nothing
// until reset.
type queue struct {
	maxBytes, maxMessages int

	wake chan struct{} // capacity 1: there is something to see

	mu       sync.Mutex
	chunks   [][]byte // frames end to end; none spans two
	ends     []int    // messages in each chunk
	bytes    int
	messages int
	overflow error  // why everything was dropped
	onFull   func() // called once at the overflow, without the lock
}

func newQueue(maxBytes, maxMessages int) *queue {
	return &queue{maxBytes: maxBytes, maxMessages: maxMessages, wake: make(chan struct{}, 1)}
}

// push encodes an envelope into the queue. It never blocks.
func (q *queue) push(e *chain.Envelope) {
	f := frame{Envelope: *e}
	body, payload := f.sizes()
	size := headerBytes + payload

	q.mu.Lock()
	var full func()
	switch {
	case q.overflow != nil:
	case payload > MaxFrameBytes:
		full = q.fill(fmt.Errorf("link: %T of %d bytes, over %d", e.Message, payload, MaxFrameBytes))
	case q.messages > 0 && q.bytes+size > q.maxBytes:
		full = q.fill(fmt.Errorf("link: queue is full: %d bytes", q.bytes))
	case q.messages >= q.maxMessages:
		full = q.fill(fmt.Errorf("link: queue is full: %d messages", q.messages))
	default:
		last := len(q.chunks) - 1
		if last < 0 || cap(q.chunks[last])-len(q.chunks[last]) < size {
			q.chunks = append(q.chunks, newChunk(size))
			q.ends = append(q.ends, 0)
			last++
		}
		q.chunks[last] = appendFrame(q.chunks[last], &f, body, payload)
		q.ends[last]++
		q.bytes += size
		q.messages++
	}
	q.mu.Unlock()
	if full != nil {
		full()
	}
	q.signal()
}

// fill drops everything, and returns what to call without the lock.
func (q *queue) fill(why error) func() {
	q.drop()
	q.overflow = why
	if q.onFull == nil {
		return func() {}
	}
	return q.onFull
}

func (q *queue) drop() {
	recycle(q.chunks)
	q.chunks, q.ends = q.chunks[:0], q.ends[:0]
	q.bytes, q.messages = 0, 0
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take moves chunks of together at most limit bytes, but at least one, behind batch. The error is the overflow.
func (q *queue) take(batch [][]byte, limit int) ([][]byte, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for n < len(q.chunks) && (n == 0 || len(q.chunks[n]) <= limit) {
		limit -= len(q.chunks[n])
		q.bytes -= len(q.chunks[n])
		q.messages -= q.ends[n]
		n++
	}
	batch = append(batch, q.chunks[:n]...)
	rest := copy(q.chunks, q.chunks[n:])
	clear(q.chunks[rest:])
	q.chunks = q.chunks[:rest]
	q.ends = q.ends[:copy(q.ends, q.ends[n:])]
	return batch, q.overflow
}

// onOverflow sets whom to call when the queue overflows, nil for nobody.
func (q *queue) onOverflow(onFull func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.onFull = onFull
}

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.messages == 0 && q.overflow == nil
}

// reset drops everything, and takes messages again. It returns the overflow, if there was one.
func (q *queue) reset() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drop()
	overflow := q.overflow
	q.overflow = nil
	return overflow
}
