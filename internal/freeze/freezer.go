package freeze

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// errKilled is what everything fails with after Kill. It is a net.ErrClosed.
var errKilled = fmt.Errorf("freeze: server was killed: %w", net.ErrClosed)

// Freezer pauses one server. The zero Freezer is ready, and running. All methods may be called concurrently.
type Freezer struct {
	gate atomic.Pointer[gate] // nil while running

	mu struct {
		sync.Mutex
		killed bool
		open   map[interface{ Close() error }]struct{} // connections and listeners that Kill closes
	}
}

// gate is closed to whoever waits at it until it opens, once.
type gate struct {
	opened chan struct{}
	killed bool // set before opened is closed
}

// Pause stops the server, until Resume. Pausing twice is pausing once; a killed server cannot be paused.
func (f *Freezer) Pause() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.mu.killed && f.gate.Load() == nil {
		f.gate.Store(&gate{opened: make(chan struct{})})
	}
}

// Resume lets the server go on. One that is not paused just does.
func (f *Freezer) Resume() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g := f.gate.Load(); g != nil && !f.mu.killed {
		f.gate.Store(nil)
		close(g.opened)
	}
}

// Paused tells whether the server is paused.
func (f *Freezer) Paused() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gate.Load() != nil && !f.mu.killed
}

// Kill ends the server for the world, paused or not: its connections and listeners are closed, and nothing that
// it does from now on gets out. What waits goes on, with an error where one can be told; the server's own
// Close can then collect its goroutines.
func (f *Freezer) Kill() {
	f.mu.Lock()
	if f.mu.killed {
		f.mu.Unlock()
		return
	}
	f.mu.killed = true
	dead := &gate{opened: make(chan struct{}), killed: true}
	close(dead.opened)
	if g := f.gate.Swap(dead); g != nil {
		close(g.opened) // whoever waits there looks at the gate again, and finds the dead one
	}
	open := f.mu.open
	f.mu.open = nil
	f.mu.Unlock()

	for c := range open {
		c.Close()
	}
}

// Wait returns at once while the server runs or once it is killed, and otherwise when it is resumed or killed.
func (f *Freezer) Wait() { _ = f.wait(nil) }

// wait is Wait for something that may be closed. It returns net.ErrClosed (wrapped) if that or the server has
// ended.
func (f *Freezer) wait(closed <-chan struct{}) error {
	for {
		g := f.gate.Load()
		switch {
		case g == nil:
			return nil
		case g.killed:
			return errKilled
		}
		select {
		case <-g.opened:
		case <-closed:
			return net.ErrClosed
		}
	}
}

// keep has Kill close c. After Kill it closes c at once and returns an error.
func (f *Freezer) keep(c interface{ Close() error }) error {
	f.mu.Lock()
	killed := f.mu.killed
	if !killed {
		if f.mu.open == nil {
			f.mu.open = map[interface{ Close() error }]struct{}{}
		}
		f.mu.open[c] = struct{}{}
	}
	f.mu.Unlock()
	if killed {
		c.Close()
		return errKilled
	}
	return nil
}

func (f *Freezer) drop(c interface{ Close() error }) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.mu.open, c)
}
