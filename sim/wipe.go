package sim

import (
	"time"

	"github.com/chaintable/chaintable/chain"
)

// wipe is a coordinator that has lost everything, and what an operator needs to bring it back.
type wipe struct {
	w      *world
	was    coordState // at that moment; with a backup, perhaps earlier in the same view
	keeper *process   // a member that knows the view, and is not killed meanwhile
	backup bool       // the operator has a copy; else servers are asked (table-server recover)
	takes  time.Duration
}

// wipe has the coordinator forget all, at a moment at which some member has adopted the newest view.
func (f *faults) wipe(d dice) bool {
	w := f.w
	now := w.coord.now()
	if f.wiped != nil || !now.exists {
		return false
	}
	x := &wipe{w: w, was: *now, backup: d.chance(0.5), takes: 4 * w.Timeout}
	if x.backup && d.chance(0.5) {
		x.takes = w.Timeout / 8 // so soon that leases of before still run
	}
	for _, m := range now.view.Members {
		if p := w.check.processes[m.MemberID]; p != nil && !p.dead && !p.leaving && p.view.Epoch == now.view.Epoch {
			x.keeper = p
		}
	}
	if x.keeper == nil {
		return false
	}
	if w.story.on {
		w.tell("the coordinator loses all that it held; %v keeps it in mind, backup=%t", x.keeper, x.backup)
	}
	if x.backup && d.chance(0.5) {
		x.was = w.coord.earlier(d)
	}
	f.wiped = x
	w.coord.wipe(func(s *coordState) { *s = coordState{at: s.at} })
	x.later(d)
	return true
}

// later has the operator come.
func (x *wipe) later(d dice) {
	x.w.after(d.soon(x.takes), func() {
		switch {
		case x.w.faults.wiped != x:
		case x.ready():
			x.bringBack()
		default:
			x.later(d)
		}
	})
}

// ready tells whether the operator can do something: with a backup always, else when no server serves any more.
func (x *wipe) ready() bool {
	for _, p := range x.w.up() {
		if !x.backup && p.chainID() == x.was.view.Chain && p.replica.Serving() {
			return false
		}
	}
	return true
}

// bringBack ends servers that have begun another chain meanwhile, and then writes the view: as it was, with all else, or, as table-server
// recover does, what the keeper knows of it, in a later epoch.
func (x *wipe) bringBack() {
	w := x.w
	w.faults.wiped = nil
	for _, p := range w.up() {
		if c := p.chainID(); c != 0 && c != x.was.view.Chain {
			p.srv.crash()
			w.faults.revive(p.srv, w.soon(w.Down))
		}
	}
	next := x.was
	if !x.backup {
		view := x.keeper.view
		view.Epoch += 1000
		view.Learner = chain.Member{}
		next = coordState{exists: true, view: chain.Recorded{View: view}}
	}
	if w.story.on {
		w.tell("an operator brings the view back: %s", w.showView(next.view.View))
	}
	w.check.views[viewKey{next.view.Chain, next.view.Epoch}] = next.view.View
	w.coord.wipe(func(s *coordState) { at := s.at; *s = next; s.at = at })
}

// earlier is a state with the view of now.
func (c *coordinator) earlier(d dice) coordState {
	now, n, most := c.now(), 1, 1+d.IntN(4*len(c.now().servers)+1) // or back to the beginning
	if d.chance(0.3) {
		most = len(c.states)
	}
	for n < min(len(c.states), most) {
		if s := c.states[len(c.states)-1-n]; !s.exists || s.view.Chain != now.view.Chain || s.view.Version != now.view.Version {
			break
		}
		n++
	}
	return c.states[len(c.states)-1-d.IntN(n)]
}

// wipe changes everything at once. All sessions end.
func (c *coordinator) wipe(by func(*coordState)) {
	c.wipes++
	was := c.now().servers
	c.change(by)
	c.floor = c.dropped + len(c.states) - 1
	c.w.check.rewritten(c.w.now, was, c.now().servers)
	for _, p := range c.w.up() {
		p.session = c.connect()
	}
}
