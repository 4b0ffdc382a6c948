package resp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/resp"
	"github.com/chaintable/chaintable/server/servertest"
	"github.com/chaintable/chaintable/server/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newFront is a Front on backend.
func newFront(t testing.TB, backend resp.Backend) *resp.Front {
	return resp.New(resp.Config{
		Backend: backend, Limits: stream.NewLimits(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		RequestTimeout: 5 * time.Second, MaxClients: 100, Version: "1.2.3", Clients: func() int { return 7 },
	})
}

// dial is a TCP connection to the front, served until the test ends.
func dial(t testing.TB, front *resp.Front) *net.TCPConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() {
		defer l.Close()
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		served.Go(func() {
			<-ctx.Done()
			conn.Close()
		})
		front.Serve(ctx, conn, nil, 2, nil)
	})
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		conn.Close()
		served.Wait()
	})
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// exchange sends request, ends the stream and returns all that comes back.
func exchange(t testing.TB, front *resp.Front, request string) string {
	t.Helper()
	conn := dial(t, front)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// chainOfThree is the Status of the head of a chain.
func chainOfThree() replica.Status {
	s := replica.Status{ID: 1, Role: "head", State: "member", Epoch: 3, Address: "127.0.0.1:7001"}
	for i := range 3 {
		s.View.Members = append(s.View.Members, chain.Member{
			MemberID: chain.MemberID{Node: chain.NodeID(i + 1), Incarnation: 1}, Address: fmt.Sprintf("127.0.0.1:%d", 7001+i),
		})
	}
	return s
}

// Each case is one connection to an empty table. Requests are inline, one a line; replies are as they are on the wire, with a
// blank for each line end.
var commandCases = []struct{ name, requests, want string }{
	{"ping", "PING|PING hello|ping a b", "+PONG $5 hello -ERR wrong number of arguments for 'ping' command"},
	{"echo", `ECHO ""|ECHO|ECHO a b`, "$0  -ERR wrong number of arguments for 'echo' command -ERR wrong number of arguments for 'echo' command"},
	{"multi", "MULTI|SET k v|EXEC|GET k|MULTI|RESET|GET k", "-ERR transactions (MULTI) are not supported -ERR not executed: transactions (MULTI) are not supported -ERR transactions (MULTI) are not supported $-1 -ERR transactions (MULTI) are not supported +RESET $-1"},
	{"get and set", "GET k|SET k v|GET k|sEt k w|get k", "$-1 +OK $1 v +OK $1 w"},
	{"null in RESP3", "HELLO 3 SETNAME x|GET k|SET k v XX|CLIENT GETNAME", "%7 $6 server $5 redis $7 version $6 7.0.15 $5 proto :3 $2 id :1 $4 mode $10 standalone $4 role $6 master $7 modules *0 _ _ $1 x"},
	{"hello in RESP2", "HELLO", "*14 $6 server $5 redis $7 version $6 7.0.15 $5 proto :2 $2 id :1 $4 mode $10 standalone $4 role $6 master $7 modules *0"},
	{"hello, wrong", "HELLO 4|HELLO x|HELLO 3 FOO|HELLO 3 AUTH a b|HELLO 3 SETNAME|GET k", "-NOPROTO unsupported protocol version -ERR Protocol version is not an integer or out of range -ERR Syntax error in HELLO option 'FOO' -WRONGPASS invalid username-password pair or user is disabled. -ERR Syntax error in HELLO option 'SETNAME' $-1"},
	{"set nx xx", "SET k v XX|GET k|SET k v NX|SET k w NX|GET k|SET k w xx|GET k", "$-1 $-1 +OK $-1 $1 v +OK $1 w"},
	{"set, wrong", "SET k|SET k v NX XX|SET k v NX NX|SET k v EX 10|SET k v GET|SET k v KEEPTTL|EXISTS k", "-ERR wrong number of arguments for 'set' command -ERR syntax error -ERR syntax error -ERR option EX of 'set' is not supported -ERR option GET of 'set' is not supported -ERR option KEEPTTL of 'set' is not supported :0"},
	{"empty key and value", `SET "" ""|GET ""|STRLEN ""|EXISTS ""|DEL ""|GET ""`, "+OK $0  :0 :1 :1 $-1"},
	{"del", "SET a 1|SET b 2|DEL a b c|DEL a|UNLINK b|DEL", "+OK +OK :2 :0 :0 -ERR wrong number of arguments for 'del' command"},
	{"exists counts each", "SET a 1|EXISTS a a b", "+OK :2"},
	{"mset and mget", "MSET a 1 b 2 a 3|MGET a b c|MSET a|MSET a 1 b|DBSIZE", "+OK *3 $1 3 $1 2 $-1 -ERR wrong number of arguments for 'mset' command -ERR wrong number of arguments for 'mset' command :2"},
	{"strlen", "SET k hello|STRLEN k|STRLEN x", "+OK :5 :0"},
	{"incr", "INCR n|INCRBY n 41|DECR n|DECRBY n 1|GET n|INCRBY n -40", ":1 :42 :41 :40 $2 40 :0"},
	{"incr, wrong", "SET k x|INCR k|INCRBY n 1x|INCRBY n 9223372036854775808|SET m 9223372036854775807|INCR m|GET m|DECRBY m -9223372036854775808", "+OK -ERR value is not an integer or out of range -ERR value is not an integer or out of range -ERR value is not an integer or out of range +OK -ERR increment or decrement would overflow $19 9223372036854775807 -ERR decrement would overflow"},
	{"type", "SET k v|TYPE k|TYPE x", "+OK +string +none"},
	{"keys", "MSET ab 1 b 2|KEYS a*|KEYS x|KEYS", "+OK *1 $2 ab *0 -ERR wrong number of arguments for 'keys' command"},
	{"scan", "SET ab 1|SCAN 0|SCAN 0 MATCH b*|SCAN 0 TYPE string COUNT 100|SCAN 0 TYPE list", "+OK *2 $1 0 *1 $2 ab *2 $1 0 *0 *2 $1 0 *1 $2 ab *2 $1 0 *0"},
	{"scan, wrong", "SCAN x|SCAN -1|SCAN 0 COUNT 0|SCAN 0 COUNT x|SCAN 0 MATCH|SCAN 0 FOO 1", "-ERR invalid cursor -ERR invalid cursor -ERR syntax error -ERR value is not an integer or out of range -ERR syntax error -ERR syntax error"},
	{"flush", "MSET a 1 b 2|FLUSHALL|DBSIZE|SET a 1|FLUSHDB ASYNC|FLUSHALL SYNC|FLUSHALL NOW|DBSIZE", "+OK +OK :0 +OK +OK +OK -ERR syntax error :0"},
	{"select", "SELECT 0|SELECT 1|SELECT x", "+OK -ERR DB index is out of range -ERR value is not an integer or out of range"},
	{"auth", "AUTH p|AUTH u p|AUTH a b c", "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct? -WRONGPASS invalid username-password pair or user is disabled. -ERR syntax error"},
	{"quit", "QUIT|PING", "+OK"},
	{"reset", "HELLO 3|CLIENT SETNAME x|RESET|CLIENT GETNAME", "%7 $6 server $5 redis $7 version $6 7.0.15 $5 proto :3 $2 id :1 $4 mode $10 standalone $4 role $6 master $7 modules *0 +OK +RESET $-1"},
	{"role", "ROLE", "*4 $6 master :0 *2 *3 $9 127.0.0.1 $4 7002 $1 0 *3 $9 127.0.0.1 $4 7003 $1 0 $15 chain_role:head"},
	{"wait", "WAIT 1 0|WAIT x 0|WAIT 1 -1|WAIT 1 x", ":2 -ERR value is not an integer or out of range -ERR timeout is negative -ERR timeout is not an integer or out of range"},
	{"config get", "CONFIG GET save|CONFIG GET appendonly|CONFIG GET MAX* nothing|CONFIG GET|CONFIG SET a b", "*2 $4 save $0  *2 $10 appendonly $2 no *2 $10 maxclients $3 100 -ERR wrong number of arguments for 'config|get' command -ERR unknown subcommand 'SET'. Try CONFIG HELP."},
	{"client", "CLIENT|CLIENT ID|CLIENT SETNAME abc|CLIENT GETNAME|CLIENT SETNAME \"a b\"|CLIENT SETINFO LIB-NAME x|CLIENT SETINFO FOO x|CLIENT KILL x", "-ERR wrong number of arguments for 'client' command :1 +OK $3 abc -ERR Client names cannot contain spaces, newlines or special characters. +OK -ERR Unrecognized option 'FOO' -ERR unknown subcommand 'KILL'. Try CLIENT HELP."},
	{"help", "CONFIG HELP|config help x", "*5 +CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are: +GET +    Returns configuration parameters. +HELP +    Returns what the subcommands do. -ERR wrong number of arguments for 'config|help' command"},
	{"unknown", "FOO bar baz|foo", "-ERR unknown command 'FOO', with args beginning with: 'bar' 'baz'  -ERR unknown command 'foo', with args beginning with: "},
	{"unknown, hostile", `"F\r\n+OK"`, "-ERR unknown command 'F  +OK', with args beginning with: "},
	{"unknown, not ASCII", "FOO é", "-ERR unknown command 'FOO', with args beginning with: 'é' "},
	{"command", "COMMAND COUNT|COMMAND INFO get nothing|COMMAND LIST FILTERBY MODULE x", ":32 *2 *10 $3 get :2 *2 +readonly +fast :1 :1 :1 *0 *0 *1 *6 $5 flags *1 +RO $12 begin_search *4 $4 type $5 index $4 spec *2 $5 index :1 $9 find_keys *4 $4 type $5 range $4 spec *6 $7 lastkey :0 $7 keystep :1 $5 limit :0 *0 $-1 -ERR syntax error"},
	{"command docs", "COMMAND DOCS echo nothing", "*2 $4 echo *6 $7 summary $25 Returns the given string. $5 since $5 1.0.0 $5 group $10 connection"},
	{"post", "PING|POST / HTTP/1.1|PING", ""},
	{"host", "PING|Host: localhost|PING", ""},
	{"get over HTTP", "PING|GET / HTTP/1.1|PING", ""},
	{"breach", "PING|\"open|PING", "+PONG -ERR Protocol error: unbalanced quotes in request"},
	{"write, breach", "SET k v|\"open", "+OK -ERR Protocol error: unbalanced quotes in request"},
}

func TestCommands(t *testing.T) {
	for _, c := range commandCases {
		t.Run(c.name, func(t *testing.T) {
			backend := servertest.New()
			backend.State = chainOfThree()
			request := strings.ReplaceAll(c.requests, "|", "\r\n") + "\r\n"
			got := exchange(t, newFront(t, backend), request)
			want := c.want
			if got = strings.TrimSuffix(strings.ReplaceAll(got, "\r\n", " "), " "); got != want {
				t.Errorf("\ngot  %s\nwant %s", got, want)
			}
		})
	}
}

// A pipeline is answered the same, however it is split.
func TestPipelineSplitAtEveryByte(t *testing.T) {
	pipeline := "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nv1\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nINCR n\r\n*5\r\n$4\r\nMSET\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n*2\r\n$3\r\nDEL\r\n$1\r\na\r\nPING\r\n"
	const want = "+OK\r\n$2\r\nv1\r\n:1\r\n+OK\r\n:1\r\n+PONG\r\n"
	for cut := range len(pipeline) {
		conn := dial(t, newFront(t, servertest.New()))
		for _, piece := range []string{pipeline[:cut], pipeline[cut:]} {
			if _, err := io.WriteString(conn, piece); err != nil {
				t.Fatal(err)
			}
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
			t.Fatalf("split at %d: %q, %v", cut, got, err)
		}
		conn.Close()
	}
}

// The writes of a pipeline are in flight together, within the bounds of a batch; a read waits for those before it.
func TestWritesAreInFlightTogether(t *testing.T) {
	backend := servertest.New()
	var mu sync.Mutex
	var batches []int
	backend.OnWrite = func(_ context.Context, calls []*replica.Call) {
		mu.Lock()
		defer mu.Unlock()
		batches = append(batches, len(calls))
	}
	var request bytes.Buffer
	for range 100 {
		request.WriteString("INCR n\r\n")
	}
	request.WriteString("GET n\r\nINCR n\r\n")
	got := exchange(t, newFront(t, backend), request.String())
	if !strings.HasSuffix(got, ":100\r\n$3\r\n100\r\n:101\r\n") {
		t.Errorf("got ...%q", got[max(0, len(got)-60):])
	}
	mu.Lock()
	defer mu.Unlock()
	if len(batches) > 4 { // one, but for how the kernel has cut it
		t.Errorf("batches %v", batches)
	}
}

// What the chain could not do is told in words that say whether it may have been done.
func TestErrorsOfTheChain(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{replica.ErrMemory, "-OOM not executed: the table is as large as --max-memory allows"},
		{fmt.Errorf("%w of 127.0.0.1:7002: not executed", replica.ErrDisk), "-READONLY no space on the disk of 127.0.0.1:7002: not executed"},
		{fmt.Errorf("%w: joining", replica.ErrOutside), "-LOADING not in the chain: joining"},
		{fmt.Errorf("%w: the head is gone", replica.ErrNotExecuted), "-TRYAGAIN not executed: the head is gone"},
		{fmt.Errorf("%w: no answer in time", replica.ErrUncertain), "-UNCERTAIN may have been executed: no answer in time"},
		{replica.ErrForgotten, "-UNCERTAIN may have been executed: the session is forgotten"},
		{replica.ErrSession, "-TRYAGAIN not executed: too many requests of this session are in flight"},
		{errors.New("what\r\nis this"), "-UNCERTAIN may have been executed: what  is this"},
	} {
		backend := servertest.New()
		backend.OnWrite = func(_ context.Context, calls []*replica.Call) { calls[0].Err = c.err }
		backend.OnRead = func(context.Context) error { return c.err }
		got := exchange(t, newFront(t, backend), "SET k v\r\nGET k\r\nMGET k\r\nKEYS *\r\nSCAN 0\r\nDBSIZE\r\nPING\r\n")
		if want := strings.Repeat(c.want+"\r\n", 6) + "+PONG\r\n"; got != want {
			t.Errorf("%v: got %q, want %q", c.err, got, want)
		}
	}
}

// A request waits no longer than RequestTimeout.
func TestRequestsHaveADeadline(t *testing.T) {
	backend := servertest.New()
	backend.OnRead = func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	front := resp.New(resp.Config{
		Backend: backend, Limits: stream.NewLimits(), Logger: slog.New(slog.DiscardHandler),
		RequestTimeout: 10 * time.Millisecond, Clients: func() int { return 0 },
	})
	got := exchange(t, front, "GET k\r\nPING\r\n")
	if want := "-TRYAGAIN not executed: context deadline exceeded\r\n+PONG\r\n"; got != want {
		t.Errorf("got %q", got)
	}
}

func TestKeysAndValuesHaveLimits(t *testing.T) {
	front := newFront(t, servertest.New())
	long := strings.Repeat("k", 64<<10+1)
	bulk := func(args ...string) string {
		s := fmt.Sprintf("*%d\r\n", len(args))
		for _, a := range args {
			s += fmt.Sprintf("$%d\r\n%s\r\n", len(a), a)
		}
		return s
	}
	for _, c := range []struct{ request, want string }{
		{bulk("GET", long), "-ERR a key of 65537 bytes is longer than 65536\r\n"},
		{bulk("MSET", "a", "1", long, "2"), "-ERR a key of 65537 bytes is longer than 65536\r\n"},
		{bulk("DEL", "a", long), "-ERR a key of 65537 bytes is longer than 65536\r\n"},
		{bulk("SET", long[1:], "v"), "+OK\r\n"},
		{bulk("SET", "k", strings.Repeat("v", 16<<20+1)), "-ERR a string of 16777217 bytes is longer than 16777216\r\n"},
		{bulk("SET", "k", strings.Repeat("v", 16<<20)), "+OK\r\n"},
		{bulk("KEYS", strings.Repeat("*", 1025)), "-ERR a pattern of 1025 bytes is longer than 1024\r\n"},
		{bulk("CLIENT", "SETNAME", long), "-ERR a client's name of 65537 bytes is longer than 256\r\n"},
	} {
		if got := exchange(t, front, c.request+"PING\r\n"); got != c.want+"+PONG\r\n" {
			t.Errorf("%.20q: got %.100q, want %q", c.request, got, c.want)
		}
	}
	got := exchange(t, front, "STRLEN k\r\n"+strings.Repeat("GET k\r\n", 3))
	if !strings.HasPrefix(got, ":16777216\r\n$16777216\r\nvvv") || len(got) != len(":16777216\r\n")+3*(16<<20+len("$16777216\r\n\r\n")) {
		t.Errorf("a long value: %d bytes, %.40q", len(got), got)
	}
}

// A client that ends its half of the connection and reads only then gets every reply.
func TestHalfClosedClientGetsItsReplies(t *testing.T) {
	const reads, length = 40, 1 << 20
	backend := servertest.New()
	executed := make(chan struct{}, reads)
	backend.OnRead = func(context.Context) error {
		executed <- struct{}{}
		return nil
	}
	conn := dial(t, newFront(t, backend))
	if _, err := fmt.Fprintf(conn, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%s\r\n%s", length, strings.Repeat("v", length), strings.Repeat("GET k\r\n", reads)); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	for range reads {
		<-executed
	}
	got, err := io.ReadAll(conn)
	if want := len("+OK\r\n") + reads*(len("$1048576\r\n\r\n")+length); err != nil || len(got) != want {
		t.Errorf("%d of %d bytes, %v", len(got), want, err)
	}
}

// Clients that do not read are not served without end: one of them is, the others wait.
func TestClientsThatDoNotReadWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients, reads = 20, 2000
		backend := servertest.New()
		var executed atomic.Int64
		backend.OnRead = func(context.Context) error {
			executed.Add(1)
			return nil
		}
		front := newFront(t, backend)
		ctx, cancel := context.WithCancel(t.Context())
		var work sync.WaitGroup
		var open []net.Conn
		for range clients {
			ours, theirs := net.Pipe()
			open = append(open, ours, theirs)
			work.Go(func() { front.Serve(ctx, ours, nil, 2, nil) })
			work.Go(func() {
				_, _ = fmt.Fprintf(theirs, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10000\r\n%s\r\n%s", strings.Repeat("v", 10_000), strings.Repeat("GET k\r\n", reads))
			})
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := executed.Load(); n < reads || n > 2*reads {
			t.Errorf("%d of %d reads were executed", n, clients*reads)
		}
		cancel()
		for _, c := range open {
			c.Close()
		}
		work.Wait()
	})
}

// A server outside the chain counts every member, in each answer.
func TestOthers(t *testing.T) {
	backend := servertest.New()
	backend.State = chainOfThree()
	backend.State.ID, backend.State.Role, backend.State.State = 4, "spare", "spare"
	got := exchange(t, newFront(t, backend), "WAIT 1 0\r\nINFO replication\r\nROLE\r\n")
	for _, want := range []string{":3\r\n", "connected_slaves:3\r\n", "slave0:ip=127.0.0.1,port=7001,", "slave2:", ":0\r\n*3\r\n*3\r\n$9"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// Strangers cannot fill the log.
func TestFewWarnings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		front := resp.New(resp.Config{
			Backend: servertest.New(), Limits: stream.NewLimits(), Logger: slog.New(slog.NewTextHandler(&log, nil)), RequestTimeout: time.Second,
			MaxClients: 100, Version: "1.2.3", Clients: func() int { return 1 },
		})
		for range 100 {
			ours, theirs := net.Pipe()
			front.Serve(t.Context(), theirs, []byte("POST / HTTP/1.1\r\n"), 2, nil)
			ours.Close()
		}
		if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "level=WARN") {
			t.Errorf("%d lines:\n%s", n, log.String())
		}
	})
}

// INFO has what clients look for, and nothing that is not measured.
func TestInfo(t *testing.T) {
	backend := servertest.New()
	backend.State = chainOfThree()
	got := exchange(t, newFront(t, backend), "SET k v\r\nINFO\r\n")
	for _, line := range []string{
		"# Server", "redis_version:7.0.15", "chaintable_version:1.2.3", "tcp_port:7001", "connected_clients:7",
		"role:master", "chain_role:head", "connected_slaves:2", "slave0:ip=127.0.0.1,port=7002,state=online,offset=1",
		"chain_epoch:3", "chain_committed:1", "db0:keys=1,expires=0",
	} {
		if !strings.Contains(got, line+"\r\n") {
			t.Errorf("no line %q in\n%s", line, got)
		}
	}
	got = exchange(t, newFront(t, backend), "INFO replication\r\n")
	if !strings.Contains(got, "role:master") || strings.Contains(got, "redis_version") {
		t.Errorf("INFO replication is %q", got)
	}
}

func TestClientList(t *testing.T) {
	front := newFront(t, servertest.New())
	other := dial(t, front)
	if _, err := io.WriteString(other, "CLIENT SETNAME other\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(other, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	got := exchange(t, front, "CLIENT SETINFO lib-name libby\r\nCLIENT LIST\r\nCLIENT LIST ID 2\r\nCLIENT LIST TYPE replica\r\nCLIENT INFO\r\n")
	if strings.Count(got, "name=other") != 1 || strings.Count(got, "lib-name=libby") != 3 || strings.Count(got, "cmd=client|setname") != 1 {
		t.Errorf("got %s", got)
	}
}

// A value may look like the end of an HTTP request; only a line of words is taken for one.
func TestHTTPIsWhatComesInline(t *testing.T) {
	array := "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$8\r\nHTTP/1.1\r\n"
	if got := exchange(t, newFront(t, servertest.New()), array+"PING\r\n"); got != "+OK\r\n+PONG\r\n" {
		t.Errorf("as an array: got %q", got)
	}
	if got := exchange(t, newFront(t, servertest.New()), "GET k HTTP/1.1\r\nPING\r\n"); got != "" {
		t.Errorf("as a line: got %q", got)
	}
}

// Commands that wait for the chain count as input: when they take all that there is for it, a further one is refused, and the
// connection goes on.
func TestWaitingCommandsHaveABound(t *testing.T) {
	limits := &stream.Limits{Input: stream.NewQuota(1000)}
	front := resp.New(resp.Config{
		Backend: servertest.New(), Limits: limits, Logger: slog.New(slog.DiscardHandler), RequestTimeout: time.Second, MaxClients: 1,
		Clients: func() int { return 1 },
	})
	long := strings.Repeat("v", 1000)
	got := exchange(t, front, "SET k v\r\nSET k "+long+"\r\nGET k\r\n")
	if !strings.HasPrefix(got, "+OK\r\n-TRYAGAIN not executed: ") || !strings.HasSuffix(got, "$1\r\nv\r\n") {
		t.Errorf("got %q", got)
	}
	if used := limits.Input.Used(); used != 0 {
		t.Errorf("%d bytes are still taken", used)
	}
}
