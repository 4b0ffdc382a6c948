package rpc

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/internal/sent"
)

// forwardedKey is the metadata of a call that another server has forwarded.
const forwardedKey = "chaintable-forwarded"

func forwarded(ctx context.Context) bool {
	return len(metadata.ValueFromIncomingContext(ctx, forwardedKey)) > 0
}

// tables are the methods of the service that is forwarded.
const tables = "/chaintable.v1.Table/"

// elsewhere is the address of the server that should answer a call instead of this one; empty for none.
func (f *Front) elsewhere(request any, method string) string {
	if !strings.HasPrefix(method, tables) || f.config.Backend.Serving() {
		return ""
	}
	if r, ok := request.(interface{ GetConsistency() pb.Consistency }); ok && r.GetConsistency() == pb.Consistency_CONSISTENCY_COMMITTED {
		return ""
	}
	return f.config.Forward()
}

// counted has the bytes of an answer counted until the client has taken them.
func counted(ctx context.Context, answer any) any {
	if m, ok := answer.(proto.Message); ok {
		return reply{m, connOf(ctx)}
	}
	return answer
}

// forward has another server answer a call.
func (f *Front) forward(ctx context.Context, to, method string, request any) (any, error) {
	ctx, cancel := f.within(ctx)
	defer cancel()
	answer, err := f.call(ctx, to, method, request)
	if err != nil {
		return nil, err
	}
	return counted(ctx, answer), nil
}

// call calls another server, once.
func (f *Front) call(ctx context.Context, to, method string, request any) (proto.Message, error) {
	conn, err := f.peers.at(to)
	if err != nil {
		return nil, notForwarded(to, method, err, false)
	}
	answer, err := newAnswer(method)
	if err != nil {
		return nil, notForwarded(to, method, err, false)
	}
	var left sent.Flag
	ctx = metadata.AppendToOutgoingContext(sent.Watch(ctx, &left), forwardedKey, "1")
	if err := conn.Invoke(ctx, method, request, answer); err != nil {
		return nil, notForwarded(to, method, err, left.Set())
	}
	return answer, nil
}

// newAnswer is an empty answer to the method, "/package.Service/Method".
func newAnswer(method string) (proto.Message, error) {
	name := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", "."))
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return nil, err
	}
	m, ok := d.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, errors.New("rpc: " + string(name) + " is no method")
	}
	t, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	if err != nil {
		return nil, err
	}
	return t.New().Interface(), nil
}

// changes tells whether a call may change anything.
func changes(method string) bool {
	switch method {
	case pb.Table_OpenSession_FullMethodName, pb.Table_Put_FullMethodName, pb.Table_Delete_FullMethodName, pb.Table_Txn_FullMethodName,
		pb.Cluster_Members_FullMethodName:
		return true
	}
	return false
}

// notForwarded is what a client is told when another server's answer did not come. What that one says itself is passed on.
func notForwarded(to, method string, err error, left bool) error {
	s := status.Convert(err)
	for _, d := range s.Details() {
		if _, said := d.(*pb.Failure); said {
			return err
		}
	}
	if left && changes(method) {
		return kind{codes.Unknown, may, pb.Reason_REASON_OUTSIDE}.fail("may have been executed: passed on to " + to + ": " + s.Message())
	}
	return kind{codes.Unavailable, didNot, pb.Reason_REASON_OUTSIDE}.fail("not executed: passed on to " + to + ", which does not answer: " + s.Message())
}

// stream answers a stream here, or has another server answer it.
func (f *Front) stream(server any, s grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	began := time.Now()
	err := f.streamed(server, s, info, handler)
	f.record(s.Context(), info.FullMethod, nil, nil, err, began)
	return err
}

func (f *Front) streamed(server any, s grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if info.FullMethod != pb.Table_Keys_FullMethodName || forwarded(s.Context()) {
		return handler(server, s)
	}
	r := new(pb.KeysRequest)
	if err := s.RecvMsg(r); err != nil {
		return err
	}
	out := &grpc.GenericServerStream[pb.KeysRequest, pb.KeysResponse]{ServerStream: s}
	to := f.elsewhere(r, info.FullMethod)
	if to == "" {
		return f.Keys(r, out)
	}
	return f.forwardKeys(to, r, out)
}

// forwardKeys passes on the keys that another server streams.
func (f *Front) forwardKeys(to string, r *pb.KeysRequest, out grpc.ServerStreamingServer[pb.KeysResponse]) error {
	conn, err := f.peers.at(to)
	if err != nil {
		return notForwarded(to, pb.Table_Keys_FullMethodName, err, false)
	}
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(out.Context(), forwardedKey, "1"))
	defer cancel()
	in, err := pb.NewTableClient(conn).Keys(ctx, r)
	if err != nil {
		return notForwarded(to, pb.Table_Keys_FullMethodName, err, false)
	}
	s := newSender(f, out)
	defer s.end()
	for {
		m, err := in.Recv()
		switch {
		case err == io.EOF:
			return s.finish(ctx)
		case err != nil:
			return notForwarded(to, pb.Table_Keys_FullMethodName, err, false)
		}
		if err := s.send(ctx, m); err != nil {
			return err
		}
	}
}

// maxPeers is how many servers a connection is kept to: there are more only while the chain changes.
const maxPeers = 4

// peers are connections to other servers.
type peers struct {
	options []grpc.DialOption
	mu      struct {
		sync.Mutex
		conns  map[string]*grpc.ClientConn
		closed bool
	}
}

func (p *peers) init(dial func(ctx context.Context, address string) (net.Conn, error)) {
	p.mu.conns = make(map[string]*grpc.ClientConn)
	p.options = []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(dial),
		grpc.WithStatsHandler(sent.Handler{}),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, MaxDelay: time.Second},
			MinConnectTimeout: time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 2 * pingTime, Timeout: pingTime}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
	}
}

// at is the connection to a server.
func (p *peers) at(address string) (*grpc.ClientConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.mu.conns[address]; c != nil {
		return c, nil
	}
	if p.mu.closed {
		return nil, errStopping
	}
	if len(p.mu.conns) >= maxPeers {
		for other, c := range p.mu.conns {
			_ = c.Close()
			delete(p.mu.conns, other)
		}
	}
	c, err := grpc.NewClient("passthrough:///"+address, p.options...)
	if err == nil {
		p.mu.conns[address] = c
	}
	return c, err
}

func (p *peers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.closed = true
	for _, c := range p.mu.conns {
		_ = c.Close()
	}
	clear(p.mu.conns)
}
