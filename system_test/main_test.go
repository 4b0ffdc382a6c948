// Package system_test runs table-server as its users do: processes of their own, on loopback ports, with real ZooKeeper servers.
// Processes are killed, stopped with signals and cut off by proxies, never by help from within; what the tests look at is what clients, ZooKeeper
// and the log show.
//
// ZOOKEEPER=host:port has those tests that need not break it use a ZooKeeper that runs already. Flags make the tests longer:
//
//	go test ./system_test -kills 30      more servers killed under load
//	go test ./system_test -failovers 50  more of them while the Go client counts
//	go test ./system_test -wholes 30     whole chains killed under load
//	go test ./system_test -rolls 30      more rolling restarts of durable servers
//	go test ./system_test -faults 5      every call that TestDiskFaults has fail
//	go test ./system_test -outage 1m     ZooKeeper away for longer
//	go test ./system_test -load 1m       a dictionary loaded in a minute
//	go test ./system_test -run TestHistories -runs 200
//	                                     more recorded histories; -history-seed N repeats those from N on
package system_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chaintable/chaintable/internal/needs"
)

var (
	killsFlag       = flag.Int("kills", 3, "servers that TestKill kills under load")
	failoversFlag   = flag.Int("failovers", 20, "servers that TestExactSum kills while counters are incremented")
	outageFlag      = flag.Duration("outage", 5*sessionTimeout, "how long TestOutage keeps ZooKeeper away")
	wholeFlag       = flag.Int("wholes", 4, "times that TestAllKilledDurable kills all servers under load")
	rollsFlag       = flag.Int("rolls", 1, "times that TestRollingRestart restarts every server in each way")
	faultsFlag      = flag.Int("faults", 3, "disk faults that TestDiskFaults injects, of those that it knows")
	runsFlag        = flag.Int("runs", 20, "runs of TestHistories")
	historySeedFlag = flag.Uint64("history-seed", 0, "the seed of the first run of TestHistories; the others follow. Zero: any")
	loadFlag        = flag.Duration("load", 12*time.Second, "how long TestClientLoads loads a dictionary, at least")
	levelFlag       = flag.String("server-log-level", "info", "--log-level of the servers")
)

// sessionTimeout is T of every server.
const sessionTimeout = time.Second

// patience is how long a test waits for what should come soon.
const patience = 40 * time.Second

var (
	program string       // table-server, built for this run; table-client is beside it
	runs    atomic.Int64 // processes of it
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if flag.Lookup("test.list").Value.String() != "" {
		return m.Run()
	}
	if program = os.Getenv("SYSTEM_TEST_NAMESPACE"); program != "" {
		return count(m)
	}
	dir, err := os.MkdirTemp("", "table-server")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "table-server")
	args := []string{"build", "-o", dir}
	if raceEnabled {
		args = append(args, "-race")
	}
	const commands = "github.com/chaintable/chaintable/cmd/"
	build := exec.Command("go", append(args, commands+"table-server", commands+"table-client")...)
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Println("build table-server and table-client:", err)
		return 1
	}
	return count(m)
}

// count runs the tests, and says at the end how many processes that took.
func count(m *testing.M) int {
	code := m.Run()
	servers, zookeepers := runs.Load(), needs.ZooKeeperRuns()
	fmt.Printf("system_test: %d process runs (%d table-server, %d ZooKeeper)\n", servers+zookeepers, servers, zookeepers)
	return code
}

// depend has go test not repeat a former result when any source has changed, of which this package imports next to nothing: go test
// notes which folders are read while tests run, and compares what is in them.
var depend = sync.OnceValue(func() error {
	return filepath.WalkDir("..", func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == ".git" {
			return fs.SkipDir
		}
		return err
	})
})

// waitFor polls until ok, for as long as patience lasts.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !ok() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// pass lets d go by, in which something is to happen, or not to happen, at its own pace.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}
