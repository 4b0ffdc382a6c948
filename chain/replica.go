package chain

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

const (
	// maxEarlyBytes bounds what is kept of messages of epochs that we have not adopted yet.
	maxEarlyBytes = 1 << 20
	earlyOverhead = 256
)

// Replica is one server's part in a chain. It is not safe for concurrent use, but for its Gate.
//
// Step changes state; Ready turns what has changed into messages and other work. Whatever can be sent again is derived
// from state, never queued: so acknowledgements of many entries become one, and a new link or view starts from
// what is true now.
type Replica struct {
	cfg  Config
	now  Time
	gate *Gate
	out  Ready // being filled for the next Ready

	// Who we are. index is our place in view, or -1; learning: the view names us its learner.
	self     Member
	view     Recorded // adopted; epochs never go back
	index    int
	learning bool

	// The log and its marks: applied <= committed <= stable() <= last.
	log       entryLog
	committed Seq
	applying  Seq // handed out in Ready.Apply
	applied   Seq
	durable   Seq      // our own log is durable up to here
	cuts      uint64   // how often the log was cut, or replaced
	bytes     int64    // size of the table
	complete  bool     // log and table lack nothing that we ever acknowledged
	found     bool     // no coordinator knows the chain that we hold: we may make its view
	hashes    []uint64 // room for those of one command's keys

	up    upstream   // from our predecessor
	down  downstream // to our successor
	learn learner    // what we are being taught
	teach teacher    // whom we teach, as tail

	early      []Envelope // of newer epochs than ours
	earlyBytes int        // about what they take

	head    headship
	req     requests
	barrier barriers

	reg    registration
	watch  detector
	change change
	made   ID // of the chain that we asked for since we adopted the view, if it is another one
	ping   pings
	leave  leaving
	order  order
	lost   lostChain
	probe  probes
	digest digests
	space  space

	hops   hops   // for those who look at us; they decide nothing
	counts Counts // the same
}

// New makes a replica that is in no chain. It registers with the first Tick.
func New(cfg Config) (*Replica, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.MaxPending = cmp.Or(cfg.MaxPending, 65_536)
	cfg.TransferLog = cmp.Or(cfg.TransferLog, 256<<20)
	cfg.RetainedLog = cmp.Or(cfg.RetainedLog, RetainedLogBytes)
	r := &Replica{cfg: cfg, gate: new(Gate), self: cfg.Self, index: -1, complete: cfg.Recovered == nil || cfg.Recovered.Complete}
	r.view.Version = -1
	r.req.init()
	r.watch.init()
	r.head.reset()
	if rec := cfg.Recovered; rec != nil {
		r.recover(rec)
	}
	return r, nil
}

// recover takes up the state of a former life. It is a member of nothing.
func (r *Replica) recover(rec *Recovered) {
	r.view.Chain, r.view.Epoch = rec.Chain, rec.Epoch // the view itself, or a newer one, is still to be read
	r.log.base, r.found = rec.Base, rec.Found
	r.committed, r.applying, r.applied = rec.Base.Seq, rec.Base.Seq, rec.Base.Seq
	r.bytes = rec.Table
	r.digest.learn()
	raise(&r.gate.applied, uint64(r.applied))
	raise(&r.gate.last, uint64(r.applied))
	for _, e := range rec.Log {
		r.touch(&e)
		r.log.push(e)
	}
	r.durable = r.log.last().Seq
	r.commit(rec.Committed)
}

// Step takes in one thing that happened at now, which must not be earlier than that of the step before.
func (r *Replica) Step(now Time, in Input) {
	r.now = max(r.now, now)
	r.watch.pass(r)
	r.hops.pass(r)
	switch in.(type) {
	case Received, Request, ReadBarrier, Applied: // frequent, and no reason to change the view
	default:
		r.change.due = true
	}
	switch in := in.(type) {
	case Tick:
		r.tick()
	case Received:
		r.receive(in.Envelope)
	case LinkReset:
		r.linkReset(in.Peer)
	case Request:
		r.request(in)
	case ReadBarrier:
		r.readBarrier(in.ID)
	case Cancel:
		r.cancel(in.ID)
	case Persisted:
		r.persisted(in)
	case Applied:
		r.tableApplied(in)
	case Chunk:
		r.chunk(in)
	case LogRead:
		r.logRead(in)
	case Restored:
		r.restored(in)
	case ProbeDone:
		r.probeDone(in)
	case DiskSpace:
		r.diskSpace(in)
	case Leave:
		r.leave.begin(r, toEnd)
	case Operate:
		r.operate(in)
	case CoordRegistered:
		r.coordRegistered(in)
	case CoordView:
		r.coordView(in)
	case CoordList:
		r.coordList(in)
	case CoordChanged:
		r.coordChanged(in)
	case CoordDeleted:
		r.coordDeleted(in)
	case CoordNews:
		r.watch.viewDue, r.watch.listDue = true, true
	default:
		panic(fmt.Sprintf("chain: step: unknown input %T", in))
	}
}

// Ready is all that is to be done because of the steps so far. Call it until it is Empty.
func (r *Replica) Ready() Ready {
	r.flushRequests()
	r.flushBarrier()
	r.advance()
	r.flushApply()
	r.flushDigest()
	r.flushTeaching()
	r.flushDown()
	r.flushLearning()
	r.flushUp()
	r.tellSpace()
	r.flushCoordinator()
	r.publishLease()
	r.compact()
	out := r.out
	out.Cuts = r.cuts
	r.out = Ready{}
	return out
}

// Gate is what connections may read of the replica, concurrently.
func (r *Replica) Gate() *Gate { return r.gate }

// tick lets time pass.
func (r *Replica) tick() {
	r.watch.tick(r)
	r.tickPings()
	r.tickRequests()
	r.tickBarrier()
	r.tickOrder()
	r.tickLostChain()
	r.tickDigest()
}

// timeout is T.
func (r *Replica) timeout() time.Duration { return r.cfg.SessionTimeout }

// serving tells whether clients' requests are taken: by a member whose registration is not gone, and whose table is not wrong.
func (r *Replica) serving() bool {
	return r.isMember() && r.reg.registered && r.lost.since == 0 && r.digest.err == nil
}

func (r *Replica) isMember() bool { return r.index >= 0 }
func (r *Replica) isHead() bool   { return r.index == 0 }
func (r *Replica) isTail() bool   { return r.index >= 0 && r.index == len(r.view.Members)-1 }

// receive takes a message in, if it is for us, here and now.
func (r *Replica) receive(env Envelope) {
	if env.Chain == r.view.Chain && env.Chain != 0 && env.To == r.self.MemberID && env.Epoch > r.view.Epoch {
		r.keepEarly(env)
		return
	}
	if env.Chain != r.view.Chain || r.view.Chain == 0 || env.To != r.self.MemberID || env.Epoch != r.view.Epoch {
		r.stale(env)
		return
	}
	if r.made != 0 && r.made != r.view.Chain {
		// We have asked for another chain, because this one has died and we hold nothing of it. What was on its way for long would come
		// to stand in the new one.
		r.out.Close = append(r.out.Close, env.From)
		return
	}
	switch m := env.Message.(type) {
	case Hello:
		r.hello(env.From, m)
	case Welcome:
		r.welcome(env.From, m)
	case Append:
		r.appendEntries(env.From, m)
	case Ack:
		r.ack(env.From, m)
	case Snapshot:
		r.snapshot(env.From, m)
	case SnapshotAck:
		r.snapshotAck(env.From, m)
	case Propose:
		r.propose(env.From, m)
	case Proposed:
		r.proposed(env.From, m)
	case Barrier:
		r.barrierAsked(env.From, m)
	case Ping:
		r.pinged(env.From, m)
	case Digest:
		r.digested(env.From, m)
	case Stale:
		// Of our own epoch: it says that we wrote to an incarnation that is gone. The view will tell.
		r.watch.viewDue = true
	}
}

// keepEarly keeps a message of an epoch that its sender has adopted before us, and reads the view. Else whoever is first to know a
// view would wait until it repeats what it said. Only what begins something may come early: all else answers what we have
// not said yet.
func (r *Replica) keepEarly(env Envelope) {
	r.watch.viewDue = true
	size := earlyOverhead
	switch m := env.Message.(type) {
	case Hello, Barrier, Ping:
	case Propose:
		for i := range m.Proposals {
			size += len(m.Proposals[i].Command) + earlyOverhead
		}
	default:
		return
	}
	if r.earlyBytes+size > maxEarlyBytes {
		r.out.Close = append(r.out.Close, env.From) // it will notice, and say it again
		return
	}
	r.early, r.earlyBytes = append(r.early, env), r.earlyBytes+size
}

// takeEarly takes in what came too early for the epoch that we have adopted since.
func (r *Replica) takeEarly() {
	early := r.early
	r.early, r.earlyBytes = nil, 0
	for _, env := range early {
		r.receive(env)
	}
}

// stale drops a message of another epoch, chain or receiver. Who is behind reads the view.
func (r *Replica) stale(env Envelope) {
	if m, ok := env.Message.(Stale); ok {
		if env.Chain == r.view.Chain && m.Epoch > r.view.Epoch {
			r.watch.viewDue = true
		}
		return
	}
	if env.Chain == r.view.Chain && env.Epoch <= r.view.Epoch {
		if to, ok := r.view.Find(env.From); ok {
			r.sendTo(to, Stale{Epoch: r.view.Epoch})
		}
	}
}

// sendTo queues a message.
func (r *Replica) sendTo(to Member, m Message) {
	r.out.Send = append(r.out.Send, Envelope{
		Chain: r.view.Chain, Epoch: r.view.Epoch, From: r.self.MemberID, To: to.MemberID, Address: to.Address, Message: m,
	})
}

// adopt takes a newer view. Everything that belonged to the old epoch ends here.
func (r *Replica) adopt(v Recorded, session uint64) {
	known := v.Epoch < r.view.Epoch || v.Epoch == r.view.Epoch && len(r.view.Members) > 0
	if known && v.Chain == r.view.Chain {
		return
	}
	old, wasIndex := r.view, r.index
	if old.Chain == 0 && r.cfg.Target != 0 && v.Target != r.cfg.Target {
		r.out.News = append(r.out.News, News{
			Text: fmt.Sprintf("the chain's target length is %d: the one given to this server (--replicas), %d, is ignored", v.Target, r.cfg.Target),
			View: v.View,
		})
	}
	if old.Chain != 0 && v.Chain != old.Chain {
		r.forgetRequests()
	}
	r.view = v
	if m, ok := v.Find(r.self.MemberID); ok && m.Address != r.self.Address {
		r.disown(m)
	}
	r.index = v.Index(r.self.MemberID)
	r.learning = r.self.Incarnation > 0 && v.Learner.MemberID == r.self.MemberID
	r.complete = r.complete || r.isMember() // we have learned all
	r.news(old.View)
	r.found = false

	r.up = upstream{}
	r.down.restart(r)
	r.teach.restart(r, old.View)
	r.watch.adopted(r, session)
	r.change = change{due: true, deleting: r.change.deleting, deletes: r.change.deletes}
	r.ping.restart(r)
	r.digest.restart()
	r.hops.relinked()
	r.probe = probes{}
	r.head.reset()

	switch {
	case r.isHead() && wasIndex != 0:
		r.takeOver(old.View)
	case r.isHead():
		r.head.ready = r.committed >= r.head.takeover
	case !r.isMember() && wasIndex >= 0 && r.reg.asked && !r.leave.going():
		// Whoever removed us deleted the registration with the same stroke; our log stays as it is until a tail
		// begins to teach us.
		r.reg.gone(r, 0)
	}
	if !r.learning {
		r.abandon()
	}
	r.made = 0
	r.leave.viewChanged(r)
	r.order.viewChanged(r)
	r.restartRequests()
	r.restartBarrier()
	r.publishLease()
	r.takeEarly()
}

// disown gives up a name that another server has: one of us holds a copy of the other's data directory. We take the next one, and wait until that
// server has gone: nobody takes in a node that is a member.
func (r *Replica) disown(by Member) {
	r.out.News = append(r.out.News, News{
		Text: "another server, " + by.Address + ", has the id of this one, " + r.self.Node.String() + ": one of the two data directories is a copy; end one of the servers",
		View: r.view.View,
	})
	r.reg = registration{renamed: true, notBefore: r.now.Add(r.heartbeatEvery())}
	r.self.Incarnation++
}

// forgetRequests gives up what clients wanted of another chain than the one that we are about to follow.
func (r *Replica) forgetRequests() {
	for _, q := range slices.Clone(r.req.queue) {
		r.giveUp(q)
	}
	r.req.session, r.req.opening = 0, false
}

// news tells of a change of the view.
func (r *Replica) news(old View) {
	change, cause := r.causeOf(old, r.view.View)
	r.counts.Changes[change]++
	r.out.News = append(r.out.News, News{
		Text: ViewChanged, View: r.view.View, Cause: cause, Took: r.watch.sinceTrouble(old, r.view.View, r),
	})
}

// causeOf says what made old into v, also in words.
func (r *Replica) causeOf(old, v View) (Change, string) {
	if old.Chain != v.Chain {
		if len(old.Members) == 0 {
			if v.Epoch == 1 {
				return ChangeMade, "new chain"
			}
			return ChangeFound, "found the chain"
		}
		return ChangeAnew, "the chain began anew, empty"
	}
	if r.found {
		return ChangeRestarted, r.self.Address + " restarted the chain"
	}
	if v.Epoch == old.Epoch {
		return ChangeFound, "found the chain"
	}
	if len(old.Members) == 0 || v.Epoch > old.Epoch+1 {
		return ChangeSeveral, fmt.Sprintf("epochs %d to %d", old.Epoch+1, v.Epoch)
	}
	for _, m := range v.Members {
		if old.Index(m.MemberID) < 0 {
			if old.Learner.MemberID == m.MemberID {
				return ChangeJoined, m.Address + " joined as tail"
			}
			return ChangeRestarted, m.Address + " restarted the chain"
		}
	}
	change, cause := ChangeLeft, ""
	for _, m := range old.Members {
		if v.Index(m.MemberID) < 0 {
			if cause != "" {
				cause += ", "
			}
			if r.watch.moving(r, m.MemberID) && !r.watch.anotherLife(r, m.MemberID) || r.leave.going() && m.MemberID == r.self.MemberID {
				cause += m.Address + " left" // nobody could have removed it yet
			} else {
				cause += m.Address + " removed"
				change = ChangeRemoved
			}
		}
	}
	switch {
	case cause != "":
		return change, cause
	case v.Head() != old.Head():
		return ChangeMoved, v.Head().Address + " moved to the head"
	case v.Target != old.Target:
		return ChangeSettings, fmt.Sprintf("target length %d instead of %d", v.Target, old.Target)
	case v.Learner.MemberID != (MemberID{}):
		return ChangeLearning, v.Learner.Address + " begins to learn"
	case old.Learner.MemberID != (MemberID{}):
		return ChangeDropped, "learner " + old.Learner.Address + " dropped"
	}
	return ChangeSettings, "settings changed"
}

// halt ends the server: it cannot go on without an operator.
func (r *Replica) halt(format string, args ...any) {
	if r.out.Halt == nil {
		r.out.Halt = fmt.Errorf("chain: "+format, args...)
	}
}
