package sim

import (
	"fmt"
	"strings"
	"time"
)

// story remembers the last events as text, and all of them as a hash.
//
// Text costs more than the run itself. So runs are made without, and one that fails is made again with it: it is the
// same run.
type story struct {
	on    bool
	keep  int      // lines
	lines []string // a ring
	count int
	hash
}

// add is one line: what happened when.
func (s *story) add(at time.Duration, format string, args ...any) {
	if !s.on {
		return
	}
	line := fmt.Sprintf("%12.6fs  ", at.Seconds()) + fmt.Sprintf(format, args...)
	if len(s.lines) < s.keep {
		s.lines = append(s.lines, line)
	} else {
		s.lines[s.count%s.keep] = line
	}
	s.count++
}

// String is the last lines, oldest first.
func (s *story) String() string {
	var b strings.Builder
	from := max(0, s.count-s.keep)
	if from > 0 {
		fmt.Fprintf(&b, "  (%d earlier events)\n", from)
	}
	for i := from; i < s.count; i++ {
		b.WriteString("  ")
		b.WriteString(s.lines[i%s.keep])
		b.WriteByte('\n')
	}
	return b.String()
}
