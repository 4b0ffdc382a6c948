package rpc_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/chain"
)

// Status tells how far a learner is, where the server knows that.
func TestStatusShowsTheLearner(t *testing.T) {
	p := serve(t, nil)
	c := pb.NewClusterClient(p.dial(t))
	s, err := c.Status(t.Context(), &pb.StatusRequest{})
	if err != nil || s.LearnerProgress != nil {
		t.Errorf("of no learner it shows %v, %v", s.GetLearnerProgress(), err)
	}
	p = serve(t, nil)
	p.backend.State.Learner = chain.LearnerProgress{How: chain.TeachPlacing, Chunks: 1, Bytes: 2, Total: 3, Entries: 4, Behind: 5, Rate: 6}
	c = pb.NewClusterClient(p.dial(t))
	s, err = c.Status(t.Context(), &pb.StatusRequest{})
	want := &pb.LearnerProgress{
		How: "putting the snapshot in place", Receiving: true, Chunks: 1, Bytes: 2, TotalBytes: 3, BehindEntries: 4, BehindBytes: 5, BytesPerSecond: 6,
	}
	if err != nil || !proto.Equal(s.LearnerProgress, want) {
		t.Errorf("it shows %v, %v, want %v", s.GetLearnerProgress(), err, want)
	}
}
