package chain

import (
	"fmt"
	"slices"
)

// order is what an operator wants of the view, and this server is carrying out: one thing at a time, and for T at most. Draining is
// leaving (leave.go), and has no end in time.
type order struct {
	wanted Operation // SetTarget, MoveHead or Evict; nil for none
	member Member    // whom it is about
	since  Time
}

// moving tells whether the head numbers nothing, because another one is to follow it.
func (o *order) moving() bool {
	_, is := o.wanted.(MoveHead)
	return is
}

// operate takes an operator's order, and answers it.
func (r *Replica) operate(in Operate) {
	a := Answer{ID: in.ID, Kind: AnswerDone}
	_, undrain := in.Operation.(Undrain) // which needs no chain
	switch {
	case !undrain && (r.lost.since != 0 || len(r.view.Members) == 0):
		a.Kind = AnswerOutside
	case r.leave.then == toEnd:
		a.Kind, a.Why = AnswerRefused, "this server is ending"
	default:
		if a.Why = r.accept(in.Operation); a.Why != "" {
			a.Kind = AnswerRefused
		}
	}
	r.out.Answer = append(r.out.Answer, a)
}

// accept begins to carry out an order, or says why not.
func (r *Replica) accept(op Operation) (refused string) {
	switch op := op.(type) {
	case SetTarget:
		return r.setTarget(op)
	case MoveHead:
		return r.moveHead(op)
	case Evict:
		return r.evictOrdered(op)
	case Drain:
		return r.drain()
	case Undrain:
		return r.undrain()
	}
	panic(fmt.Sprintf("chain: operate: unknown operation %T", op))
}

// begin takes up an order, unless another one is under way.
func (o *order) begin(r *Replica, op Operation, m Member) (refused string) {
	_, target := op.(SetTarget)
	switch old, is := o.wanted.(SetTarget); {
	case o.wanted == op:
	case o.wanted == nil, target && is && old != op:
		*o = order{wanted: op, member: m, since: r.now}
	default:
		return "another order is being carried out: try again"
	}
	return ""
}

// elsewhere says where an order is to be given that m carries out, if that is not here.
func (r *Replica) elsewhere(m Member) (refused string) {
	switch {
	case m.MemberID != r.self.MemberID:
		return "this is for " + m.Address + " to do"
	case !r.Serving():
		return "this server is " + r.state()
	}
	return ""
}

func (r *Replica) setTarget(op SetTarget) (refused string) {
	if op.Target < 0 {
		return "a chain has no negative length"
	}
	if why := r.elsewhere(r.view.Head()); why != "" {
		return why
	}
	if r.order.wanted == nil && r.view.Target == op.Target && !r.change.inFlight {
		return ""
	}
	return r.order.begin(r, op, Member{})
}

// moveHead begins to hand over to another head: we number nothing more, so that soon everything has committed and all logs are equal.
func (r *Replica) moveHead(op MoveHead) (refused string) {
	i := r.memberByNode(op.To)
	if i < 0 {
		return "the chain has no member " + op.To.String()
	}
	if why := r.elsewhere(r.view.Head()); why != "" {
		return why
	}
	m := r.view.Members[i]
	switch s := r.watch.seen[m.MemberID]; {
	case i == 0:
		return ""
	case s == nil || s.missing || r.watch.removable(r, m.MemberID): // it will soon be no member
		return m.Address + " has given no sign of life lately"
	case s.Leaving:
		return m.Address + " is leaving"
	case !r.reg.reachable(r): // we would stand still for nothing, as often as it is ordered
		return "the coordinator does not answer"
	}
	return r.order.begin(r, op, m)
}

// evictOrdered begins to take a server out. Once its registration is gone it goes like any other that has died.
func (r *Replica) evictOrdered(op Evict) (refused string) {
	var m Member
	by := r.view.Head()
	switch i := r.memberByNode(op.Node); {
	case i >= 0:
		m = r.view.Members[i]
		first := slices.IndexFunc(r.view.Members, func(x Member) bool { return x.Node != op.Node })
		if first < 0 {
			return "the chain has no other member"
		}
		by = r.view.Members[first]
	default:
		for _, s := range r.watch.byOrder() {
			if s.Node == op.Node && s.Incarnation >= m.Incarnation {
				m = s.Member
			}
		}
	}
	if why := r.elsewhere(by); why != "" {
		return why
	}
	if m.Node == 0 {
		return "no server " + op.Node.String() + " is registered"
	}
	if r.order.wanted == nil {
		r.out.News = append(r.out.News, News{Text: "evicting " + m.Address, Cause: "an operator has named it", View: r.view.View})
	}
	return r.order.begin(r, op, m)
}

func (r *Replica) drain() (refused string) {
	switch {
	case r.leave.then == toDrain:
		return ""
	case r.isMember() && !r.othersStay():
		return "no other member lives: the chain would be gone"
	case r.isMember() && !r.othersRemain():
		return "all other members are leaving: the chain would be gone"
	}
	r.leave.begin(r, toDrain)
	return ""
}

func (r *Replica) undrain() (refused string) {
	switch {
	case r.leave.then == toDrain:
		r.leave.undo(r)
	case !r.isMember() && !r.learning && r.long():
		return fmt.Sprintf("it is not drained: the chain has the %d members that it wants; raise the target length", r.view.Target)
	}
	return ""
}

// carryOutOrder asks for the view that an operator wants. It is false if there is none, or its time has not come.
func (r *Replica) carryOutOrder() bool {
	next := r.view.View
	switch op := r.order.wanted.(type) {
	case SetTarget:
		if next.Target == op.Target {
			r.order = order{}
			return false
		}
		next.Target = op.Target
	case MoveHead:
		if r.committed != r.log.last().Seq {
			return false // a new head that lacked something would make it lost
		}
		next = next.headedBy(r.order.member)
	default:
		return false
	}
	r.ask(next, nil)
	return true
}

// evictNamed deletes the registration of the server that an operator has named, until it is gone.
func (r *Replica) evictNamed() {
	if _, is := r.order.wanted.(Evict); !is {
		return
	}
	switch s := r.watch.seen[r.order.member.MemberID]; {
	case s == nil || s.missing:
		r.order = order{}
	case !s.deleted && !r.change.deleting:
		r.delete(s.Registered)
	}
}

// viewChanged drops an order that has been carried out, or that somebody else would have to carry out now.
func (o *order) viewChanged(r *Replica) {
	switch op := o.wanted.(type) {
	case SetTarget:
		if !r.isHead() || r.view.Target == op.Target {
			*o = order{}
		}
	case MoveHead:
		if !r.isHead() || r.view.Index(o.member.MemberID) < 0 {
			*o = order{}
		}
	case Evict:
		if !r.isMember() {
			*o = order{}
		}
	}
}

// tickOrder gives an order up that has not succeeded in T: a head must not stand still while the coordinator is away. What has been asked for
// may still come into force. Then entries that we numbered meanwhile may be missing from the new head's log: they have not committed, nor will
// they, and it overrules us (up.go).
func (r *Replica) tickOrder() {
	o := &r.order
	if o.wanted == nil || r.now.Sub(o.since) < r.timeout() {
		return
	}
	r.out.News = append(r.out.News, News{Text: "gave up what an operator had ordered: " + o.String(), View: r.view.View})
	*o = order{}
}

func (o *order) String() string {
	switch op := o.wanted.(type) {
	case SetTarget:
		return fmt.Sprintf("to set the target length to %d", op.Target)
	case MoveHead:
		return "to move " + o.member.Address + " to the head"
	}
	return "to evict " + o.member.Address
}
