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

// errRead ends the second reading of a Listing, or of a Backup.
var errRead = errors.New("it can be read once")

// List begins to read all keys with the prefix, with their values and versions if that is asked for. Read or Close the Listing: until then it takes up
// memory at a server. A listing that breaks off fails: its moment has passed, and another server would give another one.
func (c *Client) List(ctx context.Context, prefix string, values bool, options ...ReadOption) (*Listing, error) {
	o := readOptionsOf(options)
	ctx, cancel := context.WithCancel(ctx)
	l := &Listing{cancel: cancel, ended: ctx.Err, call: Call{Op: "list"}}
	err := c.do(ctx, l.call, func(within context.Context, to server) (uint64, error) {
		stream, head, err := begin(ctx, within, func(ctx context.Context) (grpc.ServerStreamingClient[pb.KeysResponse], error) {
			return to.Keys(ctx, &pb.KeysRequest{Prefix: []byte(prefix), Values: values, Consistency: o.consistency})
		})
		l.stream, l.At, l.Size = stream, Seq(head.GetSeq()), head.GetSize()
		return head.GetEpoch(), err
	})
	if err != nil {
		cancel()
		return nil, err
	}
	return l, nil
}

// begin begins a stream that ends with ctx, and outlives the try that begins it: within counts until the first message.
func begin[Response any](
	ctx, within context.Context, call func(context.Context) (grpc.ServerStreamingClient[Response], error),
) (stream grpc.ServerStreamingClient[Response], head *Response, err error) {
	streaming, end := context.WithCancel(context.WithoutCancel(within))
	context.AfterFunc(ctx, end)
	stop := context.AfterFunc(within, end)
	if stream, err = call(streaming); err == nil {
		head, err = stream.Recv()
	}
	if err == nil && !stop() {
		err = context.DeadlineExceeded
	}
	if err != nil {
		end()
		return nil, nil, err
	}
	return stream, head, nil
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
				yield(Entry{}, l.fail(broken(err, l.ended)))
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

// broken is what is told of a stream that has ended with err; ended is whether its reader has given it up.
func broken(err error, ended func() error) error {
	_, told := report(err, true)
	if given := ended(); given != nil { // (the stream's own context ends with any error)
		told = given
	}
	return told
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
