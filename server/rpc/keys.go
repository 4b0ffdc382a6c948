package rpc

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/table"
)

const (
	// pieceBytes and pieceEntries are about the most of one message of Keys.
	pieceBytes   = 64 << 10
	pieceEntries = 1024
)

// Keys streams the keys of one moment. Its messages are sent by a goroutine, because the stream of a client that does not read is
// known to have ended only when Keys returns.
func (f *Front) Keys(r *pb.KeysRequest, to grpc.ServerStreamingServer[pb.KeysResponse]) error {
	ctx := to.Context()
	done, err := f.turn(ctx, f.listings)
	if err != nil {
		return err
	}
	defer done()
	snapshot, epoch, err := f.moment(ctx, r.Consistency)
	if err != nil {
		return err
	}
	defer snapshot.Close()
	s := newSender(f, to)
	defer s.end()
	head := pb.KeysResponse{Seq: uint64(snapshot.Seq()), Size: uint64(snapshot.Len()), Epoch: epoch}
	return s.all(ctx, &head, r, snapshot)
}

// turn waits until there is a place among the streams of a kind, and takes it until done is called.
func (f *Front) turn(ctx context.Context, places chan struct{}) (done func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, readError(ctx.Err())
	case <-f.stop:
		return nil, readError(errStopping)
	}
}

// moment is the whole table at one moment, and the epoch that is known then. Close it.
func (f *Front) moment(ctx context.Context, c pb.Consistency) (snapshot *table.Snapshot, epoch uint64, err error) {
	err = f.read(ctx, c, replica.All, func(t *table.Table) {
		if snapshot != nil {
			snapshot.Close()
		}
		snapshot, epoch = t.Snapshot(), f.epoch()
	})
	if err != nil && snapshot != nil {
		snapshot.Close()
	}
	return snapshot, epoch, err
}

var (
	errStopping = errors.New("the server is stopping")
	errSlow     = errors.New("the client has taken nothing of it for a minute")
)

// sender sends the messages of one stream.
type sender struct {
	front    *Front
	to       grpc.ServerStream
	messages chan proto.Message // at most one waits
	ending   sync.Once
	failed   chan error // nil, or why the stream has ended before the last message
}

func newSender(f *Front, to grpc.ServerStream) *sender {
	s := &sender{front: f, to: to, messages: make(chan proto.Message), failed: make(chan error, 1)}
	f.work.Go(func() {
		for m := range s.messages {
			if err := to.SendMsg(counted(to.Context(), m)); err != nil {
				s.failed <- err
				return
			}
		}
		s.failed <- nil
	})
	return s
}

// end says that no message follows.
func (s *sender) end() { s.ending.Do(func() { close(s.messages) }) }

// all sends the snapshot.
func (s *sender) all(ctx context.Context, head *pb.KeysResponse, r *pb.KeysRequest, snapshot *table.Snapshot) error {
	next := func() *pb.KeysResponse { return &pb.KeysResponse{Seq: head.Seq, Size: head.Size, Epoch: head.Epoch} }
	if err := s.send(ctx, head); err != nil {
		return err
	}
	m, size := next(), 0
	for key, item := range snapshot.All() {
		if !bytes.HasPrefix(key, r.Prefix) {
			continue
		}
		e := &pb.Entry{Key: key}
		size += len(key) + 16
		if r.Values {
			e.Value, e.Version = item.Value, uint64(item.Version)
			size += len(item.Value)
		}
		if m.Entries = append(m.Entries, e); size < pieceBytes && len(m.Entries) < pieceEntries {
			continue
		}
		if err := s.send(ctx, m); err != nil {
			return err
		}
		m, size = next(), 0
	}
	if len(m.Entries) > 0 {
		if err := s.send(ctx, m); err != nil {
			return err
		}
	}
	return s.finish(ctx)
}

// send hands a message to the goroutine.
func (s *sender) send(ctx context.Context, m proto.Message) error { return s.wait(ctx, m) }

// wait hands a message to the goroutine or, where it is nil, waits for the goroutine's end.
func (s *sender) wait(ctx context.Context, m proto.Message) error {
	patience := time.NewTimer(stallTimeout)
	defer patience.Stop()
	messages := s.messages
	if m == nil {
		messages = nil
	}
	select {
	case messages <- m:
		return nil
	case err := <-s.failed:
		return err
	case <-ctx.Done():
		return readError(ctx.Err())
	case <-s.front.stop:
		return readError(errStopping)
	case <-patience.C:
		return kind{codes.Canceled, didNot, pb.Reason_REASON_TIMEOUT}.fail(errSlow.Error())
	}
}

// finish waits until the last message is on its way.
func (s *sender) finish(ctx context.Context) error {
	s.end()
	return s.wait(ctx, nil)
}
