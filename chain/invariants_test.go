package chain

import (
	"testing"
)

// TestSchedules plays random schedules with every fault, checks everything after each step, and at the end that the cluster has healed: one
// chain of all that run, with equal tables, and every write whose client has its answer in them.
func TestSchedules(t *testing.T) {
	count := 30
	if testing.Short() {
		count = 10
	}
	t.Run("memory", func(t *testing.T) { schedules(t, count, 3, 400, everything, nil, healed) })
	t.Run("four", func(t *testing.T) { schedules(t, count/2, 4, 400, everything, nil, healed) })
	t.Run("disks", func(t *testing.T) {
		f := everything
		f.durable = true
		schedules(t, count, 3, 400, f, nil, healed)
	})
}

func healed(s *schedule) {
	for _, x := range s.servers {
		if x.left {
			return // the last one takes the chain with it
		}
	}
	v := s.coord.view.View
	h := s.checks.of(v.Chain)
	var first *server
	for _, n := range s.numbers() {
		x := s.servers[n]
		if x.halted != nil || x.r.leave.then == toEnd {
			continue // it has found another history than its own, or goes
		}
		st := x.r.Status()
		if v.Index(st.Self.MemberID) < 0 {
			s.t.Fatalf("server %d is %s (%s) in the end, of view %s\n%s", n, st.Role, st.State, s.showView(v), s.out.String())
		}
		if st.Applied != st.Last || st.Applied < h.last || st.LeaseLeft == 0 {
			s.t.Fatalf("server %d in the end: %+v, but %d was committed\n%s", n, st, h.last, s.out.String())
		}
		for id, seq := range h.effects {
			if got := x.table.fate(seq); got != "executed" {
				s.t.Fatalf("server %d: request %v took effect at %d and is %s", n, id, seq, got)
			}
		}
		if first == nil {
			first = x
		} else if x.table.String() != first.table.String() {
			s.t.Fatalf("servers %d and %d differ in the end:\n%s\n%s", first.number, n, first.table, x.table)
		}
	}
}
