package sim

import (
	"github.com/chaintable/chaintable/chain"
)

// operators are people who change the chain at random times, whatever else goes on.
type operators struct {
	target   int  // of the view, before somebody changed it
	targeted bool // somebody has
}

// operate has an operator order something: most often of the server that can do it.
func (f *faults) operate(kind Fault, d dice) bool {
	w := f.w
	v := w.coord.now().view.View
	p, q := f.someone(d), f.someone(d)
	if p == nil || len(v.Members) == 0 {
		return false
	}
	able := v.Members[0]
	if kind == Evict && able.Node == q.id.Node && len(v.Members) > 1 {
		able = v.Members[1]
	}
	if x := w.check.processes[able.MemberID]; x != nil && !x.dead && d.chance(0.8) {
		p = x
	}
	switch kind {
	case Retarget:
		if !f.targeted {
			f.targeted, f.target = true, v.Target
		}
		p.order(chain.SetTarget{Target: d.IntN(6) - 1})
	case Move:
		if len(v.Members) < 2 {
			return false
		}
		to := v.Members[1+d.IntN(len(v.Members)-1)].Node
		if d.chance(0.1) {
			to = q.id.Node // who may be anybody
		}
		p.order(chain.MoveHead{To: to})
	case Evict:
		p.order(chain.Evict{Node: q.id.Node})
	case Drain:
		if q.leaving || f.spared(q) {
			return false
		}
		if d.chance(0.1) {
			p.order(chain.Undrain{}) // who may have no need of it
		}
		q.drained = true
		q.order(chain.Drain{})
		back := d.soon(w.Down)
		if d.chance(0.5) {
			back = d.soon(w.Timeout / 4) // while it is on its way out, perhaps
		}
		w.after(back, func() {
			if !w.healed {
				q.undrain()
			}
		})
	}
	return true
}

// order gives the server an operator's order. Nobody waits for the answer: what comes of it shows.
func (p *process) order(op chain.Operation) {
	if p.w.story.on {
		p.w.tell("%v is ordered to %T%+v", p, op, op)
	}
	p.push(chain.Operate{Operation: op})
}

func (p *process) undrain() {
	if p.drained {
		p.drained = false
		p.order(chain.Undrain{})
	}
}

// undo has operators take back what they did to the chain, as often as it takes: an order may be given up.
func (f *faults) undo() {
	v := f.w.coord.now().view
	if head := f.w.check.processes[v.Head().MemberID]; f.targeted && v.Target != f.target && head != nil && !head.dead {
		head.order(chain.SetTarget{Target: f.target})
	}
	for _, p := range f.w.up() {
		p.undrain()
	}
}
