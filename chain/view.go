package chain

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Member is a server as views and registrations name it.
type Member struct {
	MemberID
	Address string // where it listens: "127.0.0.1:7001"
	Durable bool   // whether its log outlives its process
}

// View is the one truth about the order of the chain. Only a compare-and-set in the coordinator changes it,
// and each change raises Epoch by one. A View is immutable: share it, do not change its slices.
type View struct {
	Chain   ID
	Epoch   Epoch
	Members []Member // head first, never empty in a real view
	Learner Member   // the server that is being brought level by the tail; zero for none
	Target  int      // how many members the chain wants; zero for as many as register
	Rules   int      // version of the behaviour that all members know
}

// Head is the first member, the zero Member of an empty view.
func (v View) Head() Member {
	if len(v.Members) == 0 {
		return Member{}
	}
	return v.Members[0]
}

// Tail is the last member, the zero Member of an empty view.
func (v View) Tail() Member {
	if len(v.Members) == 0 {
		return Member{}
	}
	return v.Members[len(v.Members)-1]
}

// Index is the place of m in the chain, 0 for the head, or -1.
func (v View) Index(m MemberID) int {
	return slices.IndexFunc(v.Members, func(x Member) bool { return x.MemberID == m })
}

// HasNode tells whether some incarnation of the node is a member.
func (v View) HasNode(id NodeID) bool {
	return slices.ContainsFunc(v.Members, func(x Member) bool { return x.Node == id })
}

// Find is the member or learner with this id.
func (v View) Find(m MemberID) (Member, bool) {
	if i := v.Index(m); i >= 0 {
		return v.Members[i], true
	}
	if v.Learner.MemberID == m && m != (MemberID{}) {
		return v.Learner, true
	}
	return Member{}, false
}

// same tells whether v and w, which have one chain and epoch, name the same servers in the same places.
func (v View) same(w View) bool {
	return v.Learner == w.Learner && v.Target == w.Target && v.Rules == w.Rules && slices.Equal(v.Members, w.Members)
}

// successor is who gets m's entries: the next member, or the learner behind the tail.
func (v View) successor(m MemberID) (Member, bool) {
	i := v.Index(m)
	switch {
	case i < 0:
		return Member{}, false
	case i+1 < len(v.Members):
		return v.Members[i+1], true
	case v.Learner.MemberID != (MemberID{}):
		return v.Learner, true
	}
	return Member{}, false
}

// predecessor is who sends m its entries: the member before it, or the tail for the learner.
func (v View) predecessor(m MemberID) (Member, bool) {
	if i := v.Index(m); i > 0 {
		return v.Members[i-1], true
	}
	if m == v.Learner.MemberID && m != (MemberID{}) {
		return v.Tail(), true
	}
	return Member{}, false
}

// without is the next view after v, less those members (or learner) that gone names.
func (v View) without(gone func(MemberID) bool) View {
	next := v
	next.Epoch++
	next.Members = slices.DeleteFunc(slices.Clone(v.Members), func(m Member) bool { return gone(m.MemberID) })
	if gone(v.Learner.MemberID) {
		next.Learner = Member{}
	}
	return next
}

// headedBy is the view after v in which m, a member, stands before the others.
func (v View) headedBy(m Member) View {
	next := v
	next.Epoch++
	next.Members = append([]Member{m}, slices.DeleteFunc(slices.Clone(v.Members), func(x Member) bool { return x == m })...)
	return next
}

func (v View) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "epoch=%d members=(", v.Epoch)
	for i, m := range v.Members {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(m.MemberID.String())
	}
	b.WriteByte(')')
	if v.Learner.MemberID != (MemberID{}) {
		fmt.Fprintf(&b, " learner=%v", v.Learner.MemberID)
	}
	return b.String()
}

// Registration is what a server says of itself to the coordinator, again and again: the version of the record
// is its heartbeat.
type Registration struct {
	Member
	Protocol int           // lowest protocol version spoken
	Rules    int           // highest rules known
	Boot     string        // names the machine's boot; empty where that cannot be told
	Complete bool          // its log lacks nothing that it ever acknowledged
	Last     Position      // end of a complete log; zero for an empty or incomplete one
	Silent   []MemberID    // members that answered no ping for a session timeout
	Leaving  bool          // it is about to go: nobody adds it
	Timeout  time.Duration // T, which all members have in common: whole milliseconds
}

// Registered is a registration with the version of its record, the number of heartbeats since it was created.
type Registered struct {
	Registration
	Version int64
}

// Recorded is a view with the version of its record, by which it can be compared and set.
type Recorded struct {
	View
	Version int64
}
