package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// client issues operations through one server at a time, several at once. There are three sorts: plain ones, which never
// send a write again; those with a session, which send it again, elsewhere if need be, until they know; and those in library.go, for which
// most of this does not hold.
type client struct {
	w *world
	dice
	id       int
	sessions bool
	library  *library // nil for the other sorts
	at       *server  // where it stays; nil for a client that goes wherever it is served
	dead     bool

	ch       *channel
	stream   *stream
	session  *clientSession
	flight   []*op // under way, in order
	unproven []*op // numbered writes whose fate is not known
	proven   []*op // those whose fate was told: it never changes
	known    map[string]chain.Seq
	seen     map[string]string // values
	waiting  bool              // for a server to connect to
}

// clientSession is a session as its client knows it.
type clientSession struct {
	id    chain.SessionID
	chain chain.ID
	next  uint64 // number of the next request
	open  []*op  // requests without a result, in order
}

// doneBelow is the number below which all results have arrived.
func (s *clientSession) doneBelow() uint64 {
	if len(s.open) > 0 {
		return s.open[0].number
	}
	return s.next
}

func (c *client) String() string {
	if c.library != nil {
		return fmt.Sprintf("c%d(library)", c.id)
	}
	if c.sessions {
		return fmt.Sprintf("c%d(session)", c.id)
	}
	return fmt.Sprintf("c%d", c.id)
}

// addClient begins a client.
func (w *world) addClient() {
	c := w.newClient()
	if c.sessions = c.chance(0.4); w.dropped("client", c.id) {
		c.dead = true
		return
	}
	w.after(c.soon(w.Think), c.act)
}

// addWatcher begins a client that stays with one server and only reads there. What a server says that was cut off, or left behind, is
// seldom heard by those who move on.
func (w *world) addWatcher(s *server) {
	c := w.newClient()
	if c.at = s; w.dropped("client", c.id) {
		c.dead = true
		return
	}
	w.after(c.soon(w.Watch), c.act)
}

// newClient is a client that does nothing of itself.
func (w *world) newClient() *client {
	c := &client{w: w, id: len(w.clients) + 1, known: make(map[string]chain.Seq), seen: make(map[string]string)}
	c.dice = newDice(w.Seed, diceClient, uint64(c.id))
	w.clients = append(w.clients, c)
	return c
}

// die ends a client in the middle of what it does.
func (c *client) die() {
	if c.dead {
		return
	}
	c.dead = true
	if c.w.story.on {
		c.w.tell("%v dies", c)
	}
	if c.ch != nil {
		c.ch.close()
	}
	if c.library != nil {
		c.library.die()
	}
	for _, o := range slices.Clone(c.flight) {
		c.end(o, opUnknown)
	}
}

// idle tells whether the client has nothing under way and nothing left to find out.
func (c *client) idle() bool { return c.dead || len(c.flight) == 0 && len(c.unproven) == 0 }

// act does the next thing, and again after a while.
func (c *client) act() {
	w := c.w
	if c.dead {
		return
	}
	pause := w.Think
	if c.at != nil {
		pause = w.Watch
	}
	w.after(c.soon(pause)+w.Timeout/1000, c.act)
	if len(c.flight) >= w.Ops || !c.connected() {
		return
	}
	if len(c.unproven) > 0 && (w.healed || c.chance(0.3)) {
		c.begin(&op{kind: opVerify, target: c.unproven[c.IntN(len(c.unproven))]})
		return
	}
	if w.healed {
		return
	}
	if len(c.proven) > 0 && c.chance(0.05) {
		c.begin(&op{kind: opVerify, target: c.proven[c.IntN(len(c.proven))]})
		return
	}
	if c.sessions && c.session == nil {
		if len(c.flight) == 0 {
			c.begin(&op{kind: opOpen})
		}
		return
	}
	c.begin(c.invent())
}

// connected makes sure of a channel to some server, or says that there is none now.
func (c *client) connected() bool {
	if c.ch != nil {
		return true
	}
	up := c.w.up()
	if c.at != nil {
		up = slices.DeleteFunc(up, func(p *process) bool { return p.srv != c.at })
	}
	if len(up) == 0 {
		return false
	}
	c.ch = up[c.IntN(len(up))].connect(c)
	if !c.sessions || c.stream == nil {
		c.stream = &stream{retried: c.sessions}
	}
	for _, o := range c.flight { // of a session: all again, in order
		c.ch.send(o)
		c.w.stats.Retries++
	}
	return true
}

// begin sends an operation for the first time.
func (c *client) begin(o *op) {
	w := c.w
	o.client, o.start, o.stream, o.state = c, w.now, c.stream, opPending
	w.check.ops = append(w.check.ops, o)
	o.id = len(w.check.ops)
	if !o.kind.reads() {
		o.value = fmt.Sprintf("v%d.", o.id)
		if c.chance(w.Big) {
			o.value += strings.Repeat("x", c.IntN(w.BigBytes))
		}
		o.encode()
		if c.sessions {
			o.session = c.session
			if o.kind != opOpen {
				o.number = c.session.next
				c.session.next++
				c.session.open = append(c.session.open, o)
			}
		}
	}
	o.stream.ops = append(o.stream.ops, o)
	c.flight = append(c.flight, o)
	w.story.mix(9, uint64(o.id), uint64(o.kind))
	c.ch.send(o)
	c.patience(o)
}

// patience gives up on a server that does not answer.
func (c *client) patience(o *op) {
	c.w.after(c.w.Patience, func() {
		if c.dead || o.state != opPending {
			return
		}
		if c.ch != nil && slices.Contains(c.flight, o) {
			if c.w.story.on {
				c.w.tell("%v waits no longer for %v at %v", c, o, c.ch.proc)
			}
			c.ch.close()
			c.drop()
		}
		if o.state == opPending {
			c.patience(o)
		}
	})
}

// lost tells the client that its connection broke.
func (c *client) lost(ch *channel) {
	if c.library != nil {
		c.library.lost(ch)
	}
	if c.ch == ch && !c.dead {
		c.drop()
	}
}

// drop forgets the channel. What was under way is unknown to a plain client; one with a session will send it again.
func (c *client) drop() {
	c.ch = nil
	if !c.sessions {
		for _, o := range slices.Clone(c.flight) {
			c.end(o, opUnknown)
		}
	}
	c.reconnect()
}

func (c *client) reconnect() {
	if c.waiting {
		return
	}
	c.waiting = true
	c.w.after(c.soon(c.w.Timeout/10), func() {
		c.waiting = false
		if !c.dead && c.ch == nil && !c.connected() {
			c.reconnect()
		}
	})
}

// end settles an operation.
func (c *client) end(o *op, s opState) {
	if o.state != opPending {
		return
	}
	o.state = s
	if s == opDone && o.kind != opNumbered {
		o.end = c.w.now
	}
	c.flight = remove(c.flight, o)
	if o.session != nil {
		o.session.open = remove(o.session.open, o)
	}
	if c.w.story.on {
		c.w.tell("%v: %v: %s", c, o, o.outcomeText())
	}
}

// heard takes the answer of a server.
func (c *client) heard(ch *channel, o *op, out outcome) {
	if c.library != nil {
		c.library.heard(ch, out)
		return
	}
	if c.dead || c.ch != ch || o.state != opPending {
		return
	}
	w := c.w
	w.story.mix(10, uint64(o.id), uint64(out.kind))
	o.chain = out.chain
	switch out.kind {
	case gotResult:
		if o.kind == opNumbered { // sent twice: only the table knew which number counts
			c.numbered(o, out.result.Seq)
			return
		}
		c.result(o, out)
	case gotNumber:
		c.numbered(o, out.seq)
	case gotRead:
		o.read = out.read
		w.stats.Reads++
		if o.kind == opGet {
			c.known[o.keys[0]], c.seen[o.keys[0]] = o.read.items[0].version, o.read.items[0].value
		}
		if o.kind == opLook {
			c.learn(o, o.read.txn)
		}
		c.end(o, opDone)
	case gotFate:
		c.verified(o, out.fate)
	case gotForgotten:
		c.forgotten(o)
	case gotFull:
		if o.tries > 1 {
			c.end(o, opUnknown) // an earlier try may be on its way
		} else {
			c.end(o, opRefused)
		}
	case gotUncertain:
		if !c.again(ch) {
			c.end(o, opUnknown)
		}
	case gotUnsent:
		if !c.again(ch) {
			c.end(o, opRefused)
			if c.chance(0.7) {
				ch.close()
				c.drop()
			}
		}
	}
}

// again lets a client with a session send everything once more, elsewhere.
func (c *client) again(ch *channel) bool {
	if !c.sessions {
		return false
	}
	ch.close()
	c.drop()
	return true
}

// numbered takes the number of a write. Whether it has been executed is to be found out later.
func (c *client) numbered(o *op, seq chain.Seq) {
	o.seq = seq
	c.unproven = append(c.unproven, o)
	c.end(o, opDone)
}

// result takes the result of a write.
func (c *client) result(o *op, out outcome) {
	o.result, o.seq = out.result, out.result.Seq
	if o.kind == opOpen {
		c.session = &clientSession{id: chain.SessionID(out.result.Seq), chain: out.chain, next: 1}
		c.stream = &stream{retried: true}
	} else if o.kind == opTxn {
		c.w.stats.Txns++
		c.learn(o, out.result)
	} else if len(o.keys) == 1 && out.result.Code == table.CodeOK {
		c.known[o.keys[0]] = o.seq
	}
	c.w.stats.Writes++
	if o.number > 0 {
		c.w.stats.SessionWrites++
	}
	switch out.result.Code {
	case table.CodeOvertaken:
		c.end(o, opRefused)
	case table.CodeFull: // for ever, too: the session keeps that
		c.w.stats.TxnsTooLarge++
		c.end(o, opRefused)
	default:
		c.end(o, opDone)
	}
}

// verified takes the answer to a verify. Executed and lost are final.
func (c *client) verified(o *op, f table.Fate) {
	o.fate = f
	c.w.stats.Verifies++
	c.end(o, opDone)
	t := o.target
	if f == table.Pending {
		return
	}
	c.unproven = remove(c.unproven, t)
	if t.fate == 0 {
		c.proven = append(c.proven, t)
		t.fate = f
		if f == table.Executed {
			t.end = c.w.now
		}
	}
}

// forgotten means that the session, or the chain that gave a number, is no more.
func (c *client) forgotten(o *op) {
	switch {
	case o.kind == opVerify:
		c.unproven = remove(c.unproven, o.target)
		if o.chain == o.target.chain {
			c.w.fail("%v: %v of its own chain is forgotten", c, o)
		}
	case o.session != nil && c.w.Session == 0 && o.chain == o.session.chain:
		c.w.fail("%v: the session of %v is forgotten, and no table has as many as it keeps", c, o)
	}
	if !c.sessions || o.kind == opVerify {
		c.end(o, opUnknown)
		return
	}
	c.session = nil
	c.ch.close()
	for _, f := range slices.Clone(c.flight) {
		c.end(f, opUnknown)
	}
	c.drop()
}

// settled tells whether all clients are idle.
func (w *world) settled() bool {
	for _, c := range w.clients {
		if !c.idle() {
			return false
		}
	}
	return true
}
