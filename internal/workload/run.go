package workload

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// headStart is when the first request of the open loop is due: by then all goroutines are there.
const headStart = 10 * time.Millisecond

// Runner puts one load on one Target. Load, Run and Clean are called one after the other; Progress at any time.
type Runner struct {
	config  Config
	mix     mix
	target  Target
	grown   *frontier
	values  *values
	sources []*source

	phase        atomic.Value // string
	done, failed atomic.Uint64
}

// New makes a Runner.
func New(config Config, target Target) (*Runner, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	r := &Runner{config: config, target: target, grown: newFrontier(config.Keys), values: newValues(config.Seed, config.LeastValue, config.LongestValue)}
	r.mix, _ = mixOf(config.Workload, config.Reads)
	for i := range config.Clients {
		r.sources = append(r.sources, newSource(config.Seed, uint64(i), &r.mix, config.Keys, r.grown, r.values))
	}
	r.phase.Store("")
	return r, nil
}

// Progress is how far a Runner is.
type Progress struct {
	Phase        string // load, warm-up, run or cleanup; empty before
	Done, Failed uint64 // requests of the phase
}

// Progress is how far the Runner is.
func (r *Runner) Progress() Progress {
	return Progress{Phase: r.phase.Load().(string), Done: r.done.Load(), Failed: r.failed.Load()}
}

// begin begins a phase.
func (r *Runner) begin(phase string) {
	r.done.Store(0)
	r.failed.Store(0)
	r.phase.Store(phase)
}

// Load sets all keys. It ends with the first error.
func (r *Runner) Load(ctx context.Context) error {
	r.begin("load")
	random := newSource(r.config.Seed, 1<<62, &r.mix, 1, nil, r.values).random
	var mu sync.Mutex
	return r.each(ctx, r.config.Keys, func(ctx context.Context, key string) error {
		mu.Lock()
		value := r.values.draw(random)
		mu.Unlock()
		return r.target.Set(ctx, key, value)
	})
}

// Clean deletes all keys that Load and Run may have written. It ends with the first error.
func (r *Runner) Clean(ctx context.Context) error {
	r.begin("cleanup")
	return r.each(ctx, r.grown.taken(), r.target.Delete)
}

// each does something for the keys from 0 on, with all goroutines, until it fails.
func (r *Runner) each(ctx context.Context, keys uint64, do func(ctx context.Context, key string) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Uint64
	var all sync.WaitGroup
	for range r.config.Clients {
		all.Go(func() {
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= keys {
					return
				}
				key := keyOf(r.config.Prefix, i)
				within, end := context.WithTimeout(ctx, r.config.Timeout)
				err := do(within, key)
				end()
				if err != nil {
					r.failed.Add(1)
					cancel(fmt.Errorf("workload: %s: key %s: %w", r.phase.Load(), key, err))
					return
				}
				r.done.Add(1)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// Run puts the load on the Target, and tells what it measured. If ctx ends it ends early, and leaves out what was under way then.
func (r *Runner) Run(ctx context.Context) *Result {
	if r.config.Warmup > 0 {
		r.begin("warm-up")
		r.load(ctx, 0, r.config.Warmup)
	}
	r.begin("run")
	return r.load(ctx, r.config.Requests, r.config.Duration).result(ctx.Err() != nil)
}

// run is one time of load.
type run struct {
	*Runner
	requests    uint64        // at most; zero for any number
	duration    time.Duration // at most; zero for ever
	began       time.Time
	wall        time.Time
	took        time.Duration
	recorders   []*recorder
	claimed     atomic.Uint64
	begun       atomic.Uint64
	late        atomic.Uint64
	interrupted atomic.Uint64
	unbegun     uint64
	unbegunFor  time.Duration // how long the first of those had waited
}

// load asks with all goroutines until that many are asked, or for so long.
func (r *Runner) load(ctx context.Context, requests uint64, duration time.Duration) *run {
	n := &run{Runner: r, requests: requests, duration: duration, wall: time.Now(), began: time.Now()}
	if r.config.Rate > 0 {
		n.began = n.began.Add(headStart)
	}
	for range min(len(r.sources), maxRecorders) {
		n.recorders = append(n.recorders, &recorder{open: r.config.Rate > 0})
	}
	var all sync.WaitGroup
	for i, s := range r.sources {
		all.Go(func() {
			for n.one(ctx, s, n.recorders[i%len(n.recorders)]) {
			}
		})
	}
	stopped := make(chan time.Duration, 1)
	finished := context.AfterFunc(ctx, func() { stopped <- time.Since(n.began) })
	all.Wait()
	n.took = max(time.Since(n.began), 0)
	end := n.took
	if !finished() {
		end = min(end, <-stopped)
	}
	if n.config.Rate > 0 {
		n.count(end)
	}
	return n
}

// due is when the request of that number is due in the open loop, after the begin.
func (n *run) due(i uint64) time.Duration {
	return time.Duration(float64(i) / n.config.Rate * float64(time.Second))
}

// count finds what was due before the end and has not begun.
func (n *run) count(end time.Duration) {
	if n.duration > 0 {
		end = min(end, n.duration)
	}
	due := uint64(math.Ceil(max(end.Seconds(), 0) * n.config.Rate))
	for due > 0 && n.due(due-1) >= end { // rounding
		due--
	}
	if n.requests > 0 {
		due = min(due, n.requests)
	}
	if begun := n.begun.Load(); due > begun {
		n.unbegun, n.unbegunFor = due-begun, end-n.due(begun)
	}
}

// one asks once. It is false when no more is to be asked.
func (n *run) one(ctx context.Context, s *source, to *recorder) bool {
	i := n.claimed.Add(1) - 1
	if n.requests > 0 && i >= n.requests || ctx.Err() != nil {
		return false
	}
	since := time.Since(n.began)
	due, late := since, false
	switch {
	case n.config.Rate == 0:
		if n.duration > 0 && since >= n.duration {
			return false
		}
	default:
		// Requests are claimed in the order in which they are due. So if one is claimed when it is due already, no goroutine was free before.
		due = n.due(i)
		late = since > due
		if n.duration > 0 && (due >= n.duration || late && since >= n.duration) {
			return false
		}
		if !late && !sleep(ctx, due-since) {
			return false
		}
	}
	q := s.next()
	n.begun.Add(1)
	if late {
		n.late.Add(1)
	}
	began := time.Since(n.began)
	if n.config.Rate == 0 {
		due = began
	}
	a := n.ask(ctx, q)
	ended := time.Since(n.began)
	if q.kind == Insert {
		n.grown.settle(q.key)
	}
	switch {
	case a.err != nil && ctx.Err() != nil:
		n.interrupted.Add(1)
		return false
	case a.err != nil:
		n.failed.Add(1)
	}
	n.done.Add(1)
	to.note(q.kind, a, ended-due, ended-began)
	return true
}

// ask asks the Target.
func (n *run) ask(ctx context.Context, q request) (a answer) {
	ctx, cancel := context.WithTimeout(ctx, n.config.Timeout)
	defer cancel()
	key := keyOf(n.config.Prefix, q.key)
	switch q.kind {
	case Get:
		var found bool
		if found, a.err = n.target.Get(ctx, key); !found && a.err == nil {
			a.missed = 1
		}
	case Set, Insert:
		a.err = n.target.Set(ctx, key, q.value)
	case Scan:
		keys := make([]string, min(q.scan, n.config.Keys))
		for i := range keys {
			keys[i] = keyOf(n.config.Prefix, (q.key+uint64(i))%n.config.Keys)
		}
		var found int
		if found, a.err = n.target.Scan(ctx, keys); a.err == nil {
			a.missed = len(keys) - found
		}
	case Modify:
		a.conflicts, a.err = n.target.Modify(ctx, key, q.value)
	}
	a.uncertain = a.err != nil && n.target.MayHaveHappened(a.err)
	return a
}

// sleep waits, and is false if ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
