package rpc_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/server/rpc"
	"github.com/chaintable/chaintable/server/servertest"
)

// rawCodec sends and takes messages as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// A transaction of too many steps is refused before all of them have become messages: two bytes of it are one of 70.
func TestStepsAreBounded(t *testing.T) {
	p := serve(t, nil)
	c := p.dial(t)
	for _, step := range [][]byte{{0x0a, 0}, {0x12, 0}, {0x1a, 0}} {
		request := bytes.Repeat(step, 8<<20)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var answer []byte
		err := c.Invoke(t.Context(), pb.Table_Txn_FullMethodName, request, &answer, grpc.ForceCodecV2(rawCodec{}))
		if s := status.Convert(err); s.Code() != codes.InvalidArgument || !strings.Contains(s.Message(), "are more than 1048576") {
			t.Errorf("field %d: %v", step[0]>>3, err)
		}
		runtime.ReadMemStats(&after)
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 350 {
			t.Errorf("field %d: 16 MiB of steps took %d MiB", step[0]>>3, took)
		}
	}
	drained(t, p.limits)
}

// status is the gRPC status of the stream's end.
func (r *raw) status(t *testing.T, stream uint32) string {
	t.Helper()
	decoder := hpack.NewDecoder(4096, nil)
	for {
		f, err := r.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		h, ok := f.(*http2.HeadersFrame)
		if !ok {
			continue
		}
		fields, err := decoder.DecodeFull(h.HeaderBlockFragment())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fields {
			if f.Name == "grpc-status" && h.StreamID == stream {
				return f.Value
			}
		}
	}
}

// lives tells whether the server answers a ping.
func (r *raw) lives(t *testing.T) bool {
	t.Helper()
	if err := r.WritePing(false, [8]byte{1}); err != nil {
		return false
	}
	for {
		f, err := r.ReadFrame()
		if err != nil {
			return false
		}
		if ping, ok := f.(*http2.PingFrame); ok && ping.IsAck() {
			return true
		}
	}
}

// ended waits until the server has closed the connection, and reads nothing.
func (r *raw) ended(t *testing.T) {
	t.Helper()
	servertest.WaitFor(t, "the connection to be closed", func() bool {
		return r.WritePriority(1, http2.PriorityParam{Weight: 1}) != nil // which means nothing to gRPC
	})
}

// Calls that never end are few, however many connections they come by, and whoever has most of them pays.
func TestCallsAreBounded(t *testing.T) {
	p := serve(t, func(c *rpc.Config) { c.MaxCalls = 100 })
	innocent, hostile := p.raw(t), p.raw(t)
	innocent.begin(t, 1, pb.Table_Put_FullMethodName)
	for i := range uint32(100) { // and one of the other
		hostile.begin(t, 2*i+1, pb.Table_Put_FullMethodName)
	}
	hostile.ended(t)
	if err := innocent.WriteData(1, true, message(3, []byte{0x0a, 1, 'k'})); err != nil {
		t.Fatal(err)
	}
	if got := innocent.status(t, 1); got != "0" {
		t.Errorf("another connection's call: status %s", got)
	}
}

// Replies that nobody reads are bounded over all connections.
func TestOutputOfAllIsBounded(t *testing.T) {
	p := serve(t, func(c *rpc.Config) { c.MaxUnread = 100 << 20 })
	table := pb.NewTableClient(p.dial(t))
	if _, err := table.Put(t.Context(), &pb.PutRequest{Key: []byte("k"), Value: make([]byte, 16<<20)}); err != nil {
		t.Fatal(err)
	}
	ask := func(r *raw, times int) {
		for i := range uint32(times) {
			r.begin(t, 2*i+1, pb.Table_Get_FullMethodName)
			if err := r.WriteData(2*i+1, true, message(3, []byte{0x0a, 1, 'k'})); err != nil {
				t.Fatal(err)
			}
		}
	}
	innocent, hostile := p.raw(t), p.raw(t)
	ask(innocent, 1)
	ask(hostile, 6) // 96 MiB, and 16 MiB of the other
	hostile.ended(t)
	if !innocent.lives(t) {
		t.Error("the connection with less is closed, too")
	}
	if _, err := table.Get(t.Context(), &pb.GetRequest{Key: []byte("k")}); err != nil {
		t.Errorf("one that reads: %v", err)
	}
}

// Calls of methods that there are not, reset before they are answered, leave nothing behind.
func TestUnknownMethodsEnd(t *testing.T) {
	p := serve(t, nil)
	r := p.raw(t)
	for i := range uint32(200) {
		r.begin(t, 2*i+1, "/chaintable.v1.Table/None")
		if err := r.WriteRSTStream(2*i+1, http2.ErrCodeCancel); err != nil {
			t.Fatal(err)
		}
	}
	r.begin(t, 1001, pb.Table_Put_FullMethodName)
	if err := r.WriteData(1001, true, message(3, []byte{0x0a, 1, 'k'})); err != nil {
		t.Fatal(err)
	}
	if got := r.status(t, 1001); got != "0" {
		t.Errorf("status %s", got)
	}
	if !r.lives(t) {
		t.Error("the connection has ended")
	}
	drained(t, p.limits)
}

// A server that was asked for by an address at which nobody answers is not dialled for ever after.
func TestFindLeavesNoConnection(t *testing.T) {
	p := serve(t, nil)
	p.backend.State.View = chain.View{Members: []chain.Member{{Address: "nowhere:1"}}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ended := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			ended <- err
			return
		}
		defer conn.Close()
		if err := errors.Join(conn.SetDeadline(time.Now().Add(8*time.Second)), http2.NewFramer(conn, conn).WriteSettings()); err != nil {
			ended <- err
			return
		}
		_, err = io.Copy(io.Discard, conn)
		ended <- err
	}()
	cluster := pb.NewClusterClient(p.dial(t))
	_, err = cluster.Members(t.Context(), &pb.MembersRequest{Change: &pb.MembersRequest_Add{Add: l.Addr().String()}})
	if status.Code(err) != codes.FailedPrecondition {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the connection goes on: %v", err)
	}
	_, err = cluster.Members(t.Context(), &pb.MembersRequest{Change: &pb.MembersRequest_Add{Add: strings.Repeat("x", 1<<20)}})
	if s := status.Convert(err); s.Code() != codes.InvalidArgument || len(s.Message()) > 100 {
		t.Errorf("a name of 1 MiB: %v, %d bytes", s.Code(), len(s.Message()))
	}
}
