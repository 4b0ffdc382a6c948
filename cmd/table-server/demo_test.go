package main

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestDemo is an hour of playing with the demo, in short: servers are killed, paused, started and added while
// clients write at each, and in the end every server has every write that was acknowledged.
func TestDemo(t *testing.T) {
	p := start(t, "demo", "--port", "0", "--session-timeout", "2s")
	ready := p.expect(`a chain of 3 servers in this process, ready in ([0-9.]+)(ms|s)`)
	if ready[2] != "ms" {
		t.Errorf("ready in %s%s, want less than a second", ready[1], ready[2])
	}
	var ports []string
	for i, role := range []string{"head", "middle", "tail"} {
		ports = append(ports, p.expect(fmt.Sprintf(`^%d +(\d+) +%s$`, i+1, role))[1])
	}
	p.expect(`redis-cli -p ` + ports[0])

	// What a view is expected to be is said only where no busy machine can make it another.
	w := write(ports)
	w.await(t, 100)
	p.say("kill 1")
	p.expect(`^server 1 \(port ` + ports[0] + `\) is dead`)
	p.expect(`epoch \d+: .*\(server 1 removed, \S+ after it was killed\)`)
	w.await(t, 100)
	p.say("start 1")
	p.expect(`1 tail  \(server 1 joined as tail`)
	w.await(t, 100)
	p.say("add")
	ports = append(ports, p.expect(`^server 4 \(port (\d+)\) is running`)[1])
	p.expect(`4 tail  \(server 4 joined`)
	p.say("pause 3")
	p.expect(`^server 3 .* is paused`)
	p.expect(`\(server 3 removed, \S+ after it was paused\)`)
	w.await(t, 100)
	p.say("start 3")
	p.expect(`^server 3 .* goes on where it was`)
	p.expect(`3 tail  \(server 3 joined as tail`)
	w.await(t, 100)
	p.say("kill 3") // the tail
	p.expect(`\(server 3 removed`)
	p.say("start 3")
	p.expect(`3 tail  \(server 3 joined`)
	acknowledged := w.stop()
	if len(acknowledged) < 500 {
		t.Errorf("only %d writes", len(acknowledged))
	}

	awaitEqual(t, p, ports) // and members: one that is not would pass us on to the head
	for i, port := range ports {
		c := dialRESP(t, "127.0.0.1:"+port)
		missing := 0
		for key, value := range acknowledged {
			if got, err := c.insist("GET", key); err != nil || got != value {
				if missing++; missing <= 3 {
					t.Errorf("server %d: %s is %q, %v, want %q", i+1, key, got, err, value)
				}
			}
		}
		if missing > 0 {
			t.Errorf("server %d: %d of %d acknowledged writes are missing", i+1, missing, len(acknowledged))
		}
	}
	p.say("quit")
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// awaitEqual waits until all servers are members and tell the same digest.
func awaitEqual(t *testing.T, p *process, ports []string) {
	t.Helper()
	var rows [][]string
	pace := time.NewTicker(50 * time.Millisecond) // asking without a pause starves the servers that are asked
	defer pace.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-pace.C {
		p.say("status")
		p.expect(`^SERVER +PORT +STATE +ROLE`)
		rows = nil
		equal := true
		for i, port := range ports {
			row := p.expect(fmt.Sprintf(`^%d +%s +running +(\S+) +(\d+) .* ([0-9a-f]{16}) `, i+1, port))
			rows = append(rows, row)
			equal = equal && row[2] == rows[0][2] && row[3] == rows[0][3] && (row[1] == "head" || row[1] == "middle" || row[1] == "tail")
		}
		if equal {
			return
		}
	}
	t.Errorf("servers are not equal: %v", rows)
}

// writer writes at several servers, each key once, until it is stopped.
type writer struct {
	stopping chan struct{}
	workers  sync.WaitGroup

	mu           sync.Mutex
	more         *sync.Cond
	acknowledged map[string]string
}

func write(ports []string) *writer {
	w := &writer{stopping: make(chan struct{}), acknowledged: map[string]string{}}
	w.more = sync.NewCond(&w.mu)
	for i, port := range ports {
		w.workers.Go(func() { w.run(i, "127.0.0.1:"+port) })
	}
	return w
}

func (w *writer) run(id int, address string) {
	var c *respClient
	defer func() {
		if c != nil {
			c.conn.Close()
		}
	}()
	wait := time.Duration(0) // before the next try
	for n := 0; ; n++ {
		select {
		case <-w.stopping:
			return
		case <-time.After(wait):
		}
		wait = 10 * time.Millisecond
		if c == nil {
			var err error
			if c, err = newRESP(address); err != nil {
				c = nil
				continue
			}
		}
		key, value := fmt.Sprintf("writer%d-%d", id, n), fmt.Sprint(n)
		_, err := c.do("SET", key, value)
		switch {
		case err == nil:
			wait = 0
			w.mu.Lock()
			w.acknowledged[key] = value
			w.more.Broadcast()
			w.mu.Unlock()
		case !strings.Contains(err.Error(), "server says"):
			c.conn.Close()
			c = nil
		}
	}
}

// await waits until n more writes have been acknowledged.
func (w *writer) await(t *testing.T, n int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for want := len(w.acknowledged) + n; len(w.acknowledged) < want; {
		w.more.Wait()
	}
}

// stop ends the writing. A writer whose server is paused waits until that goes on.
func (w *writer) stop() map[string]string {
	close(w.stopping)
	w.workers.Wait()
	return w.acknowledged
}

// TestDemoTalks shows that nothing said at the prompt confuses the demo, and how it ends.
func TestDemoTalks(t *testing.T) {
	p := start(t, "demo", "--port", "0", "--servers", "1")
	p.expect("a chain of 1 server in this process")
	for _, c := range []struct{ say, want string }{
		{"frobnicate", `unknown command "frobnicate": status, kill N`},
		{"kill", "kill which server\\? For example: kill 1"},
		{"kill one", `no server "one": the only one is 1`},
		{"kill 2", `no server "2"`},
		{"pause 0", `no server "0"`},
		{"start 1", "server 1 runs already"},
		{"SET a b", "redis-cli -p \\d+ SET a b"},
		{"\x00\xff\xfe", "unknown command"},
		{strings.Repeat("kill ", 2000), "kill which server"},
		{"PAUSE 1", "server 1 .* is paused"},
		{"pause 1", "server 1 does not run: it is paused. `start 1` has it go on"},
		{"get a", "no server runs"},
		{"status", `^1 +\d+ +paused +-`},
		{"kill 1", "server 1 .* is dead"},
		{"kill 1", "server 1 does not run"},
		{"status", `^1 +\d+ +killed +-`},
		{"pause 1", "server 1 does not run: it is killed. `start 1` begins it anew, empty"},
		{"start 1", "server 1 .* is running, and empty; no running server is in a chain"},
		{"help", "pause N"},
	} {
		p.say("%s", c.say)
		p.expect(c.want)
	}
	p.say("kill 1")
	p.expect("server 1 .* is dead")
	p.say("add")
	port := p.expect(`^server 2 \(port (\d+)\) is running; no running server is in a chain`)[1]
	p.say("get a")
	p.expect("redis-cli -p " + port + " get a")
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestDemoEndOfInput shows that a demo with no input serves on.
func TestDemoEndOfInput(t *testing.T) {
	p := start(t, "demo", "--port", "0", "--servers", "2")
	if err := p.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	p.expect("ready in")
	port := p.expect(`^2 +(\d+) +tail$`)[1]
	c := dialRESP(t, "127.0.0.1:"+port)
	c.must(t, "OK", "SET", "k", "v")
	c.must(t, "v", "GET", "k")
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
