package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord/local"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/servertest"
)

// Every command, one at a time, at one server.
func TestCommands(t *testing.T) {
	address := serving(t, servertest.New())
	big := strings.Repeat("x", 1<<20)
	for i, c := range []struct {
		args     []string
		code     int
		out, err string
	}{
		{[]string{"size"}, 0, "0\n", ""},
		{[]string{"getkeys"}, 0, "", ""},
		{[]string{"put", "k", "some", "data ", " with spaces"}, 0, "operation 1\n", ""},
		{[]string{"get", "k"}, 0, "some data   with spaces\n", ""},
		{[]string{"PUT", "k", "--timeout"}, 0, "operation 2\n", ""},
		{[]string{"Get", "k"}, 0, "--timeout\n", ""},
		{[]string{"put", "zero", "a\x00"}, 0, "operation 3\n", ""},
		{[]string{"get", "zero"}, 0, "a\x00\n", ""},
		{[]string{"put", "empty", ""}, 0, "operation 4\n", ""},
		{[]string{"get", "empty"}, 0, "\n", ""},
		{[]string{"put", "", "of the empty key"}, 0, "operation 5\n", ""},
		{[]string{"get", ""}, 0, "of the empty key\n", ""},
		{[]string{"put", "a\nb\xff", big}, 0, "operation 6\n", ""},
		{[]string{"get", "a\nb\xff"}, 0, big + "\n", ""},
		{[]string{"put", `"a"`, "x"}, 0, "operation 7\n", ""},
		{[]string{"size"}, 0, "6\n", ""},
		{[]string{"getkeys"}, 0, "\n\"\\\"a\\\"\"\n\"a\\nb\\xff\"\nempty\nk\nzero\n", ""},
		{[]string{"del", "k"}, 0, "operation 8\n", ""},
		{[]string{"get", "k"}, 1, "", "no such key: k"},
		{[]string{"get", "a\tb"}, 1, "", `no such key: "a\tb"`},
		{[]string{"verify", "8"}, 0, "executed\n", ""},
		{[]string{"verify", "9"}, 1, "pending\n", ""},
		{[]string{"help"}, 0, commandList, ""},
		{[]string{"quit"}, 0, "", ""},
	} {
		call(noZooKeeper, "", append([]string{address}, c.args...)...).check(t, fmt.Sprintf("%d: %.80q", i, c.args), c.code, c.out, c.err)
	}
}

func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"":                                  "want the address",
		"nowhere":                           `"nowhere" is no address`,
		":":                                 "is no address",
		"host:0":                            "is no address",
		"host:99999":                        "is no address",
		"127.0.0.1:7001 fly":                "unknown command fly: put, get",
		"127.0.0.1:7001 put k":              "want put KEY DATA",
		"127.0.0.1:7001 get":                "want get and one word",
		"127.0.0.1:7001 get a b":            "want get and one word",
		"127.0.0.1:7001 del":                "want del and one word",
		"127.0.0.1:7001 size now":           "size takes no arguments",
		"127.0.0.1:7001 getkeys *":          "getkeys takes no arguments",
		"127.0.0.1:7001 status all":         "status takes no arguments",
		"127.0.0.1:7001 verify":             "want verify and one word",
		"127.0.0.1:7001 verify 0":           "want the number",
		"127.0.0.1:7001 verify -1":          "want the number",
		"127.0.0.1:7001 verify 1e3":         "want the number",
		"127.0.0.1:7001 verify 99999999999": "want the number",
		"127.0.0.1:7001 --timeout 1s":       "flags come before the address",
		"--timeout 0s 127.0.0.1:7001":       "--timeout 0s",
		"--timeout soon 127.0.0.1:7001":     "soon",
		"--bogus":                           "--bogus",
		"127.0.0.1:7001 get " + strings.Repeat("k", 64<<10+1):   "too long: at most 65536",
		"127.0.0.1:7001 put k " + strings.Repeat("v", 16<<20+1): "too long: at most 16777216",
	} {
		call(noZooKeeper, "", strings.Fields(args)...).check(t, fmt.Sprintf("%.60s", args), 2, "", want)
	}
	for _, flag := range []string{"--help", "--version"} {
		o := call(noZooKeeper, "", flag)
		if o.code != 0 || !strings.Contains(o.out, "table-client") || o.err != "" {
			t.Errorf("%s: %+v", flag, o)
		}
	}
}

// What is said of a failure is whether it was executed, and its exit code too.
func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		backend func() *servertest.Backend
		command string
		code    int
		err     string
	}{
		"a put that a server refuses":  {outside, "put k v", 4, "does not say whether it was executed"},
		"a del that a server refuses":  {outside, "del k", 4, "does not say whether it was executed"},
		"a get that a server refuses":  {outside, "get k", 3, "cannot read the table now: LOADING not in the chain: paused"},
		"a size that a server refuses": {outside, "size", 3, "cannot read the table now"},
		"keys that a server refuses":   {outside, "getkeys", 3, "cannot read the table now"},
	} {
		b := c.backend()
		o := call(noZooKeeper, "", append([]string{serving(t, b)}, strings.Fields(c.command)...)...)
		o.check(t, name, c.code, "", c.err)
	}
	o := call(noZooKeeper, "", nobody(t), "size")
	o.check(t, "nobody listens", 3, "", "connection refused: is a server or ZooKeeper running there?")
}

// outside is a server that is in no chain.
func outside() *servertest.Backend {
	b := servertest.New()
	b.State.Role, b.State.State = "outside", "paused"
	err := fmt.Errorf("%w: paused", replica.ErrOutside)
	b.OnRead = func(context.Context) error { return err }
	b.OnWrite = refuse(err)
	return b
}

// refuse fails all writes.
func refuse(err error) func(context.Context, []*replica.Call) {
	return func(_ context.Context, calls []*replica.Call) {
		for _, c := range calls {
			c.Err = err
		}
	}
}

// A hostile or broken server makes no trouble: what was read is repeated, what was written is uncertain.
func TestHostileReplies(t *testing.T) {
	for name, reply := range map[string]string{
		"nothing":          "",
		"half":             "\x08",
		"text":             "-ERR something else\r\n",
		"HTTP":             "HTTP/1.1 400 Bad Request\r\n\r\n",
		"another type":     "\x08\x1f\x10\x32\x30\x02" + refusal,
		"another opcode":   "\x08\x0d\x10\x14" + refusal,
		"another marker":   "\x08\x1f\x10\x14\x2a\x01v\x08\x1f\x10\x14\x30\x02",
		"a value too long": "\x08\x1f\x10\x14\x2a\xff\xff\xff\xff\x7f",
		"a value cut off":  "\x08\x1f\x10\x14\x2a\xff\xff\x7fv",
		"a long number":    "\x08" + strings.Repeat("\xff", 100),
		"zeros":            strings.Repeat("\x00", 1000),
	} {
		for command, code := range map[string]int{"get k": 3, "size": 3, "getkeys": 3, "verify 1": 3, "put k v": 4, "del k": 4} {
			address, asked := pretend(t, reply)
			o := call(noZooKeeper, "", append([]string{address}, strings.Fields(command)...)...)
			opcode := byte(commands[strings.Fields(command)[0]])
			if o.code != code || o.out != "" || !strings.Contains(o.err, address) || asked(opcode) != 1 {
				t.Errorf("%s, %s: %+v, asked %d times", name, command, o, asked(opcode))
			}
		}
	}
}

// A server that says nothing is waited for until the timeout, and not beyond.
func TestSilence(t *testing.T) {
	address := act(t, func(c net.Conn) {
		b := make([]byte, 1)
		if _, err := c.Read(b); err == nil && b[0] == 'P' {
			io.WriteString(c, "+PONG\r\n")
		}
		io.Copy(io.Discard, c)
	})
	call(noZooKeeper, "", "--timeout", "500ms", address, "size").check(t, "size", 3, "", "no answer in time")
	call(noZooKeeper, "", "--timeout", "500ms", address, "put", "k", "v").check(t, "put", 4, "", "no answer in time")
	call(noZooKeeper, "", "--timeout", "500ms", address, "status").check(t, "status", 3, "", "no answer in time")
}

// Writes go to the head and reads to the tail.
func TestHeadAndTail(t *testing.T) {
	head, headAsked := pretend(t, "\x08\x29\x10\x32\x30\x0e"+refusal, "\x08\x15\x10\x32\x30\x10"+refusal)
	middle, middleAsked := pretend(t)
	tail, tailAsked := pretend(t, "\x08\x3d\x10\x32\x30\x02"+refusal, "\x08\x1f\x10\x14\x2a\x01v"+refusal, "\x08\x3d\x10\x32\x30\x02"+refusal,
		"\x08\x0b\x10\x32\x30\x04"+refusal, "\x08\x33\x10\x28\x3a\x01k"+refusal, "\x08\x3d\x10\x32"+refusal)
	o := call(zooKeeper(view(1, head, middle, tail)), "put k v\nget k\ndel k\nsize\ngetkeys\nverify 8\n", "zk1:2181,zk2:2181")
	o.check(t, "a session", 1, "operation 7\nv\noperation 8\n2\nk\npending\n", "")
	for _, c := range []struct {
		who   string
		asked func(byte) int
		want  string
	}{{"head", headAsked, "1 0 1 0 0 0"}, {"middle", middleAsked, "0 0 0 0 0 0"}, {"tail", tailAsked, "0 1 0 1 1 3"}} {
		var got []int
		for _, opcode := range []byte{40, 30, 20, 10, 50, 60} {
			got = append(got, c.asked(opcode))
		}
		if s := strings.Trim(fmt.Sprint(got), "[]"); s != c.want {
			t.Errorf("the %s was asked %s, want %s", c.who, s, c.want)
		}
	}
}

// A server that is gone, or says that it is outside the chain, or nothing, sends the client back to the view.
func TestHeadMoves(t *testing.T) {
	silent := act(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	for name, first := range map[string]string{"gone": nobody(t), "outside": serving(t, outside()), "suspended": silent} {
		timeout := "900ms" // less than viewAge: it looks again because of the failure
		if name == "suspended" {
			timeout = "10s"
		}
		b := servertest.New()
		second := serving(t, b)
		open := zooKeeper(view(1, first, first), view(2, first, first), view(3, second))
		call(open, "put k v\nget k\n", "--timeout", timeout, "zk:2181/app").check(t, name, 0, "operation 1\nv\n", "")
		if n := b.Status().Applied; n != 1 {
			t.Errorf("%s: put was executed %d times", name, n)
		}
	}
}

// When the view does not change, trying ends with the timeout, and nothing was executed.
func TestHeadStaysAway(t *testing.T) {
	o := call(zooKeeper(view(1, nobody(t))), "", "--timeout", "500ms", "zk:2181/", "put", "k", "v")
	o.check(t, "put", 3, "", "not executed")
	silent := act(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	o = call(zooKeeper(view(1, silent)), "", "--timeout", "1500ms", "zk:2181/", "put", "k", "v")
	o.check(t, "put at a server that is suspended", 3, "", "not executed: "+silent)
	o = call(zooKeeper(view(1, serving(t, outside()))), "", "--timeout", "500ms", "zk:2181/", "put", "k", "v")
	o.check(t, "put at a server outside", 3, "", "is not in the chain now")
}

// A write whose connection breaks before its answer is not repeated; a read is.
func TestOnlyReadsAreRepeated(t *testing.T) {
	for _, c := range []struct {
		command  string
		opcode   byte
		code     int
		out, err string
		asked    int
	}{
		{"put k v", 40, 4, "", "may or may not have been executed", 1},
		{"del k", 20, 4, "", "may or may not have been executed", 1},
		{"get k", 30, 0, "v\n", "", 2},
		{"size", 10, 0, "3\n", "", 2},
		{"verify 5", 60, 0, "executed\n", "", 2},
	} {
		var replies []string
		if c.code == 0 {
			replies = []string{"\x08", map[byte]string{30: "\x08\x1f\x10\x14\x2a\x01v", 10: "\x08\x0b\x10\x32\x30\x06", 60: "\x08\x3d\x10\x32\x30\x02"}[c.opcode] + refusal}
		}
		address, asked := pretend(t, replies...)
		o := call(zooKeeper(view(1, address)), "", append([]string{"zk:2181/"}, strings.Fields(c.command)...)...)
		o.check(t, c.command, c.code, c.out, c.err)
		if asked(c.opcode) != c.asked {
			t.Errorf("%s was sent %d times, want %d", c.command, asked(c.opcode), c.asked)
		}
	}
}

// In a session a server that was restarted between two commands is no reason for doubt.
func TestServerRestarts(t *testing.T) {
	b := servertest.New()
	l := listen(t)
	address := l.Addr().String()
	end := serve(t, l, b)
	in, say := io.Pipe()
	answers, out := io.Pipe()
	done := make(chan outcome, 1)
	go func() {
		var errs strings.Builder
		code := run([]string{address}, in, out, &errs, noZooKeeper)
		out.Close()
		done <- outcome{code: code, err: errs.String()}
	}()
	defer time.AfterFunc(20*time.Second, func() { answers.Close(); say.Close() }).Stop() // so that a failure ends
	expect := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if n, err := io.ReadFull(answers, got); err != nil || string(got) != want {
			t.Errorf("got %q, %v, want %q", got[:n], err, want)
		}
	}
	io.WriteString(say, "put k v\n")
	expect("operation 1\n")
	end()
	again, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, again, b)
	io.WriteString(say, "put k w\n")
	expect("operation 2\n")
	io.WriteString(say, "get k\nquit\n")
	expect("w\n")
	(<-done).check(t, "the session", 0, "", "")
}

// A read behind a write waits until that has taken effect, and says so if it never will.
func TestReadsSettle(t *testing.T) {
	number := "\x08\x29\x10\x32\x30\x0e" + refusal
	value := "\x08\x1f\x10\x14\x2a\x01v" + refusal
	pending, lost := "\x08\x3d\x10\x32"+refusal, "\x08\x3d\x10\x32\x30\x01"+refusal
	for name, c := range map[string]struct {
		replies  []string
		code     int
		out, err string
	}{
		"pending, then lost": {[]string{pending, pending, lost, value}, 0, "v\n", "operation 7 is lost"},
		"always pending": {
			[]string{pending, pending, pending, pending, pending, pending, pending, pending, pending, pending, pending, pending, pending},
			3, "", "operation 7 is still pending",
		},
	} {
		head, _ := pretend(t, number)
		tail, _ := pretend(t, c.replies...)
		o := call(zooKeeper(view(1, head, tail)), "put k v\nget k\n", "--timeout", "1s", "zk:2181/")
		o.check(t, name, c.code, "operation 7\n"+c.out, c.err)
	}
}

// A key that came between two questions is read after all.
func TestKeyComes(t *testing.T) {
	b := servertest.New()
	asked := 0
	b.OnRead = func(context.Context) error {
		if asked++; asked == 1 {
			return replica.ErrOutside
		}
		return nil
	}
	address := serving(t, b)
	call(noZooKeeper, "", address, "put", "k", "v").check(t, "put", 0, "operation 1\n", "")
	call(noZooKeeper, "", address, "get", "k").check(t, "get", 0, "v\n", "")
}

// A chain of real servers, and one that dies.
func TestChain(t *testing.T) {
	store, addresses, ends := startChain(t, 3, 3)
	o := call(inStore(store), "put a 1\nget a\nput b 2 and more\nsize\ngetkeys\ndel a\nget b\nsize\nverify 1\n", "zk:2181/")
	if !strings.HasSuffix(o.out, "executed\n") || strings.Count(o.out, "operation") != 3 || !strings.Contains(o.out, "\n1\n") {
		t.Errorf("%+v", o)
	}
	call(noZooKeeper, "", addresses[1], "get", "b").check(t, "get at the middle", 0, "2 and more\n", "")
	ends[0]()
	o = call(inStore(store), "put b 3\nget b\n", "--timeout", "20s", "zk:2181/")
	if o.code != 0 || !strings.HasSuffix(o.out, "\n3\n") {
		t.Errorf("after the head's death: %+v", o)
	}
	ends[2]()
	call(inStore(store), "get b\n", "--timeout", "20s", "zk:2181/").check(t, "after the tail's death", 0, "3\n", "")
}

// What ZooKeeper can answer.
func TestZooKeeperFails(t *testing.T) {
	reach := func(r local.Reach) openFunc {
		return func(string, string) (coordinator, error) {
			c := local.NewClient(local.NewStore(), local.Faults{})
			c.SetReach(r)
			return c, nil
		}
	}
	call(inStore(local.NewStore()), "", "--chain", "other", "zk:2181/", "size").check(t, "no chain", 3, "", `knows no chain named "other"`)
	call(reach(local.Silent), "", "--timeout", "50ms", "zk:2181/", "size").check(t, "no answer", 3, "", "ZooKeeper at zk:2181/ gives no answer: is it running there?")
	wrong := func(string, string) (coordinator, error) {
		return nil, usagef("zookeeper: %w", errors.New("want a host"))
	}
	call(wrong, "", ",", "size").check(t, "no address", 2, "", "want a host")
	call(zooKeeper(chain.View{Epoch: 1}), "", "zk:2181/", "size").check(t, "an empty view", 3, "", "no members")
}
