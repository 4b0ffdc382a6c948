package server_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/chaintable/chaintable/internal/needs"
)

// For calmSamples, half a minute apart, all series stay as they were; then something happens, and after furtherSamples promtest asks.
const (
	calmSamples    = 20
	furtherSamples = 30
)

// promtest has promtool keep the series and evaluate the rules, each minute, and then the query. It tells what is not as wanted: the values, by
// labels.
func promtest(t *testing.T, promtool string, rules []byte, all []series, query string, want map[string]float64) (wrong string) {
	t.Helper()
	type (
		input  struct{ Series, Values string }
		sample struct {
			Labels string
			Value  float64
		}
		expected struct {
			Expr     string
			EvalTime string   `yaml:"eval_time"`
			Samples  []sample `yaml:"exp_samples"`
		}
	)
	var inputs []input
	names := regexp.MustCompile(`\w+`).FindAllString(string(rules)+query, -1)
	slices.Sort(names)
	for _, s := range all {
		if _, wanted := slices.BinarySearch(names, s.name); wanted && !s.idle() { // hundreds of zeros take a second
			inputs = append(inputs, input{s.String(), s.values()})
		}
	}
	asked := expected{Expr: query, EvalTime: fmt.Sprintf("%ds", 30*(calmSamples+furtherSamples-1))}
	for _, labels := range slices.Sorted(maps.Keys(want)) {
		asked.Samples = append(asked.Samples, sample{labels, want[labels]})
	}
	test, err := yaml.Marshal(map[string]any{
		"rule_files": []string{"rules.yml"}, "evaluation_interval": "1m",
		"tests": []any{map[string]any{"interval": "30s", "input_series": inputs, "promql_expr_test": []expected{asked}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rules.yml"), rules)
	write(t, filepath.Join(dir, "test.yml"), test)
	return complaint(t, promtool, "test", "rules", filepath.Join(dir, "test.yml"))
}

// refused tells which expressions Prometheus does not take, if any, or takes for something else than what can be shown or asked about at one moment.
func refused(t *testing.T, queries map[string]string) (wrong string) {
	t.Helper()
	type rule struct{ Record, Expr string }
	var rules []rule
	for _, where := range slices.Sorted(maps.Keys(queries)) {
		rules = append(rules, rule{regexp.MustCompile(`\W+`).ReplaceAllString(where, "_"), "group(" + inRange(queries[where]) + ")"})
	}
	file, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "all", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rules.yml")
	write(t, path, file)
	return complaint(t, needs.Program(t, "promtool"), "check", "rules", path)
}

// complaint is what a program says that fails; otherwise nothing.
func complaint(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err == nil {
		return ""
	}
	return fmt.Sprintf("%v\n%s", err, out)
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
