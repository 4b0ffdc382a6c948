package main

import (
	"strings"
	"testing"

	"github.com/chaintable/chaintable/internal/needs"
)

// TestRecover loses all that ZooKeeper holds under a living chain: its servers stop serving, keep the data, and go on with it once an
// operator has brought the view back.
func TestRecover(t *testing.T) {
	zk := needs.StartZooKeeper(t)
	var servers []*process
	var addresses []string
	for range 2 {
		p := start(t, "0", "64", zk.Address+"/below", "--session-timeout", "500ms")
		addresses = append(addresses, p.expect(`msg=listening listen=(\S+)`)[1])
		p.expect("msg=serving")
		servers = append(servers, p)
	}
	c := dialRESP(t, addresses[1])
	c.must(t, "OK", "SET", "k", "v")

	recover := func(more ...string) (code int, output string) {
		p := start(t, append([]string{"recover", zk.Address + "/below", addresses[0], addresses[1]}, more...)...)
		return p.exit(), p.output()
	}
	if code, output := recover("--yes"); code != 1 || !strings.Contains(output, "serves: its chain is not lost") {
		t.Errorf("while servers serve: exit code %d, %s", code, output)
	}
	zk.Kill()
	zk.Wipe()
	zk.Start()
	for _, p := range servers {
		p.expect("SERVING NOBODY.*has no view of chain")
	}
	if answer, err := c.do("GET", "k"); err == nil || !strings.Contains(err.Error(), "LOADING") {
		t.Errorf("GET without a view: %q, %v", answer, err)
	}
	if code, output := recover(); code != 1 || !strings.Contains(output, "nothing is done yet") {
		t.Errorf("without --yes: exit code %d, %s", code, output)
	}
	if code, output := recover("--yes"); code != 0 || !strings.Contains(output, "is back") {
		t.Errorf("with --yes: exit code %d, %s", code, output)
	}
	for i, p := range servers {
		p.expect("restarted the chain")
		dialRESP(t, addresses[i]).must(t, "v", "GET", "k")
	}
}
