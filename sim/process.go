package sim

import (
	"fmt"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// process is one life of a server: a real chain.Replica and a real table.Table, and what the runtime has around them.
type process struct {
	w      *world
	srv    *server
	serial int
	id     chain.MemberID // the latest registered

	replica *chain.Replica
	gate    *chain.Gate
	table   *table.Table
	session *coordSession
	links   []*link

	dead    bool
	leaving bool
	paused  bool
	held    []func() // what came due during a pause
	inbox   []work
	turning bool   // a turn of the loop is coming
	waits   []wait // readers waiting for applied

	transfers []transfer
	restorer  *restoring

	channels []*channel // of clients
	calls    map[uint64]*call
	nextCall uint64
	view     chain.View // latest adopted, from News
	seen     seen       // for the checkers
}

// work is an input, and what the runtime does right before it takes it.
type work struct {
	in     chain.Input
	before func() bool // false: the input is not to be taken after all
}

// wait is a read that needs an entry to be applied.
type wait struct {
	seq  chain.Seq
	call *call
	run  func()
}

// transfer is a snapshot being read for a learner.
type transfer struct {
	id   uint64
	snap *table.Snapshot
}

// restoring is a snapshot being received.
type restoring struct {
	id     uint64
	base   chain.Position
	to     *table.Restorer
	chunks [][]byte
}

func (p *process) String() string { return fmt.Sprintf("s%d#%d", p.srv.index+1, p.serial) }

// clock is the time that the process sees. It goes on while it is paused.
func (p *process) clock() chain.Time {
	return chain.Time(p.srv.offset) + chain.Time(float64(p.w.now)*p.srv.rate)
}

// leased tells whether the process may answer reads from its table now.
func (p *process) leased() bool { return p.gate.Leased(p.gate.Term(), p.clock()) }

// later runs something of this process when d has passed: not if it has died, and after a pause if it is paused.
func (p *process) later(d time.Duration, run func()) {
	p.w.after(d, func() {
		switch {
		case p.dead:
		case p.paused:
			p.held = append(p.held, run)
		default:
			run()
		}
	})
}

// pause stops the process: it takes no step, runs nothing, but its clock goes on.
func (p *process) pause(d time.Duration) {
	if p.paused {
		return
	}
	p.paused = true
	if p.w.story.on {
		p.w.tell("%v is paused for %v", p, d)
	}
	p.w.after(d, p.resume)
}

// resume lets happen what should have happened meanwhile, in an order of its own: these are different goroutines.
func (p *process) resume() {
	if p.dead || !p.paused {
		return
	}
	p.paused = false
	if p.w.story.on {
		p.w.tell("%v goes on", p)
	}
	held := p.held
	p.held = nil
	if p.w.chance(0.5) {
		p.w.rng.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
	}
	for _, run := range held {
		p.later(p.w.between(p.w.Turn), run)
	}
}

// leave asks the server to take itself out of the chain; it is given 15 s.
func (p *process) leave() {
	if p.leaving {
		return
	}
	p.leaving = true
	p.w.stats.Leaves++
	if p.w.story.on {
		p.w.tell("%v is told to leave", p)
	}
	p.push(chain.Leave{})
	p.later(15*time.Second, func() { p.srv.crash() })
}

// ticks makes the replica's time pass.
func (p *process) ticks() {
	p.push(chain.Tick{})
	p.later(p.w.Tick, p.ticks)
}

// push puts an input into the loop's queue.
func (p *process) push(in chain.Input) { p.pushWork(work{in: in}) }

func (p *process) pushWork(x work) {
	if p.dead {
		return
	}
	p.inbox = append(p.inbox, x)
	if !p.turning {
		p.turning = true
		p.later(p.w.between(p.w.Turn), p.turn)
	}
}

// deliver takes a message from the network. While the process is paused it waits in the kernel.
func (p *process) deliver(env chain.Envelope, from *process) {
	if p.dead || p.w.failure != nil {
		return
	}
	p.w.stats.Messages++
	if p.w.story.on && !quiet(env.Message) {
		p.w.tell("%v -> %v: %s", from, p, show(env))
	}
	p.push(chain.Received{Envelope: env})
}

// turn is one turn of the loop: it takes inputs and carries out what follows.
func (p *process) turn() {
	p.turning = false
	n := 1 + p.w.rng.IntN(p.w.Batch)
	for n > 0 && len(p.inbox) > 0 && !p.dead {
		x := p.inbox[0]
		p.inbox = p.inbox[1:]
		n--
		if x.before == nil || x.before() {
			p.step(x.in)
		}
	}
	p.settle()
	if len(p.inbox) > 0 && !p.turning && !p.dead {
		p.turning = true
		p.later(p.w.between(p.w.Turn), p.turn)
	}
}

// step gives the replica one input, and looks at it afterwards.
func (p *process) step(in chain.Input) {
	w := p.w
	if w.failure != nil {
		return
	}
	w.steps++
	defer p.caught("step", in)
	p.replica.Step(p.clock(), in)
	if err := p.replica.Check(); err != nil {
		w.fail("%v: after %T: %v", p, in, err)
	}
}

// caught turns a panic of the code under test into a failure.
func (p *process) caught(where string, in any) {
	if e := recover(); e != nil {
		p.w.fail("%v: %s %T: panic: %v\n%s", p, where, in, e, stack())
	}
}

// settle carries out all that the replica wants done.
func (p *process) settle() {
	for i := 0; !p.dead && p.w.failure == nil; i++ {
		r, ok := p.ready()
		if !ok || r.Empty() {
			break
		}
		if i == 10_000 {
			p.w.fail("%v: ready does not come to an end", p)
		}
		p.carryOut(&r)
	}
	if p.dead || p.w.failure != nil {
		return
	}
	p.w.check.turned(p)
	p.wake()
}

func (p *process) ready() (r chain.Ready, ok bool) {
	defer p.caught("ready", nil)
	return p.replica.Ready(), true
}

// carryOut does what a Ready says, in its order.
func (p *process) carryOut(r *chain.Ready) {
	w := p.w
	if r.Truncate != nil {
		if d := p.srv.disk; d != nil {
			d.write(p, diskWrite{truncate: r.Truncate})
		}
	}
	if len(r.Append) > 0 {
		if d := p.srv.disk; d != nil {
			d.write(p, diskWrite{entries: r.Append})
		}
	}
	if len(r.Apply) > 0 {
		p.apply(r.Apply)
	}
	p.transfer(r)
	for _, s := range r.Restore {
		p.restore(s)
	}
	for _, env := range r.Send {
		w.story.mix(1, uint64(p.serial), uint64(env.Epoch))
		w.net.send(p, env)
	}
	for _, peer := range r.Close {
		w.net.closeFrom(p, peer)
	}
	for _, a := range r.Ask {
		p.ask(a)
	}
	for _, a := range r.Answer {
		p.answered(a)
	}
	for _, m := range r.Probe {
		p.probe(m)
	}
	for _, n := range r.News {
		p.news(n)
	}
	switch {
	case r.Halt != nil:
		w.stats.Halts++
		w.check.halts(p, r.Halt)
		if w.story.on {
			w.tell("%v halts: %v", p, r.Halt)
		}
		p.srv.crash()
	case r.Left:
		w.stats.Left++
		if w.story.on {
			w.tell("%v has left", p)
		}
		p.srv.crash()
	}
}

// apply gives committed entries to the table and their results to who waits.
func (p *process) apply(todo []chain.Apply) {
	defer p.caught("apply", todo)
	var forgotten []uint64
	for i := range todo {
		e := &todo[i].Entry
		if p.w.check.commits(p, e); p.w.failure != nil {
			return
		}
		res := p.table.Apply(e)
		p.w.check.applied(p, e, res)
		if res.Code == table.CodeForgotten && todo[i].ID != 0 {
			forgotten = append(forgotten, todo[i].ID)
		}
		if c := p.calls[todo[i].ID]; c != nil && todo[i].ID != 0 && res.Code != table.CodeForgotten {
			c.finish(outcome{kind: gotResult, result: res})
		}
	}
	p.w.check.digest(p)
	p.step(chain.Applied{Through: todo[len(todo)-1].Entry.Seq, Bytes: p.table.Bytes(), Forgotten: forgotten})
}

// transfer starts, reads and stops snapshots.
func (p *process) transfer(r *chain.Ready) {
	if r.Stop != 0 {
		for i, t := range p.transfers {
			if t.id == r.Stop {
				t.snap.Close()
				p.transfers = append(p.transfers[:i], p.transfers[i+1:]...)
				break
			}
		}
	}
	if r.Start != 0 {
		p.w.stats.Snapshots++
		p.transfers = append(p.transfers, transfer{r.Start, p.table.Snapshot()})
	}
	if id := r.Read; id != 0 {
		p.later(p.w.between(p.w.Turn), func() { p.readChunk(id) })
	}
}

func (p *process) readChunk(id uint64) {
	for _, t := range p.transfers {
		if t.id != id {
			continue
		}
		data, last, err := t.snap.Chunk(64 << p.w.rng.IntN(8))
		if err != nil {
			p.w.fail("%v: snapshot: %v", p, err)
			return
		}
		p.push(chain.Chunk{Transfer: id, Data: data, Last: last})
	}
}

// restore takes a chunk of a table that is to replace this one. When the last has come the new table is built, made durable,
// and put in place right before the replica is told.
func (p *process) restore(s chain.Snapshot) {
	if s.Index == 0 {
		p.restorer = &restoring{id: s.Transfer, base: s.Base, to: table.NewRestorer(p.w.tableConfig())}
	}
	r := p.restorer
	if r == nil || r.id != s.Transfer {
		p.w.fail("%v: chunk %d of transfer %d does not belong to the one under way", p, s.Index, s.Transfer)
		return
	}
	r.chunks = append(r.chunks, s.Data)
	if err := r.to.Add(s.Data); err != nil {
		p.w.fail("%v: restore chunk %d: %v", p, s.Index, err)
		return
	}
	if !s.Last {
		return
	}
	t, err := r.to.Finish()
	if err != nil {
		p.w.fail("%v: restore: %v", p, err)
		return
	}
	swap := func() {
		p.pushWork(work{chain.Restored{Transfer: r.id, Bytes: t.Bytes()}, func() bool {
			if p.restorer == r {
				p.table = t
				p.w.check.restored(p, r.base)
			}
			return p.restorer == r
		}})
	}
	if d := p.srv.disk; d != nil {
		d.write(p, diskWrite{install: &image{base: r.base, chunks: r.chunks}, then: swap})
		return
	}
	p.later(p.w.between(p.w.Turn), swap)
}

// ask takes a request to the coordinator. What a registration says must be on disk before.
func (p *process) ask(a chain.Ask) {
	if r, ok := a.(chain.AskRegister); ok {
		p.id = r.Registration.MemberID
		if d := p.srv.disk; d != nil {
			d.incarnation = max(d.incarnation, p.id.Incarnation)
		}
		p.w.check.registers(p)
	}
	p.w.story.mix(2, uint64(p.serial))
	if p.w.story.on && !quietAsk(a) {
		p.w.tell("%v asks the coordinator: %s", p, p.w.showAsk(a))
	}
	p.w.coord.ask(p, a)
}

// probe finds out who listens at an address.
func (p *process) probe(m chain.Member) {
	srv := p.w.serverAt(m.Address)
	d := p.w.between(p.w.Probe)
	// The same node under another incarnation is the same process: one that starts anew in memory has a new id.
	p.later(d, func() {
		if srv != nil && (!p.w.net.passes(p.srv, srv) || !p.w.net.passes(srv, p.srv) || srv.proc != nil && srv.proc.paused) {
			p.later(p.w.Timeout, func() { p.push(chain.ProbeDone{Member: m.MemberID}) })
			return
		}
		p.push(chain.ProbeDone{Member: m.MemberID, Dead: srv == nil || srv.proc == nil || srv.proc.id.Node != m.Node})
	})
}

// news is what the replica has to tell.
func (p *process) news(n chain.News) {
	p.w.story.mix(4, uint64(p.serial), uint64(n.View.Epoch))
	if p.w.story.on {
		p.w.tell("%v: %s: %s (%s)", p, n.Text, p.w.showView(n.View), n.Cause)
	}
}

// link is the way to a receiver.
func (p *process) link(k linkKey) *link {
	for _, l := range p.links {
		if l.key == k {
			return l
		}
	}
	l := &link{key: k}
	p.links = append(p.links, l)
	return l
}

// wake runs the readers whose entries have been applied. At a server outside the chain they wait for what may never come.
func (p *process) wake() {
	if len(p.waits) == 0 {
		return
	}
	applied := p.gate.Applied()
	waits := p.waits
	p.waits = nil
	for _, x := range waits {
		switch {
		case x.seq <= applied:
			p.later(p.w.between(p.w.Turn), x.run)
		case p.view.Index(p.id) < 0:
			x.call.finish(outcome{kind: gotUnsent})
		default:
			p.waits = append(p.waits, x)
		}
	}
}

// await runs something once the table here holds seq.
func (p *process) await(seq chain.Seq, c *call, run func()) {
	if p.gate.Applied() >= seq {
		run()
		return
	}
	p.waits = append(p.waits, wait{seq, c, run})
}
