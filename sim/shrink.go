package sim

import (
	"fmt"
	"reflect"
	"time"
)

// shrinkTime bounds how long a failure is shrunk.
const shrinkTime = 30 * time.Second

// droppable are the options that a run can do without: then they are zero.
var droppable = []string{
	"Joiners", "Target", "Watch", "Meddle", "Trail", "Memory", "Pending", "Session", "NoLeases", "NoRestore", "Drift", "Linger", "Snap", "Async", "Big", "Free", "Odd", "SlowReader", "GiveUp", "CoordLost", "ChangeLost", "CoordLate", "CoordBack", "CoordStale", "SyncStale",
	"WatchLost", "Core", "Scar", "Farewell", "Quake", "Libraries", "Bounded", "Fragile", "Cancel", "Power", "Interval", "CrashOpen", "Amid", "DiskError",
}

// Shrink leaves out of a run that fails whatever it can do without and still fail: kinds of faults, options, clients, single faults. The
// run must come to the same sort of end: a safety violation or a cluster that does not come to rest. Without goes through its list once
// more after each round that found something, and begins no run after half a minute.
func Shrink(o Options) Options {
	stuck := Run(o, 0).Stuck
	deadline := time.Now().Add(shrinkTime)
	return shrink(o, func(o Options) (Outcome, bool) {
		if time.Now().After(deadline) {
			return Outcome{}, false
		}
		out := Run(o, 0)
		return out, out.Err != nil && out.Stuck == stuck
	})
}

// shrink does so with any test of failing, which also tells how often each kind of fault came up.
func shrink(o Options, fails func(Options) (Outcome, bool)) Options {
	out, _ := fails(o)
	try := func(drop string) bool {
		smaller := o.Without(drop)
		n, ok := fails(smaller)
		if ok {
			o, out = smaller, n
		}
		return ok
	}
	for again := true; again; {
		again = false
		for f := range numFaults {
			if name := f.String(); o.Means[f] > 0 && !o.dropped(name, 0) {
				again = try(name) || again
			}
		}
		for _, name := range droppable {
			if !reflect.ValueOf(o).FieldByName(name).IsZero() {
				again = try(name) || again
			}
		}
		for n := 1; n <= out.Clients; n++ {
			if !o.dropped("client", n) {
				again = try(fmt.Sprintf("client#%d", n)) || again
			}
		}
		for f := range numFaults {
			for n := int(out.Strikes[f]); n > 0; n-- {
				if !o.dropped(f.String(), n) {
					again = try(fmt.Sprintf("%v#%d", f, n)) || again
				}
			}
		}
	}
	return o
}
