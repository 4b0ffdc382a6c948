package sim

import (
	"slices"
	"time"

	"github.com/chaintable/chaintable/chain"
)

// network is the connections between servers, as link makes them: one-way, one for each sender and receiver, in order. A
// message is lost only with its connection, and then the sender is told (LinkReset) before it sends on a new one.
type network struct {
	w       *world
	blocked [][]int // blocked[from][to] counts the reasons why nothing passes between two places
	clogged [][]int // and these those why it passes later
	conns   []*conn
}

// linkKey is a receiver as a sender knows it.
type linkKey struct {
	to      chain.MemberID
	address string
}

// link is a process's way to one receiver.
type link struct {
	key   linkKey
	conn  *conn // nil: the next message dials
	reset bool  // the connection is gone and the process has not been told: what it sends is lost
}

// conn is a connection from one process to another.
type conn struct {
	from, to *process
	link     *link
	queue    []flying // on their way, in order
	last     time.Duration
	waits    bool // until it is not clogged any more
	stuck    bool // something could not pass; the connection breaks if that lasts
	broken   bool
}

// flying is a message on its way.
type flying struct {
	at  time.Duration
	env chain.Envelope
}

// grow makes room for one more place.
func (n *network) grow() {
	for _, m := range []*[][]int{&n.blocked, &n.clogged} {
		for i := range *m {
			(*m)[i] = append((*m)[i], 0)
		}
		*m = append(*m, make([]int, len(*m)+1))
	}
}

func (n *network) passes(from, to *server) bool { return n.blocked[from.index][to.index] == 0 }

// block stops everything from one place to another until d has passed.
func (n *network) block(from, to *server, d time.Duration) {
	if from == to {
		return
	}
	n.blocked[from.index][to.index]++
	n.w.until(d, func() {
		n.blocked[from.index][to.index]--
		n.resume()
	})
}

// clog holds everything back that one place sends to another, until d has passed. Connections stay.
func (n *network) clog(from, to *server, d time.Duration) {
	if from == to {
		return
	}
	n.clogged[from.index][to.index]++
	n.w.until(d, func() {
		n.clogged[from.index][to.index]--
		n.free()
	})
}

// heal lifts every block and clog.
func (n *network) heal() {
	for i := range n.blocked {
		clear(n.blocked[i])
		clear(n.clogged[i])
	}
	n.resume()
	n.free()
}

// free lets go on what was clogged.
func (n *network) free() {
	for _, c := range n.conns {
		if c.waits && n.clogged[c.from.srv.index][c.to.srv.index] == 0 {
			c.waits = false
			for range c.queue {
				n.w.after(n.w.between(n.w.Delay), c.deliver)
			}
		}
	}
}

// resume lets messages go on that were held back.
func (n *network) resume() {
	for _, c := range n.conns {
		if c.stuck && n.passes(c.from.srv, c.to.srv) && n.passes(c.to.srv, c.from.srv) {
			c.stuck = false
			for range c.queue {
				n.w.after(n.w.between(n.w.Delay), c.deliver)
			}
		}
	}
}

// send carries an envelope towards the process that listens at its address.
func (n *network) send(p *process, env chain.Envelope) {
	l := p.link(linkKey{env.To, env.Address})
	if l.reset {
		n.w.stats.Lost++
		return
	}
	if l.conn == nil && !n.dial(p, l) {
		n.w.stats.Lost++
		return
	}
	c := l.conn
	at := max(c.last, n.w.now+n.w.between(n.w.Delay))
	c.last = at
	c.queue = append(c.queue, flying{at, env})
	n.w.after(at-n.w.now, c.deliver)
}

// dial opens a connection, or tells the sender later that nobody is there.
func (n *network) dial(p *process, l *link) bool {
	srv := n.w.serverAt(l.key.address)
	if srv == nil || srv.proc == nil && n.passes(p.srv, srv) && n.passes(srv, p.srv) {
		n.reset(p, l, 2*n.w.between(n.w.Delay))
		return false
	}
	if srv.proc == nil {
		n.reset(p, l, n.w.Stall) // nobody answers at all
		return false
	}
	l.conn = &conn{from: p, to: srv.proc, link: l}
	n.conns = append(n.conns, l.conn)
	return true
}

// reset tells the sender after d that what it sent may be lost; until then, what it sends is.
func (n *network) reset(p *process, l *link, d time.Duration) {
	l.reset, l.conn = true, nil
	p.later(d, func() {
		l.reset = false
		p.push(chain.LinkReset{Peer: l.key.to})
	})
}

// deliver hands the first message over, if it may pass.
func (c *conn) deliver() {
	n := &c.from.w.net
	w := n.w
	if c.broken || len(c.queue) == 0 || c.queue[0].at > w.now {
		return
	}
	if !n.passes(c.from.srv, c.to.srv) {
		c.stall()
		return
	}
	if n.clogged[c.from.srv.index][c.to.srv.index] > 0 {
		c.waits = true
		return
	}
	if !n.passes(c.to.srv, c.from.srv) {
		c.stall() // it arrives, but nothing comes back that would say so
	}
	env := c.queue[0].env
	c.queue = c.queue[1:]
	c.to.deliver(env, c.from)
}

// stall breaks the connection if it cannot be used for too long.
func (c *conn) stall() {
	if c.stuck {
		return
	}
	c.stuck = true
	w := c.from.w
	w.after(w.Stall, func() {
		if c.stuck && !c.broken {
			w.net.breakConn(c, 0)
		}
	})
}

// breakConn ends a connection. What is in flight is lost, or some of it lingers and arrives behind what the sender sends
// on its next connection. The sender learns of it after d.
func (n *network) breakConn(c *conn, d time.Duration) {
	if c.broken {
		return
	}
	w := n.w
	c.broken = true
	n.conns = remove(n.conns, c)
	w.stats.Breaks++
	w.story.mix(3, uint64(c.from.serial), uint64(c.to.serial))
	if w.story.on {
		w.tell("%v -> %v: connection breaks, %d in flight", c.from, c.to, len(c.queue))
	}
	if keep := len(c.queue); keep > 0 && w.chance(w.Linger) && n.passes(c.from.srv, c.to.srv) {
		w.stats.Faults[LateMessages]++
		keep = 1 + w.IntN(keep)
		var at time.Duration
		for _, f := range c.queue[:keep] {
			at = max(at, f.at-w.now+w.soon(w.LingerFor))
			w.after(at, func() { c.to.deliver(f.env, c.from) })
		}
	}
	c.queue = nil
	if !c.from.dead {
		n.reset(c.from, c.link, d)
	}
}

// closeFrom ends the connections over which peer sends to p.
func (n *network) closeFrom(p *process, peer chain.MemberID) {
	for _, c := range append([]*conn(nil), n.conns...) {
		if c.to == p && c.from.id.Node == peer.Node {
			n.breakConn(c, n.w.between(n.w.Delay))
		}
	}
}

// died ends all connections of a process. Peers learn of it at once, or only when they have waited long enough.
func (n *network) died(p *process) {
	silent := n.w.chance(0.3)
	for _, c := range append([]*conn(nil), n.conns...) {
		if c.to != p && c.from != p {
			continue
		}
		d := n.w.between(n.w.Delay)
		if silent {
			d = n.w.Stall
		}
		n.breakConn(c, d)
	}
}

// breakSome ends a random connection: often one to the learner, who has the most to lose.
func (n *network) breakSome(d dice) bool {
	conns := n.conns
	if d.chance(0.4) {
		learner := n.w.coord.now().view.Learner.MemberID
		conns = nil
		for _, c := range n.conns {
			if c.to.id == learner {
				conns = append(conns, c)
			}
		}
	}
	if len(conns) == 0 {
		return false
	}
	n.breakConn(conns[d.IntN(len(conns))], d.between(n.w.Delay))
	return true
}

// breakOf breaks a random connection to or from a place.
func (n *network) breakOf(s *server) {
	var conns []*conn
	for _, c := range n.conns {
		if c.from.srv == s || c.to.srv == s {
			conns = append(conns, c)
		}
	}
	if len(conns) > 0 {
		n.breakConn(conns[n.w.IntN(len(conns))], n.w.between(n.w.Delay))
	}
}

// breakTo breaks all connections to a process.
func (n *network) breakTo(p *process) {
	for _, c := range slices.Clone(n.conns) {
		if c.to == p {
			n.breakConn(c, n.w.between(n.w.Delay))
		}
	}
}

// remove takes x out of s and keeps the order.
func remove[T comparable](s []T, x T) []T {
	for i := range s {
		if s[i] == x {
			return append(s[:i], s[i+1:]...)
		}
	}
	return s
}
