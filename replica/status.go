package replica

import (
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// Status is how a server is, as of the last tick.
type Status struct {
	ID          chain.NodeID
	Incarnation chain.Incarnation
	Address     string
	Role        string // head, middle, tail, single, learner, spare or outside
	State       string // member, or in words what this server is doing instead
	Chain       chain.ID
	Epoch       chain.Epoch
	View        chain.View

	Last, Stable, Committed, Applied chain.Seq

	Learner   chain.LearnerProgress
	LeaseLeft time.Duration
	Pending   int
	Keys      int
	Bytes     int64
	Digest    table.Digest
}

// Status tells how the server is.
func (r *Replica) Status() Status {
	s, t := r.status.Load(), r.table.Load()
	return Status{
		ID: s.Self.Node, Incarnation: s.Self.Incarnation, Address: s.Self.Address, Role: s.Role, State: s.State,
		Chain: s.View.Chain, Epoch: s.View.Epoch, View: s.View,
		Last: s.Last, Stable: s.Stable, Committed: s.Committed, Applied: r.gate.Applied(),
		Learner: s.Learner, LeaseLeft: s.LeaseLeft, Pending: s.Pending,
		Keys: t.Len(), Bytes: t.Bytes(), Digest: t.Digest(),
	}
}

// Serving tells whether the server is a member of a chain.
func (r *Replica) Serving() bool {
	return r.status.Load().View.Index(r.ID()) >= 0
}
