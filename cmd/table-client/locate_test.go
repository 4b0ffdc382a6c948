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
		"neither":                  {says(""), 3, "", "did not answer PING as a server of Chaintable does, and gave no session"},
		"silent":                   {silent, 3, "", "did not answer PING as a server of Chaintable does, and gave no session"},
		"no ZooKeeper":             {silent + "/app", 3, "", "gives no answer: is it running there?"},
		"nobody at either address": {nobody(t) + "," + nobody(t), 3, "", "connection refused: is a server or ZooKeeper running there?"},
	} {
		call("", "--timeout", "4s", c.address, "size").check(t, name, c.code, c.out, c.err)
	}
}
