package system_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chaintable/chaintable/internal/linear"
	"github.com/chaintable/chaintable/internal/needs"
)

// tally is what happened in all runs together.
type tally struct {
	sync.Mutex
	runs, whole, ops, untold int
	faults                   map[string]int
}

func (y *tally) String() string {
	y.Lock()
	defer y.Unlock()
	var names []string
	for name := range y.faults {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	fmt.Fprintf(&b, "%d runs (%d checked as a whole), %d operations, %d of them writes that nobody knows the outcome of; faults:", y.runs, y.whole, y.ops, y.untold)
	for _, name := range names {
		fmt.Fprintf(&b, "\n%4d %s", y.faults[name], name)
	}
	return b.String()
}

// lacks tells what is missing in so many runs that it should not be; empty for nothing.
func (y *tally) lacks() string {
	y.Lock()
	defer y.Unlock()
	if y.runs >= enoughRuns && y.whole == 0 {
		return fmt.Sprintf("none of %d runs was short enough to be checked as a whole", y.runs)
	}
	return ""
}

// enoughRuns are so many that some are short.
const enoughRuns = 20

// trial is one run: a chain, clients who are recorded, and what goes wrong.
type trial struct {
	*network
	zoo     []*needs.ZooKeeper                  // its own, if something happens to ZooKeeper
	apart   func(i, j int, change func(*proxy)) // between servers of its own ensemble
	seed    uint64
	random  *rand.Rand // of the faults
	history *history
	missing int              // servers that are to be started again
	spared  map[*server]bool // stopped, or leaving: nothing more happens to them, for they cannot answer to it
	flooded atomic.Int64     // connections made by floods
	atLast  []func()         // what faults wait for when all of them have ended: a server may be suspended until then
}

// TestHistories has clients use chains in which something goes wrong, and judges all they were told: whether one order of everything explains it. At
// the end every member is read, so that no acknowledged write is lost.
func TestHistories(t *testing.T) {
	seed := *historySeedFlag
	if seed == 0 {
		seed = rand.Uint64N(1_000_000)
	}
	t.Logf("runs %d to %d: repeat one with -history-seed N -runs 1", seed, seed+uint64(*runsFlag)-1)
	y := &tally{faults: map[string]int{}}
	t.Cleanup(func() {
		t.Log(y)
		if what := y.lacks(); what != "" {
			t.Error(what)
		}
	})
	shared := needs.AnyZooKeeper(t)
	for i := range uint64(*runsFlag) {
		t.Run(fmt.Sprint(seed+i), func(t *testing.T) {
			t.Parallel()
			runTrial(t, seed+i, shared, y)
		})
	}
}

// Shapes of a run. One that is to be checked as a whole has few operations.
const (
	longUsers, shortUsers   = 8, 4 // a quarter of them speak the seed protocol
	longPace, shortPace     = 8 * time.Millisecond, 50 * time.Millisecond
	shortMost               = linear.MaxWhole - 15 // leaves room for the reads at the end
	longDoubts, shortDoubts = 30, 8                // see history.doubts
	lull                    = 400 * time.Millisecond
)

func newTrial(seed uint64) *trial {
	return &trial{seed: seed, spared: map[*server]bool{}, random: rand.New(rand.NewPCG(seed, 0))}
}

func runTrial(t *testing.T, seed uint64, shared string, y *tally) {
	r := newTrial(seed)
	planned := r.plan()
	r.begin(t, planned, shared)
	r.live(planned, y)
}

// live has clients use the chain while what is planned goes wrong, heals everything, and judges.
func (r *trial) live(planned []*fault, y *tally) {
	t := r.t
	t.Helper()
	r.history = newHistory()
	chain := r.view().Chain
	stop := r.users()
	pass(t, lull)
	var ends []func()
	hold := time.Duration(0)
	for i, f := range planned {
		if i > 0 {
			pass(t, time.Duration(r.random.Int64N(int64(sessionTimeout))))
		}
		t.Logf("%v: %s", r.history.now().Round(time.Millisecond), f.name)
		if end := f.begin(r); end != nil {
			ends = append(ends, end)
		}
		hold = max(hold, f.hold)
	}
	pass(t, hold)
	for _, end := range ends {
		end()
	}
	for _, wait := range r.atLast {
		wait()
	}
	t.Logf("%v: healed", r.history.now().Round(time.Millisecond))
	for range r.missing {
		r.admit(r.network.start())
	}
	pass(t, lull)
	settle := stop()
	whole := time.Now()
	r.awaitWhole()
	t.Logf("whole after %v", time.Since(whole).Round(time.Millisecond))
	if now := r.view().Chain; now != chain {
		t.Errorf("the chain is %s, was %s: it has begun anew, empty", now, chain)
	}
	settle()
	for _, s := range r.members() {
		r.history.readAll(t, s, userKeys)
	}
	r.history.check(t)
	ops, untold := r.history.count()
	t.Logf("%d operations, %d untold; %d bytes changed, %d connections of floods", ops, untold, r.spoiled(), r.flooded.Load())
	y.Lock()
	defer y.Unlock()
	y.runs++
	y.ops += ops
	y.untold += untold
	if ops <= linear.MaxWhole {
		y.whole++
	} else if r.history.most > 0 {
		t.Errorf("%d operations: too many to be checked as a whole, as a short run is to be", ops)
	}
	for _, f := range planned {
		y.faults[f.name]++
	}
}

// begin makes the chain, with a ZooKeeper of its own if something is to happen to that, in every second run in a network that
// takes its time: so there are moments in which some servers know of a write, and others do not.
func (r *trial) begin(t *testing.T, planned []*fault, shared string) {
	t.Helper()
	var needed bent
	for _, f := range planned {
		needed |= f.bent
	}
	zookeepers := []string{shared}
	switch {
	case needed&ensemble != 0:
		r.zoo, r.apart = startSeveredEnsemble(t)
	case needed&breaks != 0:
		r.zoo = []*needs.ZooKeeper{needs.StartZooKeeper(t)}
	}
	if r.zoo != nil {
		zookeepers = strings.Split(servers(r.zoo), ",")
	}
	far := r.random.IntN(2) == 0
	r.network = newNetwork(t, zookeepers, 3, func(n *network) {
		n.options = []string{"--request-timeout", requestTimeout.String()}
		if far {
			n.latency = func() time.Duration { return time.Duration(1+r.random.IntN(10)) * time.Millisecond }
		}
	})
}

// users begin. What is returned stops them, and returns what waits until the fate of all their writes is known that have a number.
func (r *trial) users() (stop func() (settle func())) {
	users, pace := longUsers, longPace
	r.history.mostDoubts = longDoubts
	if r.seed%3 == 0 { // the number of faults is no multiple of three, so each has short runs
		users, pace = shortUsers, shortPace
		r.history.most, r.history.mostDoubts = shortMost, shortDoubts
	}
	stopped := make(chan struct{})
	var all sync.WaitGroup
	begin := func(act func() error, end func()) {
		all.Go(func() {
			defer end()
			ticker := time.NewTicker(pace)
			defer ticker.Stop()
			for {
				select {
				case <-ticker.C:
					if !r.history.full() {
						if err := act(); err != nil {
							r.t.Error(err)
						}
					}
				case <-stopped:
					return
				}
			}
		})
	}
	var seeds []*seedUser
	for i := range users {
		u := user{
			t: r.t, history: r.history, random: rand.New(rand.NewPCG(r.seed, uint64(i+1))), servers: r.addresses,
			name: string(rune('a' + i)),
		}
		if i%4 > 0 {
			c := newRESPUser(u)
			begin(c.act, c.close)
		} else {
			c := &seedUser{user: u, place: i}
			seeds = append(seeds, c)
			begin(c.act, c.close)
		}
	}
	var once sync.Once
	end := func() {
		once.Do(func() { close(stopped) })
		all.Wait()
	}
	r.t.Cleanup(end)
	return func() func() {
		end()
		return func() {
			r.t.Helper()
			for _, c := range seeds {
				c.settle()
				c.close()
			}
		}
	}
}

// awaitWhole waits until all servers that run are members and serve.
func (r *trial) awaitWhole() {
	r.t.Helper()
	r.mu.Lock()
	running := slices.Clone(r.serving)
	r.mu.Unlock()
	waitFor(r.t, "the chain to be whole", func() bool {
		v := r.view()
		for _, s := range running {
			if v.index(s.address) < 0 || !s.serving() {
				return false
			}
		}
		return len(v.Members) == len(running)
	})
	r.awaitPublished()
}
