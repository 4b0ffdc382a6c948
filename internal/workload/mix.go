package workload

import (
	"fmt"
	"strings"
)

// maxScan is the most keys that a scan reads, as in YCSB.
const maxScan = 100

// chooser is how keys are chosen.
type chooser uint8

const (
	uniform   chooser = iota // all alike
	scattered                // some much more often than others
	latest                   // those inserted last more often
)

// mix is a workload: how often a request is of which kind, and of which keys.
type mix struct {
	name, about string
	shares      [kinds]float64 // of one
	keys        chooser
}

// Mixed is the workload whose shares come from Config.Reads.
const Mixed = "mixed"

// mixes are the workloads.
var mixes = []mix{
	{"get", "reads, of all keys alike", [kinds]float64{Get: 1}, uniform},
	{"set", "writes, of all keys alike", [kinds]float64{Set: 1}, uniform},
	{Mixed, "reads and writes, of all keys alike; --reads is the share of reads", [kinds]float64{}, uniform},
	{"ycsb-a", "half reads, half writes; few keys are most popular", [kinds]float64{Get: 0.5, Set: 0.5}, scattered},
	{"ycsb-b", "95% reads, 5% writes; few keys are most popular", [kinds]float64{Get: 0.95, Set: 0.05}, scattered},
	{"ycsb-c", "reads; few keys are most popular", [kinds]float64{Get: 1}, scattered},
	{"ycsb-d", "95% reads, of those keys more often that were inserted last; 5% inserts", [kinds]float64{Get: 0.95, Insert: 0.05}, latest},
	{"ycsb-e", "95% scans, 5% inserts", [kinds]float64{Scan: 0.95, Insert: 0.05}, scattered},
	{"ycsb-f", "half reads, half read-modify-writes; few keys are most popular", [kinds]float64{Get: 0.5, Modify: 0.5}, scattered},
}

// List is the workloads, one a line, with what they do.
func List() string {
	var b strings.Builder
	for _, m := range mixes {
		fmt.Fprintf(&b, "  %-7s %s\n", m.name, m.about)
	}
	return b.String()
}

// Names are those of the workloads.
func Names() []string {
	var names []string
	for _, m := range mixes {
		names = append(names, m.name)
	}
	return names
}

// mixOf is the workload of that name.
func mixOf(name string, reads float64) (mix, bool) {
	for _, m := range mixes {
		if m.name == name {
			if name == Mixed {
				m.shares[Get], m.shares[Set] = reads, 1-reads
			}
			return m, true
		}
	}
	return mix{}, false
}

// kind is the kind of a request, for u of [0, 1).
func (m *mix) kind(u float64) Kind {
	last := Get
	for k, share := range m.shares {
		if share == 0 {
			continue
		}
		if last = Kind(k); u < share {
			return last
		}
		u -= share
	}
	return last // the shares may add up to a little less than one
}
