package client

import (
	"context"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
)

// WriteOption changes how a write is done.
type WriteOption func(*writeOptions)

type writeOptions struct {
	condition *pb.Condition
	numbered  bool
}

// IfAbsent has a Put or Delete happen only if there is no such key.
func IfAbsent() WriteOption { return ifExists(false) }

// IfPresent has a Put or Delete happen only if there is such a key.
func IfPresent() WriteOption { return ifExists(true) }

func ifExists(is bool) WriteOption {
	return func(o *writeOptions) { o.condition = &pb.Condition{Is: &pb.Condition_Exists{Exists: is}} }
}

// IfVersion has a Put or Delete happen only if the key has this version, 0 for no such key: compare and set.
func IfVersion(version Seq) WriteOption {
	return func(o *writeOptions) {
		o.condition = &pb.Condition{Is: &pb.Condition_Version{Version: uint64(version)}}
	}
}

// Numbered has the write answered when it has its number, before it has taken effect: it may still be lost, and whether a condition holds is
// not told. Verify tells what has become of it.
func Numbered() WriteOption { return func(o *writeOptions) { o.numbered = true } }

func writeOptionsOf(options []WriteOption) (o writeOptions) {
	for _, set := range options {
		set(&o)
	}
	return o
}

// Put sets a key to a value, and returns the number of the operation, which is the key's version now. It fails with ErrCondition if the
// condition that was given does not hold; the number is then that of the operation that found it so. The value must not be changed until Put returns.
func (c *Client) Put(ctx context.Context, key string, value []byte, options ...WriteOption) (Seq, error) {
	o := writeOptionsOf(options)
	call := Call{Op: "put", Key: key}
	var answer *pb.PutResponse
	err := c.doOnce(ctx, call, o.numbered, func(ctx context.Context, to server, w write) (epoch uint64, err error) {
		answer, err = to.Put(ctx, &pb.PutRequest{Key: []byte(key), Value: value, Condition: o.condition, Answer: w.answer, Request: w.request})
		return answer.GetEpoch(), err
	})
	if err != nil {
		return 0, err
	}
	return Seq(answer.Seq), held(call, answer.Succeeded)
}

// Delete removes a key, and returns the number of the operation and whether there was such a key. It fails with ErrCondition if the condition that was given does
// not hold.
func (c *Client) Delete(ctx context.Context, key string, options ...WriteOption) (seq Seq, found bool, err error) {
	o := writeOptionsOf(options)
	call := Call{Op: "delete", Key: key}
	var answer *pb.DeleteResponse
	err = c.doOnce(ctx, call, o.numbered, func(ctx context.Context, to server, w write) (epoch uint64, err error) {
		answer, err = to.Delete(ctx, &pb.DeleteRequest{Key: []byte(key), Condition: o.condition, Answer: w.answer, Request: w.request})
		return answer.GetEpoch(), err
	})
	if err != nil {
		return 0, false, err
	}
	return Seq(answer.Seq), answer.Found, held(call, answer.Succeeded)
}

// held is ErrCondition if a condition did not hold; nil where that is not known.
func held(call Call, succeeded *bool) error {
	if succeeded == nil || *succeeded {
		return nil
	}
	return &Error{Op: call.Op, Key: call.Key, Outcome: DidNotHappen, Err: ErrCondition}
}
