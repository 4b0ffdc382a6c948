package chain

import "slices"

// pings find out whom a member cannot reach, however well that one's heartbeats look (Huang et al., "Gray Failure", HotOS '17).
type pings struct {
	at    Time
	heard map[MemberID]Time // when we last heard from each other member
}

func (p *pings) restart(r *Replica) {
	p.heard = make(map[MemberID]Time, len(r.view.Members))
	for _, m := range r.view.Members {
		p.heard[m.MemberID] = r.now
	}
}

func (r *Replica) tickPings() {
	p := &r.ping
	passed := r.now.Sub(p.at)
	if !r.isMember() || passed < r.heartbeatEvery() {
		return
	}
	if passed > r.timeout()/2 { // we were away ourselves
		p.restart(r)
	}
	p.at = r.now
	for i, m := range r.view.Members {
		if i != r.index {
			r.sendTo(m, Ping{})
		}
		if i == r.index+1 {
			r.hops.pinged(r)
		}
	}
}

func (r *Replica) pinged(from MemberID, m Ping) {
	to, ok := r.view.Find(from)
	if !ok || r.view.Index(from) < 0 {
		return
	}
	r.ping.heard[from] = r.now
	if !m.Reply {
		r.sendTo(to, Ping{Reply: true})
	} else if r.view.Index(from) == r.index+1 {
		r.hops.answered(r)
	}
}

// silent are the members that we have not heard from for T.
func (r *Replica) silent() []MemberID {
	var ids []MemberID
	if !r.isMember() {
		return nil
	}
	for i, m := range r.view.Members {
		if at, ok := r.ping.heard[m.MemberID]; ok && i != r.index && r.now.Sub(at) > r.timeout() {
			ids = append(ids, m.MemberID)
		}
	}
	return ids
}

// evictSilent deletes the registration of the member that most others cannot reach, in a tie of the one further from the head. After T
// it may be removed like any other. The first other member does it.
func (r *Replica) evictSilent() {
	if r.change.deleting {
		return
	}
	var worst Member
	most := 0
	for _, m := range r.view.Members {
		votes := 0
		for _, by := range r.view.Members {
			named := r.watch.seen[by.MemberID]
			if by.MemberID != m.MemberID && named != nil && r.watch.fresh(r, by.MemberID) && slices.Contains(named.Silent, m.MemberID) {
				votes++
			}
		}
		if votes > 0 && votes >= most {
			worst, most = m, votes
		}
	}
	if most == 0 {
		return
	}
	first := slices.IndexFunc(r.view.Members, func(m Member) bool { return m.MemberID != worst.MemberID })
	// One who has stopped writing its registration too is dead, not evicted: it goes sooner that way.
	if first == r.index && r.watch.fresh(r, worst.MemberID) {
		r.evict(worst, "other members cannot reach it")
	}
}

// LostData begins the Cause of the News that a member is evicted which lacks what it once acknowledged.
const LostData = "it has lost data: its log ends at "

// evict deletes a member's registration.
func (r *Replica) evict(m Member, why string) {
	s := r.watch.seen[m.MemberID]
	if s == nil || s.missing || s.deleted || r.change.deleting {
		return
	}
	r.out.News = append(r.out.News, News{Text: "evicting " + m.Address, Cause: why, View: r.view.View})
	r.delete(s.Registered)
}
