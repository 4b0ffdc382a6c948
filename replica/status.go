package replica

import (
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// Status is how a server is, as of the last tick, but for its queues, which are as they are now.
type Status struct {
	ID          chain.NodeID
	Incarnation chain.Incarnation
	Address     string
	Role        string // head, middle, tail, single, learner, spare or outside
	State       string // member, or in words what this server is doing instead
	Serving     bool   // clients' requests are taken
	Chain       chain.ID
	Epoch       chain.Epoch
	View        chain.View

	Last, Stable, Committed, Applied chain.Seq

	Learner chain.LearnerProgress
	// DiskFull: there is no space on this server's disk. Full is the address of a server, this one or one behind it, on whose disk there is none,
	// empty for none; at the head it says that writes are refused.
	DiskFull bool
	Full     string

	Leases    bool // reads are answered under a lease where there is one; false: each asks the chain
	LeaseLeft time.Duration
	Pending   int
	Keys      int
	Bytes     int64
	MaxMemory int64 // beyond which writes are refused; zero for no bound
	Sessions  int   // in the table
	Digest    table.Digest

	Predecessor, Successor chain.Neighbour
	Hops                   chain.Hops
	Counts                 chain.Counts
	Queues                 Queues
}

// Queues is how much waits for the loop, and what waits for its work.
type Queues struct {
	Inputs  int // messages of other servers
	Urgent  int // what the coordinator and operators say
	Batches int // commands of clients, so many connections'
	Readers int // reads that wait for entries to be applied
}

// Status tells how the server is.
func (r *Replica) Status() Status {
	s := *r.status.Load()
	s.Queues = Queues{len(r.inputs), len(r.urgent), len(r.batches), r.waiters.count()}
	return s
}

// Serving tells whether the server takes clients' requests: a member of a chain does, unless it is leaving or cannot be sure that it
// still is one.
func (r *Replica) Serving() bool { return r.status.Load().Serving }

// publish shows others how the replica is, all of it at one moment.
func (r *Replica) publish() {
	s, t := r.core.Status(), r.table.Load()
	r.status.Store(&Status{
		ID: s.Self.Node, Incarnation: s.Self.Incarnation, Address: s.Self.Address, Role: s.Role, State: s.State, Serving: s.Serving,
		Chain: s.View.Chain, Epoch: s.View.Epoch, View: s.View,
		Last: s.Last, Stable: s.Stable, Committed: s.Committed, Applied: s.Applied,
		Learner: s.Learner, DiskFull: s.DiskFull, Full: s.Full, Leases: !r.config.Chain.NoLeases, LeaseLeft: s.LeaseLeft, Pending: s.Pending,
		Keys: t.Len(), Bytes: t.Bytes(), Digest: t.Digest(), MaxMemory: r.config.Chain.MaxMemory, Sessions: t.Sessions(),
		Predecessor: s.Predecessor, Successor: s.Successor, Hops: s.Hops, Counts: s.Counts,
	})
	if member := s.View.Index(s.Self.MemberID) >= 0; !member && r.member {
		r.waiters.fail(false) // what they wait for may never be applied here
		r.member = false
	} else {
		r.member = member
	}
	if id := r.id.Load(); id == nil || *id != s.Self.MemberID {
		r.id.Store(&s.Self.MemberID)
	}
}
