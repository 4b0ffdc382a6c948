package sim

// blackout ends all machines at once. Those that are down already lose what nobody had synced.
func (f *faults) blackout(d dice) bool {
	if f.wiped != nil {
		return false // all that is left would go
	}
	for _, s := range f.w.servers {
		switch {
		case s.proc != nil:
			s.end(true)
			f.revive(s, d.soon(f.w.Down))
		case s.disk != nil:
			s.disk.end(true)
		}
	}
	return true
}

// decay changes a byte on a disk, and ends the server first, if it must. After a loss of power nothing could say how much was there: that would be
// two faults at once, on the same server. Some other member of the newest view stays whole.
func (f *faults) decay(d dice) bool {
	w := f.w
	var able []*server
	for _, s := range w.servers {
		if s.disk != nil && !s.disk.rotten && s.disk.p == nil == (s.proc == nil) && f.othersWhole(s) && !s.disk.dark {
			able = append(able, s)
		}
	}
	if len(able) == 0 {
		return false
	}
	s := able[d.IntN(len(able))]
	if s.proc != nil {
		if f.wiped != nil {
			return false
		}
		s.end(false)
		f.revive(s, d.soon(w.Down))
	}
	return s.disk.rot(d)
}

// othersWhole tells whether a durable member of the newest view, other than s, has a disk of which no byte ever changed.
func (f *faults) othersWhole(s *server) bool {
	for _, m := range f.w.coord.now().view.Members {
		if q := f.w.serverAt(m.Address); q != nil && q != s && m.Durable && !q.disk.rotten {
			return true
		}
	}
	return false
}

// hopeless tells whether nobody can bring the chain back: all members are dead, and none of their disks holds what it acknowledged. That must not
// happen where all syncs are waited for and no byte changes.
func (w *world) hopeless() bool {
	v := w.coord.now().view
	if w.Interval == 0 && w.stats.Faults[Decay] == 0 || len(v.Members) == 0 {
		return false
	}
	durable := false
	for _, m := range v.Members {
		p := w.check.processes[m.MemberID]
		if p == nil || !p.dead || m.Durable && !p.srv.gone && p.srv.disk.whole() {
			return false
		}
		durable = durable || m.Durable
	}
	return durable // else it begins anew, with nothing
}
