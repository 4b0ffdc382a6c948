package sim

import (
	"time"

	"github.com/chaintable/chaintable/chain"
)

// faults lets things go wrong, each kind at random times with the mean that the options say.
type faults struct {
	w       *world
	strikes Counts      // how often each came up
	cored   bool        // only some servers were healed
	hunting int         // heads still to be killed, each soon after it took over
	brought chain.Epoch // epoch of the last dead view for which a newcomer was started
	wiped   *wipe       // nil: the coordinator has what it was told
	operators
}

// begin starts every kind that is switched on.
func (f *faults) begin() {
	for kind, mean := range f.w.Means {
		if mean > 0 {
			f.every(Fault(kind), newDice(f.w.Seed, diceTimes, uint64(kind)), 1)
		}
	}
}

// every repeats a fault until the run is healed; this is the n-th time. Each time has dice of its own, so that the run is much the same
// without one of them.
func (f *faults) every(kind Fault, times dice, n int) {
	f.w.after(times.soon(f.w.Means[kind]), func() {
		if f.w.healed {
			return
		}
		f.strikes[kind]++
		if !f.w.dropped(kind.String(), n) {
			if f.w.story.on {
				f.w.tell("-- %v#%d", kind, n)
			}
			if f.happen(kind, newDice(f.w.Seed, diceFault, uint64(kind), uint64(n))) {
				f.w.stats.Faults[kind]++
			}
		}
		f.every(kind, times, n+1)
	})
}

// happen lets a fault happen, or says that there is nobody to whom it could.
func (f *faults) happen(kind Fault, d dice) bool {
	w := f.w
	switch kind {
	case Massacre:
		if f.wiped != nil {
			return false // all that is left would go
		}
		f.massacre(d)
		return true
	case Hunt:
		f.hunting = 1 + d.IntN(2)
		return f.killHead(w.coord.now().view.View)
	case Break:
		return w.net.breakSome(d)
	case Swizzle:
		f.swizzle(d)
		return true
	case Partition:
		f.partition(d)
		return true
	case Maroon:
		return f.maroon(d)
	case Outage:
		f.outage(d.soon(w.Blocked))
		return true
	case ClientDeath:
		return f.clientDeath(d)
	case Wipe:
		return f.wipe(d)
	case Blackout:
		return f.blackout(d)
	case Decay:
		return f.decay(d)
	case Retarget, Move, Evict, Drain:
		return f.operate(kind, d)
	}
	p := f.someone(d)
	if p == nil {
		return false
	}
	switch kind {
	case Crash, Leave:
		if f.spared(p) {
			return false
		}
		if kind == Crash {
			p.srv.crash()
			f.revive(p.srv, d.soon(w.Down))
		} else {
			p.leave(15 * time.Second)
			f.revive(p.srv, d.soon(w.Down)+12*time.Second)
		}
	case Fill:
		return f.fill(p.srv, d.soon(w.Blocked))
	case Rot:
		return f.rots(p)
	case Pause:
		p.pause(d.soon(w.Paused))
	case Suspend:
		f.suspend(p, d.soon(w.Paused))
	case Flap:
		s := p.srv
		if learner := w.check.processes[w.coord.now().view.Learner.MemberID]; learner != nil && d.chance(0.5) {
			s = learner.srv
		}
		f.flap(s, d.soon(w.Blocked))
	case Slow:
		f.slow(p.srv, d.soon(w.Timeout/4), d.soon(w.Blocked))
	case CoordCut:
		f.cutOff(p.srv, d.soon(w.Blocked))
	case Expire:
		w.coord.expire(p)
	case Freeze:
		w.coord.freeze(p, d.soon(w.Blocked), d.chance(0.5))
	case Cut, OneWay, Clog:
		q := f.someone(d)
		if q == nil || q == p {
			return false
		}
		f.between(kind, p.srv, q.srv, d.soon(w.Blocked))
	}
	return true
}

// someone is a random living process, or nil.
func (f *faults) someone(d dice) *process {
	up := f.w.up()
	if len(up) == 0 {
		return nil
	}
	return up[d.IntN(len(up))]
}

// spared tells whether p must not die alone: it is the last living member of the newest view, and nothing would be
// left. Only a massacre does that.
func (f *faults) spared(p *process) bool {
	if f.wiped != nil {
		return p == f.wiped.keeper
	}
	for _, m := range f.w.coord.now().view.Members {
		if q := f.w.check.processes[m.MemberID]; q != nil && q != p && !q.dead && !q.drained {
			return false
		}
	}
	return p.srv.disk == nil
}

// revive starts a server again after d.
func (f *faults) revive(s *server, d time.Duration) {
	f.w.after(d, func() {
		if s.proc == nil && !f.w.healed {
			s.start()
		}
	})
}

// massacre kills everybody at about the same time; by chance not the learner, who may be about to have everything.
func (f *faults) massacre(d dice) {
	spared := chain.MemberID{}
	if d.chance(0.5) {
		spared = f.w.coord.now().view.Learner.MemberID
	}
	for _, p := range f.w.up() {
		if p.id == spared {
			continue
		}
		srv, back := p.srv, d.soon(f.w.Down)
		f.w.after(d.soon(f.w.Timeout/4), func() {
			if p := srv.proc; !f.w.healed && p != nil && (f.wiped == nil || p != f.wiped.keeper) {
				srv.crash()
				f.revive(srv, back)
			}
		})
	}
}

// viewChanged lets a hunt go on.
func (f *faults) viewChanged(v chain.View) {
	if f.hunting == 0 || f.w.healed {
		return
	}
	f.hunting--
	f.w.after(f.w.soon(2*f.w.Coord.Max+4*f.w.Delay.Max), func() { f.killHead(v) })
}

func (f *faults) killHead(v chain.View) bool {
	p := f.w.check.processes[v.Head().MemberID]
	if p == nil || p.dead || f.w.healed || f.spared(p) {
		f.hunting = 0
		return false
	}
	p.srv.crash()
	f.revive(p.srv, f.w.soon(f.w.Down))
	return true
}

// between lets something be wrong between two servers for some time.
func (f *faults) between(kind Fault, a, b *server, lasts time.Duration) {
	if f.w.story.on && a != b {
		f.w.tell("%v from %s to %s for %v", kind, a.address, b.address, lasts)
	}
	if kind == Clog {
		f.w.net.clog(a, b, lasts)
		return
	}
	f.w.net.block(a, b, lasts)
	if kind == Cut {
		f.w.net.block(b, a, lasts)
	}
}

// swizzle clogs all that some servers send, one server after the other, and frees them in an order of its own.
func (f *faults) swizzle(d dice) {
	w := f.w
	for _, a := range w.servers {
		if d.chance(0.5) {
			continue
		}
		begin, lasts := d.soon(w.Blocked/2), d.soon(w.Blocked)
		w.after(begin, func() {
			if w.healed {
				return
			}
			for _, b := range w.servers {
				f.between(Clog, a, b, lasts)
			}
		})
	}
}

// shapes are the ways in which a partition splits servers that stand in a random order. They tell whether what i sends reaches j.
var shapes = []struct {
	name    string
	reaches func(i, j, n int) bool
}{
	{"halves", func(i, j, n int) bool { return (i < (n+1)/2) == (j < (n+1)/2) }},
	{"one alone", func(i, j, n int) bool { return i != 0 && j != 0 }},
	{"one is not heard", func(i, _, _ int) bool { return i != 0 }},
	{"one does not hear", func(_, j, _ int) bool { return j != 0 }},
	{"halves, one way", func(i, j, n int) bool { return i < (n+1)/2 || j >= (n+1)/2 }},
	{"a bridge", func(i, j, n int) bool { return i == 0 || j == 0 || (i <= n/2) == (j <= n/2) }},
	{"a ring", func(i, j, n int) bool { return (i-j+n)%n <= 1 || (j-i+n)%n <= 1 }},
	{"nobody", func(_, _, _ int) bool { return false }},
}

// partition splits the servers; some of them may be cut off from the coordinator, too.
func (f *faults) partition(d dice) {
	w := f.w
	lasts := d.soon(w.Blocked)
	shape := shapes[d.IntN(len(shapes))]
	order := d.Perm(len(w.servers))
	cut, longer := d.chance(0.5), time.Duration(0)
	if d.chance(0.5) { // what was held back arrives at those who do not know yet that they are out
		longer = d.soon(w.Blocked)
	}
	if w.story.on {
		w.tell("partition for %v: %s, in the order %v, coordinator cut=%t", lasts, shape.name, order, cut)
	}
	for i, a := range order {
		for j, b := range order {
			if i != j && !shape.reaches(i, j, len(order)) {
				w.net.block(w.servers[a], w.servers[b], lasts)
			}
		}
		if cut && i < (len(order)+1)/2 {
			f.cutOff(w.servers[a], lasts+longer)
		}
	}
}

// maroon leaves the end of the chain behind, two servers at least if there are three: the others go on without it, and what they had sent
// arrives where nobody knows that yet.
func (f *faults) maroon(d dice) bool {
	w := f.w
	members := w.coord.now().view.Members
	if len(members) < 2 {
		return false
	}
	first := 1 + d.IntN(max(1, len(members)-2))
	lasts := w.Timeout + d.soon(w.Timeout)
	for i, m := range members {
		p := w.check.processes[m.MemberID]
		if p == nil || i < first {
			continue
		}
		f.cutOff(p.srv, lasts+d.soon(w.Timeout))
		for _, n := range members[:first] {
			if q := w.check.processes[n.MemberID]; q != nil {
				f.between(Clog, q.srv, p.srv, lasts)
				f.between(Clog, p.srv, q.srv, lasts)
			}
		}
	}
	return true
}

func (f *faults) outage(lasts time.Duration) {
	if f.w.story.on {
		f.w.tell("the coordinator is down for %v", lasts)
	}
	f.w.coord.outage(lasts)
}

// flap breaks one connection of a server after the other.
func (f *faults) flap(s *server, lasts time.Duration) {
	w := f.w
	if w.story.on {
		w.tell("connections of %s flap for %v", s.address, lasts)
	}
	until := w.now + lasts
	var next func()
	next = func() {
		if w.healed || w.now > until {
			return
		}
		w.net.breakOf(s)
		w.after(w.soon(4*w.Delay.Max)+w.Timeout/500, next)
	}
	next()
}

// meddle makes a change of the view that p has asked for harder, by chance. It returns when the change arrives.
func (f *faults) meddle(p *process, v chain.View, arrives time.Duration) time.Duration {
	w := f.w
	if w.chance(w.Snap) {
		f.snap(v, arrives)
	}
	if !w.chance(w.Meddle) {
		return arrives
	}
	old := w.coord.now().view.View
	for _, m := range v.Members {
		if q := w.check.processes[m.MemberID]; q != nil && old.Index(m.MemberID) < 0 {
			arrives += w.soon(w.Timeout / 4)
			f.flap(q.srv, 2*arrives) // who is taken in
			return arrives
		}
	}
	if v.Index(p.id) < 0 {
		w.after(arrives, func() {
			if !w.healed {
				f.cutOff(p.srv, w.soon(w.Blocked)) // who has taken itself out, and does not hear of it
			}
		})
	}
	return arrives
}

// snap breaks connections between neighbours of a view that has been asked for, at any moment until it is in force: most often that to
// the tail, who may have been the learner until then. What was acknowledged before is all that counts.
func (f *faults) snap(v chain.View, until time.Duration) {
	w := f.w
	i := len(v.Members) - 1
	if w.chance(0.3) {
		i = w.IntN(len(v.Members))
	}
	p := w.check.processes[v.Members[i].MemberID]
	for n := 1 + w.IntN(2); n > 0 && p != nil; n-- {
		w.after(time.Duration(w.Float64()*float64(until)), func() {
			if !w.healed && !p.dead {
				w.stats.Faults[Snap]++
				w.net.breakTo(p)
			}
		})
	}
}

// suspend stops a machine: its process, and everything to and from it.
func (f *faults) suspend(p *process, lasts time.Duration) {
	p.pause(lasts)
	f.cutOff(p.srv, lasts)
	for _, s := range f.w.servers {
		f.w.net.block(p.srv, s, lasts)
		f.w.net.block(s, p.srv, lasts)
	}
}

// fill takes the room on a server's disk for some time: every process there is told.
func (f *faults) fill(s *server, lasts time.Duration) bool {
	if s.disk == nil || s.disk.full {
		return false
	}
	s.fill(true)
	f.w.until(lasts, func() { s.fill(false) })
	return true
}

// fill tells whether the disk here is full.
func (s *server) fill(full bool) {
	s.disk.full, s.filled = full, s.filled || full
	if s.w.story.on {
		s.w.tell("the disk of %s is full: %t", s.address, full)
	}
	if s.proc != nil {
		s.proc.push(chain.DiskSpace{Full: full})
	}
}

// slow makes a server take up to lag for each thing it does.
func (f *faults) slow(s *server, lag, lasts time.Duration) {
	if f.w.story.on {
		f.w.tell("%s is slow for %v: up to %v a turn", s.address, lasts, lag)
	}
	s.lag += lag
	f.w.until(lasts, func() { s.lag -= lag })
}

func (f *faults) cutOff(s *server, d time.Duration) {
	if f.w.story.on {
		f.w.tell("%s is cut off from the coordinator for %v", s.address, d)
	}
	s.cut++
	f.w.until(d, func() { s.cut-- })
}

func (f *faults) clientDeath(d dice) bool {
	c := f.w.clients[d.IntN(len(f.w.clients))]
	if c.dead {
		return false
	}
	c.die()
	if c.library != nil {
		f.w.addLibrary()
	} else {
		f.w.addClient()
	}
	return true
}

// heal ends all faults: from now on everything must come to rest. In some runs it heals only a core of the servers, and kills the
// others for good (TigerBeetle's simulator asks the same).
func (f *faults) heal() {
	w := f.w
	w.healed, w.healedAt = true, w.now
	f.cleanse()
	w.coord.down = 0
	w.check.outage(false)
	w.net.heal()
	if f.wiped != nil {
		f.wiped.bringBack()
	}
	w.Coord.Rare, w.Delay.Rare, w.Disk.Rare = 0, 0, 0
	w.Patience = max(w.Patience, 20*w.Timeout) // else several slow reads in a row might never end
	w.giveUp = 4 * w.Patience
	if w.story.on {
		w.tell("everything is healed")
	}
	everybody := w.chance(0.5)
	if w.chance(w.Core) {
		everybody = false
		f.chooseCore()
	}
	for _, s := range w.servers {
		s.cut, s.lag = 0, 0
		if s.disk != nil && s.disk.full {
			s.fill(false)
		}
		if s.proc != nil {
			s.proc.resume()
		}
	}
	for _, s := range w.servers {
		if s.proc == nil && !s.gone && (everybody || s.disk != nil || len(w.up()) == 0) {
			s.start()
		}
	}
}

// chooseCore kills all servers for good but some, among whom one is that has everything: a living member of the newest view, or
// one that is down and whose disk holds the chain. (One that has just started again may be about to leave the chain to the others, one
// without a registration is being evicted, and one that is drained, or too many, is on its way out.)
func (f *faults) chooseCore() {
	w := f.w
	var able []*server
	v := w.coord.now().view
	for i, m := range v.Members {
		if v.Target > 0 && i >= v.Target {
			break
		}
		if p := w.check.processes[m.MemberID]; p != nil && !p.leaving && (p.dead || p.replica.Serving()) && w.coord.find(m.MemberID) >= 0 && (!p.dead || m.Durable && p.srv.proc == nil && p.srv.disk.whole()) {
			able = append(able, p.srv)
		}
	}
	if len(able) == 0 {
		return
	}
	stays := able[w.IntN(len(able))]
	w.stats.Faults[Core]++
	f.cored = true
	for _, s := range w.servers {
		// One that leaves may be about to leave the chain to those who die now.
		if leaves := s.proc != nil && s.proc.leaving; s != stays && (w.chance(0.5) || leaves) {
			s.gone = true
			s.crash()
		}
	}
}

// rescue starts whoever alone can help when all members of the view are dead: those whose disks hold the chain, or, if it
// was all in memory, a server that holds nothing. (Servers that were in the chain before, and live, must not begin an
// empty one.)
func (f *faults) rescue() {
	w := f.w
	if !w.coord.now().exists && len(w.up()) == 0 {
		w.servers[0].start() // all have left before there was a chain
	}
	v := w.coord.now().view
	durable := false
	for _, m := range v.Members {
		if p := w.check.processes[m.MemberID]; p != nil && !p.dead {
			return
		}
		durable = durable || m.Durable
	}
	if len(v.Members) == 0 || !durable && f.brought >= v.Epoch {
		return
	}
	f.brought = v.Epoch
	for _, m := range v.Members {
		if srv := w.serverAt(m.Address); m.Durable && srv.proc == nil && !srv.gone {
			srv.start()
		}
	}
	if !durable {
		s := w.addServer()
		s.disk = nil
		if w.chance(0.3) {
			s.abandon = v.Epoch
		}
		s.start()
	}
}
