package main

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/chaintable/chaintable/server/servertest"
)

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"7001": "127.0.0.1:7001", ":7001": "127.0.0.1:7001", "localhost:7001": "localhost:7001", "[::1]:7001": "[::1]:7001",
		"a:1,b:2": "a:1,b:2", "7001,7002": "127.0.0.1:7001,127.0.0.1:7002", "a:1/b": "a:1/b", "a:1,2/": "a:1,127.0.0.1:2/", "a": "", "a:b": "",
		"::1": "", "": "", "a b:1": "", "70010": "", "u@h:1": "", "a:1,,b:2": "", strings.Repeat("a:1,", 64) + "a:1": "",
	} {
		parts, chroot, err := normalize(in)
		if got := strings.Join(parts, ",") + chroot; err == nil && got != want || (err != nil) != (want == "") {
			t.Errorf("%q is %q, %v, want %q", in, got, err, want)
		}
	}
}

// What answers PING is a server; what closes the connection or says nothing may be ZooKeeper.
func TestLocate(t *testing.T) {
	t.Parallel()
	server := serving(t, servertest.New())
	says := func(what string) string {
		return act(t, func(c net.Conn) {
			if _, err := io.ReadFull(c, make([]byte, len("PING\r\n"))); err == nil {
				io.WriteString(c, what)
			}
		})
	}
	silent := act(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	_, port, err := net.SplitHostPort(server)
	if err != nil {
		t.Fatal(err)
	}
	ssh := says("SSH-2.0-OpenSSH_9.2\r\n")
	for name, c := range map[string]struct {
		address string
		code    int
		out     string
		err     string
	}{
		"a server":                 {server, 0, "0\n", ""},
		"its port":                 {port, 0, "0\n", ""},
		"one of several":           {nobody(t) + "," + silent + "," + server + "," + ssh, 0, "0\n", ""},
		"something else":           {ssh, 3, "", `it answers "SSH-2.0-OpenSSH_9.2" to PING`},
		"neither":                  {says(""), 3, "", "answers neither as a server of Chaintable nor as ZooKeeper: it hangs, or is something else"},
		"silent":                   {silent, 3, "", "answers neither as a server of Chaintable nor as ZooKeeper: it hangs, or is something else"},
		"a URL":                    {"http://" + server, 2, "", "leave out http://, as in " + server},
		"a server with a chroot":   {server + "/app", 2, "", server + " is a server, which has no /app"},
		"no ZooKeeper":             {silent + "/app", 3, "", "gives no answer: is it running there?"},
		"nobody at either address": {nobody(t) + "," + nobody(t), 3, "", "connection refused: is a server or ZooKeeper running there?"},
	} {
		call("", "--timeout", "4s", c.address, "size").check(t, name, c.code, c.out, c.err)
	}
	call("", "--chain", "other", server, "size").check(t, "a chain's name", 2, "", "--chain is for ZooKeeper, which knows several, and "+server+" is a server")
}

// One mistyped port is not to read another database.
func TestServersOfTwoChains(t *testing.T) {
	t.Parallel()
	one, other := single(t, nil), single(t, nil)
	for _, command := range []string{"put k v", "get k", "status", "dump -", "bench get"} {
		o := call("", append([]string{one + "," + other}, strings.Fields(command)...)...)
		o.check(t, command, 2, "", "name servers of one")
		if !strings.Contains(o.err, one+" is in chain ") || !strings.Contains(o.err, other+" in chain ") {
			t.Errorf("%s: %s", command, o.err)
		}
	}
	call("put k v\n", one+","+other).check(t, "a session", 2, "", "name servers of one")
	for _, address := range []string{one, other} {
		call("", address, "size").check(t, "left alone", 0, "0\n", "")
	}
}

// A server that answers, but is in no chain, tells what it waits for.
func TestStatusOutside(t *testing.T) {
	t.Parallel()
	address, dead := single(t, outside), nobody(t)
	o := call("", address+","+dead, "status")
	rows := o.rows()
	if o.code != 0 || o.err != "" || len(rows) != 3 || !strings.HasPrefix(rows[1], address+" outside ") || !strings.HasSuffix(rows[1], " paused") ||
		rows[2] != dead+" unreachable: connection refused" {
		t.Errorf("%+v", o)
	}
	if o := call("", "-o", "table", address, "status"); o.code != 0 || !strings.HasPrefix(o.out, "ADDRESS ") {
		t.Errorf("for people: %+v", o)
	}
	for _, command := range []string{"members", "bench get"} {
		call("", append([]string{address}, strings.Fields(command)...)...).check(t, command, 3, "", address+" is in no chain: paused")
	}
}
