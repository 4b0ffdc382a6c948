package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const service = time.Millisecond

// store is a map that takes its time, which is virtual time, and that may stand still.
type store struct {
	stall, until time.Time     // between which it answers nothing
	took         time.Duration // for each request
	broken       error         // what everything fails with
	mu           struct {
		sync.Mutex
		keys          map[string]int // how long the values are
		asked         []string
		under, atMost int // requests under way
	}
}

func newStore() *store {
	s := &store{took: service}
	s.mu.keys = map[string]int{}
	return s
}

// serve takes the time of a request, in virtual time.
func (s *store) serve(ctx context.Context, what, key string, do func()) error {
	s.mu.Lock()
	s.mu.asked = append(s.mu.asked, what+" "+key)
	s.mu.under++
	s.mu.atMost = max(s.mu.atMost, s.mu.under)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.mu.under--
		s.mu.Unlock()
	}()
	took := s.took
	if now := time.Now(); !now.Before(s.stall) && now.Before(s.until) {
		took += s.until.Sub(now)
	}
	if !sleep(ctx, took) {
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		do()
	}
	return s.broken
}

func (s *store) Get(ctx context.Context, key string) (found bool, err error) {
	err = s.serve(ctx, "get", key, func() { _, found = s.mu.keys[key] })
	return found, err
}

func (s *store) Set(ctx context.Context, key string, value []byte) error {
	return s.serve(ctx, "set", key, func() { s.mu.keys[key] = len(value) })
}

func (s *store) Scan(ctx context.Context, keys []string) (found int, err error) {
	err = s.serve(ctx, "scan", strings.Join(keys, ","), func() {
		for _, k := range keys {
			if _, is := s.mu.keys[k]; is {
				found++
			}
		}
	})
	return found, err
}

func (s *store) Modify(ctx context.Context, key string, value []byte) (int, error) {
	return 2, s.serve(ctx, "modify", key, func() { s.mu.keys[key] = len(value) })
}

func (s *store) Delete(ctx context.Context, key string) error {
	return s.serve(ctx, "delete", key, func() { delete(s.mu.keys, key) })
}

func (*store) MayHaveHappened(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

func configOf(name string) Config {
	return Config{
		Workload: name, Reads: 0.5, Clients: 10, Duration: 10 * time.Second, Keys: 100, Prefix: "k:", LeastValue: 8, LongestValue: 16,
		Timeout: 5 * time.Second, Seed: 1,
	}
}

// inBubble runs the workload in virtual time, from a store that change may change.
func inBubble(t *testing.T, config Config, change func(*store), check func(*store, *Result)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		if change != nil {
			change(s)
		}
		r, err := New(config, s)
		if err != nil {
			t.Fatal(err)
		}
		check(s, r.Run(t.Context()))
	})
}

// stallFor has the store stand still from the fourth second on.
func stallFor(d time.Duration) func(*store) {
	return func(s *store) {
		s.stall = time.Now().Add(4 * time.Second)
		s.until = s.stall.Add(d)
	}
}

// between tells that a latency is in bounds, in milliseconds.
func between(t *testing.T, what string, us, least, most float64) {
	t.Helper()
	if us < least*1000 || us > most*1000 {
		t.Errorf("%s is %.3f ms, want %v to %v", what, us/1000, least, most)
	}
}

// A store that stands still for two seconds of ten: a fifth of the requests were due meanwhile, and waited half of that in the mean.
func TestOpenLoopShowsAStall(t *testing.T) {
	config := configOf("get")
	config.Rate = 1000
	inBubble(t, config, stallFor(2*time.Second), func(s *store, r *Result) {
		if r.Requests != 10_000 || r.NotBegun != 0 || r.Answered != 10_000 {
			t.Errorf("%d requests, %d not begun", r.Requests, r.NotBegun)
		}
		l := r.Total.Latency
		between(t, "p50", l.P50US, 1, 1.01)
		between(t, "p90", l.P90US, 500, 1500)
		between(t, "p99", l.P99US, 1700, 2010)
		between(t, "max", l.MaxUS, 1990, 2010)
		// Who counts from when a request begins sees ten slow ones, and no stall.
		between(t, "p99 since they began", r.Total.Service.P99US, 1, 1.01)
		if s.mu.atMost != config.Clients {
			t.Errorf("%d requests were under way", s.mu.atMost)
		}
		// All that were due in the stall but those under way; and, until the backlog was gone, some more.
		if r.Late < 1980 || r.Late > 2500 {
			t.Errorf("%d were late", r.Late)
		}
	})
}

func TestOpenLoopInTime(t *testing.T) {
	config := configOf("get")
	config.Rate = 1000
	inBubble(t, config, nil, func(_ *store, r *Result) {
		if r.Requests != 10_000 || r.Late != 0 || r.NotBegun != 0 {
			t.Errorf("%d requests, %d late, %d not begun", r.Requests, r.Late, r.NotBegun)
		}
		between(t, "max", r.Total.Latency.MaxUS, 1, 1.01)
	})
}

// A store that is half as fast as the rate: what has not begun at the end counts, with the time it has waited.
func TestOpenLoopBeyondWhatTheStoreCan(t *testing.T) {
	config := configOf("set")
	config.Rate, config.Clients = 2000, 1 // which is half of that
	inBubble(t, config, nil, func(_ *store, r *Result) {
		if all := r.Requests + r.NotBegun; all != 20_000 || r.NotBegun < 9900 || r.NotBegun > 10_100 {
			t.Errorf("%d requests, %d not begun", r.Requests, r.NotBegun)
		}
		if l := r.Total.Latency; uint64(l.Count) != r.Requests+r.NotBegun || uint64(r.Total.Service.Count) != r.Requests {
			t.Errorf("%d latencies, %d since they began", l.Count, r.Total.Service.Count)
		}
		// The last that began was due after 5 s, and the first that did not waited for as long.
		between(t, "max", r.Total.Latency.MaxUS, 4990, 5010)
		between(t, "p50", r.Total.Latency.P50US, 2400, 2600)
	})
}

// The store stands still for the whole second half: nothing but what was due and not begun can show it.
func TestOpenLoopThatEndsInAStall(t *testing.T) {
	config := configOf("get")
	config.Rate, config.Timeout = 1000, time.Minute
	inBubble(t, config, stallFor(time.Minute), func(_ *store, r *Result) {
		if r.NotBegun < 5980 || r.NotBegun > 6000 {
			t.Errorf("%d not begun", r.NotBegun)
		}
		between(t, "p50", r.Total.Latency.P50US, 900, 1100)
	})
}

// The closed loop asks two requests in the two seconds in which it would have asked 4000.
func TestClosedLoopShowsAStallWhenCorrected(t *testing.T) {
	config := configOf("get")
	config.Clients = 2
	inBubble(t, config, stallFor(2*time.Second), func(_ *store, r *Result) {
		between(t, "p99", r.Total.Latency.P99US, 1, 1.01)
		between(t, "p99.9", r.Total.Latency.P999US, 1, 1.01)
		between(t, "corrected p50", r.Total.Corrected.P50US, 1, 1.01)
		between(t, "corrected p90", r.Total.Corrected.P90US, 500, 1500)
		between(t, "corrected p99", r.Total.Corrected.P99US, 1700, 2010)
		if between(t, "interval", r.Parameters.IntervalUS, 1, 1.01); r.Total.Service != nil || r.Late != 0 {
			t.Errorf("of an open loop: %v, %d late", r.Total.Service, r.Late)
		}
	})
	config.Interval = time.Second
	inBubble(t, config, stallFor(2*time.Second), func(_ *store, r *Result) {
		if got := r.Total.Corrected.Count - r.Total.Latency.Count; got != 2 {
			t.Errorf("%d were added", got)
		}
	})
}

func TestRequestsBoundTheRun(t *testing.T) {
	for _, rate := range []float64{0, 500} {
		config := configOf("ycsb-a")
		config.Requests, config.Duration, config.Rate, config.Warmup = 1001, 0, rate, time.Second
		inBubble(t, config, nil, func(s *store, r *Result) {
			if r.Requests != 1001 || r.Interrupted || r.NotBegun != 0 {
				t.Errorf("rate %v: %d requests, %d not begun, interrupted: %t", rate, r.Requests, r.NotBegun, r.Interrupted)
			}
			if warm := len(s.mu.asked) - 1001; warm < 490 {
				t.Errorf("rate %v: %d requests to warm up", rate, warm)
			}
		})
	}
}

// What fails is told apart, and is not among the latencies.
func TestFailures(t *testing.T) {
	config := configOf("set")
	config.Timeout, config.Rate = 100*time.Millisecond, 10
	inBubble(t, config, stallFor(time.Second), func(_ *store, r *Result) {
		f := r.Total.Failed
		// Of the requests that were due in the second, the last can still be answered.
		if f.DidNotHappen != 0 || f.MayHaveHappened < 8 || f.MayHaveHappened > 10 || r.Answered+f.All() != 100 || len(f.Examples) != 1 {
			t.Errorf("%+v, %d answered", f, r.Answered)
		}
		between(t, "of those answered, max", r.Total.Latency.MaxUS, 1, 101)
		between(t, "of those that failed, max", f.Latency.MaxUS, 99, 101)
	})
	inBubble(t, config, func(s *store) { s.broken = errors.New("refused") }, func(_ *store, r *Result) {
		if f := r.Total.Failed; f.DidNotHappen != 100 || f.MayHaveHappened != 0 || r.Answered != 0 || r.PerSecond != 0 || f.Examples[0] != "refused" {
			t.Errorf("%+v, %d answered", f, r.Answered)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
	})
}

// A run that is ended tells what it has measured until then.
func TestInterrupted(t *testing.T) {
	for _, rate := range []float64{0, 1000} {
		synctest.Test(t, func(t *testing.T) {
			s, config := newStore(), configOf("get")
			stallFor(time.Minute)(s)
			config.Rate, config.Timeout = rate, time.Hour
			r, err := New(config, s)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			got := r.Run(ctx)
			if !got.Interrupted || got.CutOff != 10 || got.Answered < 3980 || got.Total.Failed.All() != 0 {
				t.Errorf("rate %v: %+v", rate, got)
			}
			if rate > 0 && (got.NotBegun < 960 || got.NotBegun > 1000) {
				t.Errorf("%d not begun", got.NotBegun)
			}
		})
	}
}

func TestLoadAndClean(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.mu.keys["other"] = 1
		config := configOf("ycsb-d")
		config.Duration = time.Second
		r, err := New(config, s)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Load(t.Context()); err != nil || len(s.mu.keys) != 101 {
			t.Errorf("%d keys, %v", len(s.mu.keys), err)
		}
		if p := r.Progress(); p != (Progress{Phase: "load", Done: 100}) {
			t.Errorf("progress %+v", p)
		}
		result := r.Run(t.Context())
		if inserted := len(s.mu.keys) - 101; inserted == 0 || result.Total.Missed > 0 {
			t.Errorf("%d keys were inserted, %d not found", inserted, result.Total.Missed)
		}
		if p := r.Progress(); p.Phase != "run" || p.Done != result.Requests {
			t.Errorf("progress %+v", p)
		}
		if err := r.Clean(t.Context()); err != nil || len(s.mu.keys) != 1 || s.mu.keys["other"] != 1 {
			t.Errorf("%d keys are left, %v", len(s.mu.keys), err)
		}
		s.broken = errors.New("refused")
		if err := r.Load(t.Context()); !errors.Is(err, s.broken) || !strings.Contains(err.Error(), "load: key k:0000") {
			t.Errorf("load: %v", err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.Clean(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("clean: %v", err)
		}
	})
}

// Each workload asks what it should, of keys that are there.
func TestWorkloads(t *testing.T) {
	for _, name := range Names() {
		synctest.Test(t, func(t *testing.T) {
			config := configOf(name)
			config.Clients, config.Duration = 40, 50*time.Millisecond // more than have a recorder each
			s := newStore()
			r, err := New(config, s)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := r.Run(t.Context())
			sum := uint64(0)
			for _, f := range got.Kinds {
				sum += f.Answered
				if f.Kind == "modify" && f.Conflicts != 2*f.Answered {
					t.Errorf("%d conflicts of %d", f.Conflicts, f.Answered)
				}
			}
			if got.Total.Missed != 0 || sum != got.Answered || got.Answered != 2000 || got.PerSecond < 39_000 || got.PerSecond > 41_000 {
				t.Errorf("%s: %d answered, %d of all kinds, %.0f a second, %d missed", name, got.Answered, sum, got.PerSecond, got.Total.Missed)
			}
		})
	}
	config := configOf("ycsb-e")
	config.Duration = time.Second
	inBubble(t, config, nil, func(_ *store, r *Result) {
		if r.Total.Missed == 0 {
			t.Error("nothing was loaded, and all was found")
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"workload":     func(c *Config) { c.Workload = "ycsb-g" },
		"reads":        func(c *Config) { c.Reads = 1.1 },
		"clients":      func(c *Config) { c.Clients = MaxClients + 1 },
		"no end":       func(c *Config) { c.Duration = 0 },
		"duration":     func(c *Config) { c.Duration = -1 },
		"warm-up":      func(c *Config) { c.Warmup = MaxTime + 1 },
		"interval":     func(c *Config) { c.Interval = -1 },
		"rate":         func(c *Config) { c.Rate = -1 },
		"small rate":   func(c *Config) { c.Rate = 1e-9 },
		"keys":         func(c *Config) { c.Keys = 0 },
		"prefix":       func(c *Config) { c.Prefix = strings.Repeat("x", 1025) },
		"value":        func(c *Config) { c.LeastValue = 17 },
		"large value":  func(c *Config) { c.LongestValue = MaxValueBytes + 1 },
		"timeout":      func(c *Config) { c.Timeout = 0 },
		"long timeout": func(c *Config) { c.Timeout = MaxTime + 1 },
	} {
		config := configOf("get")
		change(&config)
		if _, err := New(config, newStore()); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// The names in the document are a promise: what reads it counts on them.
func TestJSON(t *testing.T) {
	config := configOf("mixed")
	config.Rate, config.Timeout, config.Duration = 1000, 50*time.Millisecond, 5*time.Second
	inBubble(t, config, stallFor(time.Second), func(_ *store, r *Result) {
		r.Total.Corrected = r.Total.Service // so that all are there
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var document any
		if err := json.Unmarshal(b, &document); err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		collect(document, "", names)
		latency := "count min_us mean_us standard_deviation_us p50_us p90_us p99_us p99_9_us max_us distribution distribution.percentile distribution.count distribution.us"
		figures := "kind answered per_second failed failed.did_not_happen failed.may_have_happened failed.examples failed.latency missed conflicts latency service"
		want := strings.Fields("began seconds requests answered per_second interrupted cut_off late not_begun total kinds total.corrected parameters")
		for _, p := range strings.Fields("workload reads loop clients requests duration_seconds warmup_seconds rate interval_us keys prefix " +
			"least_value_bytes longest_value_bytes timeout_seconds seed") {
			want = append(want, "parameters."+p)
		}
		for _, of := range []string{"total.", "kinds."} {
			for _, f := range strings.Fields(figures) {
				want = append(want, of+f)
			}
			for _, l := range strings.Fields(latency) {
				want = append(want, of+"latency."+l, of+"service."+l, of+"failed.latency."+l)
			}
		}
		for _, l := range strings.Fields(latency) {
			want = append(want, "total.corrected."+l)
		}
		for _, w := range want {
			if !names[w] {
				t.Errorf("no %s", w)
			}
			delete(names, w)
		}
		for n := range names {
			t.Errorf("%s is new: promise it here", n)
		}
		d := r.Total.Latency.Distribution
		if last := d[len(d)-1]; last.Percentile != 100 || last.Count != r.Total.Latency.Count ||
			!slices.IsSortedFunc(d, func(a, b Percentile) int { return int(a.Count - b.Count) }) {
			t.Errorf("the last percentile is %+v", last)
		}
	})
}

// collect notes the names of all fields below a value.
func collect(value any, at string, names map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for name, below := range value {
			path := strings.TrimPrefix(fmt.Sprintf("%s.%s", at, name), ".")
			names[path] = true
			collect(below, path, names)
		}
	case []any:
		for _, below := range value {
			collect(below, at, names)
		}
	}
}
