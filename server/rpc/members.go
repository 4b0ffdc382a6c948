package rpc

import (
	"context"
	"errors"
	"slices"
	"time"

	"google.golang.org/grpc/codes"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/replica"
)

const (
	// membersEvery is how often to look whether a change has happened.
	membersEvery = 10 * time.Millisecond
	// orderEvery is how often to give an order again: the chain gives one up that it cannot carry out for a while.
	orderEvery = 2 * time.Second
	// findTimeout is how long a server may take to tell who it is.
	findTimeout = 2 * time.Second
	// maxName is how long the name of a server may be, in bytes: a DNS name has at most 253, and a port follows.
	maxName = 300
	// maxTarget is as many members as a view may have.
	maxTarget = 1000
)

// order is a change of the chain that an operator wants.
type order struct {
	at        string // address of the server that carries it out; empty where nobody does
	operation chain.Operation
	done      func(replica.Status) bool
}

// Members changes the chain.
func (f *Front) Members(ctx context.Context, r *pb.MembersRequest) (*pb.MembersResponse, error) {
	if r.Change == nil {
		return &pb.MembersResponse{View: viewOf(f.config.Backend.Status().View)}, nil
	}
	o, err := f.order(ctx, r)
	if err != nil {
		return nil, err
	}
	if own := f.config.Backend.Status().Address; o.at != own {
		if forwarded(ctx) {
			return nil, refusal("this is for " + o.at + " to do")
		}
		return f.forwardMembers(ctx, o.at, r)
	}
	return f.carryOut(ctx, o)
}

// refusal is a change of the chain that cannot be.
func refusal(why string) error {
	return kind{codes.FailedPrecondition, didNot, pb.Reason_REASON_REFUSED}.fail("not done: " + why)
}

// order is what a request asks for.
func (f *Front) order(ctx context.Context, r *pb.MembersRequest) (order, error) {
	view := f.config.Backend.Status().View
	if len(view.Members) == 0 {
		return order{}, kind{codes.Unavailable, didNot, pb.Reason_REASON_OUTSIDE}.fail("not done: this server knows no chain yet")
	}
	head := view.Head().Address
	switch change := r.Change.(type) {
	case *pb.MembersRequest_Target:
		if change.Target > maxTarget {
			return order{}, invalid("not done: a chain has at most 1,000 members")
		}
		n := int(change.Target)
		return order{head, chain.SetTarget{Target: n}, func(s replica.Status) bool {
			return s.View.Target == n && (n == 0 || len(s.View.Members) <= n)
		}}, nil
	case *pb.MembersRequest_Head:
		m, err := f.find(ctx, change.Head)
		return order{head, chain.MoveHead{To: m.Node}, func(s replica.Status) bool { return s.View.Head().Node == m.Node }}, err
	case *pb.MembersRequest_Remove:
		m, err := f.find(ctx, change.Remove)
		by := slices.IndexFunc(view.Members, func(x chain.Member) bool { return x.Node != m.Node })
		if err == nil && by < 0 {
			err = refusal("the chain has no other member")
		}
		if err != nil {
			return order{}, err
		}
		return order{view.Members[by].Address, chain.Evict{Node: m.Node}, func(s replica.Status) bool {
			_, in := s.View.Find(m.MemberID)
			return !in
		}}, nil
	case *pb.MembersRequest_Drain:
		m, err := f.find(ctx, change.Drain)
		return order{m.Address, chain.Drain{}, func(s replica.Status) bool { return s.View.Index(m.MemberID) < 0 && !s.Serving }}, err
	case *pb.MembersRequest_Add:
		m, err := f.find(ctx, change.Add)
		return order{m.Address, chain.Undrain{}, func(s replica.Status) bool { return s.View.HasNode(m.Node) }}, err
	}
	return order{}, invalid("not done: unknown change")
}

// find is the server with this address or id: one that the view names, or this one, or one that answers at the address.
func (f *Front) find(ctx context.Context, name string) (chain.Member, error) {
	s := f.config.Backend.Status()
	known := append(slices.Clone(s.View.Members), s.View.Learner, chain.Member{
		MemberID: chain.MemberID{Node: s.ID, Incarnation: s.Incarnation}, Address: s.Address,
	})
	for _, m := range known {
		if name != "" && (m.Address == name || m.Node.String() == name && m.Node != 0) {
			return m, nil
		}
	}
	if id, err := chain.ParseNodeID(name); err == nil {
		return chain.Member{MemberID: chain.MemberID{Node: id}}, nil
	}
	if len(name) > maxName {
		return chain.Member{}, invalid("not done: a server's name is no longer than 300 bytes")
	}
	conn, done, err := f.peer(name)
	if err != nil {
		return chain.Member{}, invalid("not done: no server " + name + " is known")
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	answer, err := pb.NewClusterClient(conn).Status(ctx, &pb.StatusRequest{})
	if err != nil {
		return chain.Member{}, refusal("no server " + name + " is in the chain, and none answers at that address")
	}
	id, err := chain.ParseNodeID(answer.Id)
	if err != nil {
		return chain.Member{}, refusal(name + " is no server of Chaintable")
	}
	return chain.Member{MemberID: chain.MemberID{Node: id, Incarnation: chain.Incarnation(answer.Incarnation)}, Address: name}, nil
}

// forwardMembers has another server carry out a change.
func (f *Front) forwardMembers(ctx context.Context, to string, r *pb.MembersRequest) (*pb.MembersResponse, error) {
	if to == "" {
		return nil, refusal("no address of that server is known: ask it itself")
	}
	answer, err := f.call(ctx, to, pb.Cluster_Members_FullMethodName, r)
	if err != nil {
		return nil, err
	}
	return answer.(*pb.MembersResponse), nil
}

// carryOut gives the order to this server, until it has been carried out.
func (f *Front) carryOut(ctx context.Context, o order) (*pb.MembersResponse, error) {
	ticker := time.NewTicker(membersEvery)
	defer ticker.Stop()
	var ordered time.Time
	for {
		s := f.config.Backend.Status()
		if o.done(s) && !ordered.IsZero() {
			return &pb.MembersResponse{View: viewOf(s.View)}, nil
		}
		if time.Since(ordered) > orderEvery {
			ordered = time.Now()
			err := f.config.Backend.Operate(ctx, o.operation)
			switch {
			case errors.Is(err, replica.ErrRefused):
				return nil, refusal(err.Error())
			case err != nil:
				return nil, writeError(err)
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, kind{codes.DeadlineExceeded, may, pb.Reason_REASON_TIMEOUT}.fail("accepted, but not done yet")
		case <-f.stop:
			return nil, kind{codes.Unknown, may, pb.Reason_REASON_STOPPING}.fail("accepted, but the server is stopping")
		}
	}
}
