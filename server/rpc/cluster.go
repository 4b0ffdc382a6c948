package rpc

import (
	"context"
	"time"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/replica"
)

// Status tells how the server is.
func (f *Front) Status(context.Context, *pb.StatusRequest) (*pb.StatusResponse, error) {
	s := f.config.Backend.Status()
	return &pb.StatusResponse{
		Id: s.ID.String(), Incarnation: uint64(s.Incarnation), Address: s.Address, Version: f.config.Version,
		Role: s.Role, State: s.State, Serving: s.Serving, View: viewOf(s.View),
		Last: uint64(s.Last), Stable: uint64(s.Stable), Committed: uint64(s.Committed), Applied: uint64(s.Applied),
		LeaseLeftMs: uint64(max(0, s.LeaseLeft.Milliseconds())),
		Keys:        uint64(s.Keys), Bytes: uint64(max(0, s.Bytes)),
		Digest: &pb.Digest{Seq: uint64(s.Digest.Seq), Sum: s.Digest.Sum}, Clients: uint64(f.config.Clients()),
		Hop: hopOf(&s), LearnerProgress: progressOf(&s.Learner), DiskFull: s.DiskFull,
	}, nil
}

func progressOf(p *chain.LearnerProgress) *pb.LearnerProgress {
	if p.How == chain.TeachNone {
		return nil
	}
	return &pb.LearnerProgress{
		How: p.How.String(), Receiving: p.Receiving(), Chunks: p.Chunks, Bytes: p.Bytes, TotalBytes: p.Total, BytesPerSecond: p.Rate,
		BehindEntries: p.Entries, BehindBytes: p.Behind,
	}
}

func hopOf(s *replica.Status) *pb.Hop {
	h := s.Hops
	return &pb.Hop{
		Successor: s.Successor.Address,
		PingMs:    meanOf(&h.Ping), ReceivedMs: meanOf(&h.Received), DurableMs: meanOf(&h.Durable), CommittedMs: meanOf(&h.Committed), AppliedMs: meanOf(&h.Applied),
		PingWorstMs: milliseconds(h.Ping.Worst()), DurableWorstMs: milliseconds(h.Durable.Worst()), CommittedWorstMs: milliseconds(h.Committed.Worst()),
	}
}

func meanOf(t *chain.Timing) *float64 {
	mean, ok := t.Recent()
	if !ok {
		return nil
	}
	ms := milliseconds(mean)
	return &ms
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func viewOf(v chain.View) *pb.View {
	out := &pb.View{Chain: v.Chain.String(), Epoch: uint64(v.Epoch), Target: uint64(v.Target), Rules: uint64(v.Rules)}
	for _, m := range v.Members {
		out.Members = append(out.Members, memberOf(m))
	}
	if v.Learner.MemberID != (chain.MemberID{}) {
		out.Learner = memberOf(v.Learner)
	}
	return out
}

func memberOf(m chain.Member) *pb.Member {
	return &pb.Member{Id: m.Node.String(), Incarnation: uint64(m.Incarnation), Address: m.Address, Durable: m.Durable}
}
