package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// fetch is the answer to a GET, which is to be 200.
func fetch(t *testing.T, url string) (body string, header http.Header) {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v: %s", url, answer.Status, err, b)
	}
	return string(b), answer.Header
}

// TestWatching: a server shows its metrics and profiles, and tells of slow requests.
func TestWatching(t *testing.T) {
	p := start(t, "0", "64", "--log-format", "json", "--max-memory", "64MiB", "--slow-log", "1ns", "--pprof", "0")
	profiles := p.expect(`"msg":"serving profiles","url":"(http://127\.0\.0\.1:\d+/debug/pprof/)"`)[1]
	address := p.expect(`"msg":"listening".*"listen":"([^"]+)"`)[1]
	p.expect(`"msg":"serving"`)
	c := dialRESP(t, address)
	c.must(t, "OK", "SET", "some key", "v")
	c.must(t, "v", "GET", "some key")
	line := p.expect(`.*"msg":"slow request".*"command":"set".*`)[0]
	var slow struct {
		Level, Protocol, Command, Outcome, Key, Client string
		Took, Queued, Chain                            float64
	}
	if err := json.Unmarshal([]byte(line), &slow); err != nil {
		t.Fatal(err)
	}
	if slow.Level != "WARN" || slow.Protocol != "resp" || slow.Outcome != "ok" || slow.Key != `"some key"` ||
		!strings.HasPrefix(slow.Client, "127.0.0.1:") || slow.Took <= 0 || slow.Took > 60 || slow.Queued+slow.Chain <= 0 || slow.Queued+slow.Chain > slow.Took {
		t.Errorf("a slow write is %s", line)
	}
	p.expect(`"msg":"slow request".*"command":"get".*"key":"\\"some key\\""`)

	body, header := fetch(t, "http://"+address+"/metrics")
	if got := header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("the metrics are %s", got)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	for _, name := range []string{"chaintable_requests_total", "chaintable_hop_seconds", "process_resident_memory_bytes", "go_goroutines"} {
		if families[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	if got := families["chaintable_table_limit_bytes"].GetMetric()[0].GetGauge().GetValue(); got != 64<<20 {
		t.Errorf("--max-memory is shown as %v", got)
	}
	slowly := 0.0
	for _, m := range families["chaintable_slow_requests_total"].GetMetric() { // one of each protocol
		slowly += m.GetCounter().GetValue()
	}
	if slowly < 2 {
		t.Errorf("%v slow requests", slowly)
	}
	if body, _ := fetch(t, profiles+"goroutine?debug=2"); !strings.Contains(body, "replica.(*Replica).run") {
		t.Errorf("a profile of the goroutines without the loop: %.300s", body)
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
