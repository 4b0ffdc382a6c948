package workload

import (
	"fmt"
	"strings"
	"time"
)

// The bounds of a Config.
const (
	MaxClients    = 10_000
	MaxKeys       = 1_000_000_000
	MaxValueBytes = 16 << 20
	MaxRate       = 1_000_000
	MaxTime       = 24 * time.Hour
)

// Config is the load.
type Config struct {
	// Workload is one of Names.
	Workload string
	// Reads is the share of reads in the workload mixed, from 0 to 1.
	Reads float64
	// Clients is how many goroutines ask: the most requests that are under way.
	Clients int
	// Requests is how many are asked in all, after the warm-up; zero for as many as come in Duration.
	Requests uint64
	// Duration is how long requests are begun, after the warm-up; zero for until Requests are asked. One of the two is wanted; with both the
	// first to be reached ends the run.
	Duration time.Duration
	// Warmup is how long the same is done before, without being measured.
	Warmup time.Duration
	// Rate is how many requests are due each second in the open loop; zero is the closed loop.
	Rate float64
	// Interval is after which time a goroutine in the closed loop would have asked again had the store not stood still, for the
	// corrected figures. Zero: the median of the measured latencies.
	Interval time.Duration
	// Keys is how many keys there are at the start. They are the numbers from 0 on behind Prefix.
	Keys   uint64
	Prefix string
	// LeastValue and LongestValue are the bounds of a value, in bytes. Sizes between are equally likely.
	LeastValue, LongestValue int
	// Timeout is how long a request may take.
	Timeout time.Duration
	// Seed decides what is asked.
	Seed uint64
}

// Validate tells what is wrong with the Config.
func (c *Config) Validate() error {
	within := func(d time.Duration) bool { return d >= 0 && d <= MaxTime }
	_, known := mixOf(c.Workload, c.Reads)
	switch {
	case !known:
		return fmt.Errorf("workload: no workload %q: want one of %s", c.Workload, strings.Join(Names(), ", "))
	case !(c.Reads >= 0 && c.Reads <= 1):
		return fmt.Errorf("workload: a share of reads of %v: want something from 0 to 1", c.Reads)
	case c.Clients < 1 || c.Clients > MaxClients:
		return fmt.Errorf("workload: %d clients: want 1 to %d", c.Clients, MaxClients)
	case c.Requests == 0 && c.Duration == 0:
		return fmt.Errorf("workload: neither a number of requests nor a duration")
	case !within(c.Duration) || !within(c.Warmup) || !within(c.Interval):
		return fmt.Errorf("workload: a duration, warm-up or interval below 0 or above %v", MaxTime)
	case !(c.Rate == 0 || c.Rate >= 0.001 && c.Rate <= MaxRate):
		return fmt.Errorf("workload: a rate of %v: want 0.001 to %d requests a second, or 0 for the closed loop", c.Rate, MaxRate)
	case c.Keys < 1 || c.Keys > MaxKeys:
		return fmt.Errorf("workload: %d keys: want 1 to %d", c.Keys, MaxKeys)
	case len(c.Prefix) > 1024:
		return fmt.Errorf("workload: a prefix of %d bytes: want at most 1024", len(c.Prefix))
	case c.LeastValue < 0 || c.LongestValue < c.LeastValue || c.LongestValue > MaxValueBytes:
		return fmt.Errorf("workload: values of %d to %d bytes: want 0 to %d, the smaller first", c.LeastValue, c.LongestValue, MaxValueBytes)
	case c.Timeout < time.Millisecond || c.Timeout > MaxTime:
		return fmt.Errorf("workload: a timeout of %v: want 1ms to %v", c.Timeout, MaxTime)
	}
	return nil
}
