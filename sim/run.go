package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// Outcome is how a run went.
type Outcome struct {
	Stats
	Clients int    // that there were
	Strikes Counts // how often each kind of fault came up, left out or not
	Hash    uint64 // of all that happened
	Err     error  // nil: nothing wrong was found
	Checker string // who found it: log, view, registration, tables, ops, model (by tables at rest), porcupine; else where the simulator stumbled
	Stuck   bool   // what is wrong is that the cluster did not come to rest
	Story   string // the last events
}

// Run makes one run, and tells so many of its last events.
func Run(o Options, lines int) Outcome {
	return newWorld(o, lines).run()
}

// Explain is the report of a failed run, with so many of its last events. It leaves out of the run what that does not need to fail,
// and tells both how to repeat that and how to repeat the whole.
func Explain(o Options, err error, lines int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %v\n", o.Seed, err)
	if again := Run(o, 0); again.Err == nil || again.Err.Error() != err.Error() { // a run tells nothing that another would not
		fmt.Fprintf(&b, "\nTHE RUN IS NOT THE SAME WHEN REPEATED: %v\n", again.Err)
		return b.String()
	}
	small := Shrink(o)
	out := Run(small, lines)
	fmt.Fprintf(&b, "\nwithout %s:\n%v\n", strings.Join(small.Drop, ","), out.Err)
	fmt.Fprintf(&b, "\noptions: %v\n\nlast events:\n%s", small, out.Story)
	fmt.Fprintf(&b, "\nthis run:  go test ./sim -run Replay -seed %d -drop '%s'\n", o.Seed, strings.Join(small.Drop, ","))
	fmt.Fprintf(&b, "the whole: go test ./sim -run Replay -seed %d\n", o.Seed)
	return b.String()
}

// run lets the cluster live, heals it, and judges it.
func (w *world) run() Outcome {
	for range w.Servers {
		s := w.addServer()
		w.after(w.soon(w.Timeout/10), s.start)
	}
	for range w.Joiners {
		s := w.addServer()
		w.after(time.Duration(w.Int64N(int64(w.Length))), func() {
			if !w.healed {
				s.start()
			}
		})
	}
	for range w.Clients {
		w.addClient()
	}
	for range w.Libraries {
		w.addLibrary()
	}
	if w.Watch > 0 {
		for _, s := range w.servers {
			w.addWatcher(s)
		}
	}
	w.after(w.soon(4*w.Timeout), w.faults.begin)
	w.runUntil(w.Length, nil)
	if w.failure == nil && !w.void {
		w.faults.heal()
		w.comeToRest()
	}
	if w.void && (w.failure == nil || w.stuck) {
		w.failure, w.stuck = nil, false
		w.stats.Void++
	} else if w.failure == nil || w.stuck {
		w.judge()
	}
	w.stats.Runs, w.stats.Steps, w.stats.Ops, w.stats.Virtual = 1, w.steps, uint64(len(w.check.ops)), w.now
	for _, p := range w.up() {
		for _, t := range p.transfers {
			t.snap.Close()
		}
	}
	return Outcome{Stats: w.stats, Strikes: w.faults.strikes, Clients: len(w.clients), Hash: uint64(w.story.hash), Stuck: w.stuck, Err: w.failure, Checker: w.checker, Story: w.story.String()}
}

// restBound is how long a healed cluster may take: evicted servers wait 10 s, and so may each learner. Increments under way come one after the other,
// for of those that meet at a counter one succeeds, after a read and a write: in a long chain of slow links that takes 3 T.
func (w *world) restBound() time.Duration {
	increments := 0
	for _, c := range w.clients {
		if c.library != nil {
			increments += c.library.counting
		}
	}
	return time.Duration(20+10*len(w.servers))*time.Second + time.Duration(120+4*increments)*w.Timeout
}

// comeToRest demands that a healed cluster becomes whole, and then that every server answers every read. An eviction that was
// under way may disturb the first reads: then there are others.
func (w *world) comeToRest() {
	if !w.faults.cored && w.chance(w.Scar) && !w.endures() {
		return
	}
	bound := w.now + w.restBound()
	for round := range 3 {
		if !w.rests(bound) {
			return
		}
		w.Patience = time.Hour // they are all to be answered
		if w.coord.now().view.Target == 0 {
			w.giveUp = time.Hour // and by the protocol alone, for nobody stays outside with a request that it forwarded
		}
		first := len(w.check.ops)
		visitors := w.visit()
		if round == 0 && w.chance(w.Quake) {
			w.quake()
		}
		if !w.rests(bound) {
			return
		}
		for _, c := range visitors {
			if c.session != nil {
				c.begin(&op{kind: opPut, keys: []string{c.key()}})
			}
		}
		if !w.rests(bound) {
			return
		}
		if !slices.ContainsFunc(w.check.ops[first:], w.refused) {
			w.takeLeave()
			return
		}
	}
	w.stuck = true
	w.fail("commands at rest are refused, again and again")
}

// quake breaks connections while the last commands are under way. What was lost with them nobody will say again by the way: no later entry, no
// new view.
func (w *world) quake() {
	w.stats.Faults[Quake]++
	lasts := w.between(Range{Max: w.Timeout / 10}) + 8*w.Delay.Max + 2*w.Disk.Max + 2*w.ClientWait.Max
	for range 1 + w.IntN(12) {
		w.after(time.Duration(w.Float64()*float64(lasts)), func() {
			conns := slices.DeleteFunc(slices.Clone(w.net.conns), func(c *conn) bool { return len(c.queue) == 0 })
			if n := len(conns); n > 0 {
				w.net.breakConn(conns[w.IntN(n)], w.between(w.Delay))
			}
		})
	}
}

// refused tells whether an operation at rest was not done although it should have been: a full table refuses what needs room; and one that
// keeps few sessions forgets some, so that a write is in doubt, and with it ends its connection.
func (w *world) refused(o *op) bool {
	if o.state == opDone || w.Session > 0 {
		return false
	}
	if w.Memory == 0 || o.kind != opPut || o.state != opRefused {
		return true
	}
	// All visitors may have wanted room at once.
	v := w.coord.now().view
	used := w.check.processes[v.Head().MemberID].table.Bytes()
	return used+2*int64(len(v.Members))*table.Growth(o.command) <= w.Memory
}

// endures demands that all clients are answered, those that come now too, although two servers, both members at first, do not hear of each other.
func (w *world) endures() bool {
	var living []*server
	for _, m := range w.coord.now().view.Members {
		if p := w.check.processes[m.MemberID]; p != nil && !p.dead && !p.leaving {
			living = append(living, p.srv)
		}
	}
	if len(living) < 3 {
		return true
	}
	two := w.Perm(len(living))[:2]
	a, b := living[two[0]], living[two[1]]
	if w.story.on {
		w.tell("%s and %s are cut off from each other until every client is answered", a.address, b.address)
	}
	w.stats.Faults[Scar]++
	w.net.block(a, b, time.Hour)
	w.net.block(b, a, time.Hour)
	w.visit()
	w.tend(w.now+w.restBound(), w.settled)
	if w.failure == nil && !w.settled() {
		w.stuck = true
		w.fail("a client is not answered in %v while %s and %s are cut off from each other", w.restBound(), a.address, b.address)
	}
	w.net.heal()
	return w.failure == nil
}

// takeLeave has a member leave, which it does before it gives up; or it takes longer, because all members are being asked for this and that,
// and everybody is answered.
func (w *world) takeLeave() {
	members := w.coord.now().view.Members
	if len(members) < 2 || !w.chance(w.Farewell) {
		return
	}
	p := w.check.processes[members[w.IntN(len(members))].MemberID]
	left := w.stats.Left
	w.stats.Faults[Farewell]++
	within := 15 * time.Second
	if w.chance(0.5) {
		w.visit()
		w.runUntil(w.now+w.between(Range{Max: w.Timeout / 50}), nil)
		within = w.restBound()
	}
	p.leave(within)
	if w.rests(w.now+w.restBound()) && w.stats.Left == left {
		w.stuck = true
		w.fail("%v was told to leave the chain at rest, and ended without having left", p)
	}
}

// tend lets time pass until all is well, and starts who alone can help: it looks four times in T.
func (w *world) tend(bound time.Duration, well func() bool) {
	looked := time.Duration(-1)
	w.runUntil(bound, func() bool {
		if w.now-looked < w.Timeout/4 {
			return false
		}
		looked = w.now
		w.faults.rescue()
		w.faults.undo()
		w.faults.cleanse()
		return well()
	})
}

// rests lets time pass until the cluster is whole.
func (w *world) rests(bound time.Duration) bool {
	var why string
	w.tend(bound, func() bool {
		why = w.unrest()
		if why != "" && w.hopeless() {
			why, w.given = "", true
		}
		return why == ""
	})
	if w.failure == nil && why != "" {
		w.stuck = true
		w.fail("not at rest %v after everything was healed: %s", w.restBound(), why)
	}
	return w.failure == nil && !w.given
}

// unrest says why the cluster is not whole, or nothing.
func (w *world) unrest() string {
	s := w.coord.now()
	if !s.exists {
		return "there is no view"
	}
	if w.faults.targeted && s.view.Target != w.faults.target {
		return fmt.Sprintf("the target is %d, not %d again", s.view.Target, w.faults.target)
	}
	up := w.up()
	want := 0
	for _, p := range up {
		if p.rot.told || p.rot.since > 0 && p.found() {
			return fmt.Sprintf("%v has a wrong table", p)
		}
		if p.leaving {
			return fmt.Sprintf("%v is leaving", p)
		}
		if head := w.check.processes[s.view.Head().MemberID]; head != nil && head.srv.timeout == p.srv.timeout {
			want++
		}
	}
	if s.view.Target > 0 {
		want = min(want, s.view.Target)
	}
	if len(s.view.Members) != want || s.view.Learner != (chain.Member{}) {
		return fmt.Sprintf("the view is %s, and %d servers should be in it", w.showView(s.view.View), want)
	}
	var first *process
	for _, m := range s.view.Members {
		p := w.check.processes[m.MemberID]
		if p == nil || p.dead {
			return fmt.Sprintf("%v of the view is dead", m.MemberID)
		}
		st := p.replica.Status()
		switch {
		case st.View.Epoch != s.view.Epoch:
			return fmt.Sprintf("%v is in epoch %d", p, st.View.Epoch)
		case !st.Serving:
			return fmt.Sprintf("%v does not serve", p)
		case p.gate.Applied() != p.gate.All():
			return fmt.Sprintf("%v has applied %d of %d", p, p.gate.Applied(), p.gate.All())
		case !p.srv.noLeases && !p.leased():
			return fmt.Sprintf("%v has no lease", p)
		case first != nil && p.gate.Applied() != first.gate.Applied():
			return fmt.Sprintf("%v has applied %d, %v %d", p, p.gate.Applied(), first, first.gate.Applied())
		}
		first = p
		if i := w.coord.find(m.MemberID); i < 0 || len(s.servers[i].Silent) > 0 {
			return fmt.Sprintf("%v is being evicted, or evicts", p)
		}
	}
	if !w.settled() {
		return "a client waits"
	}
	return ""
}

// judge holds everything that clients saw against everything that was committed. A wrong history is worse than a cluster that does not
// come to rest, which may be its consequence.
func (w *world) judge() {
	checker := "ops"
	x, err := examine(w.check.ops, w.check.histories)
	w.stats.Sum = uint64(x.sum)
	if err == nil && !w.stuck && !w.given {
		checker, err = "model", w.compareTables(x)
	}
	if err == nil {
		checker = "porcupine"
		w.stats.Whole, err = x.linearizable()
	}
	if err != nil {
		w.failure, w.stuck = nil, false
		w.fail("%v", err)
		w.checker = checker
	}
}

// compareTables holds the tables of the members at rest against the history.
func (w *world) compareTables(x *examination) error {
	s := w.coord.now()
	for _, m := range s.view.Members {
		p := w.check.processes[m.MemberID]
		for _, r := range x.chains {
			if r.id != s.view.Chain || len(r.committed) == 0 {
				continue
			}
			if p.table.Seq() != r.last().Seq {
				return fmt.Errorf("%v: the table is at %d, the history ends at %v", p, p.table.Seq(), r.last())
			}
			if err := r.model.compare(p.table); err != nil {
				return fmt.Errorf("%v: %w", p, err)
			}
		}
	}
	return nil
}
