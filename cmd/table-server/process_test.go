package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain makes the test's binary a table-server, where a test starts it as one.
func TestMain(m *testing.M) {
	if os.Getenv("TABLE_SERVER") == "1" {
		main()
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what should come at once.
const patience = 30 * time.Second

// process is a table-server that runs.
type process struct {
	*exec.Cmd
	t     *testing.T
	stdin io.WriteCloser

	mu      sync.Mutex
	changed *sync.Cond // a line came, or the output ended
	lines   []string   // of standard output and standard error
	ended   bool
	read    int // lines that expect has passed
}

// start runs table-server with args. It ends with the test at the latest.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], args...), t: t}
	p.changed = sync.NewCond(&p.mu)
	p.Env = append(os.Environ(), "TABLE_SERVER=1")
	var err error
	if p.stdin, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Stdout, p.Stderr = in, in
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		defer out.Close()
		for s := bufio.NewScanner(out); s.Scan(); {
			p.note(s.Text(), false)
		}
		p.note("", true)
	}()
	t.Cleanup(func() {
		p.Process.Kill()
		p.Wait()
		<-collected
		if t.Failed() {
			t.Logf("table-server %s printed:\n%s", strings.Join(args, " "), strings.Join(p.lines, "\n"))
		}
	})
	return p
}

func (p *process) note(line string, ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended = ended; !ended {
		p.lines = append(p.lines, line)
	}
	p.changed.Broadcast()
}

// expect waits for a line that matches, behind the one that the last expect found, and returns its submatches.
func (p *process) expect(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	p.mu.Lock()
	defer p.mu.Unlock()
	late := false
	timer := time.AfterFunc(patience, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		late = true
		p.changed.Broadcast()
	})
	defer timer.Stop()
	for {
		for p.read < len(p.lines) {
			p.read++
			if found := re.FindStringSubmatch(p.lines[p.read-1]); found != nil {
				return found
			}
		}
		if late || p.ended {
			p.t.Fatalf("no line matches %q (ended: %v)", pattern, p.ended)
		}
		p.changed.Wait()
	}
}

// say writes a line to standard input.
func (p *process) say(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.stdin, format+"\n", args...); err != nil {
		p.t.Fatal(err)
	}
}

// exit waits for the end and returns the exit code.
func (p *process) exit() int {
	p.t.Helper()
	timer := time.AfterFunc(patience, func() { p.Process.Kill() })
	defer timer.Stop()
	p.mu.Lock()
	for !p.ended {
		p.changed.Wait()
	}
	p.mu.Unlock()
	p.Wait()
	return p.ProcessState.ExitCode()
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

func TestCommandLine(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	_, busyPort, err := net.SplitHostPort(busy.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		want []string // in what is printed
	}{
		{"--version", 0, []string{"table-server ", "go1."}},
		{"--help", 0, []string{"table-server <port> <n_lists>", "--listen", "--advertise", "--session-timeout", "--log-format", "demo"}},
		{"demo --help", 0, []string{"--servers", "--port", "--max-memory", "Ctrl-C"}},

		{"", 2, []string{"want a port", "table-server 7001 1024", "--help"}},
		{"7001", 2, []string{"want a port and the number of lists"}},
		{"7001 0", 2, []string{`number of lists "0"`}},
		{"7001 -3", 2, []string{"-3"}},
		{"7001 many", 2, []string{`number of lists "many"`}},
		{"7001 99999999999999999999", 2, []string{"number of lists"}},
		{"completion bash", 2, []string{`port "completion"`}},
		{"http 1024", 2, []string{`port "http"`}},
		{"65536 1024", 2, []string{`port "65536"`, "65535"}},
		{"7001 1024 extra", 2, []string{`"extra"`}},
		{"7001 1024 127.0.0.1", 2, []string{"ZooKeeper", "want host:port"}},
		{"7001 1024 127.0.0.1:2181 more", 2, []string{"more", "only a port"}},
		{"7001 1024 127.0.0.1:2181 --chain a/b", 2, []string{"--chain", "letters"}},
		{"7001 1024 127.0.0.1:2181 --replicas -1", 2, []string{"--replicas -1"}},
		{"7001 1024 --abandon 3", 2, []string{"--abandon", "ZooKeeper"}},
		{"7001 1024 --advertise 0.0.0.0", 2, []string{"--advertise", "every address"}},
		{"7001 1024 --bogus", 2, []string{"--bogus"}},
		{"7001 1024 --listen 0.0.0.0", 2, []string{"--insecure", "everything"}},
		{"7001 1024 --listen 0.0.0.0 --insecure", 2, []string{"--advertise"}},
		{"7001 1024 --session-timeout 1ms", 2, []string{"--session-timeout 1ms", "20ms"}},
		{"7001 1024 --session-timeout soon", 2, []string{"--session-timeout", "soon"}},
		{"7001 1024 --request-timeout 0s", 2, []string{"--request-timeout 0s"}},
		{"7001 1024 --max-clients 0", 2, []string{"--max-clients 0"}},
		{"7001 1024 --max-memory lots", 2, []string{"--max-memory", `"lots"`, "512MiB"}},
		{"7001 1024 --join-bandwidth fast", 2, []string{"--join-bandwidth", `"fast"`, "50MiB"}},
		{"7001 1024 --log-level loud", 2, []string{"--log-level", `"loud"`}},
		{"7001 1024 --log-format xml", 2, []string{"--log-format", `"xml"`}},
		{"7001 1024 --slow-log -1s", 2, []string{"--slow-log -1s"}},
		{"7001 1024 --pprof http", 2, []string{"--pprof", `"http"`}},
		{"demo now", 2, []string{`"now"`}},
		{"demo --servers 0", 2, []string{"--servers 0"}},
		{"demo --servers 1000", 2, []string{"--servers 1000"}},
		{"demo --port 65535", 2, []string{"--port 65535"}},

		{busyPort + " 1024", 1, []string{"port " + busyPort + " of 127.0.0.1 is in use"}},
		{"0 1024 --pprof " + busyPort, 1, []string{"--pprof", busyPort}},
		{"demo --port " + busyPort, 1, []string{"port " + busyPort + " of 127.0.0.1 is in use"}},
		{"0 1024 --listen 127.1.2.3.4", 2, []string{"127.1.2.3.4"}},
	} {
		t.Run(strings.ReplaceAll(c.args, busyPort, "BUSY"), func(t *testing.T) {
			p := start(t, strings.Fields(c.args)...)
			if code := p.exit(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, want := range c.want {
				if !strings.Contains(p.output(), want) {
					t.Errorf("does not say %q", want)
				}
			}
			if strings.Contains(p.output(), "goroutine ") || strings.Contains(p.output(), "panic") {
				t.Error("panic")
			}
		})
	}
}

func TestServe(t *testing.T) {
	p := start(t, "0", "64", "--log-format", "json", "--max-memory", "64MiB", "--slow-log", "0")
	address := p.expect(`"msg":"listening".*"listen":"([^"]+)".*"max_memory":"64.0 MiB"`)[1]
	p.expect(`"msg":"serving","role":"single"`)
	c := dialRESP(t, address)
	c.must(t, "OK", "SET", "k", "v")
	c.must(t, "v", "GET", "k")
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.expect("leaving the chain")
	p.expect("ended")
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if strings.Contains(p.output(), `"level":"WARN"`) || strings.Contains(p.output(), `"level":"ERROR"`) {
		t.Error("an orderly end with warnings")
	}
}
