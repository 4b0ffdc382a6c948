package replica

import (
	"context"
	"errors"
	"log/slog"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/table"
)

// chunkBytes is about how large the chunks of a snapshot are.
const chunkBytes = 256 << 10

// manyEntries are so many that putting them into the table takes a time worth looking at the clock for.
const manyEntries = 64

// carryOut does what the chain wants done, in the order of the fields of chain.Ready.
//
// It is true if there may be more: a server with much to catch up with must look at its inputs in between, the answers to its
// heartbeats among them.
func (r *Replica) carryOut() (more bool) {
	for n := 0; ; n++ {
		if n == turnReadies {
			return true
		}
		ready := r.core.Ready()
		if len(ready.News) > 0 || r.core.Serving() != r.Serving() {
			r.publish() // before anybody is told of what has changed, or refused because of it
		}
		if ready.Empty() {
			return false
		}
		r.toDisk(&ready)
		if len(ready.Apply) > 0 {
			r.apply(ready.Apply)
			r.checkpoint()
		}
		r.readSnapshot(ready.Stop, ready.Start, ready.Read)
		if q := ready.ReadLog; q != nil {
			r.workers.Go(func() { r.readLog(*q) })
		}
		if ready.Unstage {
			r.unstage()
		}
		r.restore(ready.Restore, ready.Cuts)
		if len(ready.Send) > 0 {
			r.config.Links.Send(ready.Send)
		}
		for _, peer := range ready.Close {
			r.config.Links.Close(peer)
		}
		for _, a := range ready.Ask {
			r.workers.Go(func() { r.ask(a) })
		}
		for _, a := range ready.Answer {
			r.answer(a)
		}
		for _, m := range ready.Probe {
			r.workers.Go(func() { r.probe(m) })
		}
		for _, n := range ready.News {
			r.tell(n)
		}
		if ready.Left && !r.hasLeft {
			r.hasLeft = true
			close(r.left)
		}
		if ready.Halt != nil {
			r.halt(errors.Join(ready.Halt, r.distrust(ready.Halt)))
			return false
		}
	}
}

// apply puts committed entries into the table, answers those who wait for their results, and lets reads go on.
func (r *Replica) apply(entries []chain.Apply) {
	t := r.table.Load()
	var forgotten []chain.Seq
	var sums []uint64
	for i := range entries {
		a := &entries[i]
		result := t.Apply(&a.Entry)
		if a.Sum {
			sums = append(sums, t.Digest().Sum)
		}
		switch {
		case result.Code == table.CodeForgotten:
			forgotten = append(forgotten, a.Entry.Seq)
		case a.ID != 0:
			r.result(a.ID, result)
		}
	}
	through := entries[len(entries)-1].Entry.Seq
	if len(entries) >= manyEntries {
		r.now = r.config.Clock()
	}
	r.step(chain.Applied{Through: through, Bytes: t.Bytes(), Forgotten: forgotten, Sums: sums})
	r.waiters.wake(through)
}

// readSnapshot serves a learner from an iteration over the table at one seq.
func (r *Replica) readSnapshot(stop, start, read uint64) {
	if stop != 0 && r.snapshot != nil {
		r.snapshot.Close()
		r.snapshot = nil
	}
	if start != 0 {
		r.snapshot = r.table.Load().Snapshot()
	}
	if read != 0 {
		data, last, err := r.snapshot.Chunk(chunkBytes)
		if err != nil {
			panic("replica: snapshot: " + err.Error()) // no chunk is asked for behind the last
		}
		r.step(chain.Chunk{Transfer: read, Data: data, Last: last})
	}
}

// restore builds the table that a tail teaches us, and puts it in the place of ours when it is whole, and kept.
func (r *Replica) restore(chunks []chain.Snapshot, cuts uint64) {
	for i := range chunks {
		c := &chunks[i]
		if c.Index == 0 {
			r.restorer = table.NewRestorer(r.config.Table)
		}
		if r.restorer == nil {
			continue // it was refused before
		}
		if r.disk != nil {
			r.disk.push(diskWork{chunk: c})
		}
		err := r.restorer.Add(c.Data)
		if err == nil && !c.Last {
			continue
		}
		var t *table.Table
		if err == nil {
			t, err = r.restorer.Finish()
		}
		if err == nil && t.Position() != c.Base {
			err = errors.New("replica: restore: the snapshot ends at " + t.Position().String() + ", not at " + c.Base.String())
		}
		whole := &installed{c.Transfer, c.Base, t, err}
		if r.restorer = nil; err != nil {
			r.unstage()
		} else if r.disk != nil {
			r.settling = c.Transfer
			r.disk.push(diskWork{install: whole, cuts: cuts})
			continue
		}
		r.installed(whole)
	}
}

// unstage gives up the table that comes in.
func (r *Replica) unstage() {
	r.restorer = nil
	if r.disk != nil {
		r.disk.push(diskWork{unstage: true})
	}
}

// installed takes over a table that is whole, and kept.
func (r *Replica) installed(x *installed) {
	r.settling = 0
	if x.err != nil {
		r.step(chain.Restored{Transfer: x.transfer, Err: x.err})
		return
	}
	r.table.Store(x.table)
	r.step(chain.Restored{Transfer: x.transfer, Bytes: x.table.Bytes()})
	r.waiters.wake(x.base.Seq)
}

// tell writes a line of news to the log.
func (r *Replica) tell(n chain.News) {
	args := []any{slog.Uint64("epoch", uint64(n.View.Epoch))}
	if n.Cause != "" {
		args = append(args, slog.String("cause", n.Cause), slog.Duration("took", n.Took))
	}
	members := make([]string, len(n.View.Members))
	for i, m := range n.View.Members {
		members[i] = m.Address
	}
	args = append(args, slog.Any("members", members))
	if n.View.Learner.MemberID != (chain.MemberID{}) {
		args = append(args, slog.String("learner", n.View.Learner.Address))
	}
	level := slog.LevelInfo
	if n.Text != chain.ViewChanged {
		level = slog.LevelWarn // somebody may have to do something
	}
	r.config.Logger.Log(r.ctx, level, n.Text, args...)
	r.config.OnNews(n)
}

// ask carries a request to the coordinator, and its answer back.
func (r *Replica) ask(a chain.Ask) {
	ctx, cancel := context.WithTimeout(r.ctx, r.config.Chain.SessionTimeout*3/4)
	defer cancel()
	c := r.config.Coordinator
	var in chain.Input
	var err error
	switch a := a.(type) {
	case chain.AskRegister:
		sent := r.config.Clock()
		if r.disk != nil {
			if err := r.disk.store.Register(a.Registration.Incarnation); err != nil {
				r.disk.tell(diskEvent{failed: err})
				return
			}
		}
		err = c.Register(ctx, a.Registration)
		in = chain.CoordRegistered{Member: a.Registration.MemberID, Sent: sent, Outcome: coord.Outcome(err)}
	case chain.AskHeartbeat:
		sent := r.config.Clock()
		var version int64
		version, err = c.Heartbeat(ctx, a.Registered)
		in = chain.CoordRegistered{Member: a.MemberID, Sent: sent, Version: version, Outcome: coord.Outcome(err)}
	case chain.AskView:
		var view chain.Recorded
		var session uint64
		view, session, err = c.View(ctx, a.Sync)
		in = chain.CoordView{Recorded: view, Session: session, Outcome: coord.Outcome(err)}
	case chain.AskList:
		var list []chain.Registered
		var session uint64
		list, session, err = c.List(ctx)
		in = chain.CoordList{Registered: list, Session: session, Outcome: coord.Outcome(err)}
	case chain.AskChange:
		err = c.Change(ctx, a)
		in = chain.CoordChanged{Epoch: a.View.Epoch, Outcome: coord.Outcome(err)}
	case chain.AskDelete:
		err = c.Delete(ctx, a.Registered)
		in = chain.CoordDeleted{Member: a.MemberID, Outcome: coord.Outcome(err)}
	}
	r.hurry(in)
	if coord.Outcome(err) == chain.OutcomeUnknown && !errors.Is(err, coord.ErrUnknown) && !errors.Is(err, coord.ErrClosed) {
		// It has refused, and will again: only a person can do something about it.
		r.notes.Warn(r.config.Logger, "the coordinator refuses, or holds what cannot be read", "error", err)
	}
}

// probe looks whether anybody is there.
func (r *Replica) probe(m chain.Member) {
	ctx, cancel := context.WithTimeout(r.ctx, r.config.Chain.SessionTimeout*3/4)
	defer cancel()
	dead, err := r.config.Links.Probe(ctx, m)
	r.hurry(chain.ProbeDone{Member: m.MemberID, Dead: dead && err == nil})
}

// watchNews passes on the coordinator's news.
func (r *Replica) watchNews() {
	for {
		select {
		case <-r.config.Coordinator.News():
			if !r.hurry(chain.CoordNews{}) {
				return
			}
		case <-r.ctx.Done():
			return
		}
	}
}

// handler is the Replica as its link.Transport knows it.
type handler Replica

func (h *handler) Receive(env chain.Envelope) { (*Replica)(h).input(chain.Received{Envelope: env}) }
func (h *handler) Reset(peer chain.MemberID)  { (*Replica)(h).input(chain.LinkReset{Peer: peer}) }
