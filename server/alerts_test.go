package server_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/chaintable/chaintable/internal/needs"
)

// alertStory is what happens to the chain kv of the servers a, b and c, and which alerts that raises. Prometheus' own promtool carries out the rules,
// over what a chain of three has really shown.
type alertStory struct {
	name string
	// then has a line for each thing that happens: a selector, of which * is all that a server shows, and what becomes of the series that
	// it selects. Of lines about the same series the last one counts.
	//
	//	N      from then on it has that value
	//	+N     it rises by so much from sample to sample
	//	was N  it has had that value all the time
	//	new    it was not there before
	//	gone   it is there no more
	then  string
	fires string // each as ALERT, or ALERT/INSTANCE; all others are silent
}

var alertStories = []alertStory{
	{"nothing happens", ``, ``},
	{
		"a server dies, and the others go on without it",
		`*{instance="c"} gone
		up{instance="c"} 0
		chaintable_members{instance=~"a|b"} 2
		chaintable_members_target{instance=~"a|b"} 0`,
		`ChaintableServerDown/c ChaintableMembersLost/a ChaintableMembersLost/b`,
	},
	{
		"all servers die at once",
		`*{job="kv"} gone
		up{job="kv"} 0`,
		`ChaintableServerDown/a ChaintableServerDown/b ChaintableServerDown/c ChaintableNobodyServes`,
	},
	{
		"a chain is given up, and its targets taken away",
		`*{job="kv"} gone
		up{job="kv"} gone`,
		``,
	},
	{
		"a server waits outside its chain",
		`chaintable_serving{instance="c"} 0
		chaintable_role{instance="c"} 0
		chaintable_role{instance="c", role="outside"} 1`,
		`ChaintableNotServing/c`,
	},
	{
		"a server is a spare",
		`chaintable_serving{instance="c"} 0
		chaintable_role{instance="c"} 0
		chaintable_role{instance="c", role="spare"} 1`,
		``,
	},
	{
		"all servers wait, ZooKeeper having lost its data",
		`chaintable_serving 0
		chaintable_role 0
		chaintable_role{role="outside"} 1`,
		`ChaintableNobodyServes ChaintableNotServing/a ChaintableNotServing/b ChaintableNotServing/c`,
	},
	{
		"a member is missing",
		`chaintable_members 2`,
		`ChaintableTooFewMembers/a ChaintableTooFewMembers/b ChaintableTooFewMembers/c`,
	},
	{
		"one member is left",
		`*{instance=~"b|c"} gone
		up{instance=~"b|c"} 0
		chaintable_members{instance="a"} 1
		chaintable_members_target{instance="a"} 0`,
		`ChaintableLastCopy ChaintableMembersLost/a ChaintableServerDown/b ChaintableServerDown/c`,
	},
	{"a server's heartbeats fail", `chaintable_lease_left_seconds{instance="b"} 0`, `ChaintableNoLease/b`},
	{
		"servers with --leases=off",
		`chaintable_leases 0
		chaintable_lease_left_seconds 0`,
		``,
	},
	{"the disk of a member is full", `chaintable_disk_full{instance="b"} 1`, `ChaintableDiskFull/b`},
	{"a member has another table than the others", `chaintable_digests_differing_total{instance=~"a|b"} 1`, `ChaintableDiffers`},
	{"members are removed again and again", `chaintable_view_changes_total{instance="a", cause="removed"} +1`, `ChaintableViewKeepsChanging/a`},
	{"servers join and leave", `chaintable_view_changes_total{cause=~"joined|left|moved"} +1`, ``},
	{
		"a chain begins anew in a new process, which is seen only when it has",
		`*{instance="a"} new
		chaintable_view_changes_total{instance="a", cause="anew"} 1
		process_start_time_seconds{instance="a"} 600`,
		`ChaintableBeganAnew/a`,
	},
	{
		"a chain begins anew a second time, in a process that is started again",
		`chaintable_view_changes_total{cause="anew"} was 1
		process_start_time_seconds{instance="a"} 600`,
		`ChaintableBeganAnew/a`,
	},
	{"a chain begins anew in a process that was there", `chaintable_view_changes_total{instance="b", cause="anew"} 1`, `ChaintableBeganAnew/b`},
	{"a chain has begun anew long ago", `chaintable_view_changes_total{cause="anew"} was 1`, ``},
	{
		"a server falls behind",
		`chaintable_seq{instance=~"a|b"} +1000`,
		`ChaintableBehind/c`,
	},
	{
		"writes take long, at a link whose ping does, too",
		`chaintable_hop_seconds_count{instance=~"a|b", phase="committed"} +10
		chaintable_hop_seconds_bucket{instance=~"a|b", phase="committed", le=~"1|2|5|10|.Inf"} +10
		chaintable_hop_seconds_count{instance="b", phase="ping"} +10
		chaintable_hop_seconds_sum{instance="b", phase="ping"} +5`,
		`ChaintableSlowCommit/a ChaintableSlowCommit/b ChaintableSlowSuccessor/b`,
	},
	{
		"a disk is slow",
		`chaintable_hop_seconds_count{instance="c", phase="durable"} +10
		chaintable_hop_seconds_sum{instance="c", phase="durable"} +5`,
		`ChaintableSlowDisk/c`,
	},
	{"a link is down", `chaintable_link_up{instance="a", neighbour="successor"} 0`, `ChaintableLinkDown/a`},
	{
		"a learner gets nothing",
		`chaintable_serving{instance="c"} 0
		chaintable_role{instance="c"} 0
		chaintable_role{instance="c", role="learner"} 1`,
		`ChaintableLearnerStandsStill/c ChaintableNotServing/c`,
	},
	{
		"a learner learns",
		`chaintable_serving{instance="c"} 0
		chaintable_role{instance="c"} 0
		chaintable_role{instance="c", role="learner"} 1
		chaintable_learner_chunks{instance="c"} +5`,
		`ChaintableNotServing/c`,
	},
	{"a write is uncertain now and then", `chaintable_requests_total{instance="a", protocol="resp", command="set", outcome="uncertain"} +1`, `ChaintableWritesUncertain/a`},
	{
		"one request of fifty is not executed",
		`chaintable_requests_total{instance="a", protocol="resp", command="set", outcome="ok"} +490
		chaintable_requests_total{instance="a", protocol="resp", command="set", outcome="not_executed"} +10`,
		`ChaintableRequestsNotExecuted/a`,
	},
	{
		"one request of five hundred is not executed",
		`chaintable_requests_total{instance="a", protocol="resp", command="set", outcome="ok"} +4990
		chaintable_requests_total{instance="a", protocol="resp", command="set", outcome="not_executed"} +10`,
		``,
	},
	{
		"a table is nearly full",
		`chaintable_table_limit_bytes 1000
		chaintable_table_bytes 950`,
		`ChaintableMemory/a ChaintableMemory/b ChaintableMemory/c`,
	},
	{
		"a table is large, and has no bound",
		`chaintable_table_limit_bytes 0
		chaintable_table_bytes 950`,
		``,
	},
	{"writes are refused", `chaintable_requests_total{instance="b", command="set", outcome="refused"} +1`, `ChaintableRefusesWrites/b`},
	{
		"clients of several protocols, nearly as many as may be",
		`chaintable_clients_limit 1000
		chaintable_clients{instance="a", protocol="resp"} 500
		chaintable_clients{instance="a", protocol="grpc"} 450`,
		`ChaintableClients/a`,
	},
	{
		"input is held back",
		`chaintable_input_limit_bytes 1000
		chaintable_input_bytes{instance="c"} 950`,
		`ChaintableInputFull/c`,
	},
	{"replies are not read", `chaintable_unread_bytes{instance="a"} 200000000`, `ChaintableUnread/a`},
	{
		"requests wait for a chain in which nothing commits",
		`chaintable_pending_requests{instance="b"} 60000
		chaintable_uncommitted_entries{instance="b"} 60000`,
		`ChaintablePending/b ChaintableWritesStandStill`,
	},
	{
		"a chain under load",
		`chaintable_pending_requests 5000
		chaintable_uncommitted_entries 5000
		chaintable_queue_length 50
		chaintable_seq +100000
		chaintable_unread_bytes 10000000
		chaintable_sessions 100000`,
		``,
	},
	{
		"a server outside the chain has entries that never committed, and the chain no writes",
		`chaintable_serving{instance="c"} 0
		chaintable_uncommitted_entries{instance="c"} 5`,
		`ChaintableNotServing/c`,
	},
	{"commands wait for the loop", `chaintable_queue_length{instance="a", queue="batches"} 1024`, `ChaintableLoopFull/a`},
	{"the coordinator's news wait for the loop", `chaintable_queue_length{instance="a", queue="urgent"} 64`, `ChaintableLoopFull/a`},
	{
		"one write of fifty takes long",
		`chaintable_request_duration_seconds_bucket{instance="a", protocol="resp", command="set"} +98
		chaintable_request_duration_seconds_bucket{instance="a", protocol="resp", command="set", le=~"1|2|5|10|.Inf"} +100`,
		`ChaintableSlowCommand/a`,
	},
	{
		"one write of five hundred takes long",
		`chaintable_request_duration_seconds_bucket{instance="a", protocol="resp", command="set"} +998
		chaintable_request_duration_seconds_bucket{instance="a", protocol="resp", command="set", le=~"1|2|5|10|.Inf"} +1000`,
		``,
	},
	{"listings take long, being long", `chaintable_request_duration_seconds_bucket{command=~"keys|getkeys", le=~"1|2|5|10|.Inf"} +100`, ``},
	{"a client opens a session for each request", `chaintable_requests_total{instance=~"a|b", command="opensession", outcome="ok"} +5000`, `ChaintableSessionsTurnOver`},
	{
		"files are scarce",
		`process_max_fds{instance="b"} 1024
		process_open_fds{instance="b"} 1000`,
		`ChaintableFiles/b`,
	},
}

// brokenRules are rules as they were once, or might be, and the story in which they are wrong.
var brokenRules = []struct{ alert, expr, story string }{
	{"ChaintableServerDown", `up{job=~".*chaintable.*"} == 0`, "a server dies, and the others go on without it"},
	{"ChaintableServerDown", `up == 0`, "nothing happens"},
	{"ChaintableServerDown", `up == 0 and on (job) chaintable_build_info`, "all servers die at once"},
	{"ChaintableNobodyServes", `sum by (job) (chaintable_serving) == 0`, "all servers die at once"},
	{"ChaintableNobodyServes", `(sum by (job) (chaintable_serving) or 0 * sum by (job) (up)) == 0`, "nothing happens"},
	{"ChaintableNoLease", `chaintable_lease_left_seconds == 0 and on (job, instance) chaintable_serving == 1`, "servers with --leases=off"},
	{"ChaintableBeganAnew", `increase(chaintable_view_changes_total{cause="anew"}[1h]) > 0`, "a chain begins anew in a new process, which is seen only when it has"},
	{"ChaintableBeganAnew", `increase(chaintable_view_changes_total{cause="anew"}[1h]) > 0`, "a chain begins anew a second time, in a process that is started again"},
	{"ChaintableBeganAnew", `chaintable_view_changes_total{cause="anew"} > 0`, "a chain has begun anew long ago"},
	{"ChaintableWritesStandStill", `max by (job) (chaintable_uncommitted_entries) > 0 and on (job) max by (job) (changes(chaintable_seq{mark="committed"}[2m])) == 0`, "a server outside the chain has entries that never committed, and the chain no writes"},
	{"ChaintableSlowCommand", `histogram_quantile(0.99, sum by (job, instance, protocol, command, le) (rate(chaintable_request_duration_seconds_bucket[5m]))) > 0.5`, "listings take long, being long"},
	{"ChaintableFiles", `process_open_fds > 0.9 * process_max_fds`, "nothing happens"},
}

// TestAlerts: each rule fires when it should, and only then.
func TestAlerts(t *testing.T) {
	promtool, rules, chain := needs.Program(t, "promtool"), read(t, "../monitoring/alerts.yml"), chainOfThree(t)
	silent := alertQueries(t, rules)
	for _, s := range alertStories {
		for _, f := range strings.Fields(s.fires) {
			alert, _, _ := strings.Cut(f, "/")
			delete(silent, alert)
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if wrong := s.carryOut(t, promtool, rules, chain); wrong != "" {
				t.Error(wrong)
			}
		})
	}
	for alert := range silent {
		t.Errorf("%s fires in no story", alert)
	}
}

// The stories notice rules that are wrong.
func TestAlertStoriesSeeWhatIsBad(t *testing.T) {
	promtool, chain := needs.Program(t, "promtool"), chainOfThree(t)
	for _, broken := range brokenRules {
		t.Run(broken.alert, func(t *testing.T) {
			t.Parallel()
			var file struct{ Groups []map[string]any }
			if err := yaml.Unmarshal(read(t, "../monitoring/alerts.yml"), &file); err != nil {
				t.Fatal(err)
			}
			for _, rule := range file.Groups[0]["rules"].([]any) {
				if r := rule.(map[string]any); r["alert"] == broken.alert {
					r["expr"] = broken.expr
				}
			}
			rules, err := yaml.Marshal(file)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(alertStories, func(s alertStory) bool { return s.name == broken.story })
			if wrong := alertStories[i].carryOut(t, promtool, rules, chain); !strings.Contains(wrong, "got:") {
				t.Errorf("nobody notices %s: %s", broken.expr, wrong)
			}
		})
	}
}

// carryOut tells what is wrong with the rules, if the story happens to the chain.
func (s alertStory) carryOut(t *testing.T, promtool string, rules []byte, chain []series) (wrong string) {
	t.Helper()
	want := map[string]float64{}
	for _, f := range strings.Fields(s.fires) {
		alert, instance, one := strings.Cut(f, "/")
		labels := fmt.Sprintf("{alertname=%q}", alert)
		if one {
			labels = fmt.Sprintf("{alertname=%q, instance=%q}", alert, instance)
		}
		want[labels] = 1
	}
	return promtest(t, promtool, rules, s.happen(t, chain), `group by (alertname, instance) (ALERTS{alertstate="firing"})`, want)
}

// storyLine is a line of a story: what is selected, and what becomes of it.
var (
	storyLine = regexp.MustCompile(`^(\*|\w+)(?:\{(.*)\})? (gone|new|was (\d+)|(\+?)(\d+))$`)
	matcher   = regexp.MustCompile(`(\w+)(=~?)"([^"]*)"`)
)

// happen is what the chain shows, if the story happens to it.
func (s alertStory) happen(t *testing.T, chain []series) []series {
	t.Helper()
	chain = slices.Clone(chain)
	for line := range strings.Lines(s.then) {
		f := storyLine.FindStringSubmatch(strings.TrimSpace(line))
		if f == nil {
			t.Fatalf("cannot read %q", line)
		}
		found := false
		for i := range chain {
			if chain[i].selected(f[1], matcher.FindAllStringSubmatch(f[2], -1)) {
				chain[i].become(f[3])
				found = true
			}
		}
		if !found {
			t.Fatalf("nothing is selected by %q", line)
		}
	}
	return chain
}
