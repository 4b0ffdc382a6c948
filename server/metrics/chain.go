package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/replica"
)

// chainCollector shows how the replica is, as of its last tick.
type chainCollector struct {
	backend Backend
	rows    []row
	hops    *prometheus.Desc
	last    *prometheus.Desc
	worst   *prometheus.Desc
}

// row is one metric: without a label, or with one, of which it has each value.
type row struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(s *replica.Status, label string) float64
	each []string                                   // values of the label; nil for no label
	when func(s *replica.Status, label string) bool // there is something to be shown; nil: always
}

// roles are all that replica.Status.Role can be.
var roles = []string{"head", "middle", "tail", "single", "learner", "spare", "outside"}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("chaintable_"+name, help, labels, nil)
}

// gauge is a row without a label.
func gauge(name, help string, of func(s *replica.Status) float64) row {
	return row{desc: desc(name, help), kind: prometheus.GaugeValue, of: func(s *replica.Status, _ string) float64 { return of(s) }}
}

// counter is a gauge that only rises.
func counter(name, help string, of func(s *replica.Status) float64) row {
	r := gauge(name, help, of)
	r.kind = prometheus.CounterValue
	return r
}

func newChain(backend Backend) *chainCollector {
	var changes []string
	for c := range chain.Change(chain.ChangeCount) {
		changes = append(changes, c.String())
	}
	return &chainCollector{
		backend: backend,
		hops: desc("hop_seconds", "How long it took from when an entry was appended here until it was received by the successor, on this server's disk, known here to be "+
			"committed, or applied here; of pings, until the successor's answer.", "phase"),
		last:  desc("hop_last_seconds", "The newest of the times that hop_seconds counts.", "phase"),
		worst: desc("hop_worst_seconds", "The longest of these times in the last half to whole minute.", "phase"),
		rows: []row{
			gauge("serving", "1 while the server serves clients itself.", func(s *replica.Status) float64 { return truth(s.Serving) }),
			gauge("epoch", "Epoch of the view that the server has adopted.", func(s *replica.Status) float64 { return float64(s.Epoch) }),
			gauge("members", "Members of the chain, in that view.", func(s *replica.Status) float64 { return float64(len(s.View.Members)) }),
			gauge("members_target", "How many members the chain wants; 0 for all that register.", func(s *replica.Status) float64 { return float64(s.View.Target) }),
			gauge("uncommitted_entries", "Seqs from what is known to be committed to the end of the log.", func(s *replica.Status) float64 { return float64(s.Last - s.Committed) }),
			gauge("lag_entries", "Seqs from what is applied to the end of the log.", func(s *replica.Status) float64 { return float64(s.Last - s.Applied) }),
			gauge("position", "The server's place among the members: 1 for the head, one more for each behind it; 0 outside.", position),
			gauge("leases", "1 if reads may be answered under a lease; 0 with --leases=off.", func(s *replica.Status) float64 { return truth(s.Leases) }),
			gauge("lease_left_seconds", "For how long reads may be answered without a barrier; 0 for no lease.", func(s *replica.Status) float64 { return s.LeaseLeft.Seconds() }),
			gauge("pending_requests", "Requests of this server that wait for an answer of the chain.", func(s *replica.Status) float64 { return float64(s.Pending) }),
			gauge("waiting_reads", "Reads that wait for an entry to be applied.", func(s *replica.Status) float64 { return float64(s.Queues.Readers) }),
			gauge("keys", "Keys in the table.", func(s *replica.Status) float64 { return float64(s.Keys) }),
			gauge("sessions", "Sessions in the table.", func(s *replica.Status) float64 { return float64(s.Sessions) }),
			gauge("table_bytes", "Size of the table, as --max-memory counts it.", func(s *replica.Status) float64 { return float64(s.Bytes) }),
			gauge("table_limit_bytes", "What --max-memory allows the table; 0 for no bound.", func(s *replica.Status) float64 { return float64(s.MaxMemory) }),
			gauge("disk_full", "1 while there is no space on this server's disk: the chain refuses writes.", func(s *replica.Status) float64 { return truth(s.DiskFull) }),
			gauge("learner_receiving", "1 while a snapshot is under way, to or from this server, or being put in place.", func(s *replica.Status) float64 { return truth(s.Learner.Receiving()) }),
			gauge("learner_chunks", "Chunks of that snapshot that have arrived.", func(s *replica.Status) float64 { return float64(s.Learner.Chunks) }),
			gauge("learner_bytes", "Bytes of that snapshot, or of log from the tail's disk, that have arrived.", func(s *replica.Status) float64 { return float64(s.Learner.Bytes) }),
			gauge("learner_behind_entries", "Entries that the learner lacks, at most.", func(s *replica.Status) float64 { return float64(s.Learner.Entries) }),
			gauge("learner_behind_bytes", "Log that the learner lacks, as its tail knows.", func(s *replica.Status) float64 { return float64(s.Learner.Behind) }),
			counter("barriers_total", "Barriers that have passed for reads of this server.", func(s *replica.Status) float64 { return float64(s.Counts.Barriers) }),
			counter("barrier_reads_total", "Reads of this server that waited for a barrier, having no lease.", func(s *replica.Status) float64 { return float64(s.Counts.Reads) }),
			counter("snapshots_total", "Snapshots that this server has begun to send to learners.", func(s *replica.Status) float64 { return float64(s.Counts.Snapshots) }),
			counter("log_recalls_total", "How often this server has begun to read log on its disk for a learner.", func(s *replica.Status) float64 { return float64(s.Counts.Recalls) }),
			counter("digests_total", "Comparisons of the members' tables that this server has seen.", func(s *replica.Status) float64 { return float64(s.Counts.Digests) }),
			counter("digests_differing_total", "Members that differed in one of them.", func(s *replica.Status) float64 { return float64(s.Counts.Differing) }),
			counter("link_resets_total", "How often the connection to the successor broke.", func(s *replica.Status) float64 { return float64(s.Counts.Resets) }),
			{
				desc: desc("role", "1 for the server's place in the chain, 0 for the others.", "role"), kind: prometheus.GaugeValue, each: roles,
				of: func(s *replica.Status, role string) float64 { return truth(s.Role == role) },
			},
			{
				desc: desc("seq", "How far the log is: applied <= committed <= stable <= last.", "mark"), kind: prometheus.GaugeValue,
				each: []string{"last", "stable", "committed", "applied"},
				of: func(s *replica.Status, mark string) float64 {
					return float64(map[string]chain.Seq{"last": s.Last, "stable": s.Stable, "committed": s.Committed, "applied": s.Applied}[mark])
				},
			},
			{
				desc: desc("queue_length", "What waits for the server's loop.", "queue"), kind: prometheus.GaugeValue, each: []string{"inputs", "batches", "urgent"},
				of: func(s *replica.Status, queue string) float64 {
					return float64(map[string]int{"inputs": s.Queues.Inputs, "batches": s.Queues.Batches, "urgent": s.Queues.Urgent}[queue])
				},
			},
			{
				desc: desc("link_up", "1 while the link to a neighbour is open; absent for a neighbour that there is not.", "neighbour"), kind: prometheus.GaugeValue,
				each: []string{"predecessor", "successor"},
				of:   func(s *replica.Status, which string) float64 { return truth(link(s, which) == chain.LinkUp) },
				when: func(s *replica.Status, which string) bool { return link(s, which) != chain.LinkNone },
			},
			{
				desc: desc("view_changes_total", "Changes of the view that the server has adopted.", "cause"), kind: prometheus.CounterValue, each: changes,
				of: func(s *replica.Status, cause string) float64 {
					for c, n := range s.Counts.Changes {
						if chain.Change(c).String() == cause {
							return float64(n)
						}
					}
					return 0
				},
			},
		},
	}
}

func position(s *replica.Status) float64 {
	return float64(s.View.Index(chain.MemberID{Node: s.ID, Incarnation: s.Incarnation}) + 1)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func link(s *replica.Status, which string) chain.LinkState {
	if which == "predecessor" {
		return s.Predecessor.Link
	}
	return s.Successor.Link
}

// Describe implements prometheus.Collector.
func (c *chainCollector) Describe(out chan<- *prometheus.Desc) {
	for _, r := range c.rows {
		out <- r.desc
	}
	out <- c.hops
	out <- c.last
	out <- c.worst
}

// Collect implements prometheus.Collector.
func (c *chainCollector) Collect(out chan<- prometheus.Metric) {
	s := c.backend.Status()
	for _, r := range c.rows {
		if r.each == nil {
			out <- prometheus.MustNewConstMetric(r.desc, r.kind, r.of(&s, ""))
		}
		for _, label := range r.each {
			if r.when == nil || r.when(&s, label) {
				out <- prometheus.MustNewConstMetric(r.desc, r.kind, r.of(&s, label), label)
			}
		}
	}
	for _, hop := range []struct {
		phase string
		*chain.Timing
	}{{"ping", &s.Hops.Ping}, {"received", &s.Hops.Received}, {"durable", &s.Hops.Durable}, {"committed", &s.Hops.Committed}, {"applied", &s.Hops.Applied}} {
		out <- newHistogram(c.hops, hop.Buckets[:], chain.HopBounds[:], hop.Sum, hop.phase)
		out <- prometheus.MustNewConstMetric(c.last, prometheus.GaugeValue, hop.Last.Seconds(), hop.phase)
		out <- prometheus.MustNewConstMetric(c.worst, prometheus.GaugeValue, hop.Worst().Seconds(), hop.phase)
	}
}
