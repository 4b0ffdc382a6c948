package metrics

import (
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/chaintable/chaintable/internal/notes"
	"github.com/chaintable/chaintable/table"
)

// Slow says what becomes of slow requests.
type Slow struct {
	Over   time.Duration // a request that takes so long is slow. Zero: none is
	Logger *slog.Logger  // gets a line for one of them, of each command at most one a second
}

// maxKey is how much of a key the log shows, in bytes.
const maxKey = 64

// slowLog writes about slow requests.
type slowLog struct {
	Slow
	notes []notes.Notes // by command
	total atomic.Uint64
}

func (s *slowLog) init(slow Slow, commands int) {
	s.Slow, s.notes = slow, make([]notes.Notes, commands)
}

func (s *slowLog) is(took time.Duration) bool { return s.Over > 0 && took >= s.Over }

// SlowRequest is a slow request, for the log.
type SlowRequest struct {
	Command Command
	Outcome Outcome
	Key     []byte // the first one; nil for none
	Took    time.Duration
	// Held is for how much of that the chain had a write; before that it waited for the loop. It is exact to a turn of the loop: zero for a
	// write that was taken in and answered in one turn, and for one that was never taken in.
	Held   time.Duration
	Write  bool
	Client net.Addr
}

// Slow tells whether a request that took so long deserves a line: whether to call Log.
func (r Recorder) Slow(took time.Duration) bool { return r.requests.slow.is(took) }

// Log writes about a slow request, unless it has written about one with that command within the last second; the next line says
// how many were left out.
func (r Recorder) Log(s SlowRequest) {
	args := []any{
		"protocol", r.requests.protocol, "command", r.requests.commands[s.Command], "outcome", s.Outcome.String(),
		"took", s.Took, "client", s.Client.String(),
	}
	if s.Key != nil {
		args = append(args, "key", shown(s.Key))
	}
	if s.Write {
		args = append(args, "queued", max(0, s.Took-s.Held), "chain", s.Held)
	}
	r.requests.slow.notes[s.Command].Warn(r.requests.slow.Logger, "slow request", args...)
}

// shown is a key as the log shows it: any bytes, quoted, and not all of a long one.
func shown(key []byte) string {
	if len(key) > maxKey {
		return strconv.QuoteToASCII(string(key[:maxKey])) + "..."
	}
	return strconv.QuoteToASCII(string(key))
}

// FirstKey is the first key of an encoded command, nil if it has none.
func FirstKey(command []byte) []byte {
	switch c, err := table.DecodeCommand(command); {
	case err != nil:
		return nil
	case len(c.Pairs) > 0:
		return c.Pairs[0].Key
	case len(c.Keys) > 0:
		return c.Keys[0]
	}
	return nil
}
