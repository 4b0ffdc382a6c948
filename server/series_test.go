package server_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

// series is one that Prometheus keeps, through a calm time and further on.
type series struct {
	name   string
	labels map[string]string

	before, after, step float64
	fresh, gone         bool // it is not there before, or after
}

// newSeries never changes.
func newSeries(name string, value float64, labels ...string) series {
	s := series{name: name, labels: map[string]string{}, before: value, after: value}
	for i := 0; i < len(labels); i += 2 {
		s.labels[labels[i]] = labels[i+1]
	}
	return s
}

// selected tells whether a selector means this series; of * that is all that a server shows, and not what Prometheus notes about it.
func (s *series) selected(name string, matchers [][]string) bool {
	if name != s.name && (name != "*" || s.name == "up") {
		return false
	}
	for _, m := range matchers {
		label, kind, value := m[1], m[2], m[3]
		if kind == "=" {
			value = regexp.QuoteMeta(value)
		}
		if !regexp.MustCompile("^(?:" + value + ")$").MatchString(s.labels[label]) {
			return false
		}
	}
	return true
}

// become changes the series to what the word says: gone, new, was N, N or +N.
func (s *series) become(word string) {
	number := func(of string) float64 {
		n, err := strconv.ParseFloat(of, 64)
		if err != nil {
			panic(err) // the story's line has digits there
		}
		return n
	}
	switch was, is := strings.CutPrefix(word, "was "); {
	case word == "gone":
		s.gone = true
	case word == "new":
		s.fresh = true
	case is:
		s.before, s.after, s.step = number(was), number(was), 0
	case word[0] == '+':
		s.after, s.step = s.before, number(word[1:])
	default:
		s.after, s.step = number(word), 0
	}
}

// String is the series as PromQL names it.
func (s *series) String() string {
	var labels []string
	for _, l := range slices.Sorted(maps.Keys(s.labels)) {
		labels = append(labels, fmt.Sprintf("%s=%q", l, s.labels[l]))
	}
	return s.name + "{" + strings.Join(labels, ", ") + "}"
}

// idle tells whether it is a counter of which nothing was ever counted.
func (s *series) idle() bool {
	return strings.HasSuffix(s.name, "_total") && s.before == 0 && s.after == 0 && s.step == 0
}

// values are the samples, as promtool reads them.
func (s *series) values() string {
	line := func(from, step float64, n int) string {
		return strconv.FormatFloat(from, 'f', -1, 64) + "+" + strconv.FormatFloat(step, 'f', -1, 64) + "x" + strconv.Itoa(n-1)
	}
	before, after := line(s.before, 0, calmSamples), line(s.after, s.step, furtherSamples)
	if s.fresh {
		before = "_x" + strconv.Itoa(calmSamples)
	}
	if s.gone {
		after = "stale"
	}
	return before + " " + after
}

// chainOfThree is what the servers a, b and c of a chain show that has been used in all ways that rules ask about, and is at rest: the job kv. With it
// comes a job that is none of Chaintable's, and is no concern of its rules: a node exporter that is down, and was short of files.
func chainOfThree(t *testing.T) []series {
	t.Helper()
	members := startChain(t, 3, nil)
	for _, m := range members {
		ask(t, dial(t, m), bulks("SET", "k", "v")+bulks("KEYS", "*"), "+OK\r\n*1\r\n$1\r\nk\r\n")
		ask(t, dial(t, m), "\x08\x32\x10\x3c", "\x08\x33\x10\x28\x3a\x01k") // getkeys
	}
	shown := make([]scraped, len(members))
	waitFor(t, "the chain to be at rest, with links and leases", func() bool {
		for i, m := range members {
			shown[i] = scrape(t, m)
		}
		return !slices.ContainsFunc(shown, func(s scraped) bool {
			down := slices.ContainsFunc(s["chaintable_link_up"].GetMetric(), func(m *dto.Metric) bool { return m.GetGauge().GetValue() == 0 })
			return down || s.value(t, "chaintable_lag_entries") > 0 || s.value(t, "chaintable_lease_left_seconds") == 0
		})
	})
	chain := []series{
		newSeries("up", 0, "job", "node", "instance", "n"),
		newSeries("process_open_fds", 1000, "job", "node", "instance", "n"),
		newSeries("process_max_fds", 1024, "job", "node", "instance", "n"),
	}
	for i, s := range shown {
		labels := []string{"job", "kv", "instance", string(rune('a' + i))}
		chain = append(chain, newSeries("up", 1, labels...))
		for name, family := range s {
			for _, metric := range family.GetMetric() {
				chain = append(chain, seriesOf(name, metric, labels)...)
			}
		}
	}
	for i := range chain {
		if chain[i].name == "process_start_time_seconds" {
			chain[i].before, chain[i].after = -1e6, -1e6 // promtool's time begins at zero
		}
	}
	return chain
}

// seriesOf is a metric as Prometheus keeps it, with the labels of its server.
func seriesOf(name string, m *dto.Metric, labels []string) []series {
	labels = slices.Clip(labels)
	for _, l := range m.GetLabel() {
		labels = append(labels, l.GetName(), l.GetValue())
	}
	h := m.GetHistogram()
	if h == nil {
		return []series{newSeries(name, m.GetCounter().GetValue()+m.GetGauge().GetValue(), labels...)}
	}
	all := []series{newSeries(name+"_sum", h.GetSampleSum(), labels...), newSeries(name+"_count", float64(h.GetSampleCount()), labels...)}
	for _, b := range h.GetBucket() {
		le := strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64)
		all = append(all, newSeries(name+"_bucket", float64(b.GetCumulativeCount()), append(slices.Clip(labels), "le", le)...))
	}
	return all
}
