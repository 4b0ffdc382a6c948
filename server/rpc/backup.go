package rpc

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
)

// chunkBytes is about the most of one message of Backup.
const chunkBytes = 256 << 10

// Backup streams the whole state of one moment.
func (f *Front) Backup(_ *pb.BackupRequest, to grpc.ServerStreamingServer[pb.BackupResponse]) error {
	ctx := to.Context()
	done, err := f.turn(ctx, f.backups)
	if err != nil {
		return err
	}
	defer done()
	before := f.config.Backend.Status().Chain
	snapshot, epoch, err := f.moment(ctx, pb.Consistency_CONSISTENCY_LINEARIZABLE)
	if err != nil {
		return err
	}
	defer snapshot.Close()
	status := f.config.Backend.Status()
	if status.Chain != before || before == 0 { // of which of the two the table is cannot be told
		return kind{codes.Unavailable, didNot, pb.Reason_REASON_OUTSIDE}.fail("the chain began anew just now")
	}
	s := newSender(f, to)
	defer s.end()
	position := snapshot.Position()
	header := &pb.BackupHeader{
		Chain: before.String(), Seq: uint64(position.Seq), EntryEpoch: uint64(position.Epoch),
		Keys: uint64(snapshot.Len()), Bytes: uint64(max(0, status.Bytes)), Epoch: epoch,
	}
	if err := s.send(ctx, &pb.BackupResponse{Header: header}); err != nil {
		return err
	}
	for last := false; !last; {
		var chunk []byte
		if chunk, last, err = snapshot.Chunk(chunkBytes); err != nil {
			return kind{codes.Internal, didNot, pb.Reason_REASON_UNSPECIFIED}.fail(err.Error())
		}
		if err := s.send(ctx, &pb.BackupResponse{Chunk: chunk}); err != nil {
			return err
		}
	}
	return s.finish(ctx)
}
