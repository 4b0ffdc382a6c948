package sim

import (
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// channel is a connection of a client to a server. Its commands take effect in the order sent: writes in a row are in
// flight together, a read waits until they are applied here.
type channel struct {
	client *client
	proc   *process
	queue  []*call // not begun
	active []*call // begun and not answered
	must   chain.Seq
	closed bool
	broken bool          // a request of a session was refused: none that came behind it may overtake it
	lastIn time.Duration // when what was sent last arrives, either way: order is kept
	lastUp time.Duration
}

// call is an operation at a server.
type call struct {
	op   *op
	ch   *channel
	id   uint64 // of the Request or ReadBarrier
	done bool

	term      uint64 // of the gate, when a read noted what it must see
	doneBelow uint64 // of the session, when the client sent it
	numbered  bool   // to be answered with its number
}

// outcome is how a call ended.
type outcome struct {
	kind   outcomeKind
	result table.Result // gotResult
	seq    chain.Seq    // gotNumber, gotResult of opening a session
	read   reading      // gotRead
	fate   table.Fate   // gotFate
	chain  chain.ID     // of the server that answered
}

type outcomeKind uint8

const (
	gotResult    outcomeKind = iota + 1
	gotNumber                // the write has a number
	gotRead                  // a read's values
	gotFate                  // verify's answer
	gotUnsent                // not executed by this call, and never will be
	gotUncertain             // may have been executed by this call
	gotFull                  // this call was not executed: there is no room, and a repeat would find none either
	gotForgotten             // the session is forgotten
	gotBroken                // the connection broke: nothing is known
)

// reading is what a read saw.
type reading struct {
	items []item
	size  int
	txn   table.Result // of an opLook
}

// item is a key's value; version zero is no such key.
type item struct {
	value   string
	version chain.Seq
}

// connect opens a channel to a process.
func (p *process) connect(c *client) *channel {
	ch := &channel{client: c, proc: p}
	p.channels = append(p.channels, ch)
	return ch
}

// send carries an operation to the server.
func (ch *channel) send(o *op) {
	w := ch.proc.w
	c := &call{op: o, ch: ch, numbered: o.kind == opNumbered && !o.repeat}
	o.tries++
	if o.session != nil {
		c.doneBelow = o.session.doneBelow()
	}
	at := max(ch.lastIn, w.now+w.between(w.ClientWait))
	ch.lastIn = at
	w.after(at-w.now, func() {
		if !ch.closed && !ch.proc.dead {
			ch.queue = append(ch.queue, c) // a paused process finds it there later
			ch.proc.later(0, ch.pump)
		}
	})
}

// pump begins what may begin.
func (ch *channel) pump() {
	for len(ch.queue) > 0 && !ch.closed {
		c := ch.queue[0]
		if n := len(ch.active); n > 0 && (c.op.kind.reads() || ch.active[n-1].op.kind.reads()) {
			return
		}
		ch.queue = ch.queue[1:]
		ch.active = append(ch.active, c)
		if c.op.kind.reads() {
			ch.proc.await(ch.must, c, func() {
				if !c.done {
					ch.proc.read(c, false)
				}
			})
		} else {
			ch.proc.write(c)
		}
	}
}

// finish answers a call.
func (c *call) finish(o outcome) {
	if c.done {
		return
	}
	c.done = true
	ch := c.ch
	p, w := ch.proc, ch.proc.w
	delete(p.calls, c.id)
	ch.active = remove(ch.active, c)
	if o.kind == gotUnsent && c.op.session != nil {
		ch.broken = true
	}
	if o.kind == gotNumber {
		ch.must = max(ch.must, o.seq)
	}
	o = p.rightly(o)
	o.chain = p.chainID()
	at := max(ch.lastUp, w.now+w.between(w.ClientWait))
	ch.lastUp = at
	w.after(at-w.now, func() {
		if !ch.closed {
			ch.client.heard(ch, c.op, o)
		}
	})
	ch.pump()
}

// broke ends a channel; its client learns of it after d.
func (ch *channel) broke(d time.Duration) {
	if ch.closed {
		return
	}
	ch.closed = true
	ch.proc.w.after(d, func() { ch.client.lost(ch) })
}

// close is the client's end of it: the server gives up what nobody waits for.
func (ch *channel) close() {
	if ch.closed {
		return
	}
	ch.closed = true
	p := ch.proc
	p.channels = remove(p.channels, ch)
	for _, c := range ch.active {
		c.done = true
		if c.id != 0 {
			id := c.id
			p.later(p.w.between(p.w.ClientWait), func() { p.push(chain.Cancel{ID: id}) })
		}
	}
}

// register gives a call an id in the replica, and gives it up after a while.
func (p *process) register(c *call) uint64 {
	if p.calls == nil {
		p.calls = make(map[uint64]*call)
	}
	p.nextCall++
	c.id = p.nextCall
	id := c.id
	p.calls[id] = c
	p.later(p.w.giveUp, func() {
		if p.calls[id] == c && !c.done {
			p.push(chain.Cancel{ID: id})
		}
	})
	return id
}

// write hands a command to the replica.
func (p *process) write(c *call) {
	o := c.op
	if ch := c.ch; ch.broken && o.session != nil {
		c.finish(outcome{kind: gotUnsent})
		return
	}
	r := chain.Request{ID: p.register(c), Command: o.command, Numbered: c.numbered, Open: o.kind == opOpen}
	if o.session != nil && o.kind != opOpen {
		r.Chain, r.Session, r.Number, r.DoneBelow = o.session.chain, o.session.id, o.number, c.doneBelow
	}
	if p.w.story.on {
		p.w.tell("%v at %v: %v", c.op.client, p, o)
	}
	p.pushWork(work{r, func() bool {
		if c.ch.broken && o.session != nil {
			c.finish(outcome{kind: gotUnsent}) // one before it was refused since
		}
		return !c.done
	}})
}

// answered takes an answer of the replica to a request.
func (p *process) answered(a chain.Answer) {
	p.w.story.mix(8, uint64(p.serial), uint64(a.Kind), uint64(a.Seq))
	c := p.calls[a.ID]
	if c == nil || c.done {
		return
	}
	if p.w.story.on && a.Kind != chain.AnswerRead {
		p.w.tell("%v: answer %d seq=%d to %v's %v", p, a.Kind, a.Seq, c.op.client, c.op)
	}
	switch a.Kind {
	case chain.AnswerNumbered:
		p.w.check.numbered(p, c.op, a.Seq)
		c.finish(outcome{kind: gotNumber, seq: a.Seq})
	case chain.AnswerRead:
		p.w.check.tells(p, "has a read go on")
		p.w.stats.Barriers++
		delete(p.calls, c.id)
		p.later(p.turnTime(), func() { p.value(c, true) })
	case chain.AnswerUnsent, chain.AnswerOutside:
		c.finish(outcome{kind: gotUnsent})
	case chain.AnswerMemory, chain.AnswerSession:
		if p.w.Memory == 0 || a.Kind == chain.AnswerSession {
			p.w.fail("%v: refuses %v for lack of room, and there is enough", p, c.op)
		}
		c.finish(outcome{kind: gotFull})
	case chain.AnswerDisk:
		p.w.stats.DiskFull++
		if p.w.serverAt(a.Why) == nil || p.w.serverAt(a.Why).disk == nil || !p.w.serverAt(a.Why).filled {
			p.w.fail("%v: refuses %v for want of space on the disk of %q, which was never full", p, c.op, a.Why)
		}
		c.finish(outcome{kind: gotFull})
	case chain.AnswerUncertain:
		c.finish(outcome{kind: gotUncertain})
	case chain.AnswerForgotten:
		c.finish(outcome{kind: gotForgotten})
	default:
		p.w.fail("%v: unknown answer %d", p, a.Kind)
	}
}

// read serves a read as gate.go says: note, wait, read, check the lease.
func (p *process) read(c *call, barrier bool) {
	o := c.op
	if barrier {
		p.push(chain.ReadBarrier{ID: p.register(c)})
		return
	}
	if o.kind == opVerify { // final fates need no lease
		if f := p.table.Fate(o.target.seq); f != table.Pending && p.view.Chain == o.target.chain {
			c.finish(outcome{kind: gotFate, fate: f})
			return
		}
	}
	if !p.gate.Leasing() {
		p.read(c, true) // without noting anything: the barrier alone must do
		return
	}
	c.term = p.gate.Term()
	note := p.gate.All()
	if o.kind == opGet {
		note = p.gate.Key(table.Hash([]byte(o.keys[0])))
	}
	p.later(p.turnTime(), func() {
		p.await(note, c, func() {
			if !c.done {
				p.value(c, false)
			}
		})
	})
}

// value reads the table and then checks that it might.
func (p *process) value(c *call, passed bool) {
	if c.done {
		return
	}
	got := p.look(c.op)
	if passed {
		c.finish(got)
		return
	}
	d := p.w.between(p.w.Reader)
	if p.w.chance(p.w.SlowReader) && !p.w.healed {
		p.w.stats.Faults[SlowReader]++
		d += p.w.soon(6 * p.w.Timeout)
	}
	check := func() {
		switch {
		case c.done:
		case p.gate.Leased(c.term, p.clock()):
			p.w.check.tells(p, "answers a read")
			c.finish(got)
		default:
			p.read(c, true)
		}
	}
	if d == 0 {
		check()
		return
	}
	p.later(d, check)
}

// look is what the table says now.
func (p *process) look(o *op) outcome {
	switch o.kind {
	case opVerify:
		if p.view.Chain != o.target.chain {
			return outcome{kind: gotForgotten}
		}
		return outcome{kind: gotFate, fate: p.table.Fate(o.target.seq)}
	case opSize:
		return outcome{kind: gotRead, read: reading{size: p.table.Len()}}
	case opLook:
		return outcome{kind: gotRead, read: reading{txn: p.table.ReadTxn(o.txn)}}
	case opGet:
		v, version, ok := p.table.Get([]byte(o.keys[0]))
		if !ok {
			version = 0
		}
		return outcome{kind: gotRead, read: reading{items: []item{{string(v), version}}}}
	}
	keys := make([][]byte, len(o.keys))
	for i, k := range o.keys {
		keys[i] = []byte(k)
	}
	values := make([][]byte, len(keys))
	p.table.GetMany(keys, values)
	var r reading
	for _, v := range values {
		it := item{value: string(v), version: 1} // GetMany tells no versions
		if v == nil {
			it.version = 0
		}
		r.items = append(r.items, it)
	}
	return outcome{kind: gotRead, read: r}
}
