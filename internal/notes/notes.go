// Package notes writes the lines of the log that strangers can cause: so many of one kind a second, not one for each
// connection that somebody opens.
package notes

import (
	"log/slog"
	"sync"
	"time"
)

// Notes remembers what has been written lately. The zero value is ready; it may be used concurrently.
type Notes struct {
	mu struct {
		sync.Mutex
		last map[string]note // by text
	}
}

// note is what became of the lines with one text.
type note struct {
	at         time.Time // when it was last written
	suppressed int       // since then
}

// interval is how often a text is written at most.
const interval = time.Second

// Warn writes a warning, unless one with the same text was written less than a second ago; the next one says how many
// were left out. All texts are remembered, so they must be few: what differs belongs in args.
func (n *Notes) Warn(to *slog.Logger, text string, args ...any) {
	suppressed, now := n.admit(text)
	if !now {
		return
	}
	if suppressed > 0 {
		args = append(args, "suppressed", suppressed)
	}
	to.Warn(text, args...)
}

// admit tells whether to write the text now, and how often it was not since it was last written.
func (n *Notes) admit(text string) (suppressed int, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.last == nil {
		n.mu.last = make(map[string]note)
	}
	last := n.mu.last[text]
	now := time.Now()
	if now.Sub(last.at) < interval {
		last.suppressed++
		n.mu.last[text] = last
		return 0, false
	}
	n.mu.last[text] = note{at: now}
	return last.suppressed, true
}
