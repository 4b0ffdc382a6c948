package needs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Where Debian's zookeeper has its files.
const (
	zookeeperJars = "/usr/share/java"
	zookeeperConf = "/etc/zookeeper/conf_example"
)

// startPatience is how long a server of ZooKeeper may take until it serves.
const startPatience = 60 * time.Second

var zookeeperRuns atomic.Int64

// ZooKeeperRuns is how many processes of ZooKeeper have been started.
func ZooKeeperRuns() int64 { return zookeeperRuns.Load() }

// ZooKeeper is a server of ZooKeeper of the test's own, on the loopback interface, or one of an ensemble. It ends with
// the test. One goroutine uses it.
type ZooKeeper struct {
	Address string // host:port for clients

	within  []string // nothing, or a command that runs another
	tb      testing.TB
	config  string // file
	dir     string
	process *exec.Cmd // nil while it does not run
	ended   chan struct{}
	output  *tail
}

// AnyZooKeeper is the address of a ZooKeeper that tests share: the one that the environment variable ZOOKEEPER names, or one of
// the test's own.
func AnyZooKeeper(tb testing.TB) (address string) {
	tb.Helper()
	if address := os.Getenv("ZOOKEEPER"); address != "" {
		return address
	}
	return StartZooKeeper(tb).Address
}

// StartZooKeeper starts a server and waits until it serves.
func StartZooKeeper(tb testing.TB) *ZooKeeper {
	tb.Helper()
	z := newZooKeeper(tb, "127.0.0.1", freePorts(tb, 1)[0], "")
	z.Start()
	return z
}

// StartZooKeeperWithin starts a server at an address of another network namespace, by a command that runs another within it.
func StartZooKeeperWithin(tb testing.TB, within []string, host string, port int) *ZooKeeper {
	tb.Helper()
	z := newZooKeeper(tb, host, port, "")
	z.within = within
	z.Start()
	return z
}

// StartEnsemble starts n servers that are one ZooKeeper, and waits until all serve. peer, unless it is nil, says
// by which address server i reaches server j's port.
func StartEnsemble(tb testing.TB, n int, peer func(i, j int, address string) string) []*ZooKeeper {
	tb.Helper()
	ports := freePorts(tb, 3*n)
	if peer == nil {
		peer = func(_, _ int, address string) string { return address }
	}
	all := make([]*ZooKeeper, n)
	for i := range all {
		var servers strings.Builder
		servers.WriteString("initLimit=20\nsyncLimit=4\n")
		for j := range all {
			// Its own ports a server binds, the others' it may reach by another way.
			quorum, election := "127.0.0.1:"+strconv.Itoa(ports[3*j+1]), "127.0.0.1:"+strconv.Itoa(ports[3*j+2])
			if i != j {
				quorum, election = peer(i, j, quorum), peer(i, j, election)
			}
			_, electionPort, _ := net.SplitHostPort(election)
			fmt.Fprintf(&servers, "server.%d=%s:%s\n", j+1, quorum, electionPort)
		}
		all[i] = newZooKeeper(tb, "127.0.0.1", ports[3*i], servers.String())
		if err := os.WriteFile(filepath.Join(all[i].dir, "myid"), []byte(strconv.Itoa(i+1)), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	for _, z := range all {
		z.launch()
	}
	for _, z := range all {
		z.await()
	}
	return all
}

func newZooKeeper(tb testing.TB, host string, port int, servers string) *ZooKeeper {
	tb.Helper()
	Program(tb, "java")
	File(tb, zookeeperJars+"/zookeeper.jar")
	File(tb, zookeeperConf+"/log4j.properties")
	z := &ZooKeeper{Address: net.JoinHostPort(host, strconv.Itoa(port)), tb: tb, dir: tb.TempDir(), output: &tail{}}
	z.config = filepath.Join(z.dir, "zoo.cfg")
	config := fmt.Sprintf("tickTime=500\ndataDir=%s\nclientPort=%d\nclientPortAddress=%s\nadmin.enableServer=false\n"+
		"4lw.commands.whitelist=*\nmaxClientCnxns=0\n%s", z.dir, port, host, servers)
	if err := os.WriteFile(z.config, []byte(config), 0o600); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		z.Kill()
		if tb.Failed() {
			tb.Logf("ZooKeeper at %s printed at last:\n%s", z.Address, z.output)
		}
	})
	return z
}

// Start runs a server that does not run, with what it held, and waits until it serves.
func (z *ZooKeeper) Start() {
	z.tb.Helper()
	z.launch()
	z.await()
}

func (z *ZooKeeper) launch() {
	z.tb.Helper()
	if z.process != nil {
		z.tb.Fatalf("ZooKeeper at %s runs already", z.Address)
	}
	// Of all that logs in the folder of jars, the first says what it says.
	words := append(slices.Clone(z.within), "java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-cp", zookeeperJars+"/slf4j-simple.jar:"+zookeeperConf+":"+zookeeperJars+"/*",
		"org.apache.zookeeper.server.quorum.QuorumPeerMain", z.config)
	p := exec.Command(words[0], words[1:]...)
	p.SysProcAttr = DieWithParent()
	p.Stdout, p.Stderr = z.output, z.output
	if err := p.Start(); err != nil {
		z.tb.Fatal(err)
	}
	zookeeperRuns.Add(1)
	ended := make(chan struct{})
	z.process, z.ended = p, ended
	go func() {
		defer close(ended)
		_ = p.Wait() // it is killed
	}()
}

// await waits until the server serves.
func (z *ZooKeeper) await() {
	z.tb.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.NewTimer(startPatience)
	defer deadline.Stop()
	for {
		// Four letters are answered by a server without a leader, too: "This ZooKeeper instance is not currently serving requests".
		// One that has just begun may take a connection and never answer it: so the question is asked again.
		if answer, err := z.ask("srvr", 250*time.Millisecond); err == nil && strings.Contains(answer, "Mode: ") {
			return
		}
		select {
		case <-ticker.C:
		case <-z.ended:
			z.tb.Fatalf("ZooKeeper at %s has ended:\n%s", z.Address, z.output)
		case <-deadline.C:
			z.tb.Fatalf("ZooKeeper at %s does not serve after %v:\n%s", z.Address, startPatience, z.output)
		}
	}
}

// Ask sends one of ZooKeeper's four letter words, and returns the answer.
func (z *ZooKeeper) Ask(word string) (string, error) { return z.ask(word, 5*time.Second) }

func (z *ZooKeeper) ask(word string, timeout time.Duration) (string, error) {
	conn, err := net.DialTimeout("tcp", z.Address, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, word); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(bufio.NewReader(conn))
	return string(answer), err
}

// Leads tells whether the server is the leader of its ensemble.
func (z *ZooKeeper) Leads() bool {
	answer, err := z.Ask("srvr")
	return err == nil && strings.Contains(answer, "Mode: leader")
}

// Kill ends the server as a crash would, unless it does not run.
func (z *ZooKeeper) Kill() {
	if z.process == nil {
		return
	}
	if err := z.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		z.tb.Errorf("kill ZooKeeper at %s: %v", z.Address, err)
	}
	<-z.ended
	z.process = nil
}

// Wipe deletes all that the server holds, which does not run.
func (z *ZooKeeper) Wipe() {
	z.tb.Helper()
	if err := os.RemoveAll(filepath.Join(z.dir, "version-2")); err != nil {
		z.tb.Fatal(err)
	}
}

// Pause stops the server as SIGSTOP does, and Resume has it go on.
func (z *ZooKeeper) Pause() { z.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (z *ZooKeeper) Resume() { z.signal(syscall.SIGCONT) }

func (z *ZooKeeper) signal(s os.Signal) {
	z.tb.Helper()
	if err := z.process.Process.Signal(s); err != nil {
		z.tb.Fatalf("signal ZooKeeper at %s: %v", z.Address, err)
	}
}

// Ports are drawn from those below the ones that Linux (from 32768 on) and other systems give to connections: such a connection could take
// one before ZooKeeper has it, which takes half a second to start.
const (
	lowestPort = 10_000
	portRange  = 22_000
)

// freePorts are n ports of the loopback interface on which nobody listens.
func freePorts(tb testing.TB, n int) []int {
	tb.Helper()
	var ports []int
	for tries := 0; len(ports) < n; tries++ {
		port := lowestPort + rand.IntN(portRange)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		switch {
		case err == nil:
			defer l.Close() // not before all are found, so that they differ
			ports = append(ports, port)
		case !errors.Is(err, syscall.EADDRINUSE) || tries > 100*n:
			tb.Fatal(err)
		}
	}
	return ports
}

// tail keeps the last that was written to it.
type tail struct {
	mu   sync.Mutex
	data []byte
}

const maxTail = 16 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, b...)
	if over := len(t.data) - maxTail; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}
