package system_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chaintable/chaintable/internal/needs"
)

// server is a table-server that runs, or has run.
type server struct {
	*exec.Cmd
	t       *testing.T
	args    []string
	listens string // where it listens
	address string // by which others know it
	ended   chan struct{}

	mu      sync.Mutex
	lines   []string      // of its log
	changed chan struct{} // closed, and replaced, when a line comes
	over    bool          // no more lines come
}

// startServer runs table-server with args and waits until it listens. It ends with the test at the latest. within is nothing, or a command
// that runs another.
func startServer(t *testing.T, within []string, args ...string) *server {
	t.Helper()
	if err := depend(); err != nil {
		t.Fatal(err)
	}
	words := slices.Concat(within, []string{program}, args)
	s := &server{Cmd: exec.Command(words[0], words[1:]...), t: t, args: args, ended: make(chan struct{}), changed: make(chan struct{})}
	s.SysProcAttr = needs.DieWithParent()
	s.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // the race detector waits a second at the end, else
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.Stdout, s.Stderr = in, in
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	runs.Add(1)
	in.Close()
	go func() {
		defer close(s.ended)
		defer out.Close()
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			s.note(lines.Text(), false)
		}
		s.note("", true)
		_ = s.Wait() // it may have been killed
	}()
	t.Cleanup(func() {
		s.kill()
		for _, bad := range []string{"DATA RACE", "panic:", "fatal error:"} {
			if strings.Contains(withoutKnownRaces(s.log()), bad) {
				t.Errorf("%s in the log of %s", bad, s.address)
			}
		}
		if t.Failed() {
			t.Logf("table-server %s (pid %d, %s) printed:\n%s", strings.Join(args, " "), s.Process.Pid, s.address, s.log())
		}
	})
	found := s.expect(0, `msg=listening listen=(\S+) advertise=(\S+)`)
	s.listens, s.address = found[1], found[2]
	return s
}

// withoutKnownRaces is a log without reports of a race that the client library for ZooKeeper has with itself (go-zookeeper/zk, pull
// request 35): when it has connected anew it reads the number of the last change that it has seen, to set its watches, while the first answers
// raise that. At worst a watch misses a change, as every watch may: what matters is read again with each heartbeat.
func withoutKnownRaces(log string) string {
	var rest []string
	for _, part := range strings.Split(log, "==================") {
		known := strings.Contains(part, "zk.(*Conn).sendSetWatches()") && strings.Contains(part, "zk.(*Conn).recvLoop()")
		if !known {
			rest = append(rest, part)
		}
	}
	return strings.Join(rest, "")
}

func (s *server) note(line string, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over = over; !over {
		s.lines = append(s.lines, line)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// mark is how many lines the log has now: where a later expect is to begin.
func (s *server) mark() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines)
}

func (s *server) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// expect waits for a line of the log that matches, from a mark on, and returns its submatches.
func (s *server) expect(from int, pattern string) []string {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		lines, over, changed := s.lines[from:], s.over, s.changed
		s.mu.Unlock()
		for _, line := range lines {
			if found := re.FindStringSubmatch(line); found != nil {
				return found
			}
		}
		from += len(lines)
		if over {
			s.t.Fatalf("%s has ended; no line matches %q", s.address, pattern)
		}
		select {
		case <-changed:
		case <-deadline.C:
			s.t.Fatalf("%s: no line matches %q within %v", s.address, pattern, patience)
		}
	}
}

// signal sends a signal to the process, which runs.
func (s *server) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.Process.Signal(sig); err != nil {
		s.t.Fatalf("signal %v to %s: %v", sig, s.address, err)
	}
}

// kill ends the process as a crash would, unless it has ended.
func (s *server) kill() {
	_ = s.Process.Signal(syscall.SIGKILL) // fails if it has ended
	<-s.ended
}

// running tells whether the process has not ended.
func (s *server) running() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// exit waits until the process has ended by itself, and returns its exit code.
func (s *server) exit() int {
	s.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	select {
	case <-s.ended:
	case <-deadline.C:
		s.t.Fatalf("%s does not end", s.address)
	}
	return s.ProcessState.ExitCode()
}

// status is what a server says of itself over HTTP.
type status struct {
	ID          string
	Incarnation uint64
	Role        string
	State       string
	Chain       string
	Epoch       uint64
	Keys        int
	LeaseLeftMS int64 `json:"lease_left_ms"`
}

var httpClient = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// status asks the server; an error says that it does not answer.
func (s *server) status() (st status, err error) {
	answer, err := httpClient.Get("http://" + s.listens + "/status")
	if err != nil {
		return st, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return st, fmt.Errorf("/status answers %s", answer.Status)
	}
	return st, json.NewDecoder(answer.Body).Decode(&st)
}

// serving tells whether the server says it is a member of the chain.
func (s *server) serving() bool {
	st, err := s.status()
	return err == nil && st.State == "member"
}
