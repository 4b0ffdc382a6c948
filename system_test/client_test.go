package system_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chaintable/chaintable/internal/needs"
)

// maxLoadRate is how many lines a second TestClientLoads loads, at most: a shorter run takes less of the dictionary.
const maxLoadRate = 1700

// TestClientLoads has table-client load a dictionary, each word with the number of its line, while each server is killed in turn, and another joins. Every line
// is in, with exit code 0; each server has all of it, and nothing else.
func TestClientLoads(t *testing.T) {
	data, err := os.ReadFile(needs.File(t, "/usr/share/dict/american-english"))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Split(strings.TrimSpace(string(data)), "\n")
	words = words[:min(len(words), int(loadFlag.Seconds()*maxLoadRate))]
	file := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(file, []byte(strings.Join(words, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	rate := float64(len(words)) / loadFlag.Seconds()
	c := newChain(t, needs.AnyZooKeeper(t), 3)
	began := time.Now()
	load := startClient(t, strings.Join(c.addresses(), ","), "load", "--format", "lines", "--rate", fmt.Sprint(rate), file)
	for i := range roles {
		waitFor(t, "a quarter of the lines", func() bool { return c.keys() > (i+1)*len(words)/4 || load.ended() })
		victim := c.members()[i]
		c.kill(victim)
		c.awaitGone(victim)
		c.join()
	}
	if printed, code := load.wait(); code != 0 || !strings.HasPrefix(printed, fmt.Sprintf("%d lines in ", len(words))) {
		t.Fatalf("exit code %d, printed %s", code, printed)
	}
	t.Logf("%d lines in %v while %d servers were killed", len(words), time.Since(began).Round(time.Second), len(roles))
	for _, s := range c.members() {
		printed, code := startClient(t, s.listens, "dump", "--format", "tsv", "-").wait()
		if code != 0 {
			t.Fatalf("dump at %s: exit code %d", s.listens, code)
		}
		got := map[string]string{}
		for line := range strings.Lines(printed) {
			if word, number, found := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); found {
				got[word] = number
			}
		}
		for i, word := range words {
			if got[word] != fmt.Sprint(i+1) {
				t.Fatalf("at %s, line %d, %s, is %q", s.listens, i+1, word, got[word])
			}
		}
		if len(got) != len(words) {
			t.Errorf("at %s are %d keys", s.listens, len(got))
		}
	}
}

// keys is how many keys the tail says that it has.
func (c *cluster) keys() int {
	members := c.members()
	st, err := members[len(members)-1].status()
	if err != nil {
		return 0
	}
	return st.Keys
}

// tableClient is a table-client that runs, or has run.
type tableClient struct {
	*exec.Cmd
	out  bytes.Buffer // what it printed and complained
	over chan struct{}
}

func startClient(t *testing.T, args ...string) *tableClient {
	t.Helper()
	c := &tableClient{Cmd: exec.Command(filepath.Join(filepath.Dir(program), "table-client"), args...), over: make(chan struct{})}
	c.SysProcAttr = needs.DieWithParent()
	c.Stdout, c.Stderr = &c.out, &c.out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.over)
		_ = c.Wait() // its exit code tells
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill() // fails if it has ended
		<-c.over
	})
	return c
}

func (c *tableClient) ended() bool {
	select {
	case <-c.over:
		return true
	default:
		return false
	}
}

// wait is what the client has printed when it has ended, and its exit code.
func (c *tableClient) wait() (printed string, code int) {
	<-c.over
	return c.out.String(), c.ProcessState.ExitCode()
}
