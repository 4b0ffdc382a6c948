package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	dto "github.com/prometheus/client_model/go"
	"go.yaml.in/yaml/v3"

	"github.com/chaintable/chaintable/internal/needs"
)

// known is what can be asked Prometheus for: of each metric its type, and its labels with all values that they have.
type known map[string]*knownMetric

type knownMetric struct {
	kind   string // counter, gauge, histogram, summary
	labels map[string]map[string]bool
}

// add takes in what a server shows.
func (k known) add(s scraped) {
	for name, family := range s {
		if k[name] == nil {
			k[name] = &knownMetric{strings.ToLower(family.GetType().String()), map[string]map[string]bool{}}
		}
		for _, m := range family.GetMetric() {
			k[name].take(m)
		}
	}
}

func (m *knownMetric) take(metric *dto.Metric) {
	note := func(label, value string) {
		if m.labels[label] == nil {
			m.labels[label] = map[string]bool{}
		}
		m.labels[label][value] = true
	}
	for _, l := range metric.GetLabel() {
		note(l.GetName(), l.GetValue())
	}
	for _, q := range metric.GetSummary().GetQuantile() {
		note("quantile", fmt.Sprint(q.GetQuantile()))
	}
}

// find is the metric of a series, which of a histogram or summary has a suffix.
func (k known) find(series string) *knownMetric {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if name, ok := strings.CutSuffix(series, suffix); ok && k[name] != nil {
			return k[name]
		}
	}
	if m := k[series]; m != nil && m.kind != "histogram" {
		return m
	}
	return nil
}

// everything is what the members of a chain show that is used.
func everything(t *testing.T) known {
	t.Helper()
	k := known{}
	for _, m := range startChain(t, 3, nil) {
		ask(t, dial(t, m), bulks("SET", "k", "v")+bulks("GET", "k"), "+OK\r\n$1\r\nv\r\n")
		ask(t, dial(t, m), "\x08\x1e\x10\x0a\x1a\x01k", "\x08\x1f\x10\x14\x2a\x01v")
		k.add(scrape(t, m))
	}
	k["chaintable_request_duration_seconds"].labels["command"] = k["chaintable_requests_total"].labels["command"] // which may be used, each
	return k
}

var (
	documentedRow  = regexp.MustCompile("(?m)^\\| `(chaintable_\\w+)` \\| (\\w+) \\|([^|]*)\\|")
	documentedName = regexp.MustCompile("`((?:chaintable|go|process)_\\w+)`")
	quoted         = regexp.MustCompile("`(\\w+)`")
)

// undocumented tells where what is shown and what docs/metrics.md says are not the same.
func undocumented(k known, doc string) (wrong []string) {
	rows := map[string]bool{}
	for _, row := range documentedRow.FindAllStringSubmatch(doc, -1) {
		name, kind := row[1], row[2]
		rows[name] = true
		m := k[name]
		if m == nil {
			wrong = append(wrong, name+" is documented, and no server shows it")
			continue
		}
		var labels []string
		for _, l := range quoted.FindAllStringSubmatch(row[3], -1) {
			labels = append(labels, l[1])
		}
		slices.Sort(labels)
		if got := slices.Sorted(maps.Keys(m.labels)); m.kind != kind || !slices.Equal(got, labels) {
			wrong = append(wrong, fmt.Sprintf("%s is documented as %s of %v, and is %s of %v", name, kind, labels, m.kind, got))
		}
	}
	for name, m := range k {
		if !strings.HasPrefix(name, "chaintable_") {
			continue
		}
		if !rows[name] {
			wrong = append(wrong, name+" is not documented")
		}
		for _, label := range []string{"outcome", "role", "cause", "mark", "neighbour", "phase", "queue"} {
			for value := range m.labels[label] {
				if !strings.Contains(doc, "`"+value+"`") {
					wrong = append(wrong, fmt.Sprintf("%s{%s=%q} is not documented", name, label, value))
				}
			}
		}
	}
	for _, n := range documentedName.FindAllStringSubmatch(doc, -1) {
		if m := n[1]; k[m] == nil && !strings.HasSuffix(m, "_") {
			wrong = append(wrong, m+" is named, and no server shows it")
		}
	}
	return wrong
}

// inRange is a query of the dashboard with a range for what Grafana chooses.
func inRange(query string) string { return strings.ReplaceAll(query, "$__rate_interval", "5m") }

// badQuery tells what an expression of PromQL asks for that there is not. Whether Prometheus takes it at all, refused tells: the parser at hand knows more.
func badQuery(k known, query string) (wrong []string) {
	e, err := metricsql.Parse(inRange(query))
	if err != nil {
		return []string{err.Error()}
	}
	labels := map[string]bool{"job": true, "instance": true, "le": true}
	var modifiers []string
	metricsql.VisitAll(e, func(e metricsql.Expr) {
		switch e := e.(type) {
		case *metricsql.MetricExpr:
			for _, filters := range e.LabelFilterss {
				wrong = append(wrong, badSeries(k, filters, labels)...)
			}
		case *metricsql.AggrFuncExpr:
			if label, ok := e.Args[0].(*metricsql.StringExpr); ok && e.Name == "count_values" {
				labels[label.S] = true
			}
			modifiers = append(modifiers, e.Modifier.Args...)
		case *metricsql.BinaryOpExpr:
			modifiers = append(append(modifiers, e.GroupModifier.Args...), e.JoinModifier.Args...)
		}
	})
	for _, label := range modifiers {
		if !labels[label] {
			wrong = append(wrong, fmt.Sprintf("by %s, which none of the metrics has, in %s", label, query))
		}
	}
	return wrong
}

// badSeries tells what a selector asks for that there is not. The metric's labels are added to labels.
func badSeries(k known, filters []metricsql.LabelFilter, labels map[string]bool) (wrong []string) {
	name := filters[0].Value
	if filters[0].Label != "__name__" || name == "up" {
		return nil
	}
	m := k.find(name)
	if m == nil {
		return []string{"no server shows " + name}
	}
	for label := range m.labels {
		labels[label] = true
	}
	for _, f := range filters[1:] {
		if f.Label == "job" || f.Label == "instance" {
			continue
		}
		values := []string{f.Value}
		if f.IsRegexp {
			values = strings.Split(f.Value, "|")
		}
		for _, v := range values {
			if !m.labels[f.Label][v] {
				wrong = append(wrong, fmt.Sprintf("no server shows %s{%s=%q}", name, f.Label, v))
			}
		}
	}
	return wrong
}

// labelValues is how Grafana fills a variable.
var labelValues = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)

// dashboardQueries are the expressions of a dashboard, by where they stand.
func dashboardQueries(t *testing.T, dashboard []byte) map[string]string {
	t.Helper()
	var d struct {
		Title         string
		UID           string
		SchemaVersion int
		Templating    struct {
			List []struct{ Name, Query, Type string }
		}
		Annotations struct{ List []struct{ Name, Expr string } }
		Panels      []struct {
			ID          int
			Type, Title string
			GridPos     struct{ H, W, X, Y int }
			Targets     []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal(dashboard, &d); err != nil {
		t.Fatal(err)
	}
	if d.Title == "" || d.UID == "" || d.SchemaVersion < 38 {
		t.Errorf("dashboard %q, uid %q, schema %d", d.Title, d.UID, d.SchemaVersion)
	}
	queries, ids, taken := map[string]string{}, map[int]bool{}, map[[2]int]string{}
	for _, v := range d.Templating.List {
		if f := labelValues.FindStringSubmatch(v.Query); f != nil {
			queries["variable "+v.Name] = f[1]
		} else if v.Type != "datasource" {
			t.Errorf("variable %s: %s", v.Name, v.Query)
		}
	}
	for _, a := range d.Annotations.List {
		queries["annotation "+a.Name] = a.Expr
	}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q does not fit beside %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			queries["panel "+p.Title+" "+target.RefID] = target.Expr
		}
	}
	return queries
}

// alertQueries are the expressions of alert rules, by the names of these.
func alertQueries(t *testing.T, rules []byte) map[string]string {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	d := yaml.NewDecoder(strings.NewReader(string(rules)))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	queries := map[string]string{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if queries[r.Alert] != "" {
				t.Errorf("%s stands there twice", r.Alert)
			}
			queries[r.Alert] = r.Expr
			if s := r.Labels["severity"]; s != "warning" && s != "critical" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s: severity %q, annotations %v", r.Alert, s, r.Annotations)
			}
		}
	}
	return queries
}

// TestMonitoring: docs/metrics.md has all that servers show and nothing else; dashboard and alerts ask for nothing that is not there.
func TestMonitoring(t *testing.T) {
	k := everything(t)
	doc := read(t, "../docs/metrics.md")
	for _, w := range undocumented(k, string(doc)) {
		t.Error("docs/metrics.md:", w)
	}
	alerts := alertQueries(t, read(t, "../monitoring/alerts.yml"))
	told := regexp.MustCompile(`Chaintable[A-Z]\w+`).FindAllString(string(read(t, "../docs/operations.md")), -1)
	for _, name := range told {
		if alerts[name] == "" {
			t.Errorf("docs/operations.md: there is no alert %s", name)
		}
	}
	for name := range alerts {
		if !slices.Contains(told, name) {
			t.Errorf("docs/operations.md does not tell of %s", name)
		}
	}
	for file, queries := range map[string]map[string]string{
		"grafana-dashboard.json": dashboardQueries(t, read(t, "../monitoring/grafana-dashboard.json")),
		"alerts.yml":             alerts,
	} {
		if len(queries) < 15 {
			t.Errorf("%s has only %d expressions", file, len(queries))
		}
		if wrong := refused(t, queries); wrong != "" {
			t.Errorf("%s: %s", file, wrong)
		}
		for where, q := range queries {
			for _, w := range badQuery(k, q) {
				t.Errorf("%s: %s: %s", file, where, w)
			}
		}
	}
}

// The dashboard shows what each hop costs, as docs/metrics.md has it in its example.
func TestHopsAreShown(t *testing.T) {
	chain := alertStory{then: `chaintable_hop_seconds_count{phase="committed"} +1000
		chaintable_hop_seconds_sum{phase="committed", instance="a"} +9
		chaintable_hop_seconds_sum{phase="committed", instance="b"} +8`}.happen(t, chainOfThree(t))
	query := inRange(dashboardQueries(t, read(t, "../monitoring/grafana-dashboard.json"))["panel What the hop to the successor costs, mean A"])
	query = strings.NewReplacer("$job", "kv", "$instance", ".*").Replace(query)
	want := map[string]float64{`{instance="a", job="kv", phase="committed", position="1"}`: 1, `{instance="b", job="kv", phase="committed", position="2"}`: 8}
	if wrong := promtest(t, needs.Program(t, "promtool"), []byte("groups: []"), chain, "round(1000 * ("+query+"))", want); wrong != "" {
		t.Error(wrong)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The guards above are shown what is bad.
func TestMonitoringSeesWhatIsBad(t *testing.T) {
	k := known{
		"chaintable_requests_total": {"counter", map[string]map[string]bool{"outcome": {"ok": true, "miss": true}}},
		"chaintable_hop_seconds":    {"histogram", map[string]map[string]bool{"phase": {"ping": true}}},
	}
	for query, want := range map[string]string{
		`sum by (outcome) (rate(chaintable_requests_total{job="$job", outcome=~"ok|miss"}[$__rate_interval]))`:   "",
		`histogram_quantile(0.9, sum by (le, instance) (rate(chaintable_hop_seconds_bucket{phase="ping"}[5m])))`: "",
		`rate(chaintable_hop_seconds_sum[5m]) / rate(chaintable_hop_seconds_count[5m]) > 0.1`:                    "",
		`sum(rate(chaintable_requests_total[5m])`:                                                                "unparsed",
		`chaintable_requests`:                                                "no server shows chaintable_requests",
		`chaintable_hop_seconds`:                                             "no server shows chaintable_hop_seconds",
		`chaintable_requests_total{outcome="never"}`:                         `outcome="never"`,
		`chaintable_requests_total{outcome=~"ok|never"}`:                     `outcome="never"`,
		`chaintable_requests_total{color="red"}`:                             `color="red"`,
		`sum by (color) (chaintable_requests_total)`:                         "by color",
		`chaintable_requests_total and on (color) chaintable_requests_total`: "by color",
		`sum by (color) (count_values("color", chaintable_requests_total))`:  "",
		`sum by (color) (count_values("shade", chaintable_requests_total))`:  "by color",
	} {
		got := strings.Join(badQuery(k, query), "\n")
		if (got == "") != (want == "") || want != "unparsed" && !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	for query, want := range map[string]bool{
		`sum(rate(chaintable_requests_total[$__rate_interval]))`: true,
		`sum(rate(chaintable_requests_total[5m])`:                false,
		`rate(chaintable_requests_total)`:                        false,
		`chaintable_requests_total[5m]`:                          false,
		`lag(chaintable_requests_total[5m])`:                     false,
	} {
		if wrong := refused(t, map[string]string{"query": query}); (wrong == "") != want {
			t.Errorf("%s: taken is to be %v: %s", query, want, wrong)
		}
	}
	const row = "| `chaintable_requests_total` | counter | `outcome` | `ok` or `miss` |\n"
	const both = row + "| `chaintable_hop_seconds` | histogram | `phase` | `ping` |\n"
	for doc, want := range map[string]string{
		both: "",
		row:  "chaintable_hop_seconds is not documented",
		both + "| `chaintable_more` | gauge | | that |\n":  "chaintable_more is documented, and no server shows it",
		both + "look at `go_goroutines`":                   "go_goroutines is named",
		strings.Replace(both, "counter", "gauge", 1):       "is documented as gauge",
		strings.Replace(both, "`outcome`", "`command`", 1): "of [command]",
		strings.Replace(both, "`ok` or `miss`", "`ok`", 1): `{outcome="miss"} is not documented`,
	} {
		got := strings.Join(undocumented(k, doc), "\n")
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", doc, got, want)
		}
	}
}
