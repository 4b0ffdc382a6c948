package chain

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// sweepAfter is how long a registration outside the view may stand still before it is swept.
const sweepAfter = time.Hour

// detector watches the coordinator: the view, and whose registration stands still.
type detector struct {
	// observed is how long we have watched, counted only while our own heartbeats succeed and we are not suspended: an
	// outage of the coordinator makes nobody look dead.
	observed time.Duration
	proven   time.Duration // observed at our last heartbeat that succeeded: what comes after is taken back if the next fails
	tickedAt Time
	polledAt Time

	seen   map[MemberID]*sighting
	orders uint64

	// viewSession is the coordinator session that has read the view we are in, or that there is none, or has made it: what it does not
	// list now is gone, not merely unknown to it yet. Zero for none.
	viewSession uint64
	viewAt      time.Duration // observed, when we adopted the view
	listKnew    known         // what we knew when the list in flight was asked for
	listCurrent bool          // the newest list was asked for by the session that had read the view
	listSession uint64        // of the newest list
	since       time.Duration // observed, when the first list of that session came
	learnSince  Time          // when the present learner became one

	viewDue, listDue bool
	viewSync         bool  // the next view asked for is to be the newest
	syncing          bool  // the one in flight is
	viewKnew         Epoch // our epoch when it was asked for
	viewBusy         bool
	listBusy         bool
}

// known is a view and the coordinator session that had read it.
type known struct {
	epoch   Epoch
	session uint64
	deletes uint64 // answers to AskDelete
}

// sighting is a registration as last listed.
type sighting struct {
	Registered
	order   uint64        // of first sight
	missing bool          // it was not in the last list, though the view names it
	still   time.Duration // observed, when the version last changed or the record was first missing
	at      Time          // the same moment by the clock
	dropped Time          // when it was last given up as learner; zero for never
	full    bool          // it was given up as learner because its disk was full
	base    int64         // its version in the first list that showed our own registration; -1 for none yet
	moved   bool          // it has been written twice since: its server lived after we had registered
	deleted bool          // we have asked for it to be deleted; a list that was asked for afterwards will tell
}

func (d *detector) init() { d.seen = make(map[MemberID]*sighting) }

// pass counts the time since the last input, before this one is looked at: else the time that a list waited for us would count as
// time that passed after it.
func (d *detector) pass(r *Replica) {
	passed := r.now.Sub(d.tickedAt)
	switch {
	case !r.reg.reachable(r):
		d.observed = d.proven
	case d.tickedAt != 0 && passed <= r.timeout()/2:
		d.observed += passed
	}
	d.tickedAt = r.now
}

// tick asks for news when it is time again.
func (d *detector) tick(r *Replica) {
	if r.now.Sub(d.polledAt) >= r.heartbeatEvery() {
		d.polledAt = r.now
		d.viewDue, d.listDue = true, true
	}
}

// confirmed notes that a heartbeat has succeeded: the time since the one before counts, unless it was so long that the coordinator
// may have been away.
func (d *detector) confirmed(since time.Duration, timeout time.Duration) {
	if since <= timeout/2 {
		d.proven = d.observed
	} else {
		d.observed = d.proven
	}
}

// adopted notes a new view, read or made by that session.
func (d *detector) adopted(r *Replica, session uint64) {
	d.viewSession, d.listDue, d.listCurrent, d.viewAt = session, true, false, d.observed
	if r.view.Learner.MemberID != (MemberID{}) {
		d.learnSince = r.now
	}
}

// anotherLife tells whether this is a dead predecessor of our own, on this boot and behind an address that we have bound
// ourselves.
func (d *detector) anotherLife(r *Replica, m MemberID) bool {
	s := d.seen[m]
	return s != nil && !s.missing && m != r.self.MemberID && m.Node == r.self.Node &&
		r.cfg.Boot != "" && s.Boot == r.cfg.Boot && s.Address == r.self.Address
}

// removable tells whether a member may be removed: its registration has stood still for T, or been gone for T, so that its lease
// has ended, which is by its own T. A dead predecessor of our own, on this boot and behind an address that we have bound ourselves, may go at
// once.
func (d *detector) removable(r *Replica, m MemberID) bool {
	s := d.seen[m]
	if s == nil || m == r.self.MemberID || !d.listCurrent {
		return false
	}
	return d.anotherLife(r, m) || d.observed-d.stillSince(s) >= max(r.timeout(), s.Timeout)
}

// stillSince is from when the time counts that a registration has stood still, or been gone. It counts within the session that would make the
// change: before it began an older state of the coordinator may have been brought back, in which a version that had stood still, or was
// gone, is there again and alive.
func (d *detector) stillSince(s *sighting) time.Duration { return max(s.still, d.since) }

// fresh tells whether a registration has moved lately.
func (d *detector) fresh(r *Replica, m MemberID) bool {
	s := d.seen[m]
	return s != nil && !s.missing && d.observed-s.still < r.timeout()*3/4
}

// moving tells whether a registration has moved so lately that nobody can have removed it for its silence.
func (d *detector) moving(r *Replica, m MemberID) bool {
	s := d.seen[m]
	return s != nil && !s.missing && d.observed-s.still < r.timeout()/2
}

// outdated tells whether the node has registered again since: the outcome of a registration can be unknown to it.
func (d *detector) outdated(m MemberID) bool {
	for id, s := range d.seen {
		if id.Node == m.Node && id.Incarnation > m.Incarnation && !s.missing {
			return true
		}
	}
	return false
}

// deletions are the registrations of those members that still have one.
func (d *detector) deletions(members []Member) []Registered {
	var regs []Registered
	for _, m := range members {
		if s := d.seen[m.MemberID]; s != nil && !s.missing {
			regs = append(regs, s.Registered)
		}
	}
	return regs
}

// byOrder is all registrations listed, in the order of first sight.
func (d *detector) byOrder() []*sighting {
	all := make([]*sighting, 0, len(d.seen))
	for _, s := range d.seen {
		if !s.missing {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *sighting) int { return cmp.Compare(a.order, b.order) })
	return all
}

// coordList takes a list of all registrations.
func (r *Replica) coordList(in CoordList) {
	d := &r.watch
	d.listBusy = false
	if in.Outcome != OutcomeOK {
		return
	}
	listed := make(map[MemberID]bool, len(in.Registered))
	if in.Session != d.listSession {
		d.listSession, d.since = in.Session, d.observed
	}
	ours := slices.ContainsFunc(in.Registered, func(reg Registered) bool { return reg.MemberID == r.self.MemberID })
	for _, reg := range in.Registered {
		listed[reg.MemberID] = true
		s := d.seen[reg.MemberID]
		if s == nil {
			d.orders++
			s = &sighting{order: d.orders, still: d.observed, at: r.now, base: -1}
			d.seen[reg.MemberID] = s
		} else if s.missing || s.Version != reg.Version {
			s.missing, s.still, s.at = false, d.observed, r.now
		}
		// A list that shows our own registration is of a moment after it was made. One that does not may be older than another before it.
		if s.base >= 0 {
			// Once proves nothing: the last heartbeat of one that has died may have been on its way. It is one, whatever became of those
			// before: each fits the version that the last one made, unless an older state of the coordinator was brought back meanwhile.
			s.moved = s.moved || reg.Version > s.base+1
		} else if ours {
			s.base = reg.Version
		}
		s.Registered = reg
		s.deleted = s.deleted && d.listKnew.deletes != r.change.deletes
	}
	for id := range d.seen {
		if _, named := r.view.Find(id); !named && !listed[id] {
			delete(d.seen, id)
		}
	}
	// An answer can be overtaken by that of a later request: only what the list was to look for can be missing from it.
	d.listCurrent = in.Session != 0 && d.listKnew.epoch == r.view.Epoch && d.listKnew.session == in.Session && in.Session == d.viewSession
	if d.listCurrent {
		for _, m := range append(slices.Clone(r.view.Members), r.view.Learner) {
			if m.MemberID != (MemberID{}) && !listed[m.MemberID] {
				d.miss(r, m)
			}
		}
	}
	r.reg.listed(r, in.Registered)
}

// miss notes that a registration that the view names is gone.
func (d *detector) miss(r *Replica, m Member) {
	s := d.seen[m.MemberID]
	if s == nil {
		d.orders++
		s = &sighting{order: d.orders, base: -1, Registered: Registered{Registration: Registration{Member: m}}}
		d.seen[m.MemberID] = s
	} else if s.missing {
		return
	}
	s.missing, s.still, s.at = true, d.observed, r.now
}

// sinceTrouble is how long the cause of a change of the view had lasted: since the last sign of life of a removed member, since a
// learner began.
func (d *detector) sinceTrouble(old, v View, r *Replica) time.Duration {
	for _, m := range old.Members {
		if s := d.seen[m.MemberID]; s != nil && v.Index(m.MemberID) < 0 {
			return r.now.Sub(s.at)
		}
	}
	if l := old.Learner.MemberID; l != (MemberID{}) && v.Index(l) >= 0 && d.learnSince != 0 {
		return r.now.Sub(d.learnSince)
	}
	return 0
}

// flushReads asks the coordinator for what is due.
func (r *Replica) flushReads() {
	d := &r.watch
	if d.viewDue && !d.viewBusy {
		d.viewDue, d.viewBusy, d.syncing, d.viewSync = false, true, d.viewSync || r.reg.judging || r.view.Epoch == 0 || r.found, false
		d.viewKnew = r.view.Epoch
		r.out.Ask = append(r.out.Ask, AskView{Sync: d.syncing})
	}
	if d.listDue && !d.listBusy {
		d.listDue, d.listBusy = false, true
		d.listKnew = known{r.view.Epoch, d.viewSession, r.change.deletes}
		r.out.Ask = append(r.out.Ask, AskList{})
	}
}

// coordView takes the view as the coordinator has it.
func (r *Replica) coordView(in CoordView) {
	d := &r.watch
	d.viewBusy = false
	switch {
	case in.Outcome == OutcomeUnknown || in.Outcome == OutcomeConflict:
		return
	case in.Outcome == OutcomeMissing && (r.view.Chain == 0 || r.found):
		r.change.create, d.viewSession = d.syncing, in.Session
		return
	case in.Outcome == OutcomeMissing:
		r.chainLost(in.Session, "the coordinator has no view of chain "+r.view.Chain.String(), nothingThere)
		return
	case r.view.Chain != 0 && in.Chain != r.view.Chain && in.Epoch > r.view.Epoch:
		if r.isMember() || r.holdsEntries() {
			r.chainLost(in.Session, "the coordinator has another chain, "+in.Chain.String()+", than ours, "+r.view.Chain.String(), begunAnew)
			return
		}
		// We hold nothing: the new chain is as good as the old one.
	case in.Epoch < r.view.Epoch || r.view.Chain != 0 && in.Chain != r.view.Chain:
		r.chainLost(in.Session, fmt.Sprintf("the coordinator has epoch %d of chain %v, which cannot follow epoch %d of %v, which this server knew",
			in.Epoch, in.Chain, r.view.Epoch, r.view.Chain), anotherPast)
		return
	case in.Epoch == r.view.Epoch && len(r.view.Members) > 0 && !in.View.same(r.view.View):
		// An older view was brought back, and another history has begun with it.
		r.chainLost(in.Session, fmt.Sprintf("the coordinator has another epoch %d of chain %v than this server knew", in.Epoch, in.Chain), anotherPast)
		return
	}
	if r.lost.told {
		r.out.News = append(r.out.News, News{Text: fmt.Sprintf("the coordinator has the chain again: epoch %d", in.Epoch), View: in.View})
	}
	r.lost = lostChain{}
	r.adopt(in.Recorded, in.Session)
	if in.Epoch == r.view.Epoch {
		d.listCurrent = d.listCurrent && in.Session == d.viewSession
		r.view.Version, d.viewSession = in.Version, in.Session
	}
	r.reg.judge(r, d.syncing)
}

// lostChain is the chain that we knew, gone from the coordinator.
type lostChain struct {
	since   Time
	session uint64 // of the coordinator, in which it is gone
	at      Time   // when it was first gone in that session
	proven  bool   // a write that was sent after that has been answered
	told    bool   // that we wait
}

// answered notes that the coordinator has answered a write of ours: from then on its session shows what was true when the write was carried
// out. Only that proves that the chain is gone: a leader that was deposed and does not know yet answers a sync with what is out of date.
func (l *lostChain) answered(r *Replica, sent Time) {
	if l.since != 0 && !l.proven && sent > l.at {
		l.proven = true
		r.watch.viewDue, r.watch.syncing = true, false // one that was asked for before does not count
	}
}

// loss is what the coordinator has instead of the chain that we knew.
type loss uint8

const (
	nothingThere loss = iota // it was emptied, or set up anew
	anotherPast              // a view that cannot follow ours: it was emptied and a chain begun, or an older state was brought back
	begunAnew                // another chain in a later epoch: ours was given up, by the rules or by an operator
)

// chainLost stops serving, looks again for T and until a write has proven it, and then ends the server: what it holds may be all that is left.
// Where it holds entries in memory that nobody has given up, its end would be theirs, and it waits instead. So does one that holds nothing, where
// the coordinator has nothing either: begun again it would make a chain, empty, in the place of the one that is to be brought back.
func (r *Replica) chainLost(session uint64, why string, what loss) {
	if !r.watch.syncing || r.watch.viewKnew != r.view.Epoch {
		// Perhaps only an old answer, or one that was on its way when we changed the view ourselves.
		r.watch.viewDue, r.watch.viewSync = true, true
		return
	}
	l := &r.lost
	if l.since == 0 {
		l.since = max(r.now, 1)
		r.restartBarrier()
		if g := &r.reg; g.judging { // our record was found gone just before, perhaps only with the chain, and may come back with it
			g.judging, g.asked, g.doubt = false, true, true
		}
	}
	if session != l.session {
		l.session, l.at, l.proven = session, r.now, false
	}
	switch {
	case r.now.Sub(l.since) <= r.timeout() || !l.proven || l.told:
	case r.self.Durable || what == begunAnew || what == anotherPast && !r.holdsEntries():
		r.halt("%s; this server knew epoch %d and stops rather than join another history", why, r.view.Epoch)
	default:
		l.told = true
		r.out.News = append(r.out.News, News{
			Text: "SERVING NOBODY: the coordinator has lost the chain. This server holds the chain's entries up to " + r.log.last().String() +
				", in memory only, and waits for an operator (table-server recover)",
			Cause: why, View: r.view.View,
		})
	}
}

// tickLostChain looks again, and does not take an old answer.
func (r *Replica) tickLostChain() {
	if r.lost.since != 0 {
		r.watch.viewSync = true
		r.watch.viewDue = r.watch.viewDue || !r.lost.told
	}
}
