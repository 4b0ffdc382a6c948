package replica_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/chaintable/chaintable/replica"
)

// TestCloseAmongWrites closes replicas while many write: every call ends, with a result or one of the package's errors.
func TestCloseAmongWrites(t *testing.T) {
	for range 20 {
		r := newCluster(t).start()
		await(t, r, "a chain of one", members(1))
		var writers, first sync.WaitGroup
		for range 16 {
			first.Add(1)
			writers.Go(func() {
				for n := 0; ; n++ {
					calls := []*replica.Call{{Command: putCommand("k", "v")}, {Command: putCommand("k", "w")}}
					r.Write(context.Background(), calls)
					if n == 0 {
						first.Done()
					}
					for _, c := range calls {
						if err := c.Err; err != nil {
							if !errors.Is(err, replica.ErrNotExecuted) && !errors.Is(err, replica.ErrUncertain) {
								t.Error(err)
							}
							return
						}
					}
				}
			})
		}
		first.Wait()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		writers.Wait()
	}
}
