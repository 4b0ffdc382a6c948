package replica_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/table"
)

// TestFullTableTakesWhatRemoves fills a chain up to its bound. What removes must still go in, from every server, and make room.
func TestFullTableTakesWhatRemoves(t *testing.T) {
	c := newCluster(t)
	var rs []*replica.Replica
	for n := range 2 {
		rs = append(rs, c.startAs(func(config *replica.Config) { config.Chain.MaxMemory = 60_000 }))
		await(t, rs[n], "member", members(n+1))
	}
	write := func(r *replica.Replica, commands ...table.Command) (last error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var calls []*replica.Call
		for _, command := range commands {
			calls = append(calls, &replica.Call{Command: command.Append(nil)})
		}
		r.Write(ctx, calls)
		for _, call := range calls {
			if call.Err != nil {
				last = call.Err
			}
		}
		return last
	}
	key := func(i int) []byte { return fmt.Append(nil, "key", i) }
	put := func(i int) table.Command {
		return table.Command{Op: table.OpPut, Pairs: []table.Pair{{Key: key(i), Value: []byte("v")}}}
	}
	full := 0
	for err := error(nil); err == nil; full++ {
		if err = write(rs[0], put(full)); err != nil && !errors.Is(err, replica.ErrMemory) {
			t.Fatal(err)
		}
	}
	t.Logf("full with %d keys", full)
	var removals []table.Command
	for i := range full {
		removals = append(removals, table.Command{Op: table.OpDelete, Keys: [][]byte{key(i)}})
	}
	for i, r := range rs {
		if err := write(r, table.Command{Op: table.OpDelete, Keys: [][]byte{[]byte("missing")}}); err != nil {
			t.Errorf("server %d: delete of what is not there: %v", i+1, err)
		}
		if err := write(r, removals[i*full/2:(i+1)*full/2]...); err != nil {
			t.Errorf("server %d: a pipeline of deletes: %v", i+1, err)
		}
	}
	for i, r := range rs {
		if err := write(r, table.Command{Op: table.OpClear}); err != nil {
			t.Errorf("server %d: clear: %v", i+1, err)
		}
		if err := write(r, put(i)); err != nil {
			t.Errorf("server %d: put: %v", i+1, err)
		}
	}
}
