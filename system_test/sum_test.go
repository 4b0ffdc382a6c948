package system_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	chaintable "github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/internal/needs"
)

// TestExactSum increments counters by compare-and-set with the Go client, while head, middle and tail are killed in turn and new servers join: each
// counter is exactly the number of increments that were answered, and none has failed.
func TestExactSum(t *testing.T) {
	c := newChain(t, needs.AnyZooKeeper(t), 3)
	byServers, err := chaintable.Open(chaintable.Config{Servers: c.addresses()})
	if err != nil {
		t.Fatal(err)
	}
	defer byServers.Close()
	byZooKeeper, err := chaintable.Open(chaintable.Config{ZooKeeper: c.connect})
	if err != nil {
		t.Fatal(err)
	}
	defer byZooKeeper.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all sync.WaitGroup
	var done, conflicts, most atomic.Int64 // most: the longest increment, in nanoseconds
	stop := make(chan struct{})
	counters := make([]atomic.Int64, 2)
	for i, by := range []*chaintable.Client{byServers, byZooKeeper, byServers, byZooKeeper} {
		all.Go(func() {
			for n := i; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				began := time.Now()
				lost, err := increment(ctx, by, counterKey(n%len(counters)))
				if err != nil {
					t.Errorf("an increment has failed: %v", err)
					return
				}
				took := int64(time.Since(began))
				for old := most.Load(); took > old && !most.CompareAndSwap(old, took); old = most.Load() {
				}
				conflicts.Add(int64(lost))
				counters[n%len(counters)].Add(1)
				done.Add(1)
			}
		})
	}
	flow := func() {
		before := done.Load()
		waitFor(t, "increments", func() bool { return done.Load() >= before+20 || t.Failed() })
	}
	for i := range *failoversFlag {
		flow()
		victim := c.members()[i%3]
		c.kill(victim)
		c.awaitGone(victim)
		flow()
		c.join()
		if t.Failed() {
			break
		}
	}
	close(stop)
	all.Wait()
	for i := range counters {
		e, err := byServers.Get(ctx, counterKey(i))
		if want := strconv.FormatInt(counters[i].Load(), 10); err != nil || string(e.Value) != want {
			t.Errorf("%s is %q, %v, after %s increments", counterKey(i), e.Value, err, want)
		}
	}
	t.Logf("%d failovers, %d increments, %d conflicts, the longest took %v", *failoversFlag, done.Load(), conflicts.Load(),
		time.Duration(most.Load()).Round(time.Millisecond))
}

func counterKey(i int) string { return fmt.Sprint("counter", i) }

// increment adds one to the number under the key, once, and tells how often somebody else was faster.
func increment(ctx context.Context, c *chaintable.Client, key string) (lost int, err error) {
	for ; ; lost++ {
		e, err := c.Get(ctx, key)
		if err != nil && !errors.Is(err, chaintable.ErrNotFound) {
			return lost, err
		}
		n, _ := strconv.Atoi(string(e.Value)) // 0 for no such key
		if _, err = c.Put(ctx, key, strconv.AppendInt(nil, int64(n+1), 10), chaintable.IfVersion(e.Version)); !errors.Is(err, chaintable.ErrCondition) {
			return lost, err
		}
	}
}
