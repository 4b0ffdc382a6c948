package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/client/retry"
	"github.com/chaintable/chaintable/table"
)

// library is a client as package client makes one: client/retry decides whom it asks, for how long, whether again, and in which session. Each
// try is a call of its own, which no other call need follow in order.
type library struct {
	*client
	servers  *retry.Servers
	sessions *retry.Sessions
	tasks    []*task
	waiting  []*task    // for a session
	counting int        // increments under way
	met      []chain.ID // chains of the views that it has adopted

	asking   bool // somebody for the view
	question int  // how often it has asked
	failing  int  // servers in a row that have told none
}

// task is an operation from its begin to its end. A write may have to open a session first, or to settle the doubt of one: steps that are
// operations too.
type task struct {
	l    *library
	op   *op
	then func() // when it has ended
	over bool

	step    *op // under way
	request *retry.Request
	session *retry.Session // of the step

	tries  int      // begun, and ended: names the one under way
	trying bool     // one is under way
	ch     *channel // of that one; nil if nobody took the connection
	server string   // that it asks
}

// drawLibraries draws what these clients do, with dice of its own.
func (o *Options) drawLibraries() {
	d := dice{rand.New(rand.NewPCG(o.Seed, 0x11b4a41e5))}
	t := o.Timeout
	o.Libraries = []int{0, 0, 0, 1, 2}[d.IntN(5)]
	o.Bounded, o.Bound = []float64{0, 0.1, 0.5}[d.IntN(3)], t/20+d.soon(t)
	o.Fragile, o.Late = []float64{0, 0.05, 0.3}[d.IntN(3)], d.soon(t)
	o.Cancel = []float64{0, 0.5, 1}[d.IntN(3)]
}

// addLibrary begins such a client. It knows some of the servers.
func (w *world) addLibrary() {
	l := &library{client: w.newClient()}
	l.library = l
	if w.dropped("client", l.id) {
		l.dead = true
		return
	}
	var seeds []string
	for _, i := range l.Perm(len(w.servers))[:1+l.IntN(len(w.servers))] {
		seeds = append(seeds, w.servers[i].address)
	}
	l.servers, l.sessions = retry.NewServers(seeds), retry.NewSessions(1+l.IntN(w.Ops))
	w.after(l.soon(w.Think), l.act)
	w.after(l.soon(w.Timeout), l.look)
}

// act does the next thing, and again after a while.
func (l *library) act() {
	w := l.w
	if l.dead {
		return
	}
	w.after(l.soon(w.Think)+w.Timeout/1000, l.act)
	if len(l.tasks) >= w.Ops {
		return
	}
	if len(l.unproven) > 0 && (w.healed || l.chance(0.3)) {
		l.begin(&op{kind: opVerify, target: l.unproven[l.IntN(len(l.unproven))]}, l.bound(), nil)
		return
	}
	if w.healed {
		return
	}
	if l.chance(0.35) {
		l.counting++
		l.increment(fmt.Sprintf("c%d", l.IntN(2)), l.bound())
		return
	}
	l.begin(l.inventCall(), l.bound(), nil)
}

// bound is until when the client waits for what it begins now; zero for as long as it takes.
func (l *library) bound() time.Duration {
	if !l.w.healed && l.chance(l.w.Bounded) {
		return l.w.now + max(l.soon(l.w.Bound), 1)
	}
	return 0
}

// inventCall makes up an operation.
func (l *library) inventCall() *op {
	o := &op{keys: []string{l.key()}}
	switch x := l.Float64(); {
	case x < 0.3:
		o.kind = opGet
	case x < 0.35:
		o.kind = opMany
		o.keys = append(o.keys, l.key())
	case x < 0.4:
		o.kind, o.keys = opSize, nil
	case x < 0.5:
		o.kind = opDelete
	case x < 0.65:
		o.kind, o.cond = opPut, table.IfAbsent
		if l.chance(0.5) {
			o.cond, o.version = table.IfVersion, l.known[o.keys[0]]
		}
	case x < 0.8:
		o.kind = opNumbered
	default:
		o.kind = opPut
	}
	return o
}

// increment adds one to a counter: it reads it, and writes at the version that it has read, until nobody has come between.
func (l *library) increment(key string, until time.Duration) {
	l.counting--
	if l.dead || until > 0 && l.w.now >= until {
		return
	}
	l.counting++
	get := &op{kind: opGet, keys: []string{key}}
	l.begin(get, until, func() {
		if get.state != opDone {
			l.counting--
			return
		}
		was := get.read.items[0]
		put := &op{kind: opPut, keys: get.keys, cond: table.IfVersion, version: was.version, count: counted(was.value) + 1, from: get.chain}
		l.begin(put, until, func() {
			if put.state == opDone && put.result.Code == table.CodeConditionFailed {
				l.increment(key, until)
				return
			}
			l.counting--
			if put.state == opDone {
				l.w.stats.Increments++
			}
		})
	})
}

// counted is the number in the value of a counter.
func counted(value string) int64 {
	_, text, _ := strings.Cut(value, ".")
	n, _ := strconv.ParseInt(text, 10, 64) // no value: zero
	return n
}

// begin does an operation, and gives it up when it is not done by then; zero for never.
func (l *library) begin(o *op, until time.Duration, then func()) {
	t := &task{l: l, op: o, then: then}
	o.bounded = until > 0
	l.tasks = append(l.tasks, t)
	l.note(o)
	if until > 0 {
		l.w.after(until-l.w.now, t.giveUp)
	}
	if o.kind.reads() {
		t.try(o)
	} else {
		t.take()
	}
}

// note takes an operation into the history.
func (l *library) note(o *op) {
	w := l.w
	o.client, o.start, o.state = l.client, w.now, opPending
	w.check.ops = append(w.check.ops, o)
	o.id = len(w.check.ops)
	switch {
	case o.count > 0:
		o.value = fmt.Sprintf("v%d.%d", o.id, o.count)
	case !o.kind.reads():
		o.value = fmt.Sprintf("v%d.", o.id)
	}
	o.encode()
	l.flight = append(l.flight, o)
	w.stats.LibraryOps++
	w.story.mix(9, uint64(o.id), uint64(o.kind))
}

// take finds a session for a write.
func (t *task) take() {
	l := t.l
	s, action := l.sessions.Take(l.w.now)
	switch action {
	case retry.Use:
		t.use(s, t.op)
	case retry.Settle:
		t.use(s, t.add(&op{kind: opDelete, keys: []string{""}, cond: table.IfVersion, version: 1}))
	case retry.Open:
		t.try(t.add(&op{kind: opOpen}))
	case retry.Wait:
		l.waiting = append(l.waiting, t)
	}
}

// add begins a step that comes before the operation.
func (t *task) add(o *op) *op {
	o.step, o.bounded = true, t.op.bounded
	t.l.note(o)
	return o
}

// use makes a step the next request of a session.
func (t *task) use(s *retry.Session, o *op) {
	t.session = s
	t.number(o)
	t.try(o)
}

// number gives a step its number in the session.
func (t *task) number(o *op) {
	o.number = t.session.Begin()
	o.session = &clientSession{chain: chain.ID(t.session.Chain), id: chain.SessionID(t.session.ID), next: o.number}
}

// try begins the tries of a step.
func (t *task) try(o *op) {
	t.step, t.request = o, retry.NewRequest(!o.kind.reads())
	t.next()
}

// next begins the next try, after a pause. Where all servers are in other chains, it waits for one of them to tell a view that it can follow.
func (t *task) next() {
	w := t.l.w
	next, ok := t.request.Next(t.l.servers, w.now)
	if !ok {
		next.Pause = w.Timeout / 10
		t.l.follow()
	}
	t.tries++
	n := t.tries
	w.after(next.Pause, func() {
		switch {
		case t.over || t.tries != n:
		case ok:
			t.send(next)
		default:
			t.next()
		}
	})
}

// send asks a server.
func (t *task) send(next retry.Try) {
	l, w, n, o := t.l, t.l.w, t.tries, t.step
	if o.tries > 0 {
		w.stats.LibraryRetries++
	}
	o.repeat = t.request.Outcome() != retry.DidNotHappen
	t.trying, t.server = true, next.Server
	p := w.serverAt(next.Server).proc
	if p == nil { // the connection is refused, and the client may know that, or not
		report := retry.Silent
		if l.chance(0.5) {
			report = retry.Unserved
		}
		w.after(l.between(w.ClientWait), func() { t.endTry(n, report) })
		return
	}
	t.ch = p.connect(l.client)
	if !w.healed && l.chance(w.Fragile) { // the connection breaks; what was sent may arrive, even late
		t.ch.lastIn = w.now + l.soon(w.Late)
		w.after(l.soon(2*w.ClientWait.Max), func() { t.endTry(n, retry.Silent) })
	}
	t.ch.send(o)
	w.after(next.Timeout, func() { t.endTry(n, retry.Silent) })
}

// endTry ends the n-th try without an answer, if it is still under way.
func (t *task) endTry(n int, report retry.Report) {
	if t.over || t.tries != n || !t.trying {
		return
	}
	t.leave()
	t.ended(report, outcome{})
}

// leave waits no longer for the try under way. What was asked is with the server, which may be told, or not.
func (t *task) leave() {
	ch := t.ch
	t.ch = nil
	if ch != nil && t.l.chance(t.l.w.Cancel) {
		ch.close()
	}
}

// lost tells that a server has died.
func (l *library) lost(ch *channel) {
	if t := l.of(ch); t != nil {
		t.ch = nil
		t.ended(retry.Silent, outcome{})
	}
}

// of is the task whose try waits there for an answer; nil if that was given up.
func (l *library) of(ch *channel) *task {
	i := slices.IndexFunc(l.tasks, func(t *task) bool { return t.ch == ch })
	if i < 0 || l.dead {
		return nil
	}
	return l.tasks[i]
}

// heard takes the answer to a try.
func (l *library) heard(ch *channel, out outcome) {
	ch.closed = true
	ch.proc.channels = remove(ch.proc.channels, ch)
	t := l.of(ch)
	if t == nil {
		return
	}
	t.ch = nil
	l.w.story.mix(10, uint64(t.step.id), uint64(out.kind))
	t.step.chain = out.chain
	t.ended(reportOf(out), out)
}

// reportOf is an answer in the words of package retry.
func reportOf(out outcome) retry.Report {
	switch out.kind {
	case gotUnsent:
		return retry.Unserved
	case gotUncertain:
		return retry.Silent
	case gotFull:
		return retry.Refused
	case gotForgotten:
		return retry.Forgotten
	case gotResult:
		switch {
		case out.result.Code == table.CodeStale:
			return retry.Forgotten
		case out.result.Code > table.CodeOverflow:
			return retry.Refused
		}
	}
	return retry.Answered
}

// ended takes the end of a try.
func (t *task) ended(report retry.Report, out outcome) {
	l := t.l
	t.trying = false
	switch report {
	case retry.Unserved, retry.Silent:
		l.servers.Failed(t.server, l.w.now)
		l.follow()
	default:
		l.servers.Answered(t.server)
	}
	if t.request.Ended(report) {
		t.next()
		return
	}
	t.endStep(out)
}

// giveUp ends an operation that takes too long.
func (t *task) giveUp() {
	if t.over {
		return
	}
	l := t.l
	if l.waiting = remove(l.waiting, t); t.step == nil {
		t.end(t.op, retry.DidNotHappen, outcome{})
		return
	}
	if t.trying {
		t.leave()
		t.request.Ended(retry.Silent)
	}
	t.endStep(outcome{})
}

// endStep gives back the session of a step that has come to its end, or was given up, and does what comes then.
func (t *task) endStep(out outcome) {
	l, o, what := t.l, t.step, t.request.Outcome()
	s := t.session
	t.step, t.session, t.trying = nil, nil, false
	t.tries++
	switch {
	case o.kind == opOpen && what == retry.Happened:
		s = retry.NewSession(uint64(out.chain), uint64(out.result.Seq))
		l.sessions.Opened(s)
		t.end(o, what, out)
		t.use(s, t.op)
		return
	case o.kind == opOpen:
		l.sessions.Opened(nil)
	case s != nil:
		l.sessions.Give(s, proof(what, out), out.kind == gotForgotten, l.w.now)
	}
	t.end(o, what, out)
	switch {
	case o == t.op:
	case what == retry.Happened || out.kind == gotForgotten: // there is no doubt any more
		l.w.stats.Settled++
		t.take()
	default:
		t.op.excused = o.excused
		t.end(t.op, retry.DidNotHappen, outcome{})
	}
	l.wake()
}

// proof is what the end of a request says of its session.
func proof(what retry.Outcome, out outcome) retry.Outcome {
	if out.kind == gotNumber {
		return retry.DidNotHappen
	}
	return what
}

// wake lets those that wait for a session try again.
func (l *library) wake() {
	waiting := l.waiting
	l.waiting = nil
	for _, t := range waiting {
		t.take()
	}
}

// end tells what became of an operation, or of a step before it.
func (t *task) end(o *op, what retry.Outcome, out outcome) {
	l := t.l
	if o == t.op {
		t.over = true
		l.tasks = remove(l.tasks, t)
	}
	o.excused = o.excused || out.kind == gotFull || out.kind == gotForgotten
	switch {
	case out.kind == gotForgotten && what == retry.MayHaveHappened:
		o.givenUp = len(l.w.check.ops)
		l.forgotten(o)
	case what == retry.Happened:
		l.answered(o, out)
	case what == retry.MayHaveHappened:
		o.givenUp = len(l.w.check.ops)
		l.w.stats.GivenUp++
		l.client.end(o, opUnknown)
	default:
		l.client.end(o, opRefused)
	}
	if o == t.op && t.then != nil {
		t.then()
	}
}

// answered takes the answer to an operation.
func (l *library) answered(o *op, out outcome) {
	switch {
	case o.kind == opVerify:
		l.verified(o, out.fate)
	case o.kind.reads():
		o.read = out.read
		l.w.stats.Reads++
		if o.kind == opGet {
			l.known[o.keys[0]] = o.read.items[0].version
		}
		l.client.end(o, opDone)
	case o.kind == opNumbered && out.kind == gotNumber:
		l.numbered(o, out.seq)
	case o.kind == opNumbered:
		l.numbered(o, out.result.Seq)
	default:
		l.result(o, out)
	}
}

// die ends the client in the middle of what it does.
func (l *library) die() {
	for _, t := range l.tasks {
		t.over = true
		t.leave()
	}
	l.tasks, l.waiting = nil, nil
}
