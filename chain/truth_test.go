package chain

import (
	"fmt"
	"slices"
	"time"
)

// truth is the coordinator of a cluster. It answers at once, unless a kind of request is held back for the script to answer, or it is down.
type truth struct {
	registry
	c   *cluster
	now Recorded // kept while an older view is shown

	hold    map[string]bool // kinds of requests that wait for the script: register heartbeat view list change delete
	down    bool
	cut     map[int]bool // servers that do not reach it
	watches bool         // tell everybody of changes at once
	held    []*heldAsk
	late    []*heldAsk // answered as unknown, and perhaps still to be carried out
}

// heldAsk is a request that has no answer yet.
type heldAsk struct {
	s    *server
	r    *Replica // who asked: another process at the same place gets no answer
	ask  Ask
	sent Time

	early Input // what it would have been answered at an earlier moment
}

// askTimeout is how long a server waits for a coordinator that does not answer.
const askTimeout = 200 * time.Millisecond

func (k *truth) init(c *cluster) {
	k.c, k.session, k.watches, k.hold, k.cut = c, 1, true, map[string]bool{}, map[int]bool{}
	k.view.Version = -1
}

// away tells whether the server does not reach it.
func (k *truth) away(s *server) bool { return k.down || k.cut[s.number] }

// kindOf is a request's name in scripts.
func kindOf(a Ask) string {
	switch a.(type) {
	case AskRegister:
		return "register"
	case AskHeartbeat:
		return "heartbeat"
	case AskView:
		return "view"
	case AskList:
		return "list"
	case AskChange:
		return "change"
	case AskDelete:
		return "delete"
	}
	panic("unknown request")
}

func (k *truth) ask(s *server, a Ask) {
	if kind := kindOf(a); kind == "change" || k.hold[kind] {
		k.c.say("%d asks: %s", s.number, k.c.showAsk(a))
	}
	h := &heldAsk{s: s, r: s.r, ask: a, sent: k.c.now}
	if k.away(s) || k.hold[kindOf(a)] {
		k.held = append(k.held, h)
		return
	}
	k.answer(h, k.execute(h))
}

// answer gives a server its answer, if it is still there.
func (k *truth) answer(h *heldAsk, in Input) {
	if h.s.r == h.r {
		h.s.inbox = append(h.s.inbox, in)
	}
}

// tick gives up what a coordinator that is down does not answer.
func (k *truth) tick() {
	for _, h := range slices.Clone(k.held) {
		if k.away(h.s) && !k.hold[kindOf(h.ask)] && k.c.now.Sub(h.sent) >= askTimeout {
			k.held = slices.DeleteFunc(k.held, func(x *heldAsk) bool { return x == h })
			k.answer(h, k.otherwise(h, OutcomeUnknown))
		}
	}
}

// forget drops what a crashed process has asked.
func (k *truth) forget(s *server) {
	for _, h := range k.held {
		if h.s == s {
			k.late = append(k.late, h)
		}
	}
	k.held = slices.DeleteFunc(k.held, func(h *heldAsk) bool { return h.s == s })
}

// execute carries a request out, and says so.
func (k *truth) execute(h *heldAsk) Input {
	if change, ok := h.ask.(AskChange); ok && change.Session == 0 {
		k.c.t.Errorf("%v is asked for, whichever session read version %d", change.View, change.From)
	}
	before := k.view
	in := k.registry.execute(h.ask, h.sent)
	switch {
	case k.view.Version != before.Version:
		k.c.checks.changed(k.c, before.View, k.view.View)
		k.c.say("coordinator: view %s", k.c.showView(k.view.View))
		k.news()
	case kindOf(h.ask) == "delete" && in.(CoordDeleted).Outcome == OutcomeOK:
		k.c.say("coordinator: registration of %s deleted", k.c.name(h.ask.(AskDelete).MemberID))
	}
	return in
}

// otherwise is the answer to a request that was not carried out, or not surely.
func (k *truth) otherwise(h *heldAsk, o Outcome) Input { return k.registry.otherwise(h.ask, h.sent, o) }

// news tells everybody that the view has changed.
func (k *truth) news() {
	if !k.watches {
		return
	}
	for _, n := range k.c.numbers() {
		if s := k.c.servers[n]; s.r != nil && !k.away(s) {
			s.inbox = append(s.inbox, CoordNews{})
		}
	}
}

// take removes the first request of that kind that a server waits for.
func (k *truth) take(from *[]*heldAsk, number int, kind string) *heldAsk {
	i := slices.IndexFunc(*from, func(h *heldAsk) bool { return h.s.number == number && kindOf(h.ask) == kind })
	if i < 0 {
		k.c.t.Fatalf("no request of server %d to %s\n%s", number, kind, k.c.out.String())
	}
	h := (*from)[i]
	*from = slices.Delete(*from, i, i+1)
	return h
}

// decide answers a request that was held back: won (carried out, and the honest answer), lost (not carried out: a version was
// another one), missing, unknown (not carried out, or not yet), landed (carried out, but the answer does not come), early (carried
// out now; won lets the answer come).
func (k *truth) decide(number int, kind, how string) {
	h := k.take(&k.held, number, kind)
	if how == "early" {
		h.early = k.execute(h)
		k.held = append(k.held, h)
		return
	}
	switch how {
	case "won":
		in := h.early
		if in == nil {
			in = k.execute(h)
		}
		k.answer(h, in)
	case "lost":
		k.answer(h, k.otherwise(h, OutcomeConflict))
	case "missing":
		k.answer(h, k.otherwise(h, OutcomeMissing))
	case "landed":
		k.execute(h)
		k.answer(h, k.otherwise(h, OutcomeUnknown))
	case "unknown":
		k.late = append(k.late, h)
		k.answer(h, k.otherwise(h, OutcomeUnknown))
	default:
		k.c.t.Fatalf("unknown answer %q", how)
	}
	k.c.rest()
}

// land carries out a request that was answered as unknown, long ago.
func (k *truth) land(number int, kind string) {
	h := k.take(&k.late, number, kind)
	if c, ok := h.ask.(AskChange); ok && c.From != k.view.Version {
		k.c.say("coordinator: too late for epoch %d", c.View.Epoch)
		return
	}
	k.execute(h)
	k.c.rest()
}

// rest lets all servers take in what has come to their inboxes.
func (c *cluster) rest() {
	for _, n := range c.numbers() {
		if s := c.servers[n]; len(s.inbox) > 0 && !s.paused {
			in := s.inbox[0]
			s.inbox = s.inbox[1:]
			s.step(in)
		}
	}
}

func (k *truth) String() string {
	s := "no view\n"
	if k.exists {
		s = "view " + k.c.showView(k.view.View) + "\n"
	}
	for _, r := range k.regs {
		s += fmt.Sprintf("%s last=%v", k.c.name(r.MemberID), r.Last)
		for _, m := range r.Silent {
			s += " silent=" + k.c.name(m)
		}
		if r.Leaving {
			s += " leaving"
		}
		s += "\n"
	}
	return s
}
