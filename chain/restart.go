package chain

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// probes ask whether the in-memory members of a dead chain are really gone.
type probes struct {
	dead map[MemberID]bool
	at   Time
}

// restartChain brings a chain back all of whose members may be removed (design.md, section 5, "The whole chain dies"). We are
// outside the view.
func (r *Replica) restartChain() {
	if len(r.view.Members) == 0 {
		return // we know of a chain, and have not read its view yet
	}
	for _, m := range r.view.Members {
		if !r.watch.removable(r, m.MemberID) {
			r.probe.dead = nil
			r.tellObstacle()
			r.removePredecessor()
			return
		}
	}
	if r.leave.out && r.memberByNode(r.self.Node) >= 0 {
		// It was taken in just when it was drained, and nobody else is left.
		r.leave = leaving{}
		r.out.News = append(r.out.News, News{Text: "no longer drained: every member has died, and this server was one of them", View: r.view.View})
	}
	present := r.longestLogs()
	switch {
	case len(present) == 0:
		r.restartEmpty()
	case present[0].MemberID == r.self.MemberID && (len(present) == len(r.view.Members) || r.watch.observed >= r.allGoneAt()+r.timeout()):
		// Every member of the latest view holds every committed entry: the longest log holds all that can have been.
		next := r.view.View
		next.Members, next.Learner = present, Member{}
		r.ask(next, r.view.Members) // a learner may be alive, and will be taken in anew
	}
}

// longestLogs are the registered servers that can restart the chain, the longest log first: members by id, with all that they ever
// acknowledged. From registering until a view names it such a server appends nothing.
func (r *Replica) longestLogs() []Member {
	var present []*sighting
	for _, s := range r.watch.byOrder() {
		i := r.memberByNode(s.Node)
		if i < 0 || s.Incarnation < r.view.Members[i].Incarnation || !s.Complete ||
			s.MemberID == r.view.Members[i].MemberID || s.Leaving || s.Timeout != r.timeout() || r.watch.outdated(s.MemberID) ||
			!r.watch.fresh(r, s.MemberID) && s.MemberID != r.self.MemberID {
			continue
		}
		present = append(present, s)
	}
	slices.SortFunc(present, func(a, b *sighting) int {
		return cmp.Or(cmp.Compare(b.Last.Seq, a.Last.Seq), cmp.Compare(a.Node, b.Node))
	})
	members := make([]Member, len(present))
	for i, s := range present {
		members[i] = s.Member
	}
	return members
}

// removePredecessor takes our own former life out of a chain that goes on, where we know that it is dead: the others would wait
// for T. That it goes on, some other member has shown since we registered: of members that are dead already, and never come back,
// our disk may be all that is left, and outside the view it could not bring the chain back. One that leaves will soon be gone, too.
func (r *Replica) removePredecessor() {
	if !slices.ContainsFunc(r.view.Members, func(m Member) bool {
		s := r.watch.seen[m.MemberID]
		return s != nil && s.moved && !s.Leaving && r.watch.fresh(r, m.MemberID) && !r.watch.anotherLife(r, m.MemberID)
	}) {
		return
	}
	for _, m := range r.view.Members {
		if r.watch.anotherLife(r, m.MemberID) {
			r.ask(r.view.without(func(id MemberID) bool { return id == m.MemberID }), []Member{m})
			return
		}
	}
}

// tellObstacle tells of what keeps us from being taken in, as long as nobody does something about it.
func (r *Replica) tellObstacle() {
	for _, m := range r.view.Members {
		s := r.watch.seen[m.MemberID]
		switch {
		case s == nil || s.missing || r.watch.removable(r, m.MemberID): // not fresh, whose measure is our own T
		case m.Node == r.self.Node && m.Address != r.self.Address:
			r.say("waiting: the server " + m.Address + " in the chain has the id of this one, " + m.Node.String() + "; end one of the two")
			return
		case s.Timeout != 0 && s.Timeout != r.timeout():
			r.say("waiting: the members of the chain have a session timeout of " + s.Timeout.String() + ", this server has " + r.timeout().String() +
				"; start it with the same")
			return
		}
	}
	r.change.waits = ""
}

func (r *Replica) memberByNode(id NodeID) int {
	for i, m := range r.view.Members {
		if m.Node == id {
			return i
		}
	}
	return -1
}

// allGoneAt is the moment, in observed time, at which the last member could be removed.
func (r *Replica) allGoneAt() (at time.Duration) {
	for _, m := range r.view.Members {
		if s := r.watch.seen[m.MemberID]; s != nil {
			at = max(at, r.watch.stillSince(s)+r.timeout())
		}
	}
	return at
}

// restartEmpty begins anew, with nothing and a new chain id, once every member is known to be dead: what they held was in their
// memory.
func (r *Replica) restartEmpty() {
	if r.leave.then != toStay || r.watch.observed-r.watch.viewAt < r.timeout() {
		return // in the last case somebody has just made the view, and lives
	}
	if r.holdsEntries() {
		if r.watch.observed >= r.allGoneAt()+r.timeout() {
			text := "waiting for " + addresses(r.view.Members) + ": all members of the chain are silent, and may hold more than this server does; "
			if r.self.Durable {
				text += "start one of them. If that cannot be, a chain can be made of what this one holds: table-server recover"
			} else {
				text += "end it to give up what it holds"
			}
			r.say(text)
		}
		return
	}
	abandoned := r.cfg.Abandon == r.view.Epoch
	if disks := r.withDisks(); len(disks) > 0 && !abandoned {
		others := slices.DeleteFunc(slices.Clone(disks), func(m Member) bool { return m.Node == r.self.Node })
		switch {
		case len(others) > 0:
			r.say("waiting for " + addresses(others) + ", whose disk holds the chain")
		case !r.complete:
			r.say("NOBODY CAN BRING THE CHAIN BACK: what this server kept cannot be used, and it was the last member. Put a backup in its place " +
				"(table-server restore), or make a chain of what can be read (table-server recover)")
		}
		return
	}
	if r.probe.dead == nil {
		r.probe.dead = make(map[MemberID]bool)
	}
	if !abandoned && (r.probe.at == 0 || r.now.Sub(r.probe.at) >= r.timeout()) {
		r.probe.at = r.now
		r.out.Probe = append(r.out.Probe, r.view.Members...)
	}
	for _, m := range r.view.Members {
		if !abandoned && !r.probe.dead[m.MemberID] {
			if r.watch.observed >= r.allGoneAt()+r.timeout() {
				r.say("waiting for " + m.Address + ", which is silent and may hold the chain")
			}
			return
		}
	}
	next := View{Chain: r.nextChain(), Members: []Member{r.self}, Target: r.view.Target, Rules: r.view.Rules}
	r.out.News = append(r.out.News, News{
		Text:  "ALL DATA OF CHAIN " + r.view.Chain.String() + " IS LOST: beginning chain " + next.Chain.String() + ", empty",
		Cause: "every member has died", View: r.view.View,
	})
	r.ask(next, r.view.Members)
}

// withDisks are the members that keep their log.
func (r *Replica) withDisks() []Member {
	return slices.DeleteFunc(slices.Clone(r.view.Members), func(m Member) bool { return !m.Durable })
}

// addresses names servers in a sentence.
func addresses(members []Member) string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.Address
	}
	return strings.Join(names, " or ")
}

// nextChain is the id of a chain that follows the one we know: as random as Config.NewChain, which may be that very one's, or that of
// the one before it. It mixes them with the epoch as splitmix64 does (Steele, Lea, Flood, "Fast Splittable Pseudorandom
// Number Generators", OOPSLA '14).
func (r *Replica) nextChain() ID {
	x := uint64(r.cfg.NewChain)
	for _, y := range []uint64{uint64(r.view.Chain), uint64(r.view.Epoch)} {
		x ^= y
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x ^= x >> 31
	}
	return ID(max(x, 1))
}

// say tells once whom we wait for.
func (r *Replica) say(text string) {
	if r.change.waits != text {
		r.change.waits = text
		r.out.News = append(r.out.News, News{Text: text, View: r.view.View})
	}
}

// probeDone notes what was found at a member's address.
func (r *Replica) probeDone(in ProbeDone) {
	if r.probe.dead != nil && in.Dead {
		r.probe.dead[in.Member] = true
	}
}
