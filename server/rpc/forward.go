package rpc

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/internal/calls"
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
	conn, done, err := f.peer(to)
	if err != nil {
		return nil, notForwarded(to, method, err, false)
	}
	defer done()
	answer, err := newAnswer(method)
	if err != nil {
		return nil, notForwarded(to, method, err, false)
	}
	var left calls.Flag
	ctx = metadata.AppendToOutgoingContext(calls.Watch(ctx, &left), forwardedKey, "1")
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
	if forwarded(s.Context()) {
		return handler(server, s)
	}
	switch info.FullMethod {
	case pb.Table_Keys_FullMethodName:
		return relayed(f, s, info.FullMethod, f.Keys, pb.TableClient.Keys)
	case pb.Table_Backup_FullMethodName:
		return relayed(f, s, info.FullMethod, f.Backup, pb.TableClient.Backup)
	}
	return handler(server, s)
}

// relayed answers a stream here, or passes on what another server streams.
func relayed[Request, Response any, M interface {
	*Response
	proto.Message
}](
	f *Front, s grpc.ServerStream, method string,
	here func(*Request, grpc.ServerStreamingServer[Response]) error,
	there func(pb.TableClient, context.Context, *Request, ...grpc.CallOption) (grpc.ServerStreamingClient[Response], error),
) error {
	r := new(Request)
	if err := s.RecvMsg(r); err != nil {
		return err
	}
	to := f.elsewhere(r, method)
	if to == "" {
		return here(r, &grpc.GenericServerStream[Request, Response]{ServerStream: s})
	}
	conn, done, err := f.peer(to)
	if err != nil {
		return notForwarded(to, method, err, false)
	}
	defer done()
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(s.Context(), forwardedKey, "1"))
	defer cancel()
	in, err := there(pb.NewTableClient(conn), ctx, r)
	if err != nil {
		return notForwarded(to, method, err, false)
	}
	out := newSender(f, s)
	defer out.end()
	for {
		m, err := in.Recv()
		switch {
		case err == io.EOF:
			return out.finish(ctx)
		case err != nil:
			return notForwarded(to, method, err, false)
		}
		if err := out.send(ctx, M(m)); err != nil {
			return err
		}
	}
}

// peer is a connection to another server, until done is called. Those to members are kept.
func (f *Front) peer(address string) (conn *grpc.ClientConn, done func(), err error) {
	var members []string
	v := f.config.Backend.Status().View
	for _, m := range v.Members {
		members = append(members, m.Address)
	}
	if f.peersOf.Swap(uint64(v.Epoch)) != uint64(v.Epoch) {
		f.peers.Keep(members)
	}
	if slices.Contains(members, address) {
		conn, err = f.peers.At(address)
		return conn, func() {}, err
	}
	passing := calls.New(f.config.Dial, maxMessage)
	conn, err = passing.At(address)
	return conn, passing.Close, err
}
