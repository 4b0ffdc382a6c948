package web

import (
	"fmt"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/replica"
)

// Status is the answer to /status, in JSON.
type Status struct {
	ID          string   `json:"id"`
	Incarnation uint64   `json:"incarnation"`
	Address     string   `json:"address"`
	Version     string   `json:"version"`
	Role        string   `json:"role"`  // head, middle, tail, single, learner, spare or outside
	State       string   `json:"state"` // member, or in words what the server is doing instead
	Serving     bool     `json:"serving"`
	Chain       string   `json:"chain"`
	Epoch       uint64   `json:"epoch"`
	Members     []Member `json:"members"` // head first
	Learner     *Learner `json:"learner"` // null for none
	Target      int      `json:"target"`  // how many members the chain wants; 0 for all that register
	Rules       int      `json:"rules"`

	Last      uint64 `json:"last"`
	Stable    uint64 `json:"stable"`
	Committed uint64 `json:"committed"`
	Applied   uint64 `json:"applied"`

	LeaseLeftMS int64  `json:"lease_left_ms"` // 0 for no lease
	Keys        int    `json:"keys"`
	Bytes       int64  `json:"bytes"`
	Digest      Digest `json:"digest"`
	Clients     int    `json:"clients"`
	Hop         Hop    `json:"hop"`
	DiskFull    bool   `json:"disk_full"` // there is no space on its disk: the chain refuses writes
}

// Hop is how long it takes until what this server sends down the chain has got there: means of the last five to ten seconds, null
// where nothing was measured.
type Hop struct {
	Successor   string   `json:"successor"` // address of the next member, or of the tail's learner; empty for none
	PingMS      *float64 `json:"ping_ms"`   // until the successor's answer to a ping
	ReceivedMS  *float64 `json:"received_ms"`
	DurableMS   *float64 `json:"durable_ms"`   // until it was on this server's own disk; null where there is none
	CommittedMS *float64 `json:"committed_ms"` // of an entry, from when it was appended here
	AppliedMS   *float64 `json:"applied_ms"`

	// The longest of the last half to whole minute.
	PingWorstMS      float64 `json:"ping_worst_ms"`
	DurableWorstMS   float64 `json:"durable_worst_ms"`
	CommittedWorstMS float64 `json:"committed_worst_ms"`
}

func newHop(s *replica.Status) Hop {
	h := s.Hops
	return Hop{
		Successor: s.Successor.Address,
		PingMS:    recent(&h.Ping), ReceivedMS: recent(&h.Received), DurableMS: recent(&h.Durable), CommittedMS: recent(&h.Committed), AppliedMS: recent(&h.Applied),
		PingWorstMS: milliseconds(h.Ping.Worst()), DurableWorstMS: milliseconds(h.Durable.Worst()), CommittedWorstMS: milliseconds(h.Committed.Worst()),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func recent(t *chain.Timing) *float64 {
	mean, ok := t.Recent()
	if !ok {
		return nil
	}
	ms := milliseconds(mean)
	return &ms
}

// Member is a server in the chain.
type Member struct {
	ID          string `json:"id"`
	Incarnation uint64 `json:"incarnation"`
	Address     string `json:"address"`
	Durable     bool   `json:"durable"`
}

// Learner is the server that is being brought level, and how far it is as this server knows: the learner and its tail do.
type Learner struct {
	Member
	How            string `json:"how"`              // snapshot, putting the snapshot in place, log from disk, log; empty where this server does not know
	Receiving      bool   `json:"receiving"`        // a snapshot is under way, or being put in place
	Chunks         uint64 `json:"chunks"`           // of the snapshot that have arrived
	Bytes          uint64 `json:"bytes"`            // of the snapshot, or of the log from disk, that have arrived
	TotalBytes     uint64 `json:"total_bytes"`      // about what the snapshot has; 0 where that is not known
	BytesPerSecond uint64 `json:"bytes_per_second"` // that have lately arrived, as the tail knows
	BehindEntries  uint64 `json:"behind_entries"`   // that it lacks, at most
	BehindBytes    uint64 `json:"behind_bytes"`     // of log in the tail's memory that it does not hold durably
}

// Digest is the sum of the table's content after the entry seq. Equal replicas have equal sums at equal seqs.
type Digest struct {
	Seq uint64 `json:"seq"`
	Sum string `json:"sum"` // 16 hex digits
}

func newMember(m chain.Member) Member {
	return Member{ID: m.Node.String(), Incarnation: uint64(m.Incarnation), Address: m.Address, Durable: m.Durable}
}

func (f *Front) newStatus() Status {
	s := f.config.Backend.Status()
	out := Status{
		ID: s.ID.String(), Incarnation: uint64(s.Incarnation), Address: s.Address, Version: f.config.Version,
		Role: s.Role, State: s.State, Serving: s.Serving, Chain: s.Chain.String(), Epoch: uint64(s.Epoch), Members: []Member{},
		Last: uint64(s.Last), Stable: uint64(s.Stable), Committed: uint64(s.Committed), Applied: uint64(s.Applied),
		LeaseLeftMS: s.LeaseLeft.Milliseconds(), Keys: s.Keys, Bytes: s.Bytes,
		Target: s.View.Target, Rules: s.View.Rules,
		Digest:  Digest{uint64(s.Digest.Seq), fmt.Sprintf("%016x", s.Digest.Sum)},
		Clients: f.config.Clients(), Hop: newHop(&s), DiskFull: s.DiskFull,
	}
	for _, m := range s.View.Members {
		out.Members = append(out.Members, newMember(m))
	}
	if s.View.Learner.MemberID != (chain.MemberID{}) {
		p := &s.Learner
		out.Learner = &Learner{
			Member: newMember(s.View.Learner), How: p.How.String(), Receiving: p.Receiving(), Chunks: p.Chunks, Bytes: p.Bytes, TotalBytes: p.Total,
			BytesPerSecond: p.Rate, BehindEntries: p.Entries, BehindBytes: p.Behind,
		}
	}
	return out
}
