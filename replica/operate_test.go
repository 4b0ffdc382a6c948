package replica_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/replica"
)

// three is a chain of three servers.
func three(t *testing.T) (*cluster, []*replica.Replica) {
	c := newCluster(t)
	var rs []*replica.Replica
	for n := 1; n <= 3; n++ {
		rs = append(rs, c.start())
		await(t, rs[n-1], fmt.Sprint(n, " members"), members(n))
	}
	return c, rs
}

// load writes at every server until stop, each its own key and one value after the other. A server that is outside, or goes, sends its
// writer to another; any other error fails the test. Then every member has what was written last.
func load(t *testing.T, rs []*replica.Replica) (stop func()) {
	t.Helper()
	end := make(chan struct{})
	var writers sync.WaitGroup
	last := make([]string, len(rs))
	for i := range rs {
		writers.Go(func() {
			for at, n := i, 0; ; n++ {
				select {
				case <-end:
					return
				default:
				}
				value := fmt.Sprint(n)
				call := replica.Call{Command: putCommand(fmt.Sprint("key", i), value)}
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				rs[at].Write(ctx, []*replica.Call{&call})
				cancel()
				switch {
				case call.Err == nil:
					last[i] = value
				case errors.Is(call.Err, replica.ErrOutside), errors.Is(call.Err, replica.ErrNotExecuted):
					at = (at + 1) % len(rs)
				default:
					t.Errorf("writing at server %d: %v", at+1, call.Err)
					return
				}
			}
		})
	}
	return func() {
		t.Helper()
		close(end)
		writers.Wait()
		for i := range rs {
			if last[i] == "" {
				t.Errorf("writer %d has written nothing", i+1)
			}
			for at, r := range rs {
				if got := get(t, r, fmt.Sprint("key", i)); got != last[i] {
					t.Errorf("key%d at server %d is %q, want %q", i, at+1, got, last[i])
				}
			}
		}
	}
}

// order gives an order until it is accepted and the condition holds: the coordinator is unreliable, and what takes too long is given up.
func order(t *testing.T, r *replica.Replica, op chain.Operation, done func(replica.Status) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for err := r.Operate(ctx, op); !done(r.Status()); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%T%+v is not carried out: %v; status is %+v", op, op, err, r.Status())
		}
		if _, drain := op.(chain.Drain); !drain {
			err = r.Operate(ctx, op)
		}
	}
}

// TestMoveHead moves the head to and fro under writes at every server, none of which fails.
func TestMoveHead(t *testing.T) {
	_, rs := three(t)
	stop := load(t, rs)
	head := 0
	for _, next := range []int{2, 1, 0, 2} {
		id := rs[next].Status().ID
		order(t, rs[head], chain.MoveHead{To: id}, func(s replica.Status) bool { return s.View.Head().Node == id })
		await(t, rs[next], "the new head knows", func(s replica.Status) bool { return s.Role == "head" })
		head = next
	}
	stop()
}

// TestDrain takes each server out and back under writes at every server: none is lost, and none is in doubt.
func TestDrain(t *testing.T) {
	_, rs := three(t)
	stop := load(t, rs)
	for i, r := range rs {
		order(t, r, chain.Drain{}, func(s replica.Status) bool { return strings.HasPrefix(s.State, "drained") })
		call := replica.Call{Command: putCommand("k", "v")}
		if r.Write(t.Context(), []*replica.Call{&call}); !errors.Is(call.Err, replica.ErrOutside) || !strings.Contains(call.Err.Error(), "drained") {
			t.Errorf("a write at drained server %d: %v", i+1, call.Err)
		}
		await(t, rs[(i+1)%3], "two members", members(2))
		order(t, r, chain.Undrain{}, members(3))
	}
	stop()
}

// TestSetTarget makes the chain shorter and longer again under writes.
func TestSetTarget(t *testing.T) {
	_, rs := three(t)
	stop := load(t, rs)
	for _, n := range []int{1, 3, 2, 0} {
		head := rs[0]
		for _, r := range rs {
			if r.Status().Role == "head" || r.Status().Role == "single" {
				head = r
			}
		}
		want := n
		if n == 0 {
			want = 3
		}
		order(t, head, chain.SetTarget{Target: n}, func(s replica.Status) bool { return s.View.Target == n })
		await(t, head, fmt.Sprint(want, " members"), func(s replica.Status) bool { return len(s.View.Members) == want })
	}
	await(t, rs[2], "all members", members(3))
	stop()
}

// TestEvict has the tail evicted, which lives.
func TestEvict(t *testing.T) {
	_, rs := three(t)
	id := rs[2].Status().ID
	if err := rs[1].Operate(t.Context(), chain.Evict{Node: id}); !errors.Is(err, replica.ErrRefused) || !strings.Contains(err.Error(), rs[0].Status().Address) {
		t.Errorf("at the second server: %v", err)
	}
	order(t, rs[0], chain.Evict{Node: id}, members(2))
	await(t, rs[2], "it knows that it is out", func(s replica.Status) bool { return s.Role == "outside" && !s.Serving })
}

// TestOperateAtTheEnd: who asks a server that has ended is told so.
func TestOperateAtTheEnd(t *testing.T) {
	r := newCluster(t).start()
	await(t, r, "a chain of one", members(1))
	if err := r.Operate(t.Context(), chain.Drain{}); !errors.Is(err, replica.ErrRefused) {
		t.Errorf("the only member is drained: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Operate(t.Context(), chain.Drain{}); !errors.Is(err, replica.ErrNotExecuted) {
		t.Errorf("after the end: %v", err)
	}
}
