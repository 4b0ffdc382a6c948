package metrics_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/metrics"
)

// Each request is counted once, in the bucket of its duration; what is not known is "other".
func TestRecord(t *testing.T) {
	r := metrics.NewRequests("resp", []string{"set", "get"}, metrics.Slow{Over: time.Second})
	first, second := r.Connect(), r.Connect()
	second.Record(r.Command("set"), metrics.OK, 3, 20*time.Microsecond)
	first.Record(r.Command("set"), metrics.Uncertain, 1, 5*time.Second)
	first.Record(r.Command("set"), metrics.OK, 1, time.Hour)
	first.Record(r.Command("no such command"), metrics.Invalid, 1, -1)
	second.Disconnect()
	if n := r.Total(); n != 6 {
		t.Errorf("%d requests, want 6", n)
	}
	var want strings.Builder
	fmt.Fprint(&want, `# HELP chaintable_clients Connections of clients that are served here.
# TYPE chaintable_clients gauge
chaintable_clients{protocol="resp"} 1
# HELP chaintable_request_duration_seconds How long requests of clients took, from when the server took them up to when their replies were made.
# TYPE chaintable_request_duration_seconds histogram
`)
	for _, c := range []struct {
		command   string
		from      map[string]int // the bucket from which on there are so many
		sum, most string
	}{
		{"other", map[string]int{"2e-05": 1}, "0", "1"},
		{"set", map[string]int{"2e-05": 3, "5": 4}, "3605.00006", "5"},
	} {
		n := 0
		for _, le := range strings.Fields("2e-05 5e-05 0.0001 0.0002 0.0005 0.001 0.002 0.005 0.01 0.02 0.05 0.1 0.2 0.5 1 2 5 10") {
			n = max(n, c.from[le])
			fmt.Fprintf(&want, "chaintable_request_duration_seconds_bucket{command=%q,protocol=\"resp\",le=%q} %d\n", c.command, le, n)
		}
		fmt.Fprintf(&want, "chaintable_request_duration_seconds_bucket{command=%q,protocol=\"resp\",le=\"+Inf\"} %s\n", c.command, c.most)
		fmt.Fprintf(&want, "chaintable_request_duration_seconds_sum{command=%q,protocol=\"resp\"} %s\n", c.command, c.sum)
		fmt.Fprintf(&want, "chaintable_request_duration_seconds_count{command=%q,protocol=\"resp\"} %s\n", c.command, c.most)
	}
	fmt.Fprint(&want, "# HELP chaintable_requests_total Requests of clients, by what became of them.\n# TYPE chaintable_requests_total counter\n")
	counts := map[string]int{"set ok": 4, "set uncertain": 1, "other invalid": 1}
	for _, command := range []string{"get", "other", "set"} {
		for _, outcome := range []string{"ok", "miss", "invalid", "refused", "not_executed", "uncertain"} {
			fmt.Fprintf(&want, "chaintable_requests_total{command=%q,outcome=%q,protocol=\"resp\"} %d\n", command, outcome, counts[command+" "+outcome])
		}
	}
	fmt.Fprint(&want, `# HELP chaintable_slow_requests_total Requests that took at least as long as --slow-log says.
# TYPE chaintable_slow_requests_total counter
chaintable_slow_requests_total{protocol="resp"} 2
`)
	if err := testutil.CollectAndCompare(r, strings.NewReader(want.String())); err != nil {
		t.Error(err)
	}
}

// Recording is on the path of every request: it allocates nothing.
func TestRecordAllocatesNothing(t *testing.T) {
	r := metrics.NewRequests("resp", []string{"get"}, metrics.Slow{Over: time.Second})
	recorder, get := r.Connect(), r.Command("get")
	if n := testing.AllocsPerRun(1000, func() {
		if took := 30 * time.Microsecond; !recorder.Slow(took) {
			recorder.Record(get, metrics.OK, 1, took)
		}
	}); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}

// Connections record at the same time, while Prometheus asks.
func TestRecordConcurrently(t *testing.T) {
	const connections, each = 20, 1000
	r := metrics.NewRequests("resp", []string{"get"}, metrics.Slow{})
	var work sync.WaitGroup
	for range connections {
		work.Go(func() {
			recorder := r.Connect()
			defer recorder.Disconnect()
			for i := range each {
				recorder.Record(r.Command("get"), metrics.OK, 1, time.Duration(i)*time.Microsecond)
			}
		})
	}
	for range 20 {
		if problems, err := testutil.CollectAndLint(r); err != nil || len(problems) > 0 {
			t.Error(problems, err)
		}
	}
	work.Wait()
	if n := r.Total(); n != connections*each {
		t.Errorf("%d requests, want %d", n, connections*each)
	}
}

// The outcomes are those that replica's errors name.
func TestOutcomeOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want metrics.Outcome
	}{
		{nil, metrics.OK},
		{replica.ErrMemory, metrics.Refused},
		{replica.ErrDisk, metrics.Refused},
		{replica.ErrSession, metrics.NotExecuted},
		{fmt.Errorf("%w: why", replica.ErrNotExecuted), metrics.NotExecuted},
		{fmt.Errorf("%w: learning", replica.ErrOutside), metrics.NotExecuted},
		{fmt.Errorf("%w: why", replica.ErrUncertain), metrics.Uncertain},
		{replica.ErrForgotten, metrics.Uncertain},
		{errors.New("anything"), metrics.Uncertain},
	} {
		if got := metrics.OutcomeOf(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}

// A name that comes twice is one command.
func TestNamesAreSorted(t *testing.T) {
	r := metrics.NewRequests("x", []string{"b", "a", "b"}, metrics.Slow{})
	got := []metrics.Command{r.Command("a"), r.Command("b"), r.Command("c"), r.Command(metrics.Other)}
	if !slices.Equal(got, []metrics.Command{0, 1, 2, 2}) {
		t.Errorf("%v", got)
	}
}

func BenchmarkRecord(b *testing.B) {
	r := metrics.NewRequests("resp", []string{"get"}, metrics.Slow{Over: time.Second})
	get := r.Command("get")
	b.RunParallel(func(pb *testing.PB) {
		recorder := r.Connect()
		for pb.Next() {
			recorder.Record(get, metrics.OK, 1, 30*time.Microsecond)
		}
	})
}
