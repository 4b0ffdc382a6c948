package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server"
	"github.com/chaintable/chaintable/server/servertest"
)

func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"":                                  "want the address",
		"nowhere":                           `"nowhere" is no address`,
		":":                                 "is no address",
		"host:0":                            "is no address",
		"host:99999":                        "is no address",
		"a:1,":                              "is no address",
		"get k":                             "want the address first: table-client 127.0.0.1:7001 get",
		"127.0.0.1:7001 fly":                "unknown command fly",
		"127.0.0.1:7001 help fly":           "table-client: unknown command fly\n`table-client --help` tells more.\n",
		"127.0.0.1:7001 members target --x": "members target: there is no flag --x\n`table-client help members target` tells more.\n",
		"Completion":                        "completion: want one shell",
		"127.0.0.1:7001 put k":              "put: want KEY DATA",
		"127.0.0.1:7001 put --fast k v":     "put: there is no flag --fast. If that is no flag but data: put -- KEY DATA\n`table-client help put` tells more.\n",
		"127.0.0.1:7001 cas -7 1 x":         "cas: there is no flag -7. If that is no flag but data: cas -- KEY VERSION DATA\n",
		"127.0.0.1:7001 status -7":          "table-client: status: there is no flag -7\n",
		"127.0.0.1:7001 get":                "table-client: get: want one word: ",
		"127.0.0.1:7001 get a b":            "table-client: get: want one word: ",
		"127.0.0.1:7001 del":                "del: want one word",
		"127.0.0.1:7001 size now":           "size: it takes no arguments",
		"127.0.0.1:7001 getkeys a b":        "at most one prefix",
		"127.0.0.1:7001 status all":         "status: it takes no arguments",
		"127.0.0.1:7001 verify":             "verify: want one word",
		"127.0.0.1:7001 verify 0":           "want the number",
		"127.0.0.1:7001 verify -- -1":       "want the number",
		"127.0.0.1:7001 verify 1e3":         "want the number",
		"127.0.0.1:7001 cas k 1":            "cas: want KEY VERSION DATA",
		"127.0.0.1:7001 cas k one x":        "one is no version",
		"127.0.0.1:7001 --bogus":            "table-client: there is no flag --bogus\n`table-client --help` tells more.\n",
		"127.0.0.1:7001 gte k":              "unknown command gte: did you mean get?",
		"-v 127.0.0.1:7001 get k":           "there is no flag -v\n",
		"127.0.0.1:7001 help get fly":       "get has no command fly",
		"completion":                        "completion: want one shell: bash, fish, powershell, zsh\n`table-client help completion` tells more.\n",
		"completion tcsh":                   "completion: want one shell",
		"completion bash zsh":               "completion: want one shell",
		"--timeout 0s 127.0.0.1:7001 size":  "--timeout 0s",
		"127.0.0.1:7001 status -f=2":        "status: --follow 2: want true or false\n",
		"--timeout soon 127.0.0.1:7001":     "table-client: --timeout soon: want a time such as 500ms, 5s or 1m\n",
		"127.0.0.1:7001 load --rate x f":    "table-client: load: --rate x: want a number\n",
		"127.0.0.1:7001 bench --keys -1 x":  "bench: --keys -1: want a whole number, 0 or more\n",
		"-o xml 127.0.0.1:7001 size":        "--output xml",
		"--bogus":                           "--bogus",
		"--timeout":                         "--timeout needs a value",
		"127.0.0.1:7001/.. size":            "chroot",
		"--chain a/b 127.0.0.1:7001/x size": "a/b",
		"127.0.0.1:7001 get " + strings.Repeat("k", 64<<10+1):   "too long: at most 65536",
		"127.0.0.1:7001 put k " + strings.Repeat("v", 16<<20+1): "too long: at most 16777216",
	} {
		call("", strings.Fields(args)...).check(t, fmt.Sprintf("%.60s", args), 2, "", want)
	}
	call("", "127.0.0.1:7001", "").check(t, "an empty word", 2, "", `table-client: unknown command ""`+"\n`")
	for _, args := range []string{"--help", "--version", "help get", "get --help", "7001 get --help", "completion --help", "connections --help"} {
		o := call("", strings.Fields(args)...)
		if o.code != 0 || !strings.Contains(o.out, "table-client") || o.err != "" {
			t.Errorf("%s: %+v", args, o)
		}
	}
}

// Each command says what it is for, with an example, and each flag is explained.
func TestHelp(t *testing.T) {
	for _, c := range newRoot(newApp(nil, io.Discard, io.Discard)).Commands() {
		if c.Short == "" || c.GroupID == "" || !c.HasExample() {
			t.Errorf("%s: %q, group %q, example %q", c.Name(), c.Short, c.GroupID, c.Example)
		}
	}
}

// Data that looks like a flag of the command is told of, where it is one of several words.
func TestFlagAmong(t *testing.T) {
	c, _, err := newRoot(newApp(nil, io.Discard, io.Discard)).Find([]string{"put"})
	if err != nil || c.ParseFlags(nil) != nil {
		t.Fatal(err)
	}
	for data, want := range map[string]string{
		"v": "", "--timeout": "", "a --numbered": "--numbered", "--numbered v": "--numbered", "v -o json": "-o", "v --timeout=3s": "--timeout=3s",
		"v -h": "-h", "a - b": "", "a -- b": "", "a --none b": "", "a -x b": "", "a -oo b": "",
	} {
		if got := flagAmong(c, strings.Fields(data)); got != want {
			t.Errorf("%q: got %q, want %q", data, got, want)
		}
	}
}

// between stands between a server and its clients. It has each write fail with an error, but for what opens a session.
type between struct {
	server.Backend
	fail func(ctx context.Context) error
}

func (b between) Write(ctx context.Context, calls []*replica.Call) {
	if calls[0].Open {
		b.Backend.Write(ctx, calls)
		return
	}
	for _, c := range calls {
		c.Err = b.fail(ctx)
	}
}

// stuck gives no answer to a write.
func stuck(b server.Backend) server.Backend {
	return between{b, func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("%w: no answer", replica.ErrUncertain)
	}}
}

// crammed has no memory left.
func crammed(b server.Backend) server.Backend {
	return between{b, func(context.Context) error { return fmt.Errorf("%w: see --max-memory", replica.ErrMemory) }}
}

// outside is a server that is in no chain.
func outside(server.Backend) server.Backend {
	b := servertest.New()
	b.State.Role, b.State.State = "outside", "paused"
	err := fmt.Errorf("%w: paused", replica.ErrOutside)
	b.OnRead = func(context.Context) error { return err }
	b.OnWrite = func(_ context.Context, calls []*replica.Call) {
		for _, c := range calls {
			c.Err = err
		}
	}
	return b
}

// What is said of a failure is whether it was executed, and its exit code too.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		backend func(server.Backend) server.Backend
		command string
		code    int
		err     string
	}{
		"a put outside":           {outside, "put k v", 3, "not executed: "},
		"a del outside":           {outside, "del k", 3, "not executed: "},
		"a get outside":           {outside, "get k", 3, "paused"},
		"a size outside":          {outside, "size", 3, "paused"},
		"keys outside":            {outside, "getkeys", 3, "paused"},
		"no memory":               {crammed, "put k v", 3, "not executed: "},
		"a put without an answer": {stuck, "put k v", 4, "it may or may not have been executed, or may be yet. Look with get"},
		"a del without an answer": {stuck, "del k", 4, "it may or may not have been executed"},
		"a cas without an answer": {stuck, "cas k 0 v", 4, "it may or may not have been executed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := call("", append([]string{"--timeout", "3s", single(t, c.backend)}, strings.Fields(c.command)...)...)
			o.check(t, name, c.code, "", c.err)
			if strings.Contains(o.err, "rpc error") || strings.Contains(o.err, "context") || strings.Count(o.err, "\n") != 1 {
				t.Errorf("what is said is not for people: %s", o.err)
			}
		})
	}
	call("", nobody(t), "size").check(t, "nobody listens", 3, "", "connection refused: is a server or ZooKeeper running there?")
}

// The answers before and after one that is uncertain are there.
func TestSessionGoesOn(t *testing.T) {
	address := single(t, stuck)
	call("size\nput k v\nsize\nget\n", "--timeout", "600ms", address).check(t, "a session", 4, "0\n0\n", "may or may not have been executed")
}

// A server that says nothing is waited for until the timeout, and not beyond; one that talks nonsense is no server.
func TestSilence(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{"silent": "", "HTTP": "HTTP/1.1 400 Bad Request\r\n\r\n", "nonsense": "\x00\x00\x04\x99\x00"} {
		address := act(t, func(c net.Conn) {
			b := make([]byte, 1)
			if _, err := c.Read(b); err == nil && b[0] == 'P' {
				if _, err := c.Read(b); err == nil && b[0] == 'I' {
					io.WriteString(c, "+PONG\r\n")
				}
			}
			io.WriteString(c, says)
			io.Copy(io.Discard, c)
		})
		for _, command := range []string{"size", "get k", "put k v", "status", "getkeys", "verify 1"} {
			o := call("", append([]string{"--timeout", "500ms", address}, strings.Fields(command)...)...)
			rows := o.rows()
			shown := command == "status" && len(rows) == 2 && strings.HasPrefix(rows[1], address+" unreachable: ") // how all servers are
			if o.code != 3 || len(rows) > 0 && !shown || o.err == "" {
				t.Errorf("%s, %s: %+v", name, command, o)
			}
		}
	}
}
