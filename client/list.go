package client

import (
	"context"
	"errors"
	"io"
	"iter"

	"google.golang.org/grpc"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
)

// Listing is the keys of one moment, while they are read from a server. It is for one goroutine.
type Listing struct {
	At   Seq    // the keys are those after this write
	Size uint64 // of the table then, in keys, whatever their prefix

	stream grpc.ServerStreamingClient[pb.KeysResponse]
	cancel context.CancelFunc
	ended  func() error // whether its reader has given it up
	call   Call
	begun  bool
}

// errRead ends the second reading of a Listing.
var errRead = errors.New("a listing can be read once")

// List begins to read all keys with the prefix, with their values and versions if that is asked for. Read or Close the Listing: until then it takes up
// memory at a server. A listing that breaks off fails: its moment has passed, and another server would give another one.
func (c *Client) List(ctx context.Context, prefix string, values bool, options ...ReadOption) (*Listing, error) {
	o := readOptionsOf(options)
	ctx, cancel := context.WithCancel(ctx)
	l := &Listing{cancel: cancel, ended: ctx.Err, call: Call{Op: "list"}}
	// The listing outlives the try that begins it: the try's timeout counts until the first message.
	err := c.do(ctx, l.call, func(within context.Context, to server) (uint64, error) {
		streaming, end := context.WithCancel(context.WithoutCancel(within))
		context.AfterFunc(ctx, end)
		stop := context.AfterFunc(within, end)
		stream, err := to.Keys(streaming, &pb.KeysRequest{Prefix: []byte(prefix), Values: values, Consistency: o.consistency})
		if err != nil {
			end()
			return 0, err
		}
		head, err := stream.Recv()
		if err == nil && !stop() {
			err = context.DeadlineExceeded
		}
		if err != nil {
			end()
			return 0, err
		}
		l.stream, l.At, l.Size = stream, Seq(head.Seq), head.Size
		return head.Epoch, nil
	})
	if err != nil {
		cancel()
		return nil, err
	}
	return l, nil
}

// Close ends the reading.
func (l *Listing) Close() { l.cancel() }

// All are the entries, in no order that means anything, and at the end why there are no more, if there should be. Entries of a listing without values have
// only a Key. It closes the Listing.
func (l *Listing) All() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		defer l.Close()
		if l.begun {
			yield(Entry{}, l.fail(errRead))
			return
		}
		l.begun = true
		for {
			m, err := l.stream.Recv()
			if err == io.EOF {
				return
			}
			if err != nil {
				_, told := report(err, true)
				if given := l.ended(); given != nil { // (the stream's own context ends with any error)
					told = given
				}
				yield(Entry{}, l.fail(told))
				return
			}
			for _, e := range m.Entries {
				if !yield(Entry{Key: string(e.Key), Value: e.Value, Version: Seq(e.Version), At: l.At}, nil) {
					return
				}
			}
		}
	}
}

func (l *Listing) fail(err error) error {
	return &Error{Op: l.call.Op, Outcome: DidNotHappen, Err: err}
}

// Entries are all entries with the prefix, of one moment, in no order that means anything; an error is the last.
func (c *Client) Entries(ctx context.Context, prefix string, options ...ReadOption) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		l, err := c.List(ctx, prefix, true, options...)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		l.All()(yield)
	}
}

// Keys are all keys with the prefix, of one moment, in no order that means anything; an error is the last.
func (c *Client) Keys(ctx context.Context, prefix string, options ...ReadOption) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		l, err := c.List(ctx, prefix, false, options...)
		if err != nil {
			yield("", err)
			return
		}
		for e, err := range l.All() {
			if !yield(e.Key, err) {
				return
			}
		}
	}
}
