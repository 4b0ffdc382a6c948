package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/server/servertest"
)

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 5 << 20: "5.0 MiB", 1 << 62: "4194304.0 TiB", -1: "-1 B"} {
		if got := size(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

// What servers say is shown as text, whatever it is.
func TestStatusIsDrawn(t *testing.T) {
	view := &pb.View{Chain: "c0ffee", Epoch: 7, Target: 3}
	c := newCluster([]client.Server{
		{Address: "a:1", Status: &pb.StatusResponse{
			Role: "middle", State: "member", Serving: true, View: view, Last: 45, Applied: 42, LeaseLeftMs: 800, Keys: 3, Bytes: 2048, Clients: 1, DiskFull: true,
		}},
		{Address: "b:1", Err: errors.New("connection refused")},
		{Address: "c:1", Status: &pb.StatusResponse{Role: "learner", State: "learning\x1b[2J from\na:1", View: &pb.View{Epoch: 6, Chain: "c0ffee"}}},
	})
	want := `ADDRESS ROLE EPOCH APPLIED PENDING KEYS MEMORY LEASE CLIENTS STATE
a:1 middle 7 42 3 3 2.0 KiB 800ms 1 member; disk full
b:1 unreachable: connection refused
c:1 learner 6 0 0 0 0 B none 0 learning?[2J from?a:1
`
	plain := (&output{form: formPlain}).status(c)
	if got := strings.ReplaceAll(plain, "\t", " "); got != want {
		t.Errorf("got\n%s", plain)
	}
	table := (&output{form: formTable}).status(c)
	if !strings.HasPrefix(table, "chain c0ffee  epoch 7  target 3\nADDRESS  ROLE") {
		t.Errorf("for people: %q", table)
	}
	for line := range strings.Lines(table) {
		if strings.Contains(line, "\t") || len(line) > 100 {
			t.Errorf("for people: %q", line)
		}
	}
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "learner") {
			t.Errorf("nobody knows how far the learner is, and it shows %q", line)
		}
	}
	other := newCluster([]client.Server{{Address: "a:1", Err: errors.New("gone")}})
	if c.essence() == other.essence() {
		t.Error("two states are one")
	}
}

// How far a learner is, its tail tells; if that does not, it does so itself.
func TestLearnerIsShown(t *testing.T) {
	learner := &pb.Member{Id: "000000000000000c", Address: "c:1"}
	view := &pb.View{Chain: "c0ffee", Epoch: 7, Learner: learner}
	tail := client.Server{Address: "b:1", Status: &pb.StatusResponse{Id: "000000000000000b", Role: "tail", View: view, LearnerProgress: &pb.LearnerProgress{
		How: "snapshot", Bytes: 3 << 29, TotalBytes: 3 << 30, BytesPerSecond: 48 << 20, BehindEntries: 17,
	}}}
	itself := client.Server{Address: "c:1", Status: &pb.StatusResponse{Id: learner.Id, Role: "learner", View: view, LearnerProgress: &pb.LearnerProgress{
		How: "putting the snapshot\x1b in place", Bytes: 1 << 30,
	}}}
	before := client.Server{Address: "a:1", Status: &pb.StatusResponse{Role: "head", View: &pb.View{Chain: "c0ffee", Epoch: 6, Learner: learner}, LearnerProgress: &pb.LearnerProgress{How: "old"}}}
	for _, c := range []struct {
		servers []client.Server
		want    string
	}{
		{[]client.Server{before, tail, itself}, "learner c:1  snapshot  1.5 GiB of about 3.0 GiB  48.0 MiB/s  17 operations behind\n"},
		{[]client.Server{itself, tail}, "learner c:1  snapshot  1.5 GiB of about 3.0 GiB  48.0 MiB/s  17 operations behind\n"},
		{[]client.Server{before, itself}, "learner c:1  putting the snapshot? in place  1.0 GiB\n"},
	} {
		shown := newCluster(c.servers)
		table := (&output{form: formTable}).status(shown)
		if _, rest, _ := strings.Cut(table, "\n"); !strings.HasPrefix(rest, c.want) {
			t.Errorf("got\n%s", table)
		}
		if plain := (&output{form: formPlain}).status(shown); strings.Contains(plain, c.want) {
			t.Errorf("plain:\n%s", plain)
		}
	}
}

// With --follow a new table comes when the chain has changed, until Ctrl-C.
func TestStatusIsFollowed(t *testing.T) {
	t.Parallel()
	members, all := startChain(t)
	c := exec.Command("table-client", all, "status", "--follow")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(time.Minute, func() { c.Process.Kill() }).Stop() // so that a failure ends
	lines := bufio.NewScanner(out)
	until := func(what string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), what) {
				return
			}
		}
		t.Errorf("no more lines, and none with %q", what)
	}
	until(members[2].Address + "\ttail")
	members[2].Kill(t)
	until(members[1].Address + "\ttail")
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // until it has ended
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	call("", nobody(t), "status", "--follow").check(t, "nobody", 3, "", "connection refused")
}

// Following ends when nobody reads it any more, also where nothing changes that would have to be written.
func TestStatusIsFollowedByNobody(t *testing.T) {
	t.Parallel()
	c := exec.Command("table-client", single(t, nil), "status", "--follow")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(time.Minute, func() { c.Process.Kill() }).Stop() // so that a failure ends
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Errorf("%q, %v", line, err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

// All servers are shown, also one that has died, by any address.
func TestStatusOfChain(t *testing.T) {
	t.Parallel()
	members, all := startChain(t)
	check := func(name string, o outcome, roles ...string) {
		t.Helper()
		rows := o.rows()
		if o.code != 0 || o.err != "" || len(rows) != len(roles)+1 || !strings.HasPrefix(rows[0], "ADDRESS ") {
			t.Errorf("%s: %+v", name, o)
			return
		}
		for i, role := range roles {
			if !strings.Contains(rows[i+1], " "+role) {
				t.Errorf("%s: row %q, want %q", name, rows[i+1], role)
			}
		}
	}
	for _, m := range members {
		check("at "+m.Address, call("", m.Address, "status"), "head", "middle", "tail")
	}
	var document cluster
	o := call("", all, "-o", "json", "status")
	if err := json.Unmarshal([]byte(o.out), &document); err != nil || o.code != 0 || len(document.Servers) != 3 || document.Servers[2].Role != "tail" ||
		document.Servers[2].Asked != members[2].Address || document.Servers[1].Keys != 0 || strings.Count(o.out, "\n") != 1 {
		t.Errorf("%v, %+v", err, o)
	}
	members[1].Kill(t)
	servertest.WaitFor(t, "the others to go on", func() bool { return len(members[0].Status().View.Members) == 2 })
	check("a dead one", call("", all, "status"), "head", "tail", "unreachable")
	members[0].Kill(t)
	members[2].Kill(t)
	call("", all, "status").check(t, "all dead", 3, "", "connection refused")
}
