package chain

import (
	"slices"
	"testing"
	"time"
)

// rig is one server, T one second, with an honest coordinator that answers at once and an application that takes no time. The test plays
// everybody else. A cluster (cluster_test.go) is for tests with more servers.
type rig struct {
	registry
	t     *testing.T
	r     *Replica
	now   Time
	lives []MemberID // the others whose heartbeats go on
	holds string     // requests of this kind (kindOf) get no answer

	asked    []Ask
	said     string // its log, in lines
	halted   error  // after that it takes no more steps
	left     bool
	unstaged bool
	chunk    []byte    // each one of a snapshot
	chunks   int       // how many follow before the last one
	logged   []Entry   // to be made durable, which it is at once
	reads    []ReadLog // of older log, which the test is to answer
	sent     []Message // since the test last looked
}

// newRig makes the server. The coordinator has the view and the registrations of others.
func newRig(t *testing.T, cfg Config, view View, others ...Member) *rig {
	t.Helper()
	cfg.SessionTimeout, cfg.NewChain = time.Second, 77
	g := &rig{t: t, now: Time(time.Hour), chunk: []byte("table"), registry: registry{exists: true, view: Recorded{view, 4}, session: 1}}
	for _, m := range others {
		g.register(m)
	}
	var err error
	if g.r, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return g
}

// register is what another server does.
func (g *rig) register(m Member) {
	g.regs = append(g.regs, Registered{Registration: Registration{Member: m, Timeout: time.Second, Rules: Rules}})
}

func (g *rig) step(in Input) {
	g.t.Helper()
	if g.halted != nil {
		return
	}
	g.r.Step(g.now, in)
	for range 100 {
		out := g.r.Ready()
		if out.Empty() {
			return
		}
		g.left, g.unstaged = g.left || out.Left, g.unstaged || out.Unstage
		for _, env := range out.Send {
			g.sent = append(g.sent, env.Message)
		}
		if out.ReadLog != nil {
			g.reads = append(g.reads, *out.ReadLog)
		}
		for _, n := range out.News {
			g.said += n.Text + "\n"
		}
		if g.halted = out.Halt; g.halted != nil {
			return
		}
		if n := len(out.Append); n > 0 {
			g.logged = append(g.logged, out.Append...)
			g.r.Step(g.now, Persisted{out.Append[n-1].Position(), out.Cuts})
		}
		if n := len(out.Apply); n > 0 {
			g.r.Step(g.now, Applied{Through: out.Apply[n-1].Entry.Seq, Sums: sumsOf(out.Apply)})
		}
		if out.Read != 0 {
			g.r.Step(g.now, Chunk{Transfer: out.Read, Data: g.chunk, Last: g.chunks == 0})
			g.chunks = max(0, g.chunks-1)
		}
		for _, m := range out.Probe {
			g.r.Step(g.now, ProbeDone{Member: m.MemberID, Dead: true})
		}
		for _, a := range out.Ask {
			g.asked = append(g.asked, a)
			if kindOf(a) != g.holds {
				g.r.Step(g.now, g.execute(a, g.now))
			}
		}
		if err := g.r.Check(); err != nil {
			g.t.Fatal(err)
		}
	}
	g.t.Fatalf("it does not come to rest, and asks for %+v", g.asked[len(g.asked)-1])
}

// run lets time pass, 10 ms at a time.
func (g *rig) run(d time.Duration) {
	g.t.Helper()
	for end := g.now.Add(d); g.now < end && g.halted == nil; g.now = g.now.Add(10 * time.Millisecond) {
		for _, id := range g.lives {
			if i := g.index(id); i >= 0 {
				g.regs[i].Version++
			}
		}
		g.step(Tick{})
	}
}

// hear takes a message of another server, sent in the view that this one has.
func (g *rig) hear(from Member, m Message) {
	g.t.Helper()
	g.step(Received{Envelope{Chain: g.r.view.Chain, Epoch: g.r.view.Epoch, From: from.MemberID, To: g.r.self.MemberID, Message: m}})
}

// last is the newest request of a kind, or nil.
func (g *rig) last(kind string) Ask {
	for _, a := range slices.Backward(g.asked) {
		if kindOf(a) == kind {
			return a
		}
	}
	return nil
}

// changes are the views that it has asked for.
func (g *rig) changes() (asked []AskChange) {
	for _, a := range g.asked {
		if c, ok := a.(AskChange); ok {
			asked = append(asked, c)
		}
	}
	return asked
}

// sumsOf is what a table without any content says of itself.
func sumsOf(all []Apply) (sums []uint64) {
	for i := range all {
		if all[i].Sum {
			sums = append(sums, 0)
		}
	}
	return sums
}
