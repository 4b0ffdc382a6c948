package replica_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/chaintable/chaintable/replica"
)

// TestDiskFull: while the disk of one member is full no server takes a write, and each says whose disk it is; reads go on. Nothing is started
// again for writes to go on.
func TestDiskFull(t *testing.T) {
	c := newCluster(t)
	rs := []*replica.Replica{c.start()}
	await(t, rs[0], "a chain of one", members(1))
	rs = append(rs, c.start())
	await(t, rs[1], "a chain of two", members(2))
	for _, r := range rs {
		put(t, r, "k", "v")
	}
	try := func(r *replica.Replica) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		call := replica.Call{Command: putCommand("k", "w")}
		r.Write(ctx, []*replica.Call{&call})
		return call.Err
	}
	full := func(want bool) func(replica.Status) bool {
		return func(s replica.Status) bool { return (s.Full == rs[1].Status().Address) == want }
	}
	rs[1].DiskSpace(true)
	await(t, rs[0], "the head hears of it", full(true))
	for _, r := range rs {
		if err := try(r); !errors.Is(err, replica.ErrDisk) || !strings.Contains(err.Error(), rs[1].Status().Address) {
			t.Errorf("a write fails with %v", err)
		}
		if got := get(t, r, "k"); got != "v" || !r.Serving() {
			t.Errorf("reads %q, serves: %t", got, r.Serving())
		}
	}
	rs[1].DiskSpace(false)
	await(t, rs[0], "and that there is room again", full(false))
	for _, r := range rs {
		put(t, r, "k", "w")
	}
}
