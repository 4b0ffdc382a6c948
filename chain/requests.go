package chain

import (
	"slices"
	"time"
)

const (
	// proposeBytes is about the most that one Propose carries.
	proposeBytes = 1 << 20
	// forwardWindowBytes is the most that is under way from this server to the head.
	forwardWindowBytes = 64 << 20
	// busyPause is how long to wait before what a busy head refused is sent again.
	busyPause = 5 * time.Millisecond
)

// request is a client's command until it has its answer.
type request struct {
	id       uint64 // of the Request; zero for the opening of the server's own session
	own      bool   // in the server's session
	numbered bool   // to be answered with its number
	done     bool   // answered, or given up
	proposal Proposal
	handed   int // how often it was handed to a head
	// doubt: an earlier try may have a number, or have been executed without our seeing it. A number given now may be that of
	// a repeat, so only the table can tell the operation's.
	doubt bool
	// blind: an earlier try may be in a snapshot that we took, where nobody tells us of it.
	blind bool
	index uint64 // in the stream, where another server is head
	seq   Seq    // where it stands in our log, if we numbered it

	refusal AnswerKind // of this try; told once the log up to last is applied
	last    Seq
	full    MemberID // AnswerDisk: whose it is
}

// bytes is what the request counts against the bounds of messages.
func (q *request) bytes() int { return len(q.proposal.Command) + 32 }

// requests are this server's clients' commands, in the order in which they are to enter the log.
//
// Clients whose protocol has no sessions share the server's: their commands are numbered in it, so that they can be sent
// again when a head is lost and take effect once.
type requests struct {
	queue  []*request // in order; those done are dropped when they reach the front
	cursor int        // queue[:cursor] has been handed to the head of this stream
	byID   map[uint64]*request
	byName map[RequestID]*request // of clients' own sessions
	own    map[uint64]*request    // by number in the server's session
	byTag  map[Tag]*request       // openings of sessions

	session SessionID // the server's; zero for none yet
	opening bool      // it is being opened
	tags    uint64    // number of the last Tag
	number  uint64    // number of the last request in the session
	below   uint64    // lowest number that may still be in own
	seen    uint64    // highest number of which an entry has come, in this session

	stream   uint64 // to the head
	index    uint64 // of the next proposal in it
	inStream map[uint64]*request
	underWay int  // bytes handed to another server's stream and not done
	pausedTo Time // after the head was busy
	handedAt Time // when something was last handed out or applied, to notice a head that says nothing

	applying []effect   // in the Ready.Apply that is under way
	refused  []*request // with a refusal that is still to be told
}

// effect is an entry on its way to the table that says something of our requests.
type effect struct {
	seq Seq
	own bool     // in the server's session
	q   *request // that waits for the result; nil for none, or one that was told its number
}

func (q *requests) init() {
	q.byID, q.byName = make(map[uint64]*request), make(map[RequestID]*request)
	q.own, q.byTag = make(map[uint64]*request), make(map[Tag]*request)
	q.inStream, q.below = make(map[uint64]*request), 1
}

// Full tells whether no further Request can be taken for now.
func (r *Replica) Full() bool { return len(r.req.byID) >= r.cfg.MaxPending }

// request queues a client's command.
func (r *Replica) request(in Request) {
	if !r.serving() || r.leave.announced {
		r.out.Answer = append(r.out.Answer, Answer{ID: in.ID, Kind: AnswerOutside})
		return
	}
	if in.Session != 0 && in.Chain != r.view.Chain {
		r.out.Answer = append(r.out.Answer, Answer{ID: in.ID, Kind: AnswerForgotten})
		return
	}
	q := &request{id: in.ID, numbered: in.Numbered, proposal: Proposal{
		Kind: KindCommand, Command: in.Command, WantSeq: in.Numbered,
		Request: RequestID{in.Session, in.Number}, DoneBelow: in.DoneBelow,
	}}
	p := &r.req
	switch {
	case in.Open:
		r.tag(q)
	case in.Session == 0:
		p.number++
		q.own, q.proposal.Request = true, RequestID{Number: p.number}
		p.own[p.number] = q
	default:
		// A repeat from the same client takes the place of the earlier try.
		if before := p.byName[q.proposal.Request]; before != nil {
			r.answer(before, AnswerUncertain, 0)
		}
		p.byName[q.proposal.Request] = q
	}
	p.byID[q.id] = q
	p.queue = append(p.queue, q)
}

// tag makes q the opening of a session.
func (r *Replica) tag(q *request) {
	r.req.tags++
	q.proposal.Kind, q.proposal.Tag = KindSession, Tag{r.self.MemberID, r.req.tags}
	r.req.byTag[q.proposal.Tag] = q
}

// answer ends a request without a result of the table.
func (r *Replica) answer(q *request, kind AnswerKind, seq Seq) {
	if q.done {
		return
	}
	if q.id != 0 {
		a := Answer{ID: q.id, Kind: kind, Seq: seq}
		if kind == AnswerDisk {
			a.Why = r.addressOf(q.full)
		}
		r.out.Answer = append(r.out.Answer, a)
	}
	r.finish(q)
}

// finish forgets a request.
func (r *Replica) finish(q *request) {
	if q.done {
		return
	}
	q.done = true
	p := &r.req
	delete(p.byID, q.id)
	switch {
	case q.own:
		delete(p.own, q.proposal.Request.Number)
	case q.proposal.Kind == KindSession:
		delete(p.byTag, q.proposal.Tag)
		p.opening = p.opening && q.id != 0 // given up, or done
	case p.byName[q.proposal.Request] == q:
		delete(p.byName, q.proposal.Request)
	}
	if p.inStream[q.index] == q {
		delete(p.inStream, q.index)
		p.underWay -= q.bytes()
	}
	for len(p.queue) > 0 && p.queue[0].done {
		p.queue[0] = nil
		p.queue = p.queue[1:]
		p.cursor = max(0, p.cursor-1)
	}
}

// cancel gives up a request or read whose client has gone. Its number in the session falls below done-below with the next
// command, so that a copy still under way changes nothing from then on.
func (r *Replica) cancel(id uint64) {
	if q := r.req.byID[id]; q != nil {
		r.giveUp(q)
		if q.proposal.Kind == KindCommand && !q.own {
			r.giveUpBehind(q.proposal.Request)
		}
		return
	}
	is := func(x uint64) bool { return x == id }
	b := &r.barrier
	if slices.ContainsFunc(b.waiting, is) || slices.ContainsFunc(b.asked, is) {
		b.waiting, b.asked = slices.DeleteFunc(b.waiting, is), slices.DeleteFunc(b.asked, is)
		r.out.Answer = append(r.out.Answer, Answer{ID: id, Kind: AnswerUnsent})
	}
}

// giveUpUnnumbered gives up what a leaving head will not number any more.
func (r *Replica) giveUpUnnumbered() {
	for _, q := range slices.Clone(r.req.queue) {
		if q.seq == 0 {
			r.giveUp(q)
		}
	}
}

// giveUp answers a request whose result will not be known.
func (r *Replica) giveUp(q *request) {
	if q.handed == 0 {
		r.answer(q, AnswerUnsent, 0)
	} else {
		r.answer(q, AnswerUncertain, 0)
	}
}

// giveUpBehind gives up the later requests of a client's own session: the client may repeat the one given up at another server,
// and they must not enter the log before it.
func (r *Replica) giveUpBehind(id RequestID) {
	for _, q := range slices.Clone(r.req.queue) {
		if got := q.proposal.Request; q.proposal.Kind == KindCommand && !q.own && got.Session == id.Session && got.Number > id.Number {
			r.giveUp(q)
		}
	}
}

// restartRequests hands everything that is not applied to the head again, in order: what was under way may be lost, and the
// session makes sure that nothing takes effect twice. A request whose number was told has left the queue, and is never
// sent again.
func (r *Replica) restartRequests() {
	p := &r.req
	p.stream++
	p.index, p.cursor, p.underWay, p.pausedTo, p.refused = 0, 0, 0, 0, nil
	clear(p.inStream)
	for _, q := range p.queue {
		q.doubt = q.doubt || q.handed > 0
	}
}

// forgetNumbers notes that our log ends with seq: what we numbered behind it must be handed to a head again.
func (r *Replica) forgetNumbers(seq Seq) {
	for _, q := range r.req.queue {
		if q.seq > seq {
			q.seq = 0
		}
	}
}

// snapshotTaken notes that what was handed to a head may have been executed in the snapshot that is our table now.
func (r *Replica) snapshotTaken() {
	for _, q := range r.req.queue {
		q.seq, q.blind = 0, q.blind || q.handed > 0
	}
}

// tickRequests starts the stream again when the head has said nothing for long.
func (r *Replica) tickRequests() {
	p := &r.req
	if p.cursor > 0 && !r.isHead() && r.now.Sub(p.handedAt) > r.timeout() {
		r.restartRequests()
		p.handedAt = r.now
	}
}

// flushRequests hands requests to the head: to ourselves, or in the stream to another server.
func (r *Replica) flushRequests() {
	p := &r.req
	if !r.isMember() || r.now < p.pausedTo {
		return
	}
	r.openSession()
	var batch []Proposal
	first, size := p.index, 0
	for p.cursor < len(p.queue) {
		q := p.queue[p.cursor]
		switch {
		case q.done || q.seq != 0 && r.isHead():
			p.cursor++
			continue
		case q.own && !r.inSession(q):
			r.forward(first, batch)
			return
		}
		if r.isHead() {
			if !r.numberRequest(q) {
				return
			}
			continue
		}
		if p.underWay >= forwardWindowBytes {
			break
		}
		q.handed++
		q.index = p.index
		p.inStream[q.index] = q
		p.underWay += q.bytes()
		p.index++
		p.cursor++
		batch, size = append(batch, q.proposal), size+q.bytes()
		if size >= proposeBytes {
			r.forward(first, batch)
			first, batch, size = p.index, nil, 0
		}
	}
	r.forward(first, batch)
}

// inSession fills in the server's session, as late as it can be: done-below then covers the most. It is false while there is
// none, or its window is full.
func (r *Replica) inSession(q *request) bool {
	p := &r.req
	for p.below <= p.number && p.own[p.below] == nil {
		p.below++
	}
	if p.session == 0 || q.proposal.Request.Number-p.below >= MaxSessionResults {
		return false
	}
	q.proposal.Request.Session, q.proposal.DoneBelow = p.session, p.below
	return true
}

// openSession puts the opening of the server's session before the first command that needs it.
func (r *Replica) openSession() {
	p := &r.req
	if p.session != 0 || p.opening || len(p.own) == 0 {
		return
	}
	p.opening = true
	q := &request{}
	r.tag(q)
	p.queue = slices.Insert(p.queue, p.cursor, q)
}

// numberRequest is what a head does with a request of its own server. It is false while there is no room.
func (r *Replica) numberRequest(q *request) bool {
	seq, refuse := r.admit(&q.proposal)
	switch refuse {
	case RefuseBusy:
		return false
	case RefuseNone:
		r.req.cursor++
		q.seq = seq
		q.handed++
		r.req.handedAt = r.now
		if q.numbered && !q.doubt {
			r.answer(q, AnswerNumbered, seq)
		}
	default:
		r.req.cursor++
		r.refuse(q, refuse, seq, r.fullDisk())
	}
	return true
}

// refuse answers a request that the head did not number this time, when its log ended with last: at once, or as soon as we have
// applied that, where an earlier try may stand.
func (r *Replica) refuse(q *request, why Refusal, last Seq, full MemberID) {
	q.refusal, q.last, q.full = AnswerSession, last, full
	switch why {
	case RefuseMemory:
		q.refusal = AnswerMemory
	case RefuseDisk:
		q.refusal = AnswerDisk
	}
	switch {
	case q.blind:
		r.answer(q, AnswerUncertain, 0)
	case q.doubt && r.applied < last:
		r.req.refused = append(r.req.refused, q)
	default:
		r.answer(q, q.refusal, 0)
		if q.id == 0 {
			r.refuseWaiting(q)
		}
	}
}

// refuseWaiting answers what waits for the server's session, whose opening q was refused: none of it has been handed out.
func (r *Replica) refuseWaiting(q *request) {
	for _, x := range slices.Clone(r.req.queue) {
		if x.own && x.handed == 0 {
			x.full = q.full
			r.answer(x, q.refusal, 0)
		}
	}
}

// tellRefusals answers refused requests of which no earlier try can be executed any more.
func (r *Replica) tellRefusals() {
	r.req.refused = slices.DeleteFunc(r.req.refused, func(q *request) bool {
		if !q.done && r.applied >= q.last {
			r.answer(q, q.refusal, 0)
		}
		return q.done
	})
}

// forward sends requests to the head.
func (r *Replica) forward(first uint64, batch []Proposal) {
	if len(batch) > 0 {
		r.req.handedAt = r.now
		r.sendTo(r.view.Head(), Propose{Stream: r.req.stream, First: first, Proposals: batch})
	}
}

// proposed takes the head's word on one of our requests.
func (r *Replica) proposed(from MemberID, m Proposed) {
	p := &r.req
	if m.Stream != p.stream || from != r.view.Head().MemberID {
		return
	}
	switch m.Refuse {
	case RefuseBusy:
		r.takeBack(m.Index)
		return
	case RefuseUnsure:
		r.restartRequests()
		return
	}
	q := p.inStream[m.Index]
	switch {
	case q == nil:
	case m.Refuse != RefuseNone:
		r.refuse(q, m.Refuse, m.Seq, m.Full)
	case q.numbered && !q.doubt:
		r.answer(q, AnswerNumbered, m.Seq)
	}
}

// takeBack makes what a busy head did not take wait, and then begins a new stream with it.
func (r *Replica) takeBack(index uint64) {
	p := &r.req
	at := p.cursor
	for i, q := range p.queue[:p.cursor] {
		if !q.done && p.inStream[q.index] == q && q.index >= index {
			at = min(at, i)
			p.underWay -= q.bytes()
			delete(p.inStream, q.index)
			q.handed-- // the head did not take it
		}
	}
	// What it did take stays with it; its answers by index are of no use any more.
	for _, q := range p.queue[:at] {
		if p.inStream[q.index] == q {
			p.underWay -= q.bytes()
		}
	}
	clear(p.inStream)
	p.stream++
	p.index, p.cursor, p.pausedTo = 0, at, r.now.Add(busyPause)
}

// waiting is the ID of the local request that an entry on its way to the table answers, or zero.
func (r *Replica) waiting(e *Entry) uint64 {
	p := &r.req
	own := e.Kind == KindCommand && e.Request.Session == p.session && p.session != 0
	var q *request
	switch e.Kind {
	case KindBarrier:
		r.barrierCommitted(e.Tag)
	case KindSession:
		q = p.byTag[e.Tag]
	case KindCommand:
		if own {
			q, p.seen = p.own[e.Request.Number], max(p.seen, e.Request.Number)
		} else {
			q = p.byName[e.Request]
		}
	}
	if q != nil || own {
		p.applying = append(p.applying, effect{e.Seq, own, q})
	}
	if q == nil {
		return 0
	}
	if q.proposal.Kind == KindSession && q.id == 0 {
		p.session, p.opening = SessionID(e.Seq), false
	}
	return q.id
}

// requestsApplied forgets requests that the table has answered. Whether it knows our session is told by each entry, also of those that nobody
// waits for any more: there may be no others.
func (r *Replica) requestsApplied(forgotten []Seq) {
	p := &r.req
	lost := false
	for _, a := range p.applying {
		_, refused := slices.BinarySearch(forgotten, a.seq)
		lost = lost || a.own && refused
		switch {
		case a.q == nil || a.q.done:
		case !refused:
			r.finish(a.q)
		case a.own:
			r.inNewSession(a.q)
		default:
			r.answer(a.q, AnswerForgotten, 0)
		}
	}
	clear(p.applying)
	p.applying = p.applying[:0]
	p.handedAt = r.now
	r.tellRefusals()
	if lost {
		r.sessionForgotten()
	}
}

// sessionForgotten makes the server open another session. What is under way goes into the new one. What should have come before an entry that
// did come was refused, and the refusal has not: it must not take effect behind what came after it, which the new session does not tell.
func (r *Replica) sessionForgotten() {
	p := &r.req
	p.session = 0
	for _, q := range slices.Clone(p.queue) {
		switch {
		case q.done || !q.own || q.handed == 0:
		case q.proposal.Request.Number < p.seen && q.handed == 1 && !q.doubt:
			r.answer(q, AnswerUnsent, 0)
		default:
			r.inNewSession(q)
		}
	}
	p.seen = 0
	r.restartRequests()
}

// inNewSession has a request handed out anew, of which the session is forgotten. If it was handed out more than once it may have been executed before
// that, and nobody knows.
func (r *Replica) inNewSession(q *request) {
	if q.handed > 1 || q.doubt {
		r.answer(q, AnswerForgotten, 0)
		return
	}
	q.handed, q.seq = 0, 0
}
