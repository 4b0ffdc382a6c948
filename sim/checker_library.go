package sim

import (
	"slices"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// libraries holds against the history what clients as in library.go are promised beyond the others.
func (x *examination) libraries() {
	writes := make(map[*client][]*op) // in the order in which they began
	for _, o := range x.ops {
		if o.client.library == nil {
			continue
		}
		x.done(o)
		if !o.kind.reads() && !o.step {
			writes[o.client] = append(writes[o.client], o)
		}
	}
	clients := slices.DeleteFunc(clientsOf(x.ops), func(c *client) bool { return c.library == nil || x.astray(c) })
	for _, r := range x.chains {
		for _, c := range clients {
			x.behind(r, writes[c])
		}
		x.sums(r)
	}
}

// clientsOf are those who did something, in order of appearance.
func clientsOf(ops []*op) (all []*client) {
	for _, o := range ops {
		if !slices.Contains(all, o.client) {
			all = append(all, o.client)
		}
	}
	return all
}

// astray tells whether a client has met two chains. While the coordinator has lost everything there may be two for some time, and a server of one
// knows no session of the other: the client then takes for forgotten what is not.
func (x *examination) astray(c *client) bool {
	met := slices.Clone(c.library.met)
	for _, o := range x.ops {
		if o.client == c && o.chain != 0 && !slices.Contains(met, o.chain) {
			met = append(met, o.chain)
		}
	}
	return len(met) > 1
}

// done checks that a client that goes on asking is answered in the end.
func (x *examination) done(o *op) {
	if (o.state == opRefused || o.state == opUnknown) && !o.bounded && !o.excused && !o.client.dead {
		x.fail("%v of %v is %v, and its client had all the time", o, o.client, o.state)
	}
}

// behind checks that what a client has given up never takes effect behind a write that it has begun later and seen answered.
func (x *examination) behind(r *replayed, writes []*op) {
	first := make([]*op, len(writes)+1) // of those from i on that were answered, in the order of the log
	for i := len(writes) - 1; i >= 0; i-- {
		first[i] = first[i+1]
		o := writes[i]
		if e, took := x.effects[o]; took && e.history == r && o.state == opDone && (first[i] == nil || e.seq < x.effects[first[i]].seq) {
			first[i] = o
		}
	}
	for _, o := range writes {
		e, took := x.effects[o]
		if o.givenUp == 0 || !took || e.history != r {
			continue
		}
		later, _ := slices.BinarySearchFunc(writes, o.givenUp+1, func(w *op, id int) int { return w.id - id })
		if w := first[later]; w != nil && x.effects[w].seq < e.seq {
			x.fail("%v of %v was given up, and takes effect at %d, behind %d of %s, which began later", o, o.client, e.seq, x.effects[w].seq, span(w))
		}
	}
}

// sums checks that each counter stands at the number of its increments: those that were answered, and those of which nobody knows and that
// took effect. A version of one chain says nothing in another: whoever writes there by it, and hits upon the same number, makes the counter something else.
func (x *examination) sums(r *replayed) {
	var cleared chain.Seq
	for seq, o := range r.effects {
		if o.kind == opClear {
			cleared = max(cleared, seq)
		}
	}
	counts, mixed := make(map[string]int64), make(map[string]bool)
	for _, o := range x.ops {
		if o.count == 0 {
			continue
		}
		e, took := x.effects[o]
		switch {
		case o.state == opDone && o.chain == r.id && o.seq > cleared && o.result.Code == table.CodeOK,
			o.state != opDone && took && e.history == r && e.seq > cleared && e.result.Code == table.CodeOK:
			if o.from != 0 && o.from != r.id {
				mixed[o.keys[0]] = true
			}
			counts[o.keys[0]]++
		}
	}
	for key, n := range counts {
		if mixed[key] {
			continue
		}
		if is := counted(r.model.keys[key].value); is != n {
			x.fail("%s of chain %v is %d, and was incremented %d times", key, r.id, is, n)
		}
		x.sum += n
	}
}
