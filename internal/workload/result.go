package workload

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what was measured. As JSON it is stable: fields are added, and keep their meaning.
type Result struct {
	Parameters  Parameters `json:"parameters"`
	Began       time.Time  `json:"began"`
	Seconds     float64    `json:"seconds"`     // until the last answer
	Requests    uint64     `json:"requests"`    // that ended, answered or failed
	Answered    uint64     `json:"answered"`    // without an error
	PerSecond   float64    `json:"per_second"`  // of those answered
	Interrupted bool       `json:"interrupted"` // it ended before its time
	CutOff      uint64     `json:"cut_off"`     // requests under way when it was interrupted, which count nowhere else
	Late        uint64     `json:"late"`        // requests that were due while as many as may be were under way: begun late
	NotBegun    uint64     `json:"not_begun"`   // requests that were due and had not begun at the end; in the total's latency with the time they had waited
	Total       Figures    `json:"total"`
	Kinds       []Figures  `json:"kinds"` // those that occurred
}

// Parameters are the Config, as JSON.
type Parameters struct {
	Workload        string  `json:"workload"`
	Reads           float64 `json:"reads,omitempty"` // of mixed
	Loop            string  `json:"loop"`            // open or closed
	Clients         int     `json:"clients"`
	Requests        uint64  `json:"requests"`         // 0 for any number
	DurationSeconds float64 `json:"duration_seconds"` // 0 for as long as it takes
	WarmupSeconds   float64 `json:"warmup_seconds"`
	Rate            float64 `json:"rate"`        // due a second; 0 in the closed loop
	IntervalUS      float64 `json:"interval_us"` // that the correction supposes; 0 in the open loop
	Keys            uint64  `json:"keys"`
	Prefix          string  `json:"prefix"`
	LeastValue      int     `json:"least_value_bytes"`
	LongestValue    int     `json:"longest_value_bytes"`
	TimeoutSeconds  float64 `json:"timeout_seconds"`
	Seed            uint64  `json:"seed,string"` // a string, since many readers of JSON cannot hold it as a number
}

// Figures are what was measured of one kind of request, or of all.
type Figures struct {
	Kind      string   `json:"kind"` // or total
	Answered  uint64   `json:"answered"`
	PerSecond float64  `json:"per_second"`
	Failed    Failures `json:"failed"`
	Missed    uint64   `json:"missed"`    // keys that were read and not there
	Conflicts uint64   `json:"conflicts"` // how often a modify had to begin again, since somebody else had written

	// Latency is of requests that were answered: since they were due in the open loop, since they began in the closed.
	Latency Latency `json:"latency"`
	// Service is the same since they began, in the open loop.
	Service *Latency `json:"service,omitempty"`
	// Corrected is Latency of the total in the closed loop, corrected for coordinated omission.
	Corrected *Latency `json:"corrected,omitempty"`
}

// Failures are requests that failed.
type Failures struct {
	DidNotHappen    uint64   `json:"did_not_happen"`
	MayHaveHappened uint64   `json:"may_have_happened"`
	Examples        []string `json:"examples,omitempty"` // the first error of each
	Latency         *Latency `json:"latency,omitempty"`  // of those
}

// All is how many failed.
func (f *Failures) All() uint64 { return f.DidNotHappen + f.MayHaveHappened }

// Latency tells how long requests took.
type Latency struct {
	Count        int64        `json:"count"`
	MinUS        float64      `json:"min_us"`
	MeanUS       float64      `json:"mean_us"`
	DeviationUS  float64      `json:"standard_deviation_us"`
	P50US        float64      `json:"p50_us"`
	P90US        float64      `json:"p90_us"`
	P99US        float64      `json:"p99_us"`
	P999US       float64      `json:"p99_9_us"`
	MaxUS        float64      `json:"max_us"`
	Distribution []Percentile `json:"distribution"` // HdrHistogram's percentiles, which come closer together towards 100
}

// Percentile is one of a distribution: so many requests, which are that part of all, took no longer.
type Percentile struct {
	Percentile float64 `json:"percentile"`
	Count      int64   `json:"count"`
	US         float64 `json:"us"`
}

// ticks is how many percentiles a distribution has for each half of what is left to 100.
const ticks = 5

func microseconds(ns float64) float64 { return ns / 1000 }

func latencyOf(h *hdrhistogram.Histogram) Latency {
	at := func(p float64) float64 { return microseconds(float64(h.ValueAtPercentile(p))) }
	l := Latency{
		Count: h.TotalCount(), MinUS: microseconds(float64(h.Min())), MeanUS: microseconds(h.Mean()), DeviationUS: microseconds(h.StdDev()),
		P50US: at(50), P90US: at(90), P99US: at(99), P999US: at(99.9), MaxUS: microseconds(float64(h.Max())), Distribution: []Percentile{},
	}
	if l.Count == 0 {
		l.MeanUS, l.DeviationUS = 0, 0 // of nothing they are no numbers
		return l
	}
	for _, b := range h.CumulativeDistributionWithTicks(ticks) {
		l.Distribution = append(l.Distribution, Percentile{b.Quantile, b.Count, microseconds(float64(b.ValueAt))})
	}
	return l
}

// figures are those of a tally.
func (n *run) figures(name string, t *tally) Figures {
	f := Figures{
		Kind: name, Answered: uint64(t.latency.TotalCount()), Missed: t.missed, Conflicts: t.conflicts, Latency: latencyOf(t.latency),
		Failed: Failures{DidNotHappen: t.errors[0], MayHaveHappened: t.errors[1]},
	}
	if n.took > 0 {
		f.PerSecond = float64(f.Answered) / n.took.Seconds()
	}
	for _, e := range t.example {
		if e != "" {
			f.Failed.Examples = append(f.Failed.Examples, e)
		}
	}
	if t.failed.TotalCount() > 0 {
		l := latencyOf(t.failed)
		f.Failed.Latency = &l
	}
	if t.service != nil {
		l := latencyOf(t.service)
		f.Service = &l
	}
	return f
}

// result is what was measured.
func (n *run) result(interrupted bool) *Result {
	c := &n.config
	total := newTally(c.Rate > 0)
	r := &Result{Began: n.wall, Seconds: n.took.Seconds(), Interrupted: interrupted, CutOff: n.interrupted.Load(), Late: n.late.Load(), NotBegun: n.unbegun}
	for k := range kinds {
		var of *tally
		for _, from := range n.recorders {
			switch t := from.mu.tallies[k]; { // all goroutines have ended
			case t == nil:
			case of == nil:
				of = t
			default:
				of.merge(t)
			}
		}
		if of != nil {
			total.merge(of)
			r.Kinds = append(r.Kinds, n.figures(k.String(), of))
		}
	}
	r.Total = n.figures("total", total)
	interval := time.Duration(0)
	if c.Rate == 0 {
		if interval = c.Interval; interval == 0 {
			interval = time.Duration(total.latency.ValueAtPercentile(50))
		}
		l := latencyOf(correct(total.latency, interval))
		r.Total.Corrected = &l
	} else if n.unbegun > 0 {
		spread(total.latency, n.unbegunFor, time.Duration(float64(time.Second)/c.Rate), int64(n.unbegun), 1)
		r.Total.Latency = latencyOf(total.latency)
	}
	r.Answered, r.PerSecond = r.Total.Answered, r.Total.PerSecond
	r.Requests = r.Answered + r.Total.Failed.All()
	r.Parameters = c.parameters(interval)
	return r
}

func (c *Config) parameters(interval time.Duration) Parameters {
	p := Parameters{
		Workload: c.Workload, Loop: "closed", Clients: c.Clients, Requests: c.Requests, DurationSeconds: c.Duration.Seconds(), WarmupSeconds: c.Warmup.Seconds(),
		Rate: c.Rate, IntervalUS: microseconds(float64(interval)), Keys: c.Keys, Prefix: c.Prefix, LeastValue: c.LeastValue, LongestValue: c.LongestValue,
		TimeoutSeconds: c.Timeout.Seconds(), Seed: c.Seed,
	}
	if c.Rate > 0 {
		p.Loop = "open"
	}
	if c.Workload == Mixed {
		p.Reads = c.Reads
	}
	return p
}
