// Soak runs fresh seeds of package sim for some minutes, on all cores, and judges them. The last line that it prints is the verdict.
//
//	go run ./sim/soak -minutes 60
//
// It fails if a run does: then it tells its story and how to repeat it. It fails, too, if the runs were not worth much: if a kind of fault never
// happened (in 500 runs), if they were shorter than promised, or if a branch of package chain was never taken (in 20 minutes) that should have been
// (untaken.txt). For that it builds itself again with the coverage of that package, and must be run from the root of the repository; -plain does
// without.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chaintable/chaintable/sim"
)

// What the runs must have on average.
const (
	minSteps = 2000
	minViews = 3
)

var (
	minutes = flag.Float64("minutes", 1, "how long; a fraction is allowed")
	seed    = flag.Uint64("seed", 0, "the first seed; zero for one drawn from the time")
	seeds   = flag.Uint64("seeds", 0, "end after so many seeds; zero for as many as there is time for")
	workers = flag.Int("workers", runtime.GOMAXPROCS(0), "how many runs at a time")
	lines   = flag.Int("lines", 220, "how many events of a failed run are told")
	plain   = flag.Bool("plain", false, "without the coverage of package chain")
)

func main() {
	flag.Parse()
	soak := soakPlain
	if !*plain {
		soak = soakCovered
	}
	verdict := soak()
	fmt.Println(verdict)
	if !strings.HasPrefix(verdict, passed) {
		os.Exit(1)
	}
}

// How verdicts begin.
const (
	passed = "PASSED: "
	failed = "FAILED: "
)

// failure is a run that failed.
type failure struct {
	options sim.Options
	err     error
}

// soakPlain makes the runs, tells of them, and gives the verdict.
func soakPlain() (verdict string) {
	debug.SetGCPercent(800) // each run makes much garbage, and little of it lives
	from := *seed
	if from == 0 {
		from = uint64(time.Now().UnixNano() / 1000)
	}
	began := time.Now()
	total, failure := run(from, began.Add(time.Duration(*minutes*float64(time.Minute))))
	took := time.Since(began)
	what := fmt.Sprintf("%d seeds from %d, %.1f a second with %d at a time, %.0f steps and %.1f changes of the view each",
		total.Runs, from, float64(total.Runs)/took.Seconds(), *workers, mean(total.Steps, total), mean(total.Views, total))
	fmt.Printf("%s, in %v. All that happened, and on average:\n%v", what, took.Round(time.Second), total)
	if failure != nil {
		fmt.Println(sim.Explain(failure.options, failure.err, *lines))
		line, _, _ := strings.Cut(failure.err.Error(), "\n")
		return fmt.Sprintf("%sseed %d: %s", failed, failure.options.Seed, line)
	}
	if poor := judge(total); poor != "" {
		return failed + "no run failed, but " + poor + ": " + what
	}
	return passed + what
}

// run makes runs until then, or until one fails. There is at least one.
func run(from uint64, then time.Time) (total sim.Stats, first *failure) {
	var mu sync.Mutex
	var group sync.WaitGroup
	next := from
	take := func() (uint64, bool) {
		mu.Lock()
		defer mu.Unlock()
		more := first == nil && (next == from || time.Now().Before(then)) && (*seeds == 0 || next < from+*seeds)
		next++
		return next - 1, more
	}
	for range *workers {
		group.Go(func() {
			for s, more := take(); more; s, more = take() {
				o := sim.Draw(s)
				out := sim.Run(o, 0)
				mu.Lock()
				total.Add(out.Stats)
				if out.Err != nil && (first == nil || s < first.options.Seed) {
					first = &failure{o, out.Err}
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return total, first
}

// fewRuns is how many runs need not have had everything.
const fewRuns = 500

// judge says what the runs lacked.
func judge(total sim.Stats) string {
	switch {
	case mean(total.Steps, total) < minSteps:
		return fmt.Sprintf("they had fewer than %d steps on average", minSteps)
	case mean(total.Views, total) < minViews:
		return fmt.Sprintf("they had fewer than %d changes of the view on average", minViews)
	}
	if total.Runs < fewRuns {
		return ""
	}
	if i := slices.Index(total.Faults[:], 0); i >= 0 {
		return fmt.Sprintf("the fault %v never happened", sim.Fault(i))
	}
	if what := total.Missing(); what != "" {
		return fmt.Sprintf("the count of %s is zero", what)
	}
	return ""
}

func mean(n uint64, total sim.Stats) float64 { return float64(n) / float64(max(total.Runs, 1)) }
