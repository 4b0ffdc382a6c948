package rpc_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/rpc"
	"github.com/chaintable/chaintable/server/servertest"
	"github.com/chaintable/chaintable/server/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// port is a Front behind a port of its own.
type port struct {
	address string
	limits  *stream.Limits
	backend *servertest.Backend
}

// serve starts a Front, which ends with the test. change may change its configuration.
func serve(t *testing.T, change func(*rpc.Config)) port {
	t.Helper()
	p := port{limits: stream.NewLimits(), backend: servertest.New()}
	config := rpc.Config{
		Backend: p.backend, Limits: p.limits, Logger: slog.New(slog.DiscardHandler), RequestTimeout: 5 * time.Second, Version: "1.2.3",
		Clients: func() int { return 7 }, Forward: func() string { return "" },
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
	}
	if change != nil {
		change(&config)
	}
	p.limits = config.Limits
	front := rpc.New(config)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = l.Addr().String()
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				first := make([]byte, 24)
				if n, err := io.ReadFull(conn, first); err == nil {
					front.Serve(conn, first[:n])
				}
				conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		front.Close()
		work.Wait()
	})
	return p
}

func (p port) dial(t *testing.T) *grpc.ClientConn {
	t.Helper()
	c, err := grpc.NewClient("passthrough:///"+p.address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// What the replica says becomes a code and an outcome.
func TestErrors(t *testing.T) {
	p := serve(t, nil)
	table := pb.NewTableClient(p.dial(t))
	var fail error
	p.backend.OnWrite = func(_ context.Context, calls []*replica.Call) { calls[0].Err = fail }
	for _, c := range []struct {
		err     error
		code    codes.Code
		outcome pb.Outcome
		reason  pb.Reason
	}{
		{replica.ErrNotExecuted, codes.Unavailable, pb.Outcome_OUTCOME_DID_NOT_HAPPEN, pb.Reason_REASON_TIMEOUT},
		{replica.ErrUncertain, codes.Unknown, pb.Outcome_OUTCOME_MAY_HAVE_HAPPENED, pb.Reason_REASON_TIMEOUT},
		{replica.ErrMemory, codes.ResourceExhausted, pb.Outcome_OUTCOME_DID_NOT_HAPPEN, pb.Reason_REASON_MEMORY},
		{replica.ErrDisk, codes.ResourceExhausted, pb.Outcome_OUTCOME_DID_NOT_HAPPEN, pb.Reason_REASON_DISK},
		{replica.ErrSession, codes.ResourceExhausted, pb.Outcome_OUTCOME_DID_NOT_HAPPEN, pb.Reason_REASON_SESSION_FULL},
		{replica.ErrForgotten, codes.Aborted, pb.Outcome_OUTCOME_MAY_HAVE_HAPPENED, pb.Reason_REASON_SESSION_FORGOTTEN},
		{replica.ErrOutside, codes.Unavailable, pb.Outcome_OUTCOME_DID_NOT_HAPPEN, pb.Reason_REASON_OUTSIDE},
		{errors.New("unheard of"), codes.Unknown, pb.Outcome_OUTCOME_MAY_HAVE_HAPPENED, pb.Reason_REASON_UNSPECIFIED},
	} {
		fail = c.err
		_, err := table.Put(t.Context(), &pb.PutRequest{Key: []byte("k")})
		s := status.Convert(err)
		if s.Code() != c.code || len(s.Details()) != 1 {
			t.Errorf("%v: %v %v", c.err, s.Code(), s.Details())
			continue
		}
		if f := s.Details()[0].(*pb.Failure); f.Outcome != c.outcome || f.Reason != c.reason {
			t.Errorf("%v: %v", c.err, f)
		}
	}
}

// A deadline of the caller reaches the chain.
func TestDeadline(t *testing.T) {
	p := serve(t, nil)
	ended := make(chan error, 1)
	p.backend.OnWrite = func(ctx context.Context, calls []*replica.Call) {
		<-ctx.Done()
		ended <- ctx.Err()
		calls[0].Err = replica.ErrUncertain
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := pb.NewTableClient(p.dial(t)).Put(ctx, &pb.PutRequest{})
	if status.Code(err) != codes.DeadlineExceeded && status.Code(err) != codes.Unknown {
		t.Errorf("put: %v", err)
	}
	select {
	case <-ended:
	case <-time.After(4 * time.Second): // less than the request timeout
		t.Error("the chain was not told of the deadline")
	}
}

// A health that is watched changes with the server.
func TestHealth(t *testing.T) {
	p := serve(t, nil)
	h := grpc_health_v1.NewHealthClient(p.dial(t))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	w, err := h.Watch(ctx, &grpc_health_v1.HealthCheckRequest{Service: "chaintable.v1.Table"})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := w.Recv(); err != nil || r.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Fatalf("%v, %v", r, err)
	}
	p.backend.SetState("elsewhere")
	if r, err := w.Recv(); err != nil || r.Status != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("%v, %v", r, err)
	}
	if _, err := h.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "nonsense"}); status.Code(err) != codes.NotFound {
		t.Errorf("a service that there is not: %v", err)
	}
	if l, err := h.List(ctx, &grpc_health_v1.HealthListRequest{}); err != nil || len(l.Statuses) != 3 {
		t.Errorf("%v, %v", l, err)
	}
}

// raw is a connection that speaks HTTP/2 as it likes.
type raw struct {
	*http2.Framer
	net.Conn
	headers bytes.Buffer
	encoder *hpack.Encoder
}

func (p port) raw(t *testing.T) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r := &raw{Conn: conn, Framer: http2.NewFramer(conn, conn)}
	r.encoder = hpack.NewEncoder(&r.headers)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1}); err != nil {
		t.Fatal(err)
	}
	return r
}

// begin begins a call.
func (r *raw) begin(t *testing.T, stream uint32, method string) {
	t.Helper()
	if err := r.tryBegin(stream, method); err != nil {
		t.Fatal(err)
	}
}

// tryBegin begins a call, of a connection that may have been closed.
func (r *raw) tryBegin(stream uint32, method string) error {
	r.headers.Reset()
	for _, f := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", method}, {":authority", "x"}, {"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		if err := r.encoder.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}); err != nil {
			return err
		}
	}
	return r.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: r.headers.Bytes(), EndHeaders: true})
}

// message is the beginning of a message of so many bytes.
func message(n uint32, begin []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, n), begin...)
}

// drained waits until no input is held.
func drained(t *testing.T, limits *stream.Limits) {
	t.Helper()
	servertest.WaitFor(t, "the quota to be given back", func() bool { return limits.Input.Used() == 0 })
}

// Calls that never send all of their messages count as input, and a connection that has too much of it is closed.
func TestInputIsBounded(t *testing.T) {
	p := serve(t, func(c *rpc.Config) { c.Limits = &stream.Limits{Input: stream.NewQuota(1 << 20)} })
	r := p.raw(t)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_, _ = io.Copy(io.Discard, r.Conn)
	}()
	begin := message(32<<20, make([]byte, 16<<10-5))
	for i := range uint32(200) { // 3 MiB, within the window of each stream
		if r.tryBegin(2*i+1, pb.Table_Put_FullMethodName) != nil || r.WriteData(2*i+1, false, begin) != nil {
			break
		}
	}
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Fatalf("the connection goes on, with %d bytes held", p.limits.Input.Used())
	}
	drained(t, p.limits)
	if _, err := pb.NewTableClient(p.dial(t)).Put(t.Context(), &pb.PutRequest{Value: make([]byte, 100<<10)}); err != nil {
		t.Errorf("another client is not served: %v", err)
	}
	drained(t, p.limits)
}

// A client that asks for much and reads nothing is closed.
func TestOutputIsBounded(t *testing.T) {
	p := serve(t, nil)
	table := pb.NewTableClient(p.dial(t))
	if _, err := table.Put(t.Context(), &pb.PutRequest{Key: []byte("k"), Value: make([]byte, 16<<20)}); err != nil {
		t.Fatal(err)
	}
	r := p.raw(t)
	get := message(3, []byte{0x0a, 1, 'k'})
	for i := range uint32(40) { // 640 MiB
		r.begin(t, 2*i+1, pb.Table_Get_FullMethodName)
		if r.WriteData(2*i+1, true, get) != nil {
			break
		}
	}
	servertest.WaitFor(t, "the connection to be closed", func() bool {
		return r.WritePriority(1, http2.PriorityParam{Weight: 1}) != nil // which means nothing to gRPC
	})
	if _, err := table.Size(t.Context(), &pb.SizeRequest{}); err != nil {
		t.Error(err)
	}
}

// What strangers send on a connection of gRPC ends that connection, or is refused, and nothing else.
func TestNonsense(t *testing.T) {
	p := serve(t, nil)
	for _, n := range []struct {
		name string
		send func(r *raw) error
	}{
		{"garbage behind the preface", func(r *raw) error { _, err := r.Conn.Write(bytes.Repeat([]byte{0xff}, 1000)); return err }},
		{"a message of garbage", func(r *raw) error {
			r.begin(t, 1, pb.Table_Txn_FullMethodName)
			return r.WriteData(1, true, message(5, bytes.Repeat([]byte{0xff}, 5)))
		}},
		{"a message of 4 GiB", func(r *raw) error {
			r.begin(t, 1, pb.Table_Put_FullMethodName)
			return r.WriteData(1, false, message(1<<32-1, nil))
		}},
		{"a compressed message", func(r *raw) error {
			r.begin(t, 1, pb.Table_Put_FullMethodName)
			return r.WriteData(1, true, []byte{1, 0, 0, 0, 1, 0})
		}},
		{"no method", func(r *raw) error { r.begin(t, 1, "nonsense"); return r.WriteData(1, true, nil) }},
		{"a method unheard of", func(r *raw) error { r.begin(t, 1, "/chaintable.v1.Table/None"); return r.WriteData(1, true, nil) }},
		{"streams that are reset", func(r *raw) error {
			for i := range uint32(2000) {
				r.begin(t, 2*i+1, pb.Table_Get_FullMethodName)
				if err := r.WriteRSTStream(2*i+1, http2.ErrCodeCancel); err != nil {
					return nil // it was closed before
				}
			}
			return nil
		}},
		{"headers without end", func(r *raw) error {
			if err := r.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0}}); err != nil {
				return err
			}
			for range 1000 {
				if r.WriteContinuation(1, false, bytes.Repeat([]byte{0}, 1000)) != nil {
					return nil
				}
			}
			return nil
		}},
	} {
		t.Run(n.name, func(t *testing.T) {
			r := p.raw(t)
			if err := n.send(r); err != nil {
				t.Log(err) // it may be closed already
			}
			if _, err := pb.NewTableClient(p.dial(t)).Put(t.Context(), &pb.PutRequest{Key: []byte("k")}); err != nil {
				t.Errorf("another client is not served: %v", err)
			}
			r.Conn.Close()
			drained(t, p.limits)
		})
	}
}
