package sim

import (
	"errors"
	"fmt"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// carryOut does what a Ready says, in its order.
func (p *process) carryOut(r *chain.Ready) {
	w := p.w
	d := p.srv.disk
	if d != nil {
		for i := range r.News {
			if n := &r.News[i]; n.Text == chain.ViewChanged {
				d.push(diskWork{known: &n.View}) // without Cuts: it may be done, and told, before what this Ready cuts
			}
		}
		if r.Truncate != nil {
			d.push(diskWork{truncate: r.Truncate, cuts: r.Cuts})
		}
		if len(r.Append) > 0 {
			d.push(diskWork{entries: r.Append, cuts: r.Cuts})
		}
	}
	if len(r.Apply) > 0 {
		p.apply(r.Apply)
		if d != nil && p.w.failure == nil {
			d.checkpoint()
		}
	}
	p.transfer(r)
	if r.ReadLog != nil {
		p.srv.disk.readLog(p, r.ReadLog)
	}
	if r.Unstage {
		p.unstage()
	}
	for _, s := range r.Restore {
		p.restore(s, r.Cuts)
	}
	for _, env := range r.Send {
		w.story.mix(1, uint64(p.serial), uint64(env.Epoch))
		w.check.hears(p, env) // the tail is told by itself
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
		differs := errors.Is(r.Halt, chain.ErrDiffers)
		if differs {
			p.distrust()
		}
		p.srv.crash()
		if differs {
			w.faults.revive(p.srv, w.soon(w.Down))
		}
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
	var forgotten []chain.Seq
	var sums []uint64
	for i := range todo {
		e := &todo[i].Entry
		if p.w.check.commits(p, e); p.w.failure != nil {
			return
		}
		p.glance()
		res := p.execute(e)
		if todo[i].Sum {
			sums = append(sums, p.table.Digest().Sum)
		}
		p.w.check.applied(p, e, res)
		if res.Code == table.CodeForgotten {
			forgotten = append(forgotten, e.Seq)
		}
		if c := p.calls[todo[i].ID]; c != nil && todo[i].ID != 0 && res.Code != table.CodeForgotten {
			c.finish(outcome{kind: gotResult, result: res})
		}
	}
	p.w.check.digest(p)
	p.step(chain.Applied{Through: todo[len(todo)-1].Entry.Seq, Bytes: p.table.Bytes(), Forgotten: forgotten, Sums: sums})
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
		p.later(p.turnTime(), func() { p.readChunk(id) })
	}
}

func (p *process) readChunk(id uint64) {
	for _, t := range p.transfers {
		if t.id != id {
			continue
		}
		data, last, err := t.snap.Chunk(64 << p.w.IntN(8))
		if err != nil {
			p.w.fail("%v: snapshot: %v", p, err)
			return
		}
		p.push(chain.Chunk{Transfer: id, Data: data, Last: last})
	}
}

var errNoRestore = errors.New("no room for the snapshot")

// refuse is a snapshot that the table will not take: the code under test has made it.
func (p *process) refuse(err error) {
	if !p.w.Outside {
		p.w.fail("%v: %v", p, err)
	}
	p.notRestored(err)
}

func (p *process) notRestored(err error) {
	p.push(chain.Restored{Transfer: p.restorer.id, Err: err})
	p.unstage()
}

// unstage gives up the table that comes in.
func (p *process) unstage() {
	p.restorer = nil
	if d := p.srv.disk; d != nil {
		d.push(diskWork{unstage: true})
	}
}

// restore takes a chunk of a table that is to replace this one. When the last has come the new table is built, made durable,
// and put in place right before the replica is told.
func (p *process) restore(s chain.Snapshot, cuts uint64) {
	if s.Index == 0 {
		p.restorer = &restoring{id: s.Transfer, base: s.Base, to: table.NewRestorer(p.w.tableConfig())}
	}
	r := p.restorer
	if r == nil && p.w.Outside {
		return // it was refused
	}
	if r == nil || r.id != s.Transfer {
		p.w.fail("%v: chunk %d of transfer %d does not belong to the one under way", p, s.Index, s.Transfer)
		return
	}
	if d := p.srv.disk; d != nil {
		d.push(diskWork{chunk: &s})
	}
	if err := r.to.Add(s.Data); err != nil {
		p.refuse(fmt.Errorf("restore chunk %d: %w", s.Index, err))
		return
	}
	if !s.Last {
		return
	}
	t, err := r.to.Finish()
	if err != nil {
		p.refuse(fmt.Errorf("restore: %w", err))
		return
	}
	if p.w.chance(p.w.NoRestore) && !p.w.healed {
		p.w.stats.Faults[NoRestore]++
		p.notRestored(errNoRestore)
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
		p.settling = true
		d.push(diskWork{install: r, cuts: cuts, then: func(err error) {
			p.settling = false
			if err != nil {
				p.push(chain.Restored{Transfer: r.id, Err: err})
				return
			}
			swap()
		}})
		return
	}
	p.later(p.turnTime(), swap)
}

// ask takes a request to the coordinator. What a registration says must be on disk before.
func (p *process) ask(a chain.Ask) {
	switch a := a.(type) {
	case chain.AskChange:
		p.w.check.asks(p, a)
	case chain.AskRegister:
		if a.Registration.Leaving {
			p.w.stats.Drains++
		}
	}
	if r, ok := a.(chain.AskRegister); ok {
		p.id = r.Registration.MemberID
		p.w.check.registers(p)
		if d := p.srv.disk; d != nil {
			d.register(p.id.Incarnation, func() { p.asks(a) })
			return
		}
	}
	p.asks(a)
}

func (p *process) asks(a chain.Ask) {
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
	p.w.check.told(p, n)
	if p.w.story.on {
		p.w.tell("%v: %s: %s (%s)", p, n.Text, p.w.showView(n.View), n.Cause)
	}
}
