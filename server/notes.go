package server

import (
	"log/slog"
	"sync"
	"time"
)

// notes are lines in the log that strangers can cause: one per text and interval.
type notes struct {
	logger *slog.Logger
	mu     struct {
		sync.Mutex
		last map[string]note
	}
}

// note is what became of the lines with one text.
type note struct {
	at         time.Time // when it was last written
	suppressed int       // since then
}

const noteInterval = time.Second

// warn writes a line unless one with this text, which is one of few, was written less than a second ago.
func (n *notes) warn(text string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.last == nil {
		n.mu.last = make(map[string]note)
	}
	last := n.mu.last[text]
	now := time.Now()
	if now.Sub(last.at) < noteInterval {
		last.suppressed++
		n.mu.last[text] = last
		return
	}
	n.mu.last[text] = note{at: now}
	if last.suppressed > 0 {
		args = append(args, "suppressed", last.suppressed)
	}
	n.logger.Warn(text, args...)
}
