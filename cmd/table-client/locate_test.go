package main

import (
	"io"
	"net"
	"testing"

	"github.com/chaintable/chaintable/coord/local"
	"github.com/chaintable/chaintable/server/servertest"
)

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"7001": "127.0.0.1:7001", ":7001": "127.0.0.1:7001", "localhost:7001": "localhost:7001", "[::1]:7001": "[::1]:7001",
		"a:1,b:2": "a:1,b:2", "a:1/b": "a:1/b", "a": "", "a:b": "", "::1": "", "": "", "a b:1": "", "70010": "", "u@h:1": "",
	} {
		if got, err := normalize(in); got != want || (err != nil) != (want == "") {
			t.Errorf("%q is %q, %v, want %q", in, got, err, want)
		}
	}
}

// What answers PING is a server; what closes the connection or says nothing may be ZooKeeper.
func TestLocate(t *testing.T) {
	server := serving(t, servertest.New())
	behind := zooKeeper(view(1, server))
	says := func(what string) string {
		return act(t, func(c net.Conn) {
			if _, err := io.ReadFull(c, make([]byte, len("PING\r\n"))); err == nil {
				io.WriteString(c, what)
			}
		})
	}
	silent := act(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	spare := act(t, func(c net.Conn) {
		b := make([]byte, 100)
		switch _, err := c.Read(b); {
		case err == nil && b[0] == 'P':
			io.WriteString(c, "-LOADING not in the chain: spare\r\n")
		case err == nil:
			io.WriteString(c, "\x08\x0b\x10\x32"+refusal)
		}
	})
	_, port, err := net.SplitHostPort(server)
	if err != nil {
		t.Fatal(err)
	}
	unreachable := func(string, string) (coordinator, error) {
		c := local.NewClient(local.NewStore(), local.Faults{})
		c.SetReach(local.Silent)
		return c, nil
	}
	for name, c := range map[string]struct {
		address string
		open    openFunc
		code    int
		out     string
		err     string
	}{
		"a server":              {server, noZooKeeper, 0, "0\n", ""},
		"its port":              {port, noZooKeeper, 0, "0\n", ""},
		"a spare":               {spare, noZooKeeper, 0, "0\n", ""},
		"closed":                {says(""), behind, 0, "0\n", ""},
		"silent":                {silent, behind, 0, "0\n", ""},
		"a comma":               {"a:1,b:2", behind, 0, "0\n", ""},
		"a slash":               {"a:1/b", behind, 0, "0\n", ""},
		"something else":        {says("SSH-2.0-OpenSSH_9.2\r\n"), noZooKeeper, 3, "", `it answers "SSH-2.0-OpenSSH_9.2" to PING`},
		"neither":               {says(""), unreachable, 3, "", "did not answer PING as a server of Chaintable does, and gave no session"},
		"ZooKeeper, no chain":   {says(""), inStore(local.NewStore()), 3, "", `knows no chain named "main"`},
		"no address for either": {says(""), noZooKeeper, 2, "", "nobody should ask for ZooKeeper"},
	} {
		call(c.open, "", c.address, "size").check(t, name, c.code, c.out, c.err)
	}
	opened := ""
	open := func(address, name string) (coordinator, error) {
		opened = address + " " + name
		return behind(address, name)
	}
	call(open, "", "--chain", "other", "a:1,b:2/c", "size").check(t, "a name", 0, "0\n", "")
	if opened != "a:1,b:2/c other" {
		t.Errorf("opened %s", opened)
	}
}
