package sim

import (
	"flag"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

var (
	simTime = flag.Duration("simtime", 3*time.Second, "how long TestSimulation runs fresh seeds")
	seed    = flag.Uint64("seed", 0, "the seed that TestReplay repeats; the first one of TestSimulation and TestMany. Zero: one drawn from the time, or 1")
	drop    = flag.String("drop", "", "what TestReplay leaves out of the run, with commas (Options.Drop)")
	lines   = flag.Int("lines", 220, "how many events TestReplay tells")
	many    = flag.Int("many", 100, "how many seeds TestMany runs")
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
		out := Run(o, 0)
		total.Add(out.Stats)
		if out.Err != nil {
			t.Fatal(Explain(o, out.Err, *lines))
		}
	}
	t.Logf("first seed %d: %.1f seeds/s\n%v", from, float64(total.Runs)/time.Since(began).Seconds(), total)
}

// TestReplay repeats the run of one seed, and tells its end.
func TestReplay(t *testing.T) {
	o := Draw(max(*seed, 1))
	if *drop != "" {
		o = o.Without(strings.Split(*drop, ",")...)
	}
	out := Run(o, *lines)
	t.Logf("options: %v\n%s\n%v", o, out.Story, out.Stats)
	if out.Err != nil {
		t.Fatalf("seed %d: %v", o.Seed, out.Err)
	}
}

// TestMany runs a given number of seeds and lists those that fail, one line each.
func TestMany(t *testing.T) {
	var total Stats
	began := time.Now()
	for s := max(*seed, 1); total.Runs < uint64(*many); s++ {
		out := Run(Draw(s), 0)
		total.Add(out.Stats)
		if out.Err != nil {
			t.Errorf("seed %d: %.300v", s, out.Err)
		}
	}
	t.Logf("%.1f seeds/s\n%v", float64(total.Runs)/time.Since(began).Seconds(), total)
}

// TestSame runs seeds twice: the same happens, to the byte of all that can be told, and also when nothing is told.
func TestSame(t *testing.T) {
	for s := uint64(1); s <= 8; s++ {
		const all = 1 << 20
		a, b, c := Run(Draw(s), all), Run(Draw(s), all), Run(Draw(s), 0)
		if a.Story != b.Story || a.Hash != b.Hash || a.Hash != c.Hash || a.Stats != b.Stats || a.Stats != c.Stats {
			t.Errorf("seed %d: three runs differ: %x %x %x", s, a.Hash, b.Hash, c.Hash)
		}
		if n := strings.Count(a.Story, "\n"); n < 300 {
			t.Errorf("seed %d: a story of %d lines", s, n)
		}
	}
}

// TestShrink has a run fail as long as its second crash, one of its clients and a lossy coordinator are there: no more is left.
func TestShrink(t *testing.T) {
	o := Draw(1)
	o.Clients, o.CoordLost, o.Linger = 3, 0.1, 0.1
	o.Means[Crash], o.Means[Pause] = time.Second, time.Second
	runs := 0
	small := shrink(o, func(o Options) (Outcome, bool) {
		runs++
		return Outcome{Clients: 6, Strikes: Counts{Crash: 3, Pause: 2}}, !o.dropped("crash", 2) && !o.dropped("client", 3) && o.CoordLost > 0
	})
	for name, want := range map[string]bool{
		"crash#1": true, "crash#2": false, "crash#3": true, "pause": true, "client#1": true, "client#2": true, "client#3": false,
		"Linger": true, "CoordLost": false,
	} {
		kind, n := name, 0
		if i := strings.Index(name, "#"); i > 0 {
			kind, n = name[:i], int(name[i+1]-'0')
		}
		if small.dropped(kind, n) != want {
			t.Errorf("%s is dropped: %t, want %t (%v)", name, !want, want, small.Drop)
		}
	}
	if small.Linger != 0 || small.CoordLost == 0 {
		t.Errorf("Linger is %v, CoordLost %v", small.Linger, small.CoordLost)
	}
	t.Logf("%d runs leave %v", runs, small.Drop)
}

// TestMain lets garbage lie for longer: each run makes much, and little of it lives.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}
