package sim

import (
	"time"

	"github.com/chaintable/chaintable/chain"
)

// faults lets things go wrong, each kind at random times with the mean that the options say.
type faults struct {
	w       *world
	hunting int         // heads still to be killed, each soon after it took over
	brought chain.Epoch // epoch of the last dead view for which a newcomer was started
}

// begin starts every kind that is switched on.
func (f *faults) begin() {
	w := f.w
	f.every(w.Crash, f.crash)
	f.every(w.Pause, f.pause)
	f.every(w.Break, f.breakConn)
	f.every(w.Block, f.block)
	f.every(w.Partition, f.partition)
	f.every(w.Outage, f.outage)
	f.every(w.CoordCut, f.cut)
	f.every(w.Expire, f.expire)
	f.every(w.Freeze, f.freeze)
	f.every(w.Leave, f.leave)
	f.every(w.ClientDeath, f.clientDeath)
	f.every(w.Massacre, f.massacre)
	f.every(w.Hunt, f.hunt)
}

// every repeats a fault until the run is healed.
func (f *faults) every(mean time.Duration, happen func()) {
	if mean == 0 {
		return
	}
	f.w.after(f.w.soon(mean), func() {
		if f.w.healed {
			return
		}
		happen()
		f.every(mean, happen)
	})
}

// someone is a random living process, or nil.
func (f *faults) someone() *process {
	up := f.w.up()
	if len(up) == 0 {
		return nil
	}
	return up[f.w.rng.IntN(len(up))]
}

// spared tells whether p must not die alone: it is the last living member of the newest view, and nothing would be
// left. Only a massacre does that.
func (f *faults) spared(p *process) bool {
	for _, m := range f.w.coord.now().view.Members {
		if q := f.w.check.processes[m.MemberID]; q != nil && q != p && !q.dead {
			return false
		}
	}
	return p.srv.disk == nil
}

func (f *faults) crash() {
	if p := f.someone(); p != nil && !f.spared(p) {
		f.w.stats.Crashes++
		p.srv.crash()
		f.revive(p.srv, f.w.soon(f.w.Down))
	}
}

// revive starts a server again after d.
func (f *faults) revive(s *server, d time.Duration) {
	f.w.after(d, func() {
		if s.proc == nil && !f.w.healed {
			s.start()
		}
	})
}

// massacre kills everybody at about the same time.
func (f *faults) massacre() {
	f.w.stats.Massacres++
	for _, p := range f.w.up() {
		srv := p.srv
		f.w.after(f.w.soon(f.w.Timeout/4), func() {
			if !f.w.healed {
				srv.crash()
				f.revive(srv, f.w.soon(f.w.Down))
			}
		})
	}
}

// hunt kills the head, and one or two of its heirs in the middle of taking over.
func (f *faults) hunt() {
	f.w.stats.Hunts++
	f.hunting = 1 + f.w.rng.IntN(2)
	f.killHead(f.w.coord.now().view.View)
}

// viewChanged lets a hunt go on.
func (f *faults) viewChanged(v chain.View) {
	if f.hunting == 0 || f.w.healed {
		return
	}
	f.hunting--
	f.w.after(f.w.soon(2*f.w.Coord.Max+4*f.w.Delay.Max), func() { f.killHead(v) })
}

func (f *faults) killHead(v chain.View) {
	p := f.w.check.processes[v.Head().MemberID]
	if p == nil || p.dead || f.w.healed || f.spared(p) {
		f.hunting = 0
		return
	}
	p.srv.crash()
	f.revive(p.srv, f.w.soon(f.w.Down))
}

func (f *faults) pause() {
	if p := f.someone(); p != nil {
		f.w.stats.Pauses++
		p.pause(f.w.soon(f.w.Paused))
	}
}

func (f *faults) breakConn() { f.w.net.breakSome() }

// block stops one direction between two servers, or both.
func (f *faults) block() {
	a, b := f.someone(), f.someone()
	if a == nil || a == b {
		return
	}
	f.w.stats.Blocks++
	d := f.w.soon(f.w.Blocked)
	if f.w.story.on {
		f.w.tell("nothing passes from %v to %v for %v", a, b, d)
	}
	f.w.net.block(a.srv, b.srv, d)
	if f.w.chance(0.4) {
		f.w.net.block(b.srv, a.srv, d)
	}
}

// partition splits the servers in two; the coordinator is with one side, or both.
func (f *faults) partition() {
	w := f.w
	w.stats.Partitions++
	d := w.soon(w.Blocked)
	side := make([]bool, len(w.servers))
	for i := range side {
		side[i] = w.chance(0.5)
	}
	oneWay, cut := w.chance(0.2), w.chance(0.5)
	if w.story.on {
		w.tell("partition for %v: %v, one way=%t, coordinator cut=%t", d, side, oneWay, cut)
	}
	for i, a := range w.servers {
		for j, b := range w.servers {
			if side[i] && !side[j] {
				w.net.block(a, b, d)
				if !oneWay {
					w.net.block(b, a, d)
				}
			}
		}
		if cut && side[i] {
			f.cutOff(a, d)
		}
	}
}

func (f *faults) outage() {
	f.w.stats.Outages++
	d := f.w.soon(f.w.Blocked)
	if f.w.story.on {
		f.w.tell("the coordinator is down for %v", d)
	}
	f.w.coord.outage(d)
}

func (f *faults) cut() {
	if p := f.someone(); p != nil {
		f.w.stats.Cuts++
		f.cutOff(p.srv, f.w.soon(f.w.Blocked))
	}
}

func (f *faults) cutOff(s *server, d time.Duration) {
	if f.w.story.on {
		f.w.tell("%s is cut off from the coordinator for %v", s.address, d)
	}
	s.cut = true
	f.w.after(d, func() { s.cut = false })
}

// expire ends the coordinator session of a living server.
func (f *faults) expire() {
	if p := f.someone(); p != nil {
		f.w.stats.Expiries++
		f.w.coord.expire(p)
	}
}

// freeze lets a server be shown old states of the coordinator only.
func (f *faults) freeze() {
	if p := f.someone(); p != nil {
		f.w.stats.Freezes++
		f.w.coord.freeze(p, f.w.soon(f.w.Blocked))
	}
}

// leave asks a server to take itself out.
func (f *faults) leave() {
	if p := f.someone(); p != nil && !f.spared(p) {
		p.leave()
		f.revive(p.srv, f.w.soon(f.w.Down)+12*time.Second)
	}
}

func (f *faults) clientDeath() {
	c := f.w.clients[f.w.rng.IntN(len(f.w.clients))]
	if !c.dead {
		f.w.stats.ClientDeaths++
		c.die()
		f.w.addClient()
	}
}

// heal ends all faults and brings back who is needed: from now on everything must come to rest.
func (f *faults) heal() {
	w := f.w
	w.healed = true
	w.coord.down = 0
	w.net.heal()
	w.Coord.Rare, w.Delay.Rare, w.Disk.Rare = 0, 0, 0
	w.Patience = max(w.Patience, 20*w.Timeout) // else several slow reads in a row might never end
	everybody := w.chance(0.5)
	for _, s := range w.servers {
		s.cut = false
		if s.proc != nil {
			s.proc.resume()
		}
	}
	if w.story.on {
		w.tell("everything is healed")
	}
	for _, s := range w.servers {
		if s.proc == nil && (everybody || s.disk != nil || len(w.up()) == 0) {
			s.start()
		}
	}
}

// rescue starts whoever alone can help when all members of the view are dead: those whose disks hold the chain, or, if it
// was all in memory, a server that holds nothing. (Servers that were in the chain before, and live, must not begin an
// empty one.)
func (f *faults) rescue() {
	w := f.w
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
		if srv := w.serverAt(m.Address); m.Durable && srv.proc == nil {
			srv.start()
		}
	}
	if !durable {
		s := w.addServer()
		s.disk = nil
		s.start()
	}
}
