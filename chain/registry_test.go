package chain

import "slices"

// registry is what an honest coordinator holds: the view and the registrations, each with a version.
type registry struct {
	exists  bool
	view    Recorded // Version -1 before the first
	regs    []Registered
	session uint64 // all servers share one, until it expires
}

// execute carries a request out, which was sent at sent, and answers it.
func (g *registry) execute(a Ask, sent Time) Input {
	o := OutcomeOK
	switch a := a.(type) {
	case AskView:
		if !g.exists {
			o = OutcomeMissing
			break
		}
		return CoordView{Recorded: g.view, Session: g.session, Outcome: OutcomeOK}
	case AskList:
		return CoordList{Registered: slices.Clone(g.regs), Session: g.session, Outcome: OutcomeOK}
	case AskRegister:
		if g.index(a.Registration.MemberID) >= 0 {
			o = OutcomeConflict
			break
		}
		g.regs = append(g.regs, Registered{Registration: a.Registration})
	case AskHeartbeat:
		var i int
		if i, o = g.match(a.Registered); o == OutcomeOK {
			g.regs[i] = Registered{Registration: a.Registration, Version: a.Version + 1}
			return CoordRegistered{Member: a.MemberID, Sent: sent, Version: a.Version + 1, Outcome: OutcomeOK}
		}
	case AskDelete:
		var i int
		if i, o = g.match(a.Registered); o == OutcomeOK {
			g.regs = slices.Delete(g.regs, i, i+1)
		}
	case AskChange:
		o = g.change(a)
	}
	return g.otherwise(a, sent, o)
}

// otherwise is the answer to a request that was not carried out, or not surely.
func (g *registry) otherwise(a Ask, sent Time, o Outcome) Input {
	switch a := a.(type) {
	case AskRegister:
		return CoordRegistered{Member: a.Registration.MemberID, Sent: sent, Outcome: o}
	case AskHeartbeat:
		return CoordRegistered{Member: a.MemberID, Sent: sent, Outcome: o}
	case AskView:
		return CoordView{Session: g.session, Outcome: o}
	case AskList:
		return CoordList{Session: g.session, Outcome: o}
	case AskChange:
		return CoordChanged{Epoch: a.View.Epoch, Outcome: o}
	case AskDelete:
		return CoordDeleted{Member: a.MemberID, Outcome: o}
	}
	panic("unknown request")
}

// change is the compare-and-set of the view with the deletions that belong to it: all or nothing.
func (g *registry) change(a AskChange) Outcome {
	if g.view.Version != a.From || a.Session != g.session {
		return OutcomeConflict
	}
	for _, d := range a.Delete {
		if _, o := g.match(d); o != OutcomeOK {
			return OutcomeConflict
		}
	}
	g.regs = slices.DeleteFunc(g.regs, func(r Registered) bool {
		return slices.ContainsFunc(a.Delete, func(d Registered) bool { return d.MemberID == r.MemberID })
	})
	g.exists, g.view = true, Recorded{a.View, g.view.Version + 1}
	return OutcomeOK
}

// index is the place of a registration, or -1.
func (g *registry) index(id MemberID) int {
	return slices.IndexFunc(g.regs, func(r Registered) bool { return r.MemberID == id })
}

// match is the place of a registration that must have the version given.
func (g *registry) match(r Registered) (int, Outcome) {
	i := g.index(r.MemberID)
	switch {
	case i < 0:
		return i, OutcomeMissing
	case g.regs[i].Version != r.Version:
		return i, OutcomeConflict
	}
	return i, OutcomeOK
}
