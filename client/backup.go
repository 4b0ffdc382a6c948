package client

import (
	"context"
	"errors"
	"io"
	"iter"

	"google.golang.org/grpc"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
)

// Backup is the whole state of a chain at one moment, while it is read from a server. It is for one goroutine.
type Backup struct {
	Chain string // the chain's id, 16 hex digits
	At    Seq    // every write up to this one is in it
	Epoch uint64 // of the entry At
	Keys  uint64
	Bytes uint64 // about what Chunks have together, at most

	stream grpc.ServerStreamingClient[pb.BackupResponse]
	cancel context.CancelFunc
	ended  func() error
	begun  bool
}

// errBackup is of a stream that is not what a server streams.
var errBackup = errors.New("the server streams something else than a backup")

// Backup begins to read the whole state: every write is in it that was acknowledged before. Read or Close it: until then it takes up memory at a server.
// One that breaks off fails: its moment has passed, and another server would give another one. `table-client backup` makes a file of it.
func (c *Client) Backup(ctx context.Context) (*Backup, error) {
	ctx, cancel := context.WithCancel(ctx)
	b := &Backup{cancel: cancel, ended: ctx.Err}
	err := c.do(ctx, Call{Op: "backup"}, func(within context.Context, to server) (uint64, error) {
		stream, first, err := begin(ctx, within, func(ctx context.Context) (grpc.ServerStreamingClient[pb.BackupResponse], error) {
			return to.Backup(ctx, &pb.BackupRequest{})
		})
		h := first.GetHeader()
		b.stream, b.Chain, b.At, b.Epoch, b.Keys, b.Bytes = stream, h.GetChain(), Seq(h.GetSeq()), h.GetEntryEpoch(), h.GetKeys(), h.GetBytes()
		return h.GetEpoch(), err
	})
	if err == nil && b.Chain == "" {
		err = b.fail(errBackup)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return b, nil
}

// Close ends the reading.
func (b *Backup) Close() { b.cancel() }

// Chunks are the state in pieces, in order, and at the end why there are no more, if there should be. Each is an encoded chaintable.storage.v1.Chunk.
// It closes the Backup.
func (b *Backup) Chunks() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		defer b.Close()
		if b.begun {
			yield(nil, b.fail(errRead))
			return
		}
		b.begun = true
		for {
			m, err := b.stream.Recv()
			switch {
			case err == io.EOF:
				return
			case err != nil:
				yield(nil, b.fail(broken(err, b.ended)))
				return
			case len(m.Chunk) == 0:
				yield(nil, b.fail(errBackup))
				return
			}
			if !yield(m.Chunk, nil) {
				return
			}
		}
	}
}

func (b *Backup) fail(err error) error {
	return &Error{Op: "backup", Outcome: DidNotHappen, Err: err}
}
