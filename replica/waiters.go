package replica

import (
	"container/heap"
	"sync"

	"github.com/chaintable/chaintable/chain"
)

// waiters are reads that wait until an entry has been applied. Their number is bounded by that of the connections.
type waiters struct {
	mu struct {
		sync.Mutex
		queue  waiterHeap
		closed bool
	}
}

// waiter is one read.
type waiter struct {
	seq   chain.Seq
	index int // in the heap, -1 outside
	done  chan struct{}
}

func (w *waiters) add(seq chain.Seq) *waiter {
	x := &waiter{seq: seq, index: -1, done: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.closed {
		close(x.done)
	} else {
		heap.Push(&w.mu.queue, x)
	}
	return x
}

func (w *waiters) drop(x *waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if x.index >= 0 {
		heap.Remove(&w.mu.queue, x.index)
	}
}

// count is how many wait.
func (w *waiters) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.mu.queue)
}

// wake lets those go on that waited for no more than seq.
func (w *waiters) wake(seq chain.Seq) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.mu.queue) > 0 && w.mu.queue[0].seq <= seq {
		close(heap.Pop(&w.mu.queue).(*waiter).done)
	}
}

// fail wakes all, whatever they wait for; for good if the replica ends.
func (w *waiters) fail(ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.closed = ended
	for _, x := range w.mu.queue {
		x.index = -1
		close(x.done)
	}
	w.mu.queue = nil
}

type waiterHeap []*waiter

func (h waiterHeap) Len() int           { return len(h) }
func (h waiterHeap) Less(i, j int) bool { return h[i].seq < h[j].seq }
func (h waiterHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].index, h[j].index = i, j }
func (h *waiterHeap) Push(x any)        { w := x.(*waiter); w.index = len(*h); *h = append(*h, w) }
func (h *waiterHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h, w.index = old[:len(old)-1], -1
	return w
}
