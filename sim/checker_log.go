package sim

import (
	"bytes"
	"slices"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// viewKey names a view.
type viewKey struct {
	chain chain.ID
	epoch chain.Epoch
}

func sameView(a, b chain.View) bool {
	return a.Learner == b.Learner && a.Target == b.Target && slices.Equal(a.Members, b.Members)
}

// checker watches a run from outside: it sees logs, commits, views and what clients saw, and nothing of the decisions that
// led there.
type checker struct {
	w         *world
	ops       []*op
	histories []*history // one for each chain id, in order of appearance
	processes map[chain.MemberID]*process
	views     map[viewKey]chain.View // that were set
	registrations
}

// history is everything that one chain ever committed.
type history struct {
	id        chain.ID
	sessions  int   // that the table keeps
	memory    int64 // bound of the table; zero for none
	committed []chain.Entry
	index     map[chain.Seq]int // in committed
	at        []time.Duration   // when each of committed was first applied
	results   []table.Result    // of committed, as the first replica had them
	logged    map[chain.Position]logged
	given     map[chain.Seq]*op // numbers told to clients
	digests   map[chain.Seq]digest
	truth     *table.Table // right, where others may be wrong; else nil
}

// logged is what a position of any log stands for, for ever.
type logged struct {
	prev  chain.Position
	entry chain.Entry
	at    time.Duration // when it was first logged
}

type digest struct {
	sum   uint64
	bytes int64
	keys  int
}

// seen is what the checker knows of one process.
type seen struct {
	history *history
	applied int // of history.committed
	epoch   chain.Epoch
	last    chain.Position // of its log, as far as it was compared
}

func (c *checker) init(w *world) {
	c.w = w
	c.processes = make(map[chain.MemberID]*process)
	c.views = make(map[viewKey]chain.View)
	c.written, c.deleted = make(map[chain.MemberID]time.Duration), make(map[chain.MemberID]time.Duration)
	c.staying = make(map[chain.MemberID]bool)
}

// of is the history of a chain.
func (c *checker) of(id chain.ID) *history {
	for _, h := range c.histories {
		if h.id == id {
			return h
		}
	}
	h := &history{
		id: id, sessions: c.w.Session, memory: c.w.Memory, index: make(map[chain.Seq]int), logged: make(map[chain.Position]logged),
		given: make(map[chain.Seq]*op), digests: make(map[chain.Seq]digest),
	}
	if c.w.Means[Rot] > 0 {
		h.truth = table.New(c.w.tableConfig())
	}
	c.histories = append(c.histories, h)
	return h
}

// last is the newest committed position.
func (h *history) last() chain.Position {
	if n := len(h.committed); n > 0 {
		return h.committed[n-1].Position()
	}
	return chain.Position{}
}

// starts notes what a process begins with.
func (c *checker) starts(p *process, r *chain.Recovered) {
	if r == nil {
		return
	}
	h := c.of(r.Chain)
	p.view.Chain, p.view.Epoch = r.Chain, r.Epoch
	p.seen.history, p.seen.epoch, p.seen.last = h, r.Epoch, r.Base
	if r.Base != (chain.Position{}) {
		i, ok := h.index[r.Base.Seq]
		if !ok {
			c.w.fail("%v: recovers a table at %v, which was never committed", p, r.Base)
			return
		}
		p.seen.applied = i + 1
		c.takes(p, r.Base)
	}
}

func (c *checker) registers(p *process) { c.processes[p.id] = p }

// same tells whether two entries are the same operation, byte for byte.
func same(a, b *chain.Entry) bool {
	return a.Position() == b.Position() && a.Kind == b.Kind && a.Request == b.Request && a.DoneBelow == b.DoneBelow &&
		a.Skipped == b.Skipped && a.Tag == b.Tag && bytes.Equal(a.Command, b.Command) && bytes.Equal(a.Encoded, b.Encoded)
}

// commits takes the next entry that a process applies: it must be the next of the history, or begin where that ends, and then
// every member holds it.
func (c *checker) commits(p *process, e *chain.Entry) {
	if !c.follows(p, p.replica.Status().View) {
		return
	}
	h := c.of(p.view.Chain)
	if p.seen.history == nil {
		p.seen.history = h
	}
	i := p.seen.applied
	p.seen.applied++
	if i < len(h.committed) {
		if !same(&h.committed[i], e) {
			c.w.fail("%v: committed histories differ: applies %v where the chain has %v", p, e, &h.committed[i])
		}
		return
	}
	if last := h.last(); e.Seq <= last.Seq || e.Epoch < last.Epoch {
		c.w.fail("%v: commits %v behind %v", p, e, last)
		return
	}
	h.index[e.Seq] = len(h.committed)
	h.committed = append(h.committed, *e)
	h.at = append(h.at, c.w.now)
	if t := h.truth; t != nil {
		h.results = append(h.results, t.Apply(e))
		h.digests[e.Seq] = digest{t.Digest().Sum, t.Bytes(), t.Len()}
	}
	c.w.stats.Commits++
	if c.w.story.on {
		c.w.tell("%v commits %v", p, e)
	}
	c.held(p.replica.Status().View, e.Position(), "commits "+e.Position().String())
	if now := c.w.coord.now(); now.exists && now.view.Chain == h.id {
		c.held(now.view.View, e.Position(), "commits "+e.Position().String())
	}
}

// held checks that every member of a view holds what is committed. Who has been removed since, and knows, may be learning anew, and have
// forgotten what it did not know to be committed.
func (c *checker) held(v chain.View, last chain.Position, why string) {
	if last == (chain.Position{}) {
		return
	}
	for _, m := range v.Members {
		p := c.processes[m.MemberID]
		if p == nil {
			c.w.fail("view %s names %v, who never registered", c.w.showView(v), m.MemberID)
			return
		}
		if p.rot.out {
			continue // what it held is not to be used
		}
		if now := p.srv.latest.replica.Status().View; now.Epoch > v.Epoch && now.Index(m.MemberID) < 0 {
			continue
		}
		if d := p.srv.disk; d != nil && p.serial < d.lost {
			continue // what its disk held cannot be relied on any more, and it knows
		}
		if !p.replica.Holds(last) {
			c.w.fail("%s, but member %v (%v) of view %s does not hold %v", why, p, m.MemberID, c.w.showView(v), last)
			return
		}
		if d := p.srv.disk; d != nil && !d.holds(last) {
			c.w.fail("%s, but member %v (%v) of view %s does not hold %v on disk", why, p, m.MemberID, c.w.showView(v), last)
			return
		}
	}
}

// applied compares results: they must be the same at every replica. A request of a server's own session is overtaken only where one before
// it was refused for lack of room, or given up while it still waited for some; in one of a client's the client may be to blame.
func (c *checker) applied(p *process, e *chain.Entry, r table.Result) {
	if p.rot.since > 0 {
		c.tells(p, "applies "+e.String())
		return
	}
	if r.Code == table.CodeOvertaken && c.w.Memory == 0 && c.w.Pending == 0 && c.w.Means[Fill] == 0 && !c.ofClient(p.chainID(), e) {
		c.w.fail("%v: a later request of its session stands before %v", p, e)
		return
	}
	h := p.seen.history
	i, ok := h.index[e.Seq]
	switch {
	case !ok || c.w.failure != nil:
	case i == len(h.results):
		h.results = append(h.results, r)
	case i > len(h.results) || !h.results[i].Equal(r):
		c.w.fail("%v: result of %v is %+v, elsewhere it was %+v", p, e, r, h.results[min(i, len(h.results)-1)])
	}
}

// ofClient tells whether an entry is a request of a session that a client holds itself.
func (c *checker) ofClient(id chain.ID, e *chain.Entry) bool {
	return slices.ContainsFunc(c.ops, func(o *op) bool {
		return o.session != nil && o.session.chain == id && o.session.id == e.Request.Session
	})
}

// digest compares tables: at equal seqs they are equal.
func (c *checker) digest(p *process) {
	h := p.seen.history
	if h == nil || c.w.failure != nil || p.rot.since > 0 {
		return
	}
	t := p.table.Digest()
	d := digest{t.Sum, p.table.Bytes(), p.table.Len()}
	was, ok := h.digests[t.Seq]
	if !ok {
		h.digests[t.Seq] = d
	} else if was != d {
		c.w.fail("%v: table at seq %d is %+v, elsewhere it was %+v", p, t.Seq, d, was)
	}
	c.w.story.mix(d.sum)
}

// restored takes note of a snapshot that has become a process's table.
func (c *checker) restored(p *process, base chain.Position) {
	h := c.of(p.chainID())
	i, ok := h.index[base.Seq]
	if base == (chain.Position{}) {
		i, ok = -1, true
	}
	if !ok || i >= 0 && h.committed[i].Position() != base {
		c.w.fail("%v: restores a table at %v, which was never committed", p, base)
		return
	}
	p.seen.history, p.seen.applied, p.seen.last = h, i+1, base
	c.takes(p, base)
	c.digest(p)
}

// appends compares the entries that a process logs with all other logs: those that share a position agree on everything
// before it.
func (c *checker) appends(p *process, prev chain.Position, entries []chain.Entry) {
	h := c.of(p.chainID())
	for i := range entries {
		e := &entries[i]
		was, ok := h.logged[e.Position()]
		switch {
		case !ok:
			h.logged[e.Position()] = logged{prev, *e, c.w.now}
		case was.prev != prev:
			c.w.fail("%v: logs %v behind %v, another log has it behind %v", p, e, prev, was.prev)
			return
		case !same(&was.entry, e):
			c.w.fail("%v: logs %v, another log has %v", p, e, &was.entry)
			return
		}
		prev = e.Position()
	}
	p.seen.last = prev
}

// turned looks at a process after a turn of its loop.
func (c *checker) turned(p *process) {
	s := p.replica.Status()
	if !c.follows(p, s.View) {
		return
	}
	if s.View.Chain != 0 {
		if !p.replica.Holds(p.seen.last) { // it has forgotten something since
			p.seen.last = p.replica.Base()
		}
		if log := p.replica.Log(p.seen.last.Seq); len(log) > 0 {
			c.appends(p, p.seen.last, log)
		}
	}
	if now := c.w.coord.now(); !c.w.Outside && p.leased() && now.exists && now.view.Chain == p.chainID() && now.view.Index(p.id) < 0 {
		c.w.fail("%v: has a lease, and the view %s does not name it", p, c.w.showView(c.w.coord.now().view.View))
	}
}

// follows takes note of the view that a process has adopted. Epochs never go back, and only who holds nothing goes on in
// another chain.
func (c *checker) follows(p *process, v chain.View) bool {
	switch {
	case v.Epoch == p.seen.epoch && v.Chain == p.view.Chain && slices.Equal(v.Members, p.view.Members):
		return true
	case len(v.Members) > 0 && !sameView(v, c.views[viewKey{v.Chain, v.Epoch}]):
		c.w.fail("%v: adopts the view %s, which nobody has set", p, c.w.showView(v))
		return false
	case v.Epoch < p.seen.epoch:
		c.w.fail("%v: its epoch fell from %d to %d", p, p.seen.epoch, v.Epoch)
		return false
	case p.view.Chain != 0 && v.Chain != p.view.Chain:
		if p.seen.last != (chain.Position{}) {
			c.w.fail("%v: was in chain %v, holds its log up to %v, and is in chain %v", p, p.view.Chain, p.seen.last, v.Chain)
			return false
		}
		p.seen = seen{}
	}
	p.seen.epoch, p.view = v.Epoch, v
	return true
}

// numbered notes a number that was told to a client.
func (c *checker) numbered(p *process, o *op, seq chain.Seq) {
	h := c.of(p.chainID())
	if was := h.given[seq]; was != nil && was != o {
		c.w.fail("%v: number %d is given to %v and was given to %v", p, seq, o, was)
	}
	h.given[seq] = o
}

// chainID is the chain that the process is in.
func (p *process) chainID() chain.ID { return p.replica.Status().View.Chain }
