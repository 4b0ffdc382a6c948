package system_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

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
	sort.Strings(names)
	var b strings.Builder
	fmt.Fprintf(&b, "%d runs (%d checked as a whole), %d operations, %d of them writes that nobody knows the outcome of; faults:", y.runs, y.whole, y.ops, y.untold)
	for _, name := range names {
		fmt.Fprintf(&b, "\n%4d %s", y.faults[name], name)
	}
	return b.String()
}

// trial is one run: a chain, clients who are recorded, and what goes wrong.
type trial struct {
	*network
	t       *testing.T
	seed    uint64
	random  *rand.Rand // of the faults
	history *history
	tally   *tally
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
	t.Cleanup(func() { t.Log(y) })
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
	respUsers, seedUsers = 6, 2
	userPace             = 15 * time.Millisecond
	shortPace            = 110 * time.Millisecond
	shortMost            = 285 // leaves room for the reads at the end
	lull                 = 400 * time.Millisecond
)

func runTrial(t *testing.T, seed uint64, shared string, y *tally) {
	r := &trial{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), history: newHistory(), tally: y}
	planned := r.plan()
	var names []string
	for _, f := range planned {
		names = append(names, f.name)
	}
	what := strings.Join(names, ", ")
	t.Logf("seed %d: %s", seed, what)
	r.network = newNetwork(t, []string{shared}, 3, "--request-timeout", requestTimeout.String())
	stop := r.users()
	pass(t, lull)
	var ends []func()
	for _, f := range planned {
		t.Logf("%v: %s", r.history.now().Round(time.Millisecond), f.name)
		if end := f.begin(r); end != nil {
			ends = append(ends, end)
		}
	}
	hold := 500 * time.Millisecond
	for _, f := range planned {
		hold = max(hold, f.hold)
	}
	pass(t, hold)
	for _, end := range ends {
		end()
	}
	t.Logf("%v: healed", r.history.now().Round(time.Millisecond))
	pass(t, lull)
	settle := stop()
	r.awaitWhole()
	settle()
	for _, s := range r.members() {
		r.history.readAll(t, s, userKeys)
	}
	r.history.check(t)
	ops, untold := r.history.count()
	t.Logf("%d operations, %d untold", ops, untold)
	y.Lock()
	defer y.Unlock()
	y.runs++
	y.ops += ops
	y.untold += untold
	if ops <= 300 {
		y.whole++
	}
	for _, name := range names {
		y.faults[name]++
	}
}

// users begin. What is returned stops them, and returns what waits until the fate of all their writes is known that have a number.
func (r *trial) users() (stop func() (settle func())) {
	pace := userPace
	if r.seed%3 == 0 {
		pace, r.history.most = shortPace, shortMost
	}
	stopped := make(chan struct{})
	var all sync.WaitGroup
	begin := func(act, end func()) {
		all.Go(func() {
			defer end()
			ticker := time.NewTicker(pace)
			defer ticker.Stop()
			for {
				select {
				case <-ticker.C:
					if !r.history.full() {
						act()
					}
				case <-stopped:
					return
				}
			}
		})
	}
	var seeds []*seedUser
	for i := range respUsers + seedUsers {
		u := user{
			t: r.t, history: r.history, random: rand.New(rand.NewPCG(r.seed, uint64(i+1))), servers: r.addresses,
			name: string(rune('a' + i)),
		}
		if i < respUsers {
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
