package system_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chaintable/chaintable/internal/linear"
)

// searchTimeout is how long one search of the checker may take. It takes milliseconds where enough is known of the writes.
const searchTimeout = 10 * time.Second

// history is what all clients of a run did, and were told, on one clock.
type history struct {
	began time.Time

	mu   sync.Mutex
	ops  []linear.Operation
	open int // writes that have a number, and are not in ops yet
	most int // operations that clients may do; zero for any number

	// doubts are writes whose fate is not known, and mostDoubts how many of them there may be before clients do nothing but read. What may have happened at any
	// time makes the search long: with dozens of them endless.
	doubts     atomic.Int64
	mostDoubts int64
}

func newHistory() *history { return &history{began: time.Now()} }

// now is never zero, which is no time.
func (h *history) now() time.Duration { return time.Since(h.began) + 1 }

func (h *history) add(o linear.Operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, o)
}

// opened says that a write was given a number, or, of -1, that its fate is known and it was added.
func (h *history) opened(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open += n
}

// full tells whether there are as many operations as there may be, with those that are to come.
func (h *history) full() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.most > 0 && len(h.ops)+h.open >= h.most
}

// doubtful tells whether there are as many doubts as there may be.
func (h *history) doubtful() bool { return h.doubts.Load() >= h.mostDoubts }

// count is how many operations there are, and how many of them are writes of which nobody knows whether they were executed.
func (h *history) count() (all, untold int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.ops {
		if o.Outcome == linear.Untold && o.End == 0 {
			untold++
		}
	}
	return len(h.ops), untold
}

// readAll reads every key at one server, which serves. What it sees is part of the history.
func (h *history) readAll(t *testing.T, s *server, keys []string) {
	t.Helper()
	waitFor(t, s.address+" to tell all it has", func() bool {
		c, err := connect(s.listens)
		if err != nil {
			return false
		}
		defer c.Close()
		o := linear.Operation{Kind: linear.Get, Keys: keys, Outcome: linear.Done, Start: h.now()}
		if o.Read, err = c.list(clientTimeout, append([]string{"MGET"}, keys...)...); err != nil {
			return false
		}
		o.End = h.now()
		h.add(o)
		return true
	})
}

// check judges the history. No clients are at work any more.
func (h *history) check(t *testing.T) {
	t.Helper()
	began := time.Now()
	err := linear.Check(h.ops, searchTimeout)
	if took := time.Since(began); err == nil {
		t.Logf("%d operations are linearizable: found in %v", len(h.ops), took.Round(time.Millisecond))
		return
	}
	ops := h.ops
	if v, ok := errors.AsType[*linear.Violation](err); ok {
		ops = v.Ops
	}
	ops = slices.Clone(ops)
	slices.SortFunc(ops, func(a, b linear.Operation) int { return int(a.Start - b.Start) })
	var b strings.Builder
	for _, o := range ops {
		fmt.Fprintln(&b, o)
	}
	t.Errorf("%v; the clock began at %s\n%s", err, h.began.UTC().Format("15:04:05.000000"), &b)
}
