package sim

import (
	"fmt"
	"runtime/debug"
	"slices"
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
	drained bool // by an operator
	paused  bool
	held    []func() // what came due during a pause
	inbox   []work
	asked   []work // requests of clients
	turning bool   // a turn of the loop is coming
	waits   []wait // readers waiting for applied

	transfers []transfer
	restorer  *restoring
	settling  bool // a table that is whole is being kept

	channels []*channel // of clients
	calls    map[uint64]*call
	nextCall uint64
	view     chain.View // latest adopted, from News
	seen     seen       // for the checkers
	rot      rot
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
		p.w.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
	}
	for _, run := range held {
		p.later(p.turnTime(), run)
	}
}

// leave asks the server to take itself out of the chain within some time.
func (p *process) leave(within time.Duration) {
	if p.leaving {
		return
	}
	p.leaving = true
	if p.w.story.on {
		p.w.tell("%v is told to leave", p)
	}
	p.push(chain.Leave{})
	p.later(within, func() { p.srv.crash() })
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
	if _, ok := x.in.(chain.Request); ok {
		p.asked = append(p.asked, x)
	} else {
		p.inbox = append(p.inbox, x)
	}
	if !p.turning {
		p.turning = true
		p.later(p.turnTime(), p.turn)
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
	for n := 1 + p.w.IntN(p.w.Batch); n > 0 && !p.dead; n-- {
		from := &p.inbox
		if len(p.asked) > 0 && !p.replica.Full() && (len(p.inbox) == 0 || p.w.chance(0.5)) {
			from = &p.asked
		}
		if len(*from) == 0 {
			break
		}
		x := (*from)[0]
		*from = (*from)[1:]
		if x.before == nil || x.before() {
			p.step(x.in)
		}
	}
	p.settle()
	if (len(p.inbox) > 0 || len(p.asked) > 0 && !p.replica.Full()) && !p.turning && !p.dead {
		p.turning = true
		p.later(p.turnTime(), p.turn)
	}
}

// turnTime is how long it takes until the loop, or another goroutine, gets to what is there to do.
func (p *process) turnTime() time.Duration {
	d := p.w.between(p.w.Turn)
	if p.srv.lag > 0 {
		d += time.Duration(p.w.Int64N(int64(p.srv.lag)))
	}
	return d
}

// step gives the replica one input, and looks at it afterwards.
func (p *process) step(in chain.Input) {
	w := p.w
	if w.failure != nil {
		return
	}
	w.steps++
	defer p.caught("step", in)
	if m, ok := in.(chain.Received); ok {
		w.check.hears(p, m.Envelope)
	}
	p.replica.Step(p.clock(), in)
	if w.Outside {
		return
	}
	if err := p.replica.Check(); err != nil {
		w.fail("%v: after %T: %v", p, in, err)
	}
}

// caught turns a panic of the code under test into a failure. From outside it is a crash.
func (p *process) caught(where string, in any) {
	e := recover()
	switch {
	case e == nil:
	case p.w.Outside:
		p.w.stats.Panics++
		p.srv.crash()
		p.w.faults.revive(p.srv, p.w.soon(p.w.Down))
	default:
		if p.w.story.on {
			p.w.tell("panic: %v\n%s", e, debug.Stack()) // not in the error, which is the same whenever the run is made again
		}
		p.w.fail("%v: %s %T: panic: %v", p, where, in, e)
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
			p.later(p.turnTime(), x.run)
		case p.view.Index(p.id) < 0:
			x.call.finish(outcome{kind: gotUnsent})
		default:
			p.waits = append(p.waits, x)
		}
	}
}

// glance lets readers, which are goroutines of their own, run in the middle of a turn, where the gate lets them.
func (p *process) glance() {
	if len(p.waits) == 0 || !p.w.chance(0.5) {
		return
	}
	applied := p.gate.Applied()
	for _, x := range slices.Clone(p.waits) {
		if x.seq <= applied {
			p.waits = slices.DeleteFunc(p.waits, func(y wait) bool { return y.call == x.call })
			x.run()
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
