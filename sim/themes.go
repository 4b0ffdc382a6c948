package sim

import "time"

// Themes are what half of the runs are about. A swarm of options that know nothing of each other seldom has together what one kind of
// mistake needs: a reader that stays, a server that is left behind, and writes elsewhere, to the same key.
var Themes = []string{"reads", "requests", "joins"}

// about changes what is drawn in favour of a theme.
func (o *Options) about(theme string, d dice) {
	t := o.Timeout
	o.Theme = theme
	pick := func(ds ...time.Duration) time.Duration { return ds[d.IntN(len(ds))] }
	often := func(faults ...Fault) {
		for _, f := range faults {
			if d.chance(0.5) {
				o.Means[f] = o.Length/12 + time.Duration(d.Int64N(int64(o.Length/4)))
			}
		}
	}
	switch theme {
	case "reads": // at servers that are left behind
		o.Servers, o.Keys = max(3, o.Servers), 1+d.IntN(3)
		o.Length = 10 * t
		o.Watch = t/50 + d.soon(t/20)
		o.Think = pick(t/100, t/20)
		o.Delay.Max = pick(t/100, t/20)
		o.NoLeases = []float64{0, 0, 1}[d.IntN(3)]
		o.CoordBack, o.CoordTimeout = []float64{0, 0, 0.2}[d.IntN(3)], 2*t
		if d.chance(0.3) {
			o.SlowReader, o.Patience = 0.3, 30*t
		}
		often(CoordCut, Freeze, Maroon, Pause, Leave, Expire)
	case "requests": // that are lost, refused, repeated
		o.Clients, o.Ops, o.Think = 5, 2+d.IntN(4), pick(t/100, t/20)
		o.Length = 10 * t
		o.Async = []float64{0.2, 0.9}[d.IntN(2)]
		o.Retain, o.Patience = 1, pick(t/2, 4*t, 30*t)
		if o.Memory = 0; d.chance(0.5) {
			o.Memory, o.Free = 200<<d.IntN(4), 0.3
		}
		if o.Session = 0; d.chance(0.3) {
			o.Session = 1 + d.IntN(4)
		}
		often(Break, Flap, Hunt, Leave, Partition, CoordCut)
		if o.Means[Hunt] > 0 {
			o.Means[Hunt] /= 3
		}
	case "joins": // while links, disks and the coordinator are slow, or fail
		o.Servers, o.Joiners = max(2, o.Servers), 3
		o.Durable = []float64{0.5, 1}[d.IntN(2)]
		o.Clients, o.Ops, o.Think = max(3, o.Clients), max(2, o.Ops), pick(t/100, t/20)
		o.Length = 10 * t
		o.Disk.Max = pick(t/50, t/10, t/5)
		o.CoordLate, o.CoordLost, o.Meddle = 0.2, 0.2, 0.5
		o.Linger, o.LingerFor = 1, pick(t/10, t/2, 3*t)
		often(Flap, Break, Crash, Expire, Freeze, Hunt, CoordCut, Pause, Maroon, Massacre)
	}
}
