package wire_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	seedv1 "github.com/chaintable/chaintable/api/chaintable/seed/v1"
	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/servertest"
	"github.com/chaintable/chaintable/server/stream"
	"github.com/chaintable/chaintable/server/wire"
	"github.com/chaintable/chaintable/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve gives the client's end of a pipe whose other end is served until the returned function is called.
func serve(t *testing.T, backend wire.Backend) (client net.Conn, end func()) {
	front := wire.New(wire.Config{
		Backend: backend, Limits: stream.NewLimits(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), RequestTimeout: time.Second,
	})
	server, client := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() {
		front.Serve(ctx, server, nil, nil)
		server.Close()
	})
	return client, func() {
		cancel()
		client.Close()
		server.Close()
		served.Wait()
	}
}

// encode is what the generated code makes of a message.
func encode(t *testing.T, m *seedv1.Message) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// receive is the next reply: what one read returns, as the protocol has no lengths. It is what the generated code would write.
func receive(t *testing.T, conn net.Conn) *seedv1.Message {
	t.Helper()
	buf := make([]byte, 1<<20)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	m := new(seedv1.Message)
	if err := proto.Unmarshal(buf[:n], m); err != nil {
		t.Fatalf("% x: %v", buf[:n], err)
	}
	if again := encode(t, m); !bytes.Equal(again, buf[:n]) {
		t.Fatalf("the reply % x is written as % x by the generated code", buf[:n], again)
	}
	return m
}

func send(t *testing.T, conn net.Conn, b []byte) {
	t.Helper()
	if _, err := conn.Write(b); err != nil {
		t.Error(err)
	}
}

func put(key, data string) *seedv1.Message {
	return &seedv1.Message{Opcode: 40, CType: 30, Key: key, Data: []byte(data)}
}

func verify(number int32) *seedv1.Message {
	return &seedv1.Message{Opcode: 60, CType: 50, Result: number}
}

var (
	get     = &seedv1.Message{Opcode: 30, CType: 10, Key: "k"}
	del     = &seedv1.Message{Opcode: 20, CType: 10, Key: "k"}
	size    = &seedv1.Message{Opcode: 10, CType: 60}
	getkeys = &seedv1.Message{Opcode: 50, CType: 60}
	failure = &seedv1.Message{Opcode: 99, CType: 60, Result: -1}
)

// A conversation with an empty table, each request encoded by the generated code.
var conversation = []struct {
	name          string
	request, want *seedv1.Message
}{
	{"get, missing", get, failure},
	{"size, empty", size, &seedv1.Message{Opcode: 11, CType: 50}},
	{"getkeys, empty", getkeys, &seedv1.Message{Opcode: 51, CType: 40}},
	{"put", put("k", "v\x00"), &seedv1.Message{Opcode: 41, CType: 50, Result: 1}},
	{"get", get, &seedv1.Message{Opcode: 31, CType: 20, Data: []byte("v\x00")}},
	{"put without data", put("e", ""), &seedv1.Message{Opcode: 41, CType: 50, Result: 2}},
	{"get of an empty value", &seedv1.Message{Opcode: 30, CType: 10, Key: "e"}, &seedv1.Message{Opcode: 31, CType: 20}},
	{"size", size, &seedv1.Message{Opcode: 11, CType: 50, Result: 2}},
	{"del", del, &seedv1.Message{Opcode: 21, CType: 50, Result: 3}},
	{"del, missing", del, &seedv1.Message{Opcode: 21, CType: 50, Result: 4}},
	{"getkeys", getkeys, &seedv1.Message{Opcode: 51, CType: 40, Keys: []string{"e"}}},
	{"verify, executed", verify(3), &seedv1.Message{Opcode: 61, CType: 50, Result: 1}},
	{"verify, to come", verify(5), &seedv1.Message{Opcode: 61, CType: 50}},
	{"verify, far to come", verify(2_000_000), &seedv1.Message{Opcode: 61, CType: 50}},
	{"verify 0", verify(0), failure},
	{"verify, negative", verify(-1), failure},
	{"unknown opcode", &seedv1.Message{Opcode: 77, CType: 60}, failure},
	{"wrong type", &seedv1.Message{Opcode: 10, CType: 10}, failure},
	{"after failures", size, &seedv1.Message{Opcode: 11, CType: 50, Result: 1}},
	{"put without key", put("", "x"), &seedv1.Message{Opcode: 41, CType: 50, Result: 5}},
	{"size, with the empty key", size, &seedv1.Message{Opcode: 11, CType: 50, Result: 2}},
}

func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, end := serve(t, servertest.New())
		defer end()
		for _, c := range conversation {
			send(t, conn, encode(t, c.request))
			if got := receive(t, conn); !proto.Equal(got, c.want) {
				t.Errorf("%s: got %v, want %v", c.name, got, c.want)
			}
		}
	})
}

// The same, all requests in one packet.
func TestConversationInOnePacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, end := serve(t, servertest.New())
		defer end()
		var all []byte
		for _, c := range conversation {
			all = append(all, encode(t, c.request)...)
		}
		go send(t, conn, all)
		for _, c := range conversation {
			if got := receive(t, conn); !proto.Equal(got, c.want) {
				t.Errorf("%s: got %v, want %v", c.name, got, c.want)
			}
		}
	})
}

// The same, each byte alone and 19 ms after the one before.
func TestConversationByteByByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, end := serve(t, servertest.New())
		defer end()
		for _, c := range conversation {
			request := encode(t, c.request)
			for i := range request {
				send(t, conn, request[i:i+1])
				if i < len(request)-1 {
					time.Sleep(19 * time.Millisecond)
				}
			}
			if got := receive(t, conn); !proto.Equal(got, c.want) {
				t.Errorf("%s: got %v, want %v", c.name, got, c.want)
			}
		}
	})
}

// A request that may be whole is so after 20 ms, not before; one that is in the middle of a field never.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, end := serve(t, servertest.New())
		defer end()
		request := encode(t, put("k", ""))
		send(t, conn, request)
		began := time.Now()
		receive(t, conn)
		if d := time.Since(began); d != 20*time.Millisecond {
			t.Errorf("answered after %v", d)
		}
		send(t, conn, request[:4]) // no key yet: it must not be taken for the empty one
		time.Sleep(time.Hour)
		send(t, conn, append(request[4:], 0x2a)) // the tag of data
		time.Sleep(time.Hour)
		send(t, conn, []byte{1, 'v'})
		receive(t, conn)
		send(t, conn, encode(t, get))
		if got := receive(t, conn); string(got.Data) != "v" {
			t.Errorf("got %v", got)
		}
	})
}

// What can never be decoded is answered, behind what came before, and the connection closed.
func TestUndecodable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, end := serve(t, servertest.New())
		defer end()
		go send(t, conn, append(encode(t, put("k", "v")), 0x08, 0x28, 0x0b))
		if got := receive(t, conn); got.Opcode != 41 {
			t.Errorf("got %v", got)
		}
		if got := receive(t, conn); !proto.Equal(got, failure) {
			t.Errorf("got %v", got)
		}
		if n, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("then %d bytes, %v", n, err)
		}
	})
}

// Writes are answered before they commit; what is asked behind them waits for them.
func TestReadsWaitForWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := servertest.New()
		backend.Lag = true
		conn, end := serve(t, backend)
		defer end()
		for _, c := range []struct{ request, want *seedv1.Message }{
			{get, &seedv1.Message{Opcode: 31, CType: 20, Data: []byte("v")}},
			{size, &seedv1.Message{Opcode: 11, CType: 50, Result: 1}},
			{getkeys, &seedv1.Message{Opcode: 51, CType: 40, Keys: []string{"k"}}},
			{verify(4), &seedv1.Message{Opcode: 61, CType: 50, Result: 1}},
		} {
			send(t, conn, encode(t, put("k", "v")))
			if got := receive(t, conn); got.Opcode != 41 {
				t.Fatalf("got %v", got)
			}
			if last, applied := backend.Status().Last, backend.Status().Applied; applied >= last {
				t.Fatal("the write was applied at once: the test shows nothing")
			}
			send(t, conn, encode(t, c.request))
			if got := receive(t, conn); !proto.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		}
	})
}

// The writes of one packet are numbered together, in order.
func TestWritesAreInFlightTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := servertest.New()
		var batches []int
		backend.OnWrite = func(_ context.Context, calls []*replica.Call) {
			batches = append(batches, len(calls))
			for _, c := range calls {
				if !c.Numbered {
					t.Error("a write waits until it has committed")
				}
			}
		}
		conn, end := serve(t, backend)
		defer end()
		var all []byte
		for range 50 {
			all = append(all, encode(t, put("k", "v"))...)
		}
		go send(t, conn, all)
		for i := range int32(50) {
			if got := receive(t, conn); got.Result != i+1 {
				t.Errorf("got %v, want %d", got, i+1)
			}
		}
		if !slices.Equal(batches, []int{50}) {
			t.Errorf("batches %v", batches)
		}
	})
}

func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := servertest.New()
		backend.OnWrite = func(_ context.Context, calls []*replica.Call) { calls[0].Err = replica.ErrMemory }
		backend.OnRead = func(context.Context) error { return errors.New("no") }
		conn, end := serve(t, backend)
		defer end()
		for _, request := range []*seedv1.Message{put("k", "v"), del, get, size, getkeys} {
			send(t, conn, encode(t, request))
			if got := receive(t, conn); !proto.Equal(got, failure) {
				t.Errorf("%v: got %v", request, got)
			}
		}
	})
}

// Numbers go round at 2^31-1.
func TestNumbersGoRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := servertest.New()
		backend.First = chain.Seq(1<<31 - 3)
		conn, end := serve(t, backend)
		defer end()
		for _, want := range []int32{1<<31 - 2, 1<<31 - 1, 1, 2} {
			send(t, conn, encode(t, put("k", "v")))
			if got := receive(t, conn); got.Result != want {
				t.Errorf("got %d, want %d", got.Result, want)
			}
			send(t, conn, encode(t, verify(want)))
			if got := receive(t, conn); got.Result != 1 {
				t.Errorf("verify %d: got %v", want, got)
			}
		}
	})
}

// forgetful is a table that has forgotten what became of every number.
type forgetful struct{ *servertest.Backend }

func (forgetful) Verify(context.Context, chain.Seq) (table.Fate, error) { return table.Unknown, nil }

// What nobody remembers is not told as if it were pending.
func TestForgottenNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, end := serve(t, forgetful{servertest.New()})
		defer end()
		send(t, conn, encode(t, verify(1)))
		if got := receive(t, conn); got.Opcode != 99 || got.Result != -1 {
			t.Errorf("got %v", got)
		}
	})
}

// A key that is no UTF-8 breaks getkeys for nobody but those who insist on it.
func TestKeysOfAnyBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, end := serve(t, servertest.New())
		defer end()
		send(t, conn, []byte("\x08\x28\x10\x1e\x1a\x02\xff\xfe\x2a\x01v"))
		receive(t, conn)
		send(t, conn, encode(t, getkeys))
		buf := make([]byte, 100)
		n, err := conn.Read(buf)
		if want := "\x08\x33\x10\x28\x3a\x02\xff\xfe"; err != nil || string(buf[:n]) != want {
			t.Errorf("got %q, %v", buf[:n], err)
		}
	})
}

// A value as long as may be comes back.
func TestLongValue(t *testing.T) {
	conn, end := serve(t, servertest.New())
	defer end()
	long := strings.Repeat("v", 16<<20)
	go send(t, conn, encode(t, put("k", long)))
	receive(t, conn)
	send(t, conn, encode(t, get))
	want := encode(t, &seedv1.Message{Opcode: 31, CType: 20, Data: []byte(long)})
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v, %.20q", err, got)
	}
}
