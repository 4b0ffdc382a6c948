package replica_test

import (
	"fmt"
	"testing"
	"time"
)

// TestStatusIsOfOneMoment looks at the status while writes go on: its marks stand in their order, and it never shows a table that
// is newer than they are.
func TestStatusIsOfOneMoment(t *testing.T) {
	r := newCluster(t).start()
	await(t, r, "a chain of one", members(1))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 2000 {
			put(t, r, fmt.Sprint("k", i), "v")
		}
	}()
	seen := 0
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for last := r.Status(); ; {
		s := r.Status()
		if s.Applied > s.Committed || s.Committed > s.Stable || s.Stable > s.Last || s.Digest.Seq != s.Applied {
			t.Fatalf("applied %d, committed %d, stable %d, last %d, digest of %d", s.Applied, s.Committed, s.Stable, s.Last, s.Digest.Seq)
		}
		if s.Applied != last.Applied {
			seen++
		}
		last = s
		select {
		case <-tick.C:
		case <-done:
			if seen == 0 {
				t.Error("the status never changed")
			}
			return
		}
	}
}
