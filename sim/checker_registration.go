package sim

import (
	"slices"
	"time"

	"github.com/chaintable/chaintable/chain"
)

// registrations is what the checker knows of the records of servers, and of the times at which nobody could write any.
type registrations struct {
	written map[chain.MemberID]time.Duration // when each was last written
	deleted map[chain.MemberID]time.Duration
	staying map[chain.MemberID]bool // that have ever said that they do not leave
	outages []span64                // of the coordinator; the last may go on
	away    bool
}

// span64 is a time from one moment to another.
type span64 struct{ from, to time.Duration }

// outage notes that the coordinator is away, or back.
func (c *checker) outage(away bool) {
	r := &c.registrations
	if r.away == away {
		return
	}
	r.away = away
	if away {
		r.outages = append(r.outages, span64{from: c.w.now})
	} else {
		r.outages[len(r.outages)-1].to = c.w.now
	}
}

// writes notes that a record is made, or written again.
func (c *checker) writes(reg chain.Registration) {
	c.written[reg.MemberID] = c.w.now
	if !reg.Leaving {
		c.staying[reg.MemberID] = true
	}
}

// rewritten notes that all records were replaced at once.
func (r *registrations) rewritten(now time.Duration, was, are []chain.Registered) {
	for _, x := range was {
		r.deleted[x.MemberID] = now
	}
	for _, x := range are {
		delete(r.deleted, x.MemberID)
	}
}

// removes checks a removal that by asked for at sent: the registration of a member that did not go itself must have stood still, or been
// gone, for T on the remover's clock, which runs only while its own heartbeats succeed; it goes with the same stroke.
func (c *checker) removes(m chain.Member, by *process, ask chain.AskChange, sent time.Duration, bad func(string)) {
	r := &c.registrations
	if m.MemberID == by.id || m.Address == by.srv.address {
		return // it leaves, or takes its own former life out
	}
	since, gone := r.deleted[m.MemberID]
	if !gone {
		if !slices.ContainsFunc(ask.Delete, func(d chain.Registered) bool { return d.MemberID == m.MemberID }) {
			bad("a member is removed, and its registration stays")
			return
		}
		since = r.written[m.MemberID]
	}
	counted := sent - since
	for _, o := range r.outages {
		// In one that is shorter, heartbeats may have succeeded right before and after. In one that goes on, time counts until the
		// remover notices.
		if from := max(o.from, since); o.to != 0 && o.to < sent && o.to-from > c.w.Timeout*9/10 {
			counted -= o.to - from
		}
	}
	if counted < c.w.Timeout*89/100 { // on the fastest of clocks, T has passed after 0.9 of it
		bad("a member is removed whose registration has not stood still for T")
	}
}
