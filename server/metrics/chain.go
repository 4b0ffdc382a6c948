package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/chaintable/chaintable/replica"
)

// chainCollector shows how the replica is, as of its last tick.
type chainCollector struct {
	backend Backend
	values  []value
	roles   *prometheus.Desc
	seqs    *prometheus.Desc
}

// value is a metric without labels.
type value struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(s *replica.Status) float64
}

// roles are all that replica.Status.Role can be.
var roles = []string{"head", "middle", "tail", "single", "learner", "spare", "outside"}

func newChain(backend Backend) *chainCollector {
	c := &chainCollector{backend: backend}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("chaintable_"+name, help, labels, nil)
	}
	gauge := func(name, help string, of func(s *replica.Status) float64) {
		c.values = append(c.values, value{desc(name, help), prometheus.GaugeValue, of})
	}
	c.roles = desc("role", "1 for the server's place in the chain, 0 for the others.", "role")
	c.seqs = desc("seq", "How far the log is: applied <= committed <= stable <= last.", "mark")
	gauge("serving", "1 while the server serves clients itself.", func(s *replica.Status) float64 { return truth(s.Serving) })
	gauge("epoch", "Epoch of the view that the server has adopted.", func(s *replica.Status) float64 { return float64(s.Epoch) })
	gauge("members", "Members of the chain, in that view.", func(s *replica.Status) float64 { return float64(len(s.View.Members)) })
	gauge("members_target", "How many members the chain wants; 0 for all that register.", func(s *replica.Status) float64 { return float64(s.View.Target) })
	gauge("uncommitted_entries", "Seqs from what is known to be committed to the end of the log.", func(s *replica.Status) float64 { return float64(s.Last - s.Committed) })
	gauge("lag_entries", "Seqs from what is applied to the end of the log.", func(s *replica.Status) float64 { return float64(s.Last - s.Applied) })
	gauge("lease_left_seconds", "For how long reads may be answered without a barrier; 0 for no lease.", func(s *replica.Status) float64 { return s.LeaseLeft.Seconds() })
	gauge("pending_requests", "Requests of this server that wait for an answer of the chain.", func(s *replica.Status) float64 { return float64(s.Pending) })
	gauge("keys", "Keys in the table.", func(s *replica.Status) float64 { return float64(s.Keys) })
	gauge("table_bytes", "Size of the table, as --max-memory counts it.", func(s *replica.Status) float64 { return float64(s.Bytes) })
	return c
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (c *chainCollector) Describe(out chan<- *prometheus.Desc) {
	for _, v := range c.values {
		out <- v.desc
	}
	out <- c.roles
	out <- c.seqs
}

// Collect implements prometheus.Collector.
func (c *chainCollector) Collect(out chan<- prometheus.Metric) {
	s := c.backend.Status()
	for _, v := range c.values {
		out <- prometheus.MustNewConstMetric(v.desc, v.kind, v.of(&s))
	}
	for _, role := range roles {
		out <- prometheus.MustNewConstMetric(c.roles, prometheus.GaugeValue, truth(s.Role == role), role)
	}
	for _, m := range []struct {
		mark string
		seq  uint64
	}{{"last", uint64(s.Last)}, {"stable", uint64(s.Stable)}, {"committed", uint64(s.Committed)}, {"applied", uint64(s.Applied)}} {
		out <- prometheus.MustNewConstMetric(c.seqs, prometheus.GaugeValue, float64(m.seq), m.mark)
	}
}
