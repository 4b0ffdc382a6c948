package rpc

import (
	"context"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/table"
)

// Get reads a key.
func (f *Front) Get(ctx context.Context, r *pb.GetRequest) (*pb.GetResponse, error) {
	out := &pb.GetResponse{}
	return out, f.read(ctx, r.Consistency, replica.Key(r.Key), func(t *table.Table) {
		out.Seq = uint64(t.Seq()) // before the value, which may be newer
		value, version, found := t.Get(r.Key)
		out.Value, out.Version, out.Found = value, uint64(version), found
		out.Epoch = f.epoch()
	})
}

// Size counts the keys.
func (f *Front) Size(ctx context.Context, r *pb.SizeRequest) (*pb.SizeResponse, error) {
	out := &pb.SizeResponse{}
	return out, f.read(ctx, r.Consistency, replica.All, func(t *table.Table) {
		out.Seq = uint64(t.Seq())
		out.Size, out.Epoch = uint64(t.Len()), f.epoch()
	})
}

// Verify tells what became of an operation.
func (f *Front) Verify(ctx context.Context, r *pb.VerifyRequest) (*pb.VerifyResponse, error) {
	ctx, cancel := f.within(ctx)
	defer cancel()
	if r.Seq == 0 {
		return nil, invalid("0 is the number of no operation")
	}
	fate, err := f.config.Backend.Verify(ctx, chain.Seq(r.Seq))
	if err != nil {
		return nil, readError(err)
	}
	return &pb.VerifyResponse{Fate: fates[fate], Epoch: f.epoch()}, nil
}

var fates = map[table.Fate]pb.Fate{
	table.Pending: pb.Fate_FATE_PENDING, table.Executed: pb.Fate_FATE_EXECUTED,
	table.Lost: pb.Fate_FATE_LOST, table.Unknown: pb.Fate_FATE_FORGOTTEN,
}

// read calls read with the table. It may do so more than once: the last time counts.
func (f *Front) read(ctx context.Context, c pb.Consistency, scope replica.Scope, read func(*table.Table)) error {
	switch c {
	case pb.Consistency_CONSISTENCY_LINEARIZABLE:
		ctx, cancel := f.within(ctx)
		defer cancel()
		if err := f.config.Backend.Read(ctx, scope, read); err != nil {
			return readError(err)
		}
		return nil
	case pb.Consistency_CONSISTENCY_COMMITTED:
		f.config.Backend.ReadCommitted(read)
		return nil
	}
	return invalid("unknown consistency")
}
