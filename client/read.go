package client

import (
	"context"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
)

// ReadOption changes how a read is done.
type ReadOption func(*readOptions)

type readOptions struct{ consistency pb.Consistency }

// Committed has a read answered at once from what the nearest server holds, which may be behind: it sees no write that may yet be lost, and perhaps
// not the newest. Servers outside the chain answer it, too.
func Committed() ReadOption {
	return func(o *readOptions) { o.consistency = pb.Consistency_CONSISTENCY_COMMITTED }
}

func readOptionsOf(options []ReadOption) (o readOptions) {
	for _, set := range options {
		set(&o)
	}
	return o
}

// Entry is a key with its value.
type Entry struct {
	Key     string
	Value   []byte
	Version Seq // the number of the write that made it
	At      Seq // what was read holds every write up to this one
}

// Get reads a key. It fails with ErrNotFound if there is none; the Entry then has At.
func (c *Client) Get(ctx context.Context, key string, options ...ReadOption) (Entry, error) {
	o := readOptionsOf(options)
	call := Call{Op: "get", Key: key}
	var answer *pb.GetResponse
	err := c.do(ctx, call, func(ctx context.Context, to server) (epoch uint64, err error) {
		answer, err = to.Get(ctx, &pb.GetRequest{Key: []byte(key), Consistency: o.consistency})
		return answer.GetEpoch(), err
	})
	switch {
	case err != nil:
		return Entry{}, err
	case !answer.Found:
		return Entry{Key: key, At: Seq(answer.Seq)}, &Error{Op: call.Op, Key: key, Outcome: DidNotHappen, Err: ErrNotFound}
	}
	value := answer.Value
	if value == nil {
		value = []byte{}
	}
	return Entry{Key: key, Value: value, Version: Seq(answer.Version), At: Seq(answer.Seq)}, nil
}

// Size is how many keys there are.
func (c *Client) Size(ctx context.Context, options ...ReadOption) (uint64, error) {
	o := readOptionsOf(options)
	var answer *pb.SizeResponse
	err := c.do(ctx, Call{Op: "size"}, func(ctx context.Context, to server) (epoch uint64, err error) {
		answer, err = to.Size(ctx, &pb.SizeRequest{Consistency: o.consistency})
		return answer.GetEpoch(), err
	})
	return answer.GetSize(), err
}

// Fate is what became of an operation.
type Fate uint8

// The fates. All but Pending are final.
const (
	Pending   Fate = Fate(pb.Fate_FATE_PENDING)   // nothing yet, or no such number was ever given
	Executed  Fate = Fate(pb.Fate_FATE_EXECUTED)  // it took effect; that of a conditional write may have been to change nothing
	Lost      Fate = Fate(pb.Fate_FATE_LOST)      // it never took effect and never will
	Forgotten Fate = Fate(pb.Fate_FATE_FORGOTTEN) // executed or lost, so long ago that servers do not remember which
)

func (f Fate) String() string {
	switch f {
	case Pending:
		return "pending"
	case Executed:
		return "executed"
	case Lost:
		return "lost"
	case Forgotten:
		return "forgotten"
	}
	return "unknown fate"
}

// Verify tells what became of an operation.
func (c *Client) Verify(ctx context.Context, seq Seq) (Fate, error) {
	var answer *pb.VerifyResponse
	err := c.do(ctx, Call{Op: "verify"}, func(ctx context.Context, to server) (epoch uint64, err error) {
		answer, err = to.Verify(ctx, &pb.VerifyRequest{Seq: uint64(seq)})
		return answer.GetEpoch(), err
	})
	return Fate(answer.GetFate()), err
}
