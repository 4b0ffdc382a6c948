package server_test

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/chaintable/chaintable/server"
	"github.com/chaintable/chaintable/server/servertest"
)

// scraped is what a server shows Prometheus, by name.
type scraped map[string]*dto.MetricFamily

// scrape asks a server for its metrics, and holds them to Prometheus' format and habits.
func scrape(t *testing.T, m *member) scraped {
	t.Helper()
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + m.Address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.Body.Close() != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v: %s", answer.Status, err, body)
	}
	problems, err := promlint.New(bytes.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "chaintable_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	return families
}

// metric is the one of a name with labels, given as "name=value".
func (s scraped) metric(t *testing.T, name string, labels ...string) *dto.Metric {
	t.Helper()
	var found *dto.Metric
metrics:
	for _, m := range s[name].GetMetric() {
		for _, want := range labels {
			key, value, _ := strings.Cut(want, "=")
			if label(m, key) != value {
				continue metrics
			}
		}
		if found != nil {
			t.Fatalf("%s: several with %v", name, labels)
		}
		found = m
	}
	if found == nil {
		t.Fatalf("no %s with %v", name, labels)
	}
	return found
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// value is that of a counter or gauge, or how many a histogram has counted.
func (s scraped) value(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	m := s.metric(t, name, labels...)
	return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
}

func bulks(args ...string) string {
	var b strings.Builder
	b.WriteString("*" + strconv.Itoa(len(args)) + "\r\n")
	for _, a := range args {
		b.WriteString("$" + strconv.Itoa(len(a)) + "\r\n" + a + "\r\n")
	}
	return b.String()
}

// Every request of RESP and of the seed protocol is counted once, as what its client was told, whatever hostile clients call theirs.
func TestRequestsAreCounted(t *testing.T) {
	m := startChain(t, 1, func(c *server.Config) { c.MaxClients = 77 })[0]
	resp := dial(t, m)
	ask(t, resp, bulks("SET", "k", "v")+bulks("set", "k", "w", "NX")+bulks("GET", "k")+bulks("GET", "none")+bulks("Incr", "k"),
		"+OK\r\n$-1\r\n$1\r\nv\r\n$-1\r\n-ERR value is not an integer or out of range\r\n")
	ask(t, resp, bulks("SET", "k")+bulks("CLIENT", "ID")+bulks("CLIENT", "nonsense\xff"), "-ERR wrong number of arguments for 'set' command\r\n")
	for _, name := range []string{"nonsense", "non\nsense\"", "\xff", strings.Repeat("x", 1000)} {
		ask(t, resp, bulks(name), "")
	}
	ask(t, resp, bulks("PING"), "")
	for reply := ""; !strings.HasSuffix(reply, "+PONG\r\n"); { // all before it is answered, and counted
		b := make([]byte, 4096)
		n, err := resp.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		reply += string(b[:n])
	}
	wire := dial(t, m)
	ask(t, wire, "\x08\x1e\x10\x0a\x1a\x01k", "\x08\x1f\x10\x14\x2a\x01v")     // get
	ask(t, wire, "\x08\x1e\x10\x0a\x1a\x04none", "\x08\x63\x10\x3c\x30\x01")   // get
	ask(t, wire, "\x08\x28\x10\x1e\x1a\x01p\x2a\x01v\x08\x0a\x10\x3c", "\x08") // put, size
	ask(t, wire, "\x08\x07\x10\x3c", "")                                       // no opcode
	s := scraped(nil)
	waitFor(t, "the last request to be counted", func() bool {
		s = scrape(t, m)
		return s.value(t, "chaintable_requests_total", "protocol=seed", "command=other", "outcome=invalid") == 1 &&
			s.value(t, "chaintable_requests_total", "protocol=resp", "command=ping", "outcome=ok") == 1
	})
	for want, n := range map[string]float64{
		"resp set ok": 1, "resp set miss": 1, "resp set invalid": 1, "resp get ok": 1, "resp get miss": 1, "resp incr invalid": 1,
		"resp client ok": 1, "resp client invalid": 1, "resp other invalid": 4, "resp ping ok": 1,
		"seed get ok": 1, "seed get miss": 1, "seed put ok": 1, "seed size ok": 1, "seed other invalid": 1,
		"resp set uncertain": 0, "seed verify ok": 0,
	} {
		f := strings.Fields(want)
		if got := s.value(t, "chaintable_requests_total", "protocol="+f[0], "command="+f[1], "outcome="+f[2]); got != n {
			t.Errorf("%s: %v, want %v", want, got, n)
		}
	}
	total := 0.0
	for _, m := range s["chaintable_requests_total"].GetMetric() {
		total += m.GetCounter().GetValue()
	}
	timed := 0.0
	for _, m := range s["chaintable_request_duration_seconds"].GetMetric() {
		timed += float64(m.GetHistogram().GetSampleCount())
	}
	if total != 18 || timed != total {
		t.Errorf("%v requests counted and %v timed, want 18", total, timed)
	}
	for _, c := range []struct {
		name string
		want float64
		of   []string
	}{
		{"chaintable_clients", 1, []string{"protocol=resp"}},
		{"chaintable_clients", 1, []string{"protocol=seed"}},
		{"chaintable_clients_limit", 77, nil},
		{"chaintable_keys", 2, nil},
		{"chaintable_build_info", 1, []string{"version=1.2.3"}},
		{"chaintable_role", 1, []string{"role=single"}},
		{"chaintable_role", 0, []string{"role=head"}},
		{"chaintable_serving", 1, nil},
		{"chaintable_members", 1, nil},
	} {
		if got := s.value(t, c.name, c.of...); got != c.want {
			t.Errorf("%s%v is %v, want %v", c.name, c.of, got, c.want)
		}
	}
	if s.value(t, "go_goroutines") < 5 {
		t.Error("no goroutines")
	}
}

// What the members show of their chain is one chain, and a write's way along it.
func TestChainIsMeasured(t *testing.T) {
	members := startChain(t, 3, nil)
	for range 50 {
		for _, m := range members {
			ask(t, dial(t, m), bulks("SET", "k", "v"), "+OK\r\n")
		}
	}
	waitFor(t, "every member to have applied, and shown, what the others have", func() bool {
		a, b, c := members[0].Status(), members[1].Status(), members[2].Status()
		return a.Applied == b.Applied && b.Applied == c.Applied && a.Last == a.Applied && a.Hops.Ping.Count > 0 && b.Hops.Ping.Count > 0
	})
	all := make([]scraped, len(members))
	for i, m := range members {
		all[i] = scrape(t, m)
	}
	for i, s := range all {
		role := []string{"head", "middle", "tail"}[i]
		for _, c := range []struct {
			name string
			want float64
			of   []string
		}{
			{"chaintable_role", 1, []string{"role=" + role}},
			{"chaintable_position", float64(i + 1), nil},
			{"chaintable_leases", 1, nil},
			{"chaintable_members", 3, nil},
			{"chaintable_members_target", 3, nil},
			{"chaintable_uncommitted_entries", 0, nil},
			{"chaintable_lag_entries", 0, nil},
			{"chaintable_epoch", all[0].value(t, "chaintable_epoch"), nil},
			{"chaintable_seq", all[0].value(t, "chaintable_seq", "mark=applied"), []string{"mark=committed"}},
			{"chaintable_keys", 1, nil},
			{"chaintable_pending_requests", 0, nil},
			{"chaintable_queue_length", 0, []string{"queue=batches"}},
		} {
			if got := s.value(t, c.name, c.of...); got != c.want {
				t.Errorf("%s: %s%v is %v, want %v", role, c.name, c.of, got, c.want)
			}
		}
		if left := s.value(t, "chaintable_lease_left_seconds"); left < 0 || left > servertest.SessionTimeout.Seconds() {
			t.Errorf("%s: lease of %v s", role, left)
		}
		links := len(s["chaintable_link_up"].GetMetric())
		if want := []int{1, 2, 1}[i]; links != want {
			t.Errorf("%s: %d links, want %d", role, links, want)
		}
		if n := s.value(t, "chaintable_hop_seconds", "phase=applied"); n == 0 {
			t.Errorf("%s: no entry was watched", role)
		}
		received, pings := s.value(t, "chaintable_hop_seconds", "phase=received"), s.value(t, "chaintable_hop_seconds", "phase=ping")
		if (received > 0) != (role != "tail") || (pings > 0) != (role != "tail") {
			t.Errorf("%s: %v received and %v pings at a successor", role, received, pings)
		}
	}
	if all[0].value(t, "chaintable_view_changes_total", "cause=made") != 1 || all[2].value(t, "chaintable_view_changes_total", "cause=found") != 1 {
		t.Error("changes of the view are not counted")
	}
	if n := all[1].value(t, "chaintable_sessions"); n < 3 {
		t.Errorf("%v sessions, although each server has one", n)
	}
	mean := func(s scraped) float64 {
		h := s.metric(t, "chaintable_hop_seconds", "phase=committed").GetHistogram()
		return h.GetSampleSum() / float64(h.GetSampleCount())
	}
	if head, tail := mean(all[0]), mean(all[2]); head <= tail {
		t.Errorf("committing takes %v s as the head sees it, %v s as the tail does", head, tail)
	}
}

// A server without leases says so: that it has none is nothing to be told about.
func TestNoLeasesAreMeasured(t *testing.T) {
	m, err := servertest.Run("127.0.0.1:0", servertest.Options{NoLeases: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Kill(t) })
	waitFor(t, "it to serve", m.Serving)
	s := scrape(t, m)
	if leases, left := s.value(t, "chaintable_leases"), s.value(t, "chaintable_lease_left_seconds"); leases != 0 || left != 0 {
		t.Errorf("leases %v, and %v s left of one; want none", leases, left)
	}
}
