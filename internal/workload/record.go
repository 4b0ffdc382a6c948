package workload

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// shortest and longest are what a histogram tells apart, in nanoseconds: a microsecond, and longer than any wait.
	shortest, longest = int64(time.Microsecond), int64(2 * MaxTime)
	// figures is how many digits of a latency are right.
	figures = 3
	// maxRecorders bounds the memory for histograms, of which each takes a quarter of a megabyte. More goroutines than these share.
	maxRecorders = 32
	// maxSteps bounds the work of spread.
	maxSteps = 10_000
)

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(shortest, longest, figures) }

// note adds a latency, n times. None is too long to be noted.
func note(h *hdrhistogram.Histogram, latency time.Duration, n int64) {
	_ = h.RecordValues(min(max(int64(latency), 0), longest), n) // which fails only beyond the bounds
}

// spread adds n latencies, count times each: first, and each further one shorter by interval. Of very many, neighbours are noted as one.
func spread(h *hdrhistogram.Histogram, first, interval time.Duration, n, count int64) {
	step := (n + maxSteps - 1) / maxSteps
	for at := int64(0); at < n; at += step {
		group := min(step, n-at)
		middle := float64(at) + float64(group-1)/2
		note(h, first-time.Duration(middle*float64(interval)), group*count)
	}
}

// correct is h with what a goroutine would have measured had it asked again each interval, as HdrHistogram's correction of coordinated omission has it.
func correct(h *hdrhistogram.Histogram, interval time.Duration) *hdrhistogram.Histogram {
	corrected, longest := newHistogram(), h.Max()
	for _, bar := range h.Distribution() {
		if bar.Count == 0 {
			continue
		}
		took := time.Duration(min(bar.To, longest))
		note(corrected, took, bar.Count)
		if interval > 0 {
			spread(corrected, took-interval, interval, int64(took/interval)-1, bar.Count)
		}
	}
	return corrected
}

// tally is what was measured of one kind of request.
type tally struct {
	latency   *hdrhistogram.Histogram // of those answered: since they were due in the open loop, since they began in the closed
	service   *hdrhistogram.Histogram // of those answered, since they began; nil in the closed loop
	failed    *hdrhistogram.Histogram // of those that failed, as latency
	errors    [2]uint64               // that did not happen, that may have happened
	example   [2]string               // the first error of each
	missed    uint64                  // keys that were read and not there
	conflicts uint64                  // of Modify
}

func newTally(open bool) *tally {
	t := &tally{latency: newHistogram(), failed: newHistogram()}
	if open {
		t.service = newHistogram()
	}
	return t
}

// merge adds what another has.
func (t *tally) merge(o *tally) {
	t.latency.Merge(o.latency)
	t.failed.Merge(o.failed)
	if t.service != nil {
		t.service.Merge(o.service)
	}
	for i := range t.errors {
		t.errors[i] += o.errors[i]
		if t.example[i] == "" {
			t.example[i] = o.example[i]
		}
	}
	t.missed += o.missed
	t.conflicts += o.conflicts
}

// answer is what became of a request.
type answer struct {
	missed, conflicts int
	uncertain         bool // it failed, and may have happened
	err               error
}

// recorder is what a goroutine notes, or the few that share it.
type recorder struct {
	open bool
	mu   struct {
		sync.Mutex
		tallies [kinds]*tally // nil until there is one of the kind
	}
}

func (r *recorder) note(k Kind, a answer, latency, service time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.mu.tallies[k]
	if t == nil {
		t = newTally(r.open)
		r.mu.tallies[k] = t
	}
	t.missed += uint64(a.missed)
	t.conflicts += uint64(a.conflicts)
	if a.err == nil {
		note(t.latency, latency, 1)
		if t.service != nil {
			note(t.service, service, 1)
		}
		return
	}
	outcome := 0
	if a.uncertain {
		outcome = 1
	}
	if t.errors[outcome]++; t.example[outcome] == "" {
		t.example[outcome] = a.err.Error()
	}
	note(t.failed, latency, 1)
}
