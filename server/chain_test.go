package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/chaintable/chaintable/internal/needs"
	"github.com/chaintable/chaintable/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// member is one server of a chain in this process.
type member = servertest.Member

var (
	startChain   = servertest.StartChain
	startServers = servertest.StartServers
	waitFor      = servertest.WaitFor
)

// dial connects to a member.
func dial(t *testing.T, m *member) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", m.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(60 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// ask sends request and reads a reply of the length of want, which it is to be.
func ask(t *testing.T, conn net.Conn, request, want string) {
	t.Helper()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	expect(t, conn, want)
}

func expect(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got[:n], err, want)
	}
}

// expectEnd reads until the connection is closed, and returns what came.
func expectEnd(t *testing.T, conn net.Conn) string {
	t.Helper()
	got, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	return string(got)
}

// One port, every protocol, at every member.
func TestOnePort(t *testing.T) {
	for i, m := range startChain(t, 3, nil) {
		key := fmt.Sprintf("k%d", i)
		resp := dial(t, m)
		ask(t, resp, fmt.Sprintf("*3\r\n$3\r\nSET\r\n$2\r\n%s\r\n$1\r\nv\r\n*2\r\n$3\r\nGET\r\n$2\r\n%s\r\n", key, key), "+OK\r\n$1\r\nv\r\n")
		ask(t, dial(t, m), "GET "+key+"\r\n", "$1\r\nv\r\n")
		ask(t, dial(t, m), "\x08\x1e\x10\x0a\x1a\x02"+key, "\x08\x1f\x10\x14\x2a\x01v")
		ask(t, dial(t, m), "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 OK\r\n")
		ask(t, dial(t, m), "GET /readyz HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n")
		for _, first := range []string{"\x16\x03\x01", "\x00", "\xCAnonsense", "\x01GET k\r\n"} {
			conn := dial(t, m)
			if _, err := io.WriteString(conn, first); err != nil {
				t.Fatal(err)
			}
			if got := expectEnd(t, conn); got != "" {
				t.Errorf("%q is answered with %q", first, got)
			}
		}
	}
}

// At a member that is not the head a pipeline reads what it has written, and the writes of one connection are in order.
func TestPipelinesReadTheirWrites(t *testing.T) {
	members := startChain(t, 3, nil)
	var clients sync.WaitGroup
	for i, m := range members {
		for j := range 2 {
			conn := dial(t, m)
			clients.Go(func() {
				key := fmt.Sprintf("key-%d-%d", i, j)
				var request, want strings.Builder
				for n := range 300 {
					fmt.Fprintf(&request, "SET %s %d\r\nSET %s %d\r\nGET %s\r\nINCR n-%s\r\n", key, n, key, n+1, key, key)
					fmt.Fprintf(&want, "+OK\r\n+OK\r\n$%d\r\n%d\r\n:%d\r\n", len(strconv.Itoa(n+1)), n+1, n+1)
				}
				if _, err := io.WriteString(conn, request.String()); err != nil {
					t.Error(err)
					return
				}
				got := make([]byte, want.Len())
				if n, err := io.ReadFull(conn, got); err != nil || string(got) != want.String() {
					t.Errorf("%s: %v, %d bytes", key, err, n)
				}
			})
		}
	}
	clients.Wait()
}

// The seed protocol reads its writes at a member that is not the head, too.
func TestSeedReadsItsWrites(t *testing.T) {
	members := startChain(t, 3, nil)
	conn := dial(t, members[2])
	for i := range 100 {
		if _, err := fmt.Fprintf(conn, "\x08\x28\x10\x1e\x1a\x01k\x2a\x03%03d\x08\x1e\x10\x0a\x1a\x01k", i); err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 5)
		if _, err := io.ReadFull(conn, head); err != nil || string(head) != "\x08\x29\x10\x32\x30" {
			t.Fatalf("%q, %v", head, err)
		}
		for b := []byte{0x80}; b[0] >= 0x80; { // the number
			if _, err := io.ReadFull(conn, b); err != nil {
				t.Fatal(err)
			}
		}
		expect(t, conn, fmt.Sprintf("\x08\x1f\x10\x14\x2a\x03%03d", i))
	}
}

// run runs a program and returns what it prints.
func run(t *testing.T, stdin string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func TestRedisCLI(t *testing.T) {
	cli := needs.Program(t, "redis-cli")
	members := startChain(t, 3, nil)
	p := members[1].Port()
	for _, c := range []struct{ args, want string }{
		{"ping", "PONG\n"},
		{"set k v", "OK\n"},
		{"get k", "v\n"},
		{"-3 get missing", "\n"},
		{"incr n", "1\n"},
		{"wait 1 0", "2\n"},
		{"dbsize", "2\n"},
		{"--scan --pattern k*", "k\n"},
		{"config get save", "save\n\n"},
		{"-3 hello 3", "server redis\nversion 7.0.15\nproto 3\n"},
		{"command count", "32\n"},
	} {
		got := run(t, "", cli, append([]string{"-p", p}, strings.Fields(c.args)...)...)
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.args, got, c.want)
		}
	}
	if got := run(t, "HELLO 3\nCOMMAND DOCS\nGET k\nQUIT\n", cli, "-p", p); !strings.Contains(got, "summary") || !strings.Contains(got, "\nv\n") {
		t.Errorf("a session: %s", got)
	}
	var pipe strings.Builder
	const words = 20_000
	for i := range words {
		fmt.Fprintf(&pipe, "*3\r\n$3\r\nSET\r\n$9\r\nkey%06d\r\n$6\r\n%06d\r\n", i, i)
	}
	if got := run(t, pipe.String(), cli, "-p", p, "--pipe"); !strings.Contains(got, fmt.Sprintf("errors: 0, replies: %d", words)) {
		t.Errorf("--pipe: %s", got)
	}
	for _, m := range members {
		if got := run(t, "", cli, "-p", m.Port(), "dbsize"); got != fmt.Sprintf("%d\n", words+2) {
			t.Errorf("dbsize: %s", got)
		}
	}
}

func TestRedisBenchmark(t *testing.T) {
	benchmark := needs.Program(t, "redis-benchmark")
	m := startChain(t, 3, nil)[0]
	got := run(t, "", benchmark, "-p", m.Port(), "-t", "set,get", "-P", "16", "-c", "50", "-n", "20000", "--csv")
	t.Log(got)
	if strings.Count(got, "\"SET\"")+strings.Count(got, "\"GET\"") != 2 || strings.Contains(strings.ToLower(got), "error") {
		t.Errorf("got %s", got)
	}
}

func TestGoRedis(t *testing.T) {
	m := startChain(t, 3, nil)[2]
	for _, protocol := range []int{2, 3} {
		c := redis.NewClient(&redis.Options{Addr: m.Address, Protocol: protocol, ClientName: "test"})
		ctx := t.Context()
		if err := c.FlushAll(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		if err := c.Set(ctx, "k", "v", 0).Err(); err != nil {
			t.Error(err)
		}
		if v, err := c.Get(ctx, "k").Result(); v != "v" || err != nil {
			t.Error(v, err)
		}
		if _, err := c.Get(ctx, "missing").Result(); err != redis.Nil {
			t.Error(err)
		}
		if err := c.SetArgs(ctx, "k", "w", redis.SetArgs{Mode: "NX"}).Err(); err != redis.Nil {
			t.Error(err)
		}
		if err := c.MSet(ctx, "a", 1, "b", 2).Err(); err != nil {
			t.Error(err)
		}
		if v, err := c.MGet(ctx, "a", "x", "b").Result(); err != nil || fmt.Sprint(v) != "[1 <nil> 2]" {
			t.Error(v, err)
		}
		if n, err := c.IncrBy(ctx, "a", 9).Result(); n != 10 || err != nil {
			t.Error(n, err)
		}
		if n := len(c.Keys(ctx, "*").Val()); n != 3 {
			t.Error(n)
		}
		scanned := 0
		for it := c.Scan(ctx, 0, "*", 1).Iterator(); it.Next(ctx); {
			scanned++
		}
		if scanned != 3 {
			t.Error(scanned)
		}
		pipe := c.Pipeline()
		var replies []*redis.IntCmd
		for range 1000 {
			replies = append(replies, pipe.Incr(ctx, "n"))
		}
		if _, err := pipe.Exec(ctx); err != nil || replies[999].Val() != 1000 {
			t.Error(err, replies[999].Val())
		}
		if info, err := c.Info(ctx, "replication").Result(); err != nil || !strings.Contains(info, "role:master") {
			t.Error(info, err)
		}
		if info, err := c.ClientInfo(ctx).Result(); err != nil || info.Name != "test" {
			t.Error(info, err)
		}
		if cmds, err := c.Command(ctx).Result(); err != nil || cmds["mset"].StepCount != 2 {
			t.Error(err)
		}
		if n, err := c.Del(ctx, "a", "b", "x").Result(); n != 2 || err != nil {
			t.Error(n, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

const python = `
import sys, redis
r = redis.Redis(port=int(sys.argv[1]), decode_responses=True)
r.flushall()
assert r.ping() and r.set("k", "v") and r.get("k") == "v" and r.get("x") is None
assert r.set("k", "w", nx=True) is None and r.set("k", "w", xx=True)
assert r.mset({"a": 1, "b": 2}) and r.mget("a", "x", "b") == ["1", None, "2"]
assert r.incr("a", 9) == 10 and r.decr("a") == 9 and r.strlen("k") == 1 and r.type("k") == "string"
assert sorted(r.scan_iter("*")) == ["a", "b", "k"] and sorted(r.keys()) == ["a", "b", "k"]
assert r.exists("a", "b", "x") == 2 and r.dbsize() == 3 and r.delete("a", "b") == 2
p = r.pipeline(transaction=False)
for i in range(1000): p.incr("n")
assert p.execute()[-1] == 1000
assert r.info()["role"] == "master" and r.info()["chaintable_version"] == "1.2.3"
assert r.client_setname("py") and r.client_list()[-1]["name"] == "py" and r.client_getname() == "py"
assert r.config_get("save") == {"save": ""} and r.wait(1, 0) == 2 and r.role()[0] == "master" and len(r.time()) == 2
assert r.command_count() == 32 and "get" in r.command()
try:
    r.set("k", "v", ex=10)
    assert False
except redis.ResponseError as e:
    assert str(e) == "option EX of 'set' is not supported", e
print("fine")
`

func TestRedisPy(t *testing.T) {
	interpreter := needs.Python(t, "redis")
	m := startChain(t, 3, nil)[1]
	if got := run(t, python, interpreter, "-", m.Port()); got != "fine\n" {
		t.Error(got)
	}
}

// resident is the memory of this process, in bytes.
func resident(t *testing.T) int {
	t.Helper()
	stat, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(stat))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
