package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chaintable/chaintable/internal/workload"
	"github.com/chaintable/chaintable/server/servertest"
)

// Every workload, at a chain, in one of the loops.
func TestBench(t *testing.T) {
	members := servertest.StartChain(t, 3, nil)
	address := members[1].Address
	for i, name := range workload.Names() {
		loop := []string{"--rate=0", "--rate=400"}[i%2]
		o := call("", address, "bench", []string{name, strings.ToUpper(name)}[i%2], "--load", "--cleanup", "--keys=50", "--clients=4", "--sockets=2", "--duration=200ms",
			"--warmup=10ms", "--value-size=1-300", "--prefix=here:", "--seed=7", "--timeout=30s", "-o", "json", loop)
		if o.code != 0 || o.err != "" {
			t.Fatalf("%s: exit code %d, complained %q", name, o.code, o.err)
		}
		var d benchDocument
		decoder := json.NewDecoder(strings.NewReader(o.out))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&d); err != nil {
			t.Fatalf("%s: %v of %.300q", name, err, o.out)
		}
		r := d.Result
		if r.Answered == 0 || r.Requests != r.Answered || r.Total.Missed != 0 || r.Parameters.Seed != 7 || r.Parameters.Workload != name {
			t.Errorf("%s: %d requests, %d answered, %d not found: %v", name, r.Requests, r.Answered, r.Total.Missed, r.Total.Failed)
		}
		if len(d.Servers) != 3 || d.Servers[0].Role != "head" || d.Servers[2].Version != "1.2.3" || d.Sockets != 2 || d.Format != benchFormat {
			t.Errorf("%s: %+v", name, d)
		}
		if open := loop != "--rate=0"; open != (r.Total.Service != nil) || open == (r.Total.Corrected != nil) {
			t.Errorf("%s, %s: service %v, corrected %v", name, loop, r.Total.Service, r.Total.Corrected)
		}
		servertest.WaitFor(t, "no keys to be left", func() bool { return members[0].Status().Keys == 0 })
	}
}

func TestBenchForPeople(t *testing.T) {
	address := servertest.StartChain(t, 1, nil)[0].Address
	flags := []string{"--requests=20", "--warmup=0", "--keys=10", "--clients=2"}
	o := call("", append([]string{address, "bench", "set", "-o", "table"}, flags...)...)
	if lines := strings.Split(o.out, "\n"); o.code != 0 || o.err != "" || !strings.HasPrefix(o.out, "set, closed loop, clients: 2, keys: 10, bytes of a value: 100, ") ||
		len(lines) != 6 || !strings.HasPrefix(strings.TrimSpace(lines[2]), "set  ") || !strings.HasPrefix(strings.TrimSpace(lines[3]), "total-corrected  ") {
		t.Errorf("exit code %d, printed %q, complained %q", o.code, o.out, o.err)
	}
	o = call("", append([]string{address, "bench", "ycsb-c", "--prefix=none:"}, flags...)...)
	if lines := strings.Split(o.out, "\n"); o.code != 0 || len(lines) != 4 || !strings.HasPrefix(lines[0], "KIND\tANSWERED\tFAILED\tPER_SECOND\tMEAN_MS\t") ||
		!strings.HasPrefix(lines[1], "get\t20\t0\t") || !strings.Contains(o.err, ", seed ") || !strings.Contains(o.err, "read but not there: 20 keys; --load") {
		t.Errorf("exit code %d, printed %q, complained %q", o.code, o.out, o.err)
	}
}

// What went wrong in a run is told with its result.
func TestBenchNotes(t *testing.T) {
	r := &workload.Result{Interrupted: true, CutOff: 3, Late: 4, NotBegun: 5}
	r.Total.Conflicts = 6
	r.Total.Failed = workload.Failures{DidNotHappen: 7, MayHaveHappened: 8, Examples: []string{"no\nanswer"}, Latency: &workload.Latency{P99US: 1500}}
	notes := benchNotes(r)
	for _, want := range []string{
		"under way then: 3\n", "begun late, since as many as may be were under way: 4 ", "not begun at the end: 5 ", "written: 6 times",
		"failed: 7 did not happen, 8 may have happened, p99 1.500 ms\n  no?answer\n",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q does not say %q", notes, want)
		}
	}
	if notes := benchNotes(&workload.Result{}); notes != "" {
		t.Errorf("nothing happened, and it says %q", notes)
	}
}

func TestBenchRefuses(t *testing.T) {
	for _, c := range []struct{ flags, want string }{
		{"", "want one workload: get, set, mixed, ycsb-a"},
		{"get --requests 0", "bench: --requests 0: want more than 0"},
		{"get --duration 0s", "bench: --duration 0s: want more than 0"},
		{"get --interval 0s", "bench: --interval 0s: want more than 0"},
		{"get --reads 0.5", "bench: --reads is for the workload mixed"},
		{"GETS", "table-client: bench: no workload \"gets\": want one of get, set"},
		{"get set", "want one workload"},
		{"ycsb-x", "no workload"},
		{"get --value-size big", "--value-size"},
		{"get --value-size 9-3", "the smaller first"},
		{"get --clients 0", "0 clients"},
		{"get --sockets 65", "--sockets 65"},
		{"get --rate -1", "rate of -1"},
		{"get -o yaml", "--output yaml"},
		{"get --duration 25h", "duration"},
		{"get --colour", "there is no flag --colour"},
	} {
		call("", append([]string{"127.0.0.1:1", "bench"}, strings.Fields(c.flags)...)...).check(t, "bench "+c.flags, codeUsage, "", c.want)
	}
	call("", nobody(t), "bench", "get").check(t, "nobody there", codeFailed, "", "connection refused")
}

// Ctrl-C ends a bench early. What was measured is printed, and the keys are still deleted.
func TestBenchInterrupted(t *testing.T) {
	m := servertest.StartChain(t, 1, nil)[0]
	var sending sync.WaitGroup
	sending.Go(func() {
		servertest.WaitFor(t, "the bench to write", func() bool { return m.Status().Keys > 0 })
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			t.Error(err)
		}
	})
	o := call("", m.Address, "bench", "set", "--duration=10m", "--warmup=0", "--keys=100", "--clients=4", "--cleanup")
	sending.Wait()
	if o.code != 0 || !strings.Contains(o.out, "\nset\t") || !strings.Contains(o.err, "interrupted; requests under way then: ") {
		t.Errorf("exit code %d, printed %q, complained %q", o.code, o.out, o.err)
	}
	servertest.WaitFor(t, "no keys to be left", func() bool { return m.Status().Keys == 0 })
}

// A terminal is told how far the bench is, and nothing is left of that.
func TestBenchProgress(t *testing.T) {
	r, err := workload.New(workload.Config{Workload: "get", Clients: 1, Requests: 1, Keys: 1, Timeout: time.Second}, newBenchTarget(0))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var notes bytes.Buffer
		b := &bench{out: &output{notes: &notes, watched: true}}
		stop := b.watch(r)
		time.Sleep(2500 * time.Millisecond)
		stop()
		if got := notes.String(); strings.Count(got, ": 0 requests, 0 in the last second, 0 failed") != 2 || !strings.HasSuffix(got, "\r\x1b[K") {
			t.Errorf("told %q", got)
		}
		b.out.watched, notes = false, bytes.Buffer{}
		stop = b.watch(r)
		time.Sleep(2500 * time.Millisecond)
		if stop(); notes.Len() > 0 {
			t.Errorf("told what is no terminal %q", notes.String())
		}
	})
}

// Requests that fail are told in the result, each with its outcome. If there are no others, the exit code says so. (Of the 400 one in twenty is an
// insert, so that some fail.)
func TestBenchOfFailures(t *testing.T) {
	full, silent := single(t, crammed), single(t, stuck)
	for args, want := range map[string]struct {
		code     int
		out, err string
	}{
		full + " bench set --requests=20 --warmup=0":                            {codeFailed, "set\t0\t20\t0\t", "failed: 20 did not happen, 0 may have happened"},
		silent + " --timeout=300ms bench set --requests=2 --warmup=0":           {codeFailed, "set\t0\t2\t0\t", "failed: 0 did not happen, 2 may have happened"},
		full + " bench get --requests=20 --warmup=0 --load":                     {codeFailed, "", "load: key bench:0000"},
		full + " bench get --requests=20 --warmup=0 --keys=3 -o json":           {0, `"missed":20`, ""},
		full + " bench mixed --requests=200 --warmup=0":                         {0, "KIND\t", "may have happened"},
		full + " bench ycsb-e --requests=400 --warmup=0 --value-size=0-2000000": {0, "scan\t", "failed: "},
	} {
		o := call("", strings.Fields(args)...)
		if o.code != want.code || !strings.Contains(o.out, want.out) || want.out == "" && o.out != "" || !strings.Contains(o.err, want.err) {
			t.Errorf("%s: exit code %d, printed %.300q, complained %q", args, o.code, o.out, o.err)
		}
		if none := "no request was answered"; (want.code != 0 && want.out != "") != strings.Contains(o.err, none) {
			t.Errorf("%s: complained %q", args, o.err)
		}
	}
}
