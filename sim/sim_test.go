package sim

import (
	"flag"
	"os"
	"runtime/debug"
	"testing"
	"time"
)

var (
	simTime = flag.Duration("simtime", 3*time.Second, "how long TestSimulation runs fresh seeds")
	seed    = flag.Uint64("seed", 0, "the seed that TestReplay repeats; the first one of TestSimulation, zero for one drawn from the time")
	lines   = flag.Int("lines", 220, "how many events TestReplay tells")
	tell    = flag.Bool("tell", false, "TestReplay tells the end of the story even of a run without failure")
)

// TestSimulation runs fresh seeds for a while: each a cluster of its own, with its own mix of faults.
func TestSimulation(t *testing.T) {
	from := *seed
	if from == 0 {
		from = uint64(time.Now().UnixNano() / 1000)
	}
	var total Stats
	began := time.Now()
	for s := from; time.Since(began) < *simTime; s++ {
		o := Draw(s)
		out := Run(o, false)
		total.Add(out.Stats)
		if out.Err != nil {
			t.Fatal(Explain(o, out.Err))
		}
	}
	t.Logf("first seed %d: %.1f seeds/s\n%v", from, float64(total.Runs)/time.Since(began).Seconds(), total)
}

// TestReplay repeats the run of one seed.
func TestReplay(t *testing.T) {
	if *seed == 0 {
		t.Skip("no -seed")
	}
	storyLines = *lines
	o := Draw(*seed)
	out := Run(o, *tell)
	if out.Err != nil {
		t.Fatal(Explain(o, out.Err))
	}
	t.Logf("options: %v\n%s\n%v", o, out.Story, out.Stats)
}

// TestSame runs seeds twice: the same happens, whether or not it is told.
func TestSame(t *testing.T) {
	for s := uint64(1); s <= 8; s++ {
		a, b, c := Run(Draw(s), false), Run(Draw(s), false), Run(Draw(s), true)
		if a.Hash != b.Hash || a.Hash != c.Hash || a.Stats != b.Stats || a.Stats != c.Stats {
			t.Errorf("seed %d: three runs differ: %x %x %x", s, a.Hash, b.Hash, c.Hash)
		}
	}
}

var (
	many  = flag.Int("many", 0, "how many seeds TestMany runs, from -seed on")
	first = flag.Bool("first", false, "TestMany ends with the first failure")
)

// TestMany runs a given number of seeds and lists those that fail, one line each.
func TestMany(t *testing.T) {
	if *many == 0 {
		t.Skip("no -many")
	}
	var total Stats
	began := time.Now()
	for s := *seed; s < *seed+uint64(*many); s++ {
		out := Run(Draw(s), false)
		total.Add(out.Stats)
		if out.Err != nil {
			t.Errorf("seed %d: %.300v", s, out.Err)
			if *first {
				break
			}
		}
	}
	t.Logf("%.1f seeds/s\n%v", float64(total.Runs)/time.Since(began).Seconds(), total)
}

// TestMain lets garbage lie for longer: each run makes much, and little of it lives.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}
