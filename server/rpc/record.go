package rpc

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/server/metrics"
)

// commands are what calls are counted as, by method. Any other is metrics.Other.
var commands = func() map[string]string {
	names := make(map[string]string)
	for _, m := range pb.Table_ServiceDesc.Methods {
		names["/"+pb.Table_ServiceDesc.ServiceName+"/"+m.MethodName] = strings.ToLower(m.MethodName)
	}
	for _, s := range pb.Table_ServiceDesc.Streams {
		names["/"+pb.Table_ServiceDesc.ServiceName+"/"+s.StreamName] = strings.ToLower(s.StreamName)
	}
	for _, m := range pb.Cluster_ServiceDesc.Methods {
		names["/"+pb.Cluster_ServiceDesc.ServiceName+"/"+m.MethodName] = strings.ToLower(m.MethodName)
	}
	return names
}()

// Requests counts and times the calls.
func (f *Front) Requests() *metrics.Requests { return f.requests }

// newRequests makes the counters, and the Commands of all methods.
func newRequests(slow metrics.Slow) (*metrics.Requests, map[string]metrics.Command) {
	names := make([]string, 0, len(commands))
	for _, name := range commands {
		names = append(names, name)
	}
	r := metrics.NewRequests("grpc", names, slow)
	counted := make(map[string]metrics.Command, len(commands))
	for method, name := range commands {
		counted[method] = r.Command(name)
	}
	return r, counted
}

// record counts a call that has been answered.
func (f *Front) record(ctx context.Context, method string, request, answer any, err error, began time.Time) {
	c, ok := ctx.Value(callKey{}).(*rpcCall)
	if !ok || c.conn == nil {
		return
	}
	command, known := f.counted[method]
	if !known {
		command = f.requests.Command(metrics.Other)
	}
	s := metrics.SlowRequest{
		Command: command, Outcome: outcomeOf(answer, err), Took: time.Since(began), Held: c.held, Write: c.write, Client: c.conn.Conn.RemoteAddr(),
	}
	c.conn.recorder.Record(s.Command, s.Outcome, 1, s.Took)
	if !c.conn.recorder.Slow(s.Took) {
		return
	}
	if k, ok := request.(interface{ GetKey() []byte }); ok {
		s.Key = k.GetKey()
	}
	c.conn.recorder.Log(s)
}

// outcomeOf is what became of a call.
func outcomeOf(answer any, err error) metrics.Outcome {
	if err != nil {
		return outcomeOfError(err)
	}
	done := true
	switch a := answer.(type) {
	case *pb.PutResponse:
		done = a.Succeeded == nil || *a.Succeeded
	case *pb.DeleteResponse:
		done = a.Succeeded == nil || *a.Succeeded && a.Found
	case *pb.TxnResponse:
		done = a.Succeeded == nil || *a.Succeeded
	case *pb.GetResponse:
		done = a.Found
	}
	if !done {
		return metrics.Miss
	}
	return metrics.OK
}

func outcomeOfError(err error) metrics.Outcome {
	s := status.Convert(err)
	for _, d := range s.Details() {
		f, ok := d.(*pb.Failure)
		switch {
		case !ok:
		case f.Reason == pb.Reason_REASON_INVALID:
			return metrics.Invalid
		case f.Reason == pb.Reason_REASON_MEMORY, f.Reason == pb.Reason_REASON_DISK:
			return metrics.Refused
		case f.Outcome == pb.Outcome_OUTCOME_DID_NOT_HAPPEN:
			return metrics.NotExecuted
		default:
			return metrics.Uncertain
		}
	}
	switch s.Code() { // of health, reflection and gRPC itself, which change nothing
	case codes.InvalidArgument, codes.NotFound, codes.Unimplemented:
		return metrics.Invalid
	}
	return metrics.NotExecuted
}
