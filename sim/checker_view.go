package sim

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/chaintable/chaintable/chain"
)

// viewChanges looks at a change of the view as the coordinator is about to make it.
func (c *checker) viewChanges(old *coordState, ask chain.AskChange, by *process, sent time.Duration) {
	w, next := c.w, ask.View
	bad := func(why string) {
		w.fail("%v changes the view %s to %s: %s", by, w.showView(old.view.View), w.showView(next), why)
	}
	if len(next.Members) == 0 || next.Chain == 0 {
		bad("it is empty")
		return
	}
	for i, m := range next.Members {
		if slices.ContainsFunc(next.Members[:i], func(x chain.Member) bool { return x.Node == m.Node }) || next.Learner.Node == m.Node {
			bad("one node twice")
			return
		}
	}
	if !old.exists {
		if next.Epoch != 1 {
			bad("the first epoch is 1")
		}
		return
	}
	switch {
	case next.Epoch != old.view.Epoch+1:
		bad("the epoch must rise by one")
		return
	case next.Chain != old.view.Chain:
		c.beginsAnew(old.view.View, bad)
	default:
		c.continues(old.view.View, next, by, bad)
	}
	for _, m := range old.view.Members {
		if next.Index(m.MemberID) < 0 {
			c.removes(m, by, ask, sent, bad)
		}
	}
}

// continues checks a change within one chain: someone stays, or all of the chain's log comes back by other incarnations of
// its members; and everything committed is at every member.
func (c *checker) continues(old, next chain.View, by *process, bad func(string)) {
	if !slices.ContainsFunc(next.Members, func(m chain.Member) bool { return old.HasNode(m.Node) }) {
		bad("no member stays")
		return
	}
	stays := slices.ContainsFunc(next.Members, func(m chain.Member) bool { return old.Index(m.MemberID) >= 0 })
	for _, m := range next.Members {
		if old.Index(m.MemberID) < 0 && stays && m.MemberID != old.Learner.MemberID {
			bad("a new member was not the learner")
			return
		}
	}
	for _, m := range old.Members {
		p := c.processes[m.MemberID]
		if !c.w.Outside && next.Index(m.MemberID) < 0 && p != nil && !p.dead && p.id == m.MemberID && p.leased() {
			bad("a removed member has a lease")
			return
		}
	}
	c.keepsOrder(old, next, by, stays, bad)
	if l := next.Learner.MemberID; l != old.Learner.MemberID && l != (chain.MemberID{}) && !c.staying[l] {
		bad("a drained server is taken in")
		return
	}
	h := c.of(next.Chain)
	c.held(next, h.last(), "view "+c.w.showView(next)+" after commit of "+h.last().String())
}

// keepsOrder checks that those who stay keep their order, but for a member that the head puts before itself, and that only the head changes the target,
// each of the two with nothing else.
func (c *checker) keepsOrder(old, next chain.View, by *process, stays bool, bad func(string)) {
	among := func(v chain.View) func(chain.Member) bool {
		return func(m chain.Member) bool { return v.Index(m.MemberID) < 0 }
	}
	was := slices.DeleteFunc(slices.Clone(old.Members), among(next))
	is := slices.DeleteFunc(slices.Clone(next.Members), among(old))
	same := len(was) == len(old.Members) && len(is) == len(next.Members) && next.Learner == old.Learner
	headed := old.Head().MemberID == by.id && same
	switch {
	case next.Target != old.Target && (!headed || !slices.Equal(was, is)):
		bad("the target changes otherwise than by the head")
	case !stays || slices.Equal(was, is):
	case headed && slices.Equal(is[1:], slices.DeleteFunc(was, func(m chain.Member) bool { return m == is[0] })):
		c.w.stats.Moves++
	default:
		bad("the order changes otherwise than by the head")
	}
	if len(next.Members) < len(old.Members) && old.Target > 0 && len(old.Members) > old.Target && old.Tail().MemberID == by.id && next.Index(by.id) < 0 &&
		!by.leaving && !by.drained {
		c.w.stats.Shrinks++
	}
}

// asks looks at a change of the view when it is asked for: a head moves once everything in its log has committed, so that the new one lacks nothing of
// which a client has been told.
func (c *checker) asks(p *process, a chain.AskChange) {
	v := p.replica.Status().View
	if a.View.Chain != v.Chain || v.Head().MemberID != p.id || v.Index(a.View.Head().MemberID) < 1 || a.View.Index(p.id) < 0 {
		return
	}
	h := c.of(v.Chain)
	if more := p.replica.Log(h.last().Seq); len(more) > 0 {
		c.w.fail("%v: moves the head, and %v has not committed", p, &more[0])
	}
}

// beginsAnew checks a restart with nothing: every member of the old view must be dead, and have kept nothing.
func (c *checker) beginsAnew(old chain.View, bad func(string)) {
	c.w.stats.Restarts++
	for _, m := range old.Members {
		switch p := c.processes[m.MemberID]; {
		case m.Durable:
			bad("a durable member may come back")
		case p != nil && !p.dead:
			bad("a member lives")
		}
	}
}

// told judges what a server has to tell: no disk loses what was synced here, and so nobody is to be evicted because it lacks something.
func (c *checker) told(p *process, n chain.News) {
	if strings.HasPrefix(n.Cause, chain.LostData) {
		c.w.fail("%v: %s, which has lost nothing: %s", p, n.Text, n.Cause)
	}
}

// halts judges a server that ends itself: only a chain that is not its own any more is a reason, or a table that is wrong.
func (c *checker) halts(p *process, why error) {
	if errors.Is(why, chain.ErrDiffers) {
		c.w.stats.Differed++
		if !p.rot.told && !c.w.void {
			c.w.fail("%v: halts, and nobody has told it that its table is wrong: %v", p, why)
		}
		return
	}
	now := c.w.coord.now()
	if c.w.coord.wipes == 0 && now.exists && now.view.Chain == p.chainID() {
		c.w.fail("%v: halts, and its chain is there: %v", p, why)
	}
}
