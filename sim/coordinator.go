package sim

import (
	"slices"
	"time"

	"github.com/chaintable/chaintable/chain"
)

// coordinator is the view and the registrations, each with a version: the truth, and how badly it is told.
//
// A state is immutable and every change makes a new one, so that a read can show an old one. Within a session
// reads never go backwards and show the session's own writes; a new session may begin with an old state.
type coordinator struct {
	w       *world
	states  []coordState // the last one is the truth; the first has number dropped
	dropped int
	down    int // outages that last
	wipes   int
	floor   int // number of the first state since the last wipe: nobody is shown one of before
	session uint64
	sent    time.Duration // when the request that is being carried out was sent
}

type coordState struct {
	at      time.Duration
	exists  bool // whether there is a view
	view    chain.Recorded
	servers []chain.Registered
}

// coordSession is what a process has with the coordinator.
type coordSession struct {
	id     uint64
	wipes  int           // of the coordinator, when it began: a request of an earlier session is refused
	seen   int           // number of the newest state that it has been shown
	frozen time.Duration // until then it is shown no newer one: its server of the ensemble is behind
	apart  bool          // and cut off from the leader: it answers reads, and takes no writes
}

// keptStates bounds how far back a stale read reaches.
const keptStates = 512

func newCoordinator(w *world) *coordinator {
	return &coordinator{w: w, states: []coordState{{}}}
}

func (c *coordinator) now() *coordState { return &c.states[len(c.states)-1] }

// connect begins a session. It may be shown what is older than what an earlier session has seen.
func (c *coordinator) connect() *coordSession {
	c.session++
	return &coordSession{id: c.session, wipes: c.wipes, seen: c.pick(c.floor, c.w.CoordStale)}
}

// pick is the number of the state that a read shows: the newest, or by chance one that is not too old, never one
// before seen.
func (c *coordinator) pick(seen int, stale float64) int {
	newest := c.dropped + len(c.states) - 1
	if c.honest() || !c.w.chance(stale) {
		return newest
	}
	oldest := max(seen, c.dropped)
	for oldest < newest && c.states[oldest-c.dropped+1].at < c.w.now-c.w.CoordStaleAge {
		oldest++
	}
	return oldest + c.w.IntN(newest-oldest+1)
}

// honest tells whether reads show what is newest: some time after everything else has been healed, as an ensemble that was just put right may
// still have members that are behind.
func (c *coordinator) honest() bool { return c.w.healed && c.w.now >= c.w.healedAt+2*c.w.Timeout }

// look chooses the state that a session's next read shows.
func (c *coordinator) look(sess *coordSession, sync bool) {
	w := c.w
	stale := w.CoordStale
	if sync {
		stale = w.SyncStale
	}
	if w.now < sess.frozen && !c.honest() && (!sync || w.chance(w.SyncStale)) {
		sess.seen = max(sess.seen, c.dropped)
		return
	}
	sess.seen = c.pick(sess.seen, stale)
	if sess.seen < c.dropped+len(c.states)-1 {
		kind := StaleRead
		if sync {
			kind = StaleSync
		}
		w.stats.Faults[kind]++
	}
}

// change makes a new state.
func (c *coordinator) change(by func(*coordState)) {
	s := *c.now()
	s.at = c.w.now
	s.servers = slices.Clone(s.servers)
	by(&s)
	c.states = append(c.states, s)
	if len(c.states) > 2*keptStates {
		c.states = append(c.states[:0], c.states[keptStates:]...)
		c.dropped += keptStates
	}
	for _, srv := range c.w.servers {
		p := srv.proc
		switch {
		case p == nil:
		case !c.w.healed && c.w.chance(c.w.WatchLost):
			c.w.stats.Faults[LostWatch]++
		default:
			p.later(c.w.between(c.w.Coord)+c.w.between(c.w.Coord), func() { p.push(chain.CoordNews{}) })
		}
	}
}

// ask carries out a request of p, as well or badly as it goes today.
func (c *coordinator) ask(p *process, a chain.Ask) {
	w := c.w
	sess, sent, now := p.session, p.clock(), w.now
	answered := false
	answer := func(in chain.Input) {
		if !answered {
			answered = true
			p.push(in)
		}
	}
	p.later(w.CoordTimeout, func() { answer(unknown(a, sent, sess)) })

	out, back := w.between(w.Coord), w.between(w.Coord)
	lost := false
	if !w.healed {
		reachable := c.down == 0 && p.srv.cut == 0
		switch {
		case !reachable && w.chance(0.9), w.chance(w.CoordLost / 2):
			w.stats.Faults[LostRequest]++
			return
		case !reachable, w.chance(w.CoordLate):
			out += w.soon(3 * w.Timeout)
			w.stats.Faults[LateRequest]++
		}
		if sess.apart && w.now < sess.frozen && needsLeader(a) {
			w.stats.Faults[LostRequest]++
			return
		}
		if w.chance(w.CoordBack) {
			back += w.soon(w.Timeout)
		}
		lost = w.chance(w.CoordLost / 2)
		if a, ok := a.(chain.AskChange); ok {
			lost = lost || w.chance(w.ChangeLost)
			out = w.faults.meddle(p, a.View, out)
		}
	}
	w.after(out, func() {
		if _, change := a.(chain.AskChange); p.srv.gone || change && p.dead && w.faults.cored {
			return // who was to have everything might be taken out of the view
		}
		if sess.wipes != c.wipes {
			return
		}
		c.sent = now
		seen := sess.seen
		in := c.execute(p, sess, sent, a)
		if lost {
			w.stats.Faults[LostAnswer]++
			if sess.seen = seen; w.chance(0.5) { // it may go on with a server of the ensemble that has not seen this yet
				sess.frozen = max(sess.frozen, w.now+w.soon(w.Timeout))
			}
			return
		}
		w.after(back, func() {
			if p.session == sess && !p.dead && (w.healed || c.down == 0 && p.srv.cut == 0) {
				answer(in)
			}
		})
	})
}

// needsLeader tells whether a server of the ensemble cannot answer alone.
func needsLeader(a chain.Ask) bool {
	switch a := a.(type) {
	case chain.AskView:
		return a.Sync
	case chain.AskList:
		return false
	}
	return true
}

// unknown is the answer to a request whose answer did not come.
func unknown(a chain.Ask, sent chain.Time, sess *coordSession) chain.Input {
	switch a := a.(type) {
	case chain.AskRegister:
		return chain.CoordRegistered{Member: a.Registration.MemberID, Sent: sent, Outcome: chain.OutcomeUnknown}
	case chain.AskHeartbeat:
		return chain.CoordRegistered{Member: a.MemberID, Sent: sent, Outcome: chain.OutcomeUnknown}
	case chain.AskView:
		return chain.CoordView{Session: sess.id, Outcome: chain.OutcomeUnknown}
	case chain.AskList:
		return chain.CoordList{Session: sess.id, Outcome: chain.OutcomeUnknown}
	case chain.AskChange:
		return chain.CoordChanged{Epoch: a.View.Epoch, Outcome: chain.OutcomeUnknown}
	case chain.AskDelete:
		return chain.CoordDeleted{Member: a.MemberID, Outcome: chain.OutcomeUnknown}
	}
	panic("sim: unknown request to the coordinator")
}

// execute carries a request out, at once and whole.
func (c *coordinator) execute(p *process, sess *coordSession, sent chain.Time, a chain.Ask) chain.Input {
	switch a := a.(type) {
	case chain.AskView:
		c.look(sess, a.Sync)
		s := c.states[sess.seen-c.dropped]
		if !s.exists {
			return chain.CoordView{Session: sess.id, Outcome: chain.OutcomeMissing}
		}
		return chain.CoordView{Recorded: s.view, Session: sess.id, Outcome: chain.OutcomeOK}
	case chain.AskList:
		c.look(sess, false)
		return chain.CoordList{
			Registered: slices.Clone(c.states[sess.seen-c.dropped].servers), Session: sess.id, Outcome: chain.OutcomeOK,
		}
	}
	in := c.write(p, sess, sent, a)
	sess.seen = max(sess.seen, c.dropped+len(c.states)-1)
	return in
}

// write carries out a request that changes something.
func (c *coordinator) write(p *process, sess *coordSession, sent chain.Time, a chain.Ask) chain.Input {
	switch a := a.(type) {
	case chain.AskRegister:
		in := chain.CoordRegistered{Member: a.Registration.MemberID, Sent: sent, Outcome: chain.OutcomeConflict}
		if c.find(a.Registration.MemberID) < 0 {
			in.Outcome = chain.OutcomeOK
			c.w.check.writes(a.Registration)
			c.change(func(s *coordState) { s.servers = append(s.servers, chain.Registered{Registration: a.Registration}) })
		}
		return in
	case chain.AskHeartbeat:
		in := chain.CoordRegistered{Member: a.MemberID, Sent: sent}
		var i int
		if i, in.Outcome = c.match(a.Registered); in.Outcome == chain.OutcomeOK {
			in.Version = a.Version + 1
			c.w.check.writes(a.Registration)
			c.change(func(s *coordState) {
				s.servers[i] = chain.Registered{Registration: a.Registration, Version: in.Version}
			})
		}
		return in
	case chain.AskDelete:
		in := chain.CoordDeleted{Member: a.MemberID}
		var i int
		if i, in.Outcome = c.match(a.Registered); in.Outcome == chain.OutcomeOK {
			c.w.check.deleted[a.MemberID] = c.w.now
			c.change(func(s *coordState) { s.servers = slices.Delete(s.servers, i, i+1) })
		}
		return in
	case chain.AskChange:
		in := chain.CoordChanged{Epoch: a.View.Epoch, Outcome: chain.OutcomeConflict}
		if a.Session == 0 || a.Session == sess.id {
			in.Outcome = c.changeView(p, a)
		}
		return in
	}
	panic("sim: unknown request to the coordinator")
}

// changeView is the compare-and-set of the view with the deletions that belong to it: all or nothing.
func (c *coordinator) changeView(p *process, a chain.AskChange) chain.Outcome {
	s := c.now()
	if s.exists != (a.From >= 0) || s.exists && s.view.Version != a.From {
		return chain.OutcomeConflict
	}
	for _, d := range a.Delete {
		if _, out := c.match(d); out != chain.OutcomeOK {
			return chain.OutcomeConflict
		}
	}
	c.w.check.viewChanges(s, a, p, c.sent)
	for _, d := range a.Delete {
		c.w.check.deleted[d.MemberID] = c.w.now
	}
	c.change(func(n *coordState) {
		n.servers = slices.DeleteFunc(n.servers, func(r chain.Registered) bool {
			return slices.ContainsFunc(a.Delete, func(d chain.Registered) bool { return d.MemberID == r.MemberID })
		})
		n.exists, n.view = true, chain.Recorded{View: a.View, Version: a.From + 1}
	})
	c.w.check.views[viewKey{a.View.Chain, a.View.Epoch}] = a.View
	c.w.stats.Views++
	c.w.failsOver(s.view.View, a.View)
	c.w.faults.viewChanged(a.View)
	c.w.story.mix(5, uint64(a.View.Epoch))
	if c.w.story.on {
		c.w.tell("coordinator: %v sets view %s", p, c.w.showView(a.View))
	}
	return chain.OutcomeOK
}

// find is the place of a registration, or -1.
func (c *coordinator) find(m chain.MemberID) int {
	return slices.IndexFunc(c.now().servers, func(r chain.Registered) bool { return r.MemberID == m })
}

// match is the place of a registration if it has this version.
func (c *coordinator) match(r chain.Registered) (int, chain.Outcome) {
	i := c.find(r.MemberID)
	switch {
	case i < 0:
		return i, chain.OutcomeMissing
	case c.now().servers[i].Version != r.Version:
		return i, chain.OutcomeConflict
	}
	return i, chain.OutcomeOK
}

// expire ends the session of p: what it has asked for and not heard of has an unknown outcome.
// With another session the process may meet a server of the ensemble that is behind, and stays so for a while.
func (c *coordinator) expire(p *process) {
	p.session = c.connect()
	if c.w.chance(0.5) {
		p.session.frozen = c.w.now + c.w.soon(c.w.Blocked)
	}
}

// freeze shows a process nothing new for d, and perhaps takes no writes from it either.
func (c *coordinator) freeze(p *process, d time.Duration, apart bool) {
	p.session.frozen, p.session.apart = c.w.now+d, apart
}

// outage makes the coordinator unreachable for d.
func (c *coordinator) outage(d time.Duration) {
	c.down++
	c.w.check.outage(true)
	c.w.until(d, func() {
		c.down--
		c.w.check.outage(c.down > 0)
	})
}
