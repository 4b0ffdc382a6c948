package rpc

import (
	"context"

	"google.golang.org/grpc/codes"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/table"
)

// OpenSession opens a session.
func (f *Front) OpenSession(ctx context.Context, _ *pb.OpenSessionRequest) (*pb.OpenSessionResponse, error) {
	ctx, cancel := f.within(ctx)
	defer cancel()
	before := f.config.Backend.Status().Chain
	call := &replica.Call{Open: true}
	f.config.Backend.Write(ctx, []*replica.Call{call})
	if call.Err != nil {
		return nil, writeError(call.Err)
	}
	s := f.config.Backend.Status()
	if s.Chain != before { // of which of the two the session is cannot be told, and its number may be another's in the other
		return nil, kind{codes.Unavailable, didNot, pb.Reason_REASON_OUTSIDE}.fail("the chain began anew just now")
	}
	return &pb.OpenSessionResponse{
		Session: &pb.Session{Chain: uint64(s.Chain), Id: uint64(call.Result.Count)}, Epoch: uint64(s.Epoch),
	}, nil
}

// Put sets a key to a value.
func (f *Front) Put(ctx context.Context, r *pb.PutRequest) (*pb.PutResponse, error) {
	c := table.Command{Op: table.OpPut, Pairs: []table.Pair{{Key: r.Key, Value: r.Value}}}
	call, err := f.write(ctx, &c, r.Condition, r.Answer, r.Request)
	if err != nil {
		return nil, err
	}
	return &pb.PutResponse{Seq: uint64(call.Seq), Succeeded: succeeded(call), Epoch: f.epoch()}, nil
}

// Delete removes a key.
func (f *Front) Delete(ctx context.Context, r *pb.DeleteRequest) (*pb.DeleteResponse, error) {
	c := table.Command{Op: table.OpDelete, Keys: [][]byte{r.Key}}
	call, err := f.write(ctx, &c, r.Condition, r.Answer, r.Request)
	if err != nil {
		return nil, err
	}
	return &pb.DeleteResponse{Seq: uint64(call.Seq), Succeeded: succeeded(call), Found: call.Result.Count > 0, Epoch: f.epoch()}, nil
}

// write carries out a command. The condition, which may be nil, is added to it.
func (f *Front) write(ctx context.Context, c *table.Command, condition *pb.Condition, answer pb.Answer, r *pb.Request) (*replica.Call, error) {
	switch is := condition.GetIs().(type) {
	case *pb.Condition_Exists:
		c.If = table.IfAbsent
		if is.Exists {
			c.If = table.IfPresent
		}
	case *pb.Condition_Version:
		c.If, c.Version = table.IfVersion, chain.Seq(is.Version)
	default:
		if condition != nil {
			return nil, invalid("not executed: a condition that says nothing")
		}
	}
	if err := c.Validate(); err != nil {
		return nil, invalid("not executed: " + err.Error())
	}
	call := &replica.Call{Command: c.Append(nil), Numbered: answer == pb.Answer_ANSWER_NUMBERED}
	if len(call.Command) > table.MaxCommandBytes {
		return nil, invalid("not executed: the command is longer than 64 MiB")
	}
	if r != nil {
		if r.Session.GetId() == 0 || r.Number == 0 || r.DoneBelow > r.Number {
			return nil, invalid("not executed: a request has a session, a number from 1, and a done_below that is not above it")
		}
		call.Chain, call.Session = chain.ID(r.Session.Chain), chain.SessionID(r.Session.Id)
		call.Number, call.DoneBelow = r.Number, r.DoneBelow
	}
	return call, f.execute(ctx, call)
}

// execute has the chain carry out a call. What it takes counts as input until then.
func (f *Front) execute(ctx context.Context, call *replica.Call) error {
	if !f.config.Limits.Input.Take(len(call.Command)) {
		return busy("not executed: commands of all connections that wait for the chain are at their limit of 1 GiB")
	}
	defer f.config.Limits.Input.Give(len(call.Command))
	ctx, cancel := f.within(ctx)
	defer cancel()
	f.config.Backend.Write(ctx, []*replica.Call{call})
	if c, ok := ctx.Value(callKey{}).(*rpcCall); ok {
		c.write, c.held = true, call.Held
	}
	if call.Err != nil {
		return writeError(call.Err)
	}
	if call.Numbered {
		return nil
	}
	return refused(call.Result.Code)
}

// succeeded tells whether the condition held, if that is known.
func succeeded(call *replica.Call) *bool {
	if call.Numbered {
		return nil
	}
	ok := call.Result.Code == table.CodeOK
	return &ok
}

func (f *Front) epoch() uint64 { return uint64(f.config.Backend.Status().Epoch) }
