package metrics

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Other is the name under which a request counts whose command is not known.
const Other = "other"

// bounds are the upper bounds of the buckets into which requests are sorted by how long they took.
var bounds = [...]time.Duration{
	20 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
}

// Requests counts and times the requests of one protocol. It is a prometheus.Collector. Its methods may be called
// concurrently.
//
// The counters are own ones: those of the library are a lock or several shared words for each request, which a server
// that answers hundreds of thousands a second feels.
type Requests struct {
	protocol string
	commands []string // sorted, Other last
	slow     slowLog

	shards  [shardCount][]cell // each with a cell for every command
	next    atomic.Uint32      // shard of the next connection
	clients atomic.Int64       // connected

	requests, duration, connected, slowly *prometheus.Desc
}

// shardCount is how many sets of counters there are, so that connections on different processors seldom share one.
const shardCount = 8

// cell is the counters of one command.
type cell struct {
	outcomes [outcomeCount]atomic.Uint64
	buckets  [len(bounds) + 1]atomic.Uint64
	nanos    atomic.Uint64
	_        [6]uint64 // up to four lines of the cache, which are not another cell's too
}

// Command is one of the commands that a Requests knows.
type Command int

// NewRequests makes counters for a protocol with the commands of these names, each at zero.
func NewRequests(protocol string, commands []string, slow Slow) *Requests {
	r := &Requests{protocol: protocol, commands: slices.Compact(slices.Sorted(slices.Values(commands)))}
	r.commands = append(r.commands, Other)
	r.slow.init(slow, len(r.commands))
	for i := range r.shards {
		r.shards[i] = make([]cell, len(r.commands))
	}
	of := prometheus.Labels{"protocol": protocol}
	r.requests = prometheus.NewDesc("chaintable_requests_total", "Requests of clients, by what became of them.", []string{"command", "outcome"}, of)
	r.duration = prometheus.NewDesc("chaintable_request_duration_seconds",
		"How long requests of clients took, from when the server took them up to when their replies were made.", []string{"command"}, of)
	r.connected = prometheus.NewDesc("chaintable_clients", "Connections of clients that are served here.", nil, of)
	r.slowly = prometheus.NewDesc("chaintable_slow_requests_total", "Requests that took at least as long as --slow-log says.", nil, of)
	return r
}

// Command is the command called name, or Other.
func (r *Requests) Command(name string) Command {
	if i, ok := slices.BinarySearch(r.commands[:len(r.commands)-1], name); ok {
		return Command(i)
	}
	return Command(len(r.commands) - 1)
}

// Total is how many requests have been recorded.
func (r *Requests) Total() uint64 {
	n := uint64(0)
	for c := range r.commands {
		for o := range outcomeCount {
			n += r.count(Command(c), Outcome(o))
		}
	}
	return n
}

func (r *Requests) count(c Command, o Outcome) (n uint64) {
	for i := range r.shards {
		n += r.shards[i][c].outcomes[o].Load()
	}
	return n
}

// Recorder records the requests of one connection.
type Recorder struct {
	requests *Requests
	cells    []cell
}

// Connect counts a client and gives it its Recorder.
func (r *Requests) Connect() Recorder {
	r.clients.Add(1)
	return Recorder{r, r.shards[r.next.Add(1)%shardCount]}
}

// Disconnect counts a client that has gone.
func (r Recorder) Disconnect() { r.requests.clients.Add(-1) }

// Record counts n requests that took so long each.
func (r Recorder) Record(command Command, outcome Outcome, n int, took time.Duration) {
	c := &r.cells[command]
	c.outcomes[outcome].Add(uint64(n))
	i := 0
	for i < len(bounds) && took > bounds[i] {
		i++
	}
	c.buckets[i].Add(uint64(n))
	c.nanos.Add(uint64(max(0, took)) * uint64(n))
	if r.requests.slow.is(took) {
		r.requests.slow.total.Add(uint64(n))
	}
}

// Describe implements prometheus.Collector.
func (r *Requests) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{r.requests, r.duration, r.connected, r.slowly} {
		out <- d
	}
}

// Collect implements prometheus.Collector. Every outcome of every command is there from the start, at zero, so that the first of
// a kind is seen to be one more; how long they took only of commands that have been used.
func (r *Requests) Collect(out chan<- prometheus.Metric) {
	for i, name := range r.commands {
		total := uint64(0)
		for o := range outcomeCount {
			n := r.count(Command(i), Outcome(o))
			total += n
			out <- prometheus.MustNewConstMetric(r.requests, prometheus.CounterValue, float64(n), name, Outcome(o).String())
		}
		if total > 0 {
			out <- r.histogram(Command(i))
		}
	}
	out <- prometheus.MustNewConstMetric(r.connected, prometheus.GaugeValue, float64(r.clients.Load()))
	out <- prometheus.MustNewConstMetric(r.slowly, prometheus.CounterValue, float64(r.slow.total.Load()))
}

func (r *Requests) histogram(c Command) prometheus.Metric {
	var counts [len(bounds) + 1]uint64
	nanos := uint64(0)
	for i := range r.shards {
		cell := &r.shards[i][c]
		for b := range counts {
			counts[b] += cell.buckets[b].Load()
		}
		nanos += cell.nanos.Load()
	}
	return newHistogram(r.duration, counts[:], bounds[:], time.Duration(min(nanos, math.MaxInt64)), r.commands[c])
}

// newHistogram is a histogram of how many there are in each bucket, the last one being unbounded.
func newHistogram(d *prometheus.Desc, counts []uint64, bounds []time.Duration, sum time.Duration, labels ...string) prometheus.Metric {
	total, upTo := uint64(0), make(map[float64]uint64, len(bounds))
	for i, n := range counts {
		if total += n; i < len(bounds) {
			upTo[bounds[i].Seconds()] = total
		}
	}
	return prometheus.MustNewConstHistogram(d, total, sum.Seconds(), upTo, labels...)
}
