package sim

import "time"

// Themes are what half of the runs are about. A swarm of options that know nothing of each other seldom has together what one kind of
// mistake needs: a reader that stays, a server that is left behind, and writes elsewhere, to the same key.
var Themes = []string{"reads", "pauses", "requests", "heads", "joins", "disks", "rejoins", "stalls", "busy", "sessions", "wipes", "operators", "libraries", "rot", "space"}

// about changes what is drawn in favour of a theme.
func (o *Options) about(theme string, d dice) {
	t := o.Timeout
	o.Theme = theme
	pick := func(ds ...time.Duration) time.Duration { return ds[d.IntN(len(ds))] }
	number := func(xs ...float64) float64 { return xs[d.IntN(len(xs))] }
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
		if o.NoLeases = number(0, 1); o.NoLeases > 0 {
			o.Means[Maroon] = 2 * t
		} else {
			o.Means[Leave], o.Meddle = 2*t, 0.5
		}
		o.CoordBack, o.CoordTimeout = number(0, 0, 0.2), 2*t
		if d.chance(0.3) {
			o.SlowReader, o.Patience = 0.3, 30*t
		}
		often(CoordCut, Freeze, Maroon, Pause, Leave, Expire)
	case "pauses": // of servers that are taken out meanwhile, and of readers, longer than that
		o.Servers, o.Keys, o.Length = 3, 1, 10*t
		o.Delay.Max, o.Turn.Max, o.Reader = t/100, t/200, Range{}
		o.NoLeases, o.Paused, o.Means[Pause] = 0, 2*t, 2*t
		o.CoordBack, o.CoordTimeout = number(0, 0.5), 4*t
		if d.chance(0.5) {
			o.Clients, o.Think, o.Watch, o.Patience = 5, t/50, t/50, t/2
		} else {
			o.Clients, o.Ops, o.Think, o.Watch, o.Patience = 15, 1, t/5, t/5, 5*t
			o.SlowReader, o.Blocked, o.Means[CoordCut] = 0.5, 2*t, t
		}
		often(Suspend, Expire)
	case "requests": // that are lost, refused, repeated
		o.Clients, o.Ops, o.Think = 5, 2+d.IntN(4), pick(t/100, t/20)
		o.Length = 10 * t
		o.Async = number(0.2, 0.9)
		o.Retain, o.Patience, o.GiveUp = 1, pick(t/2, 4*t, 30*t), pick(0, t/2, 2*t)
		o.Linger, o.LingerFor = 1, pick(t/10, t/2, 3*t)
		if o.Memory = 0; d.chance(0.5) {
			o.Memory, o.Free = 200<<d.IntN(4), 0.3
		}
		if o.Memory > 0 && d.chance(0.6) { // and refusals are on their way for long, to servers that take much at once
			o.Free, o.Async, o.Keys, o.Memory = 0.5, 0, 20, 200<<d.IntN(3)
			o.Delay.Max, o.Batch, o.Patience, o.GiveUp = pick(t/50, t/10), 4+d.IntN(12), 30*t, 0
			o.Means[Break], o.Means[Pause], o.Paused = o.Length/60, o.Length/30, t/4
		}
		if o.Session = 0; d.chance(0.3) {
			o.Session = 1 + d.IntN(4)
		}
		often(Break, Flap, Clog, Hunt, Leave, Partition, CoordCut)
		if o.Means[Hunt] > 0 {
			o.Means[Hunt] /= 3
		}
	case "heads": // that die soon after they took over, and with them what only they had
		o.Servers, o.Durable = max(3, o.Servers), number(0, 0.5, 1)
		o.Clients, o.Ops, o.Think = 5, 30, pick(t/50, t/20)
		o.Length, o.Async, o.Patience = 10*t, 0.9, pick(t, 5*t)
		o.Delay.Max, o.Coord.Max, o.Coord.Rare = pick(t/50, t/20, t/5), t/50, 0
		o.Down = pick(t/20, t/2, 2*t)
		o.Means[Hunt] = 2 * t
		often(Crash, Break, Pause, CoordCut)
	case "joins": // while links, disks and the coordinator are slow, or fail
		o.Servers, o.Joiners = max(2, o.Servers), 3
		o.Durable = number(0.5, 1)
		o.Clients, o.Ops, o.Think = max(3, o.Clients), max(2, o.Ops), pick(t/100, t/20)
		o.Length = 10 * t
		o.Disk.Max, o.Delay.Max = pick(t/50, t/10, t/5), pick(t/100, t/20)
		o.CoordLate, o.CoordLost, o.Meddle = 0.2, 0.2, 0.5
		o.Linger, o.LingerFor = 1, pick(t/10, t/2, 3*t)
		often(Flap, Break, Clog, Crash, Leave, Expire, Freeze, Hunt, CoordCut, Pause, Maroon, Massacre)
	case "disks": // that are slow, under learners whose tails go, and chains that die as a whole
		o.Servers, o.Joiners, o.Durable, o.Target = 3, 3, 1, 0
		o.Clients, o.Ops, o.Think = 3, 4, t/50
		o.Length = 10 * t
		o.Disk = Range{Min: t / 50, Max: pick(t/5, t/2), Rare: t}
		o.Coord.Max, o.Coord.Rare, o.CoordTimeout = pick(t/500, t/10), 0, t/4
		o.Delay = Range{Min: t / 5000, Max: t / 1000}
		o.Linger, o.LingerFor = 1, pick(t/10, t/2)
		o.Down = pick(t/20, t/2)
		o.Means[Leave], o.Means[Crash] = pick(t, 2*t), pick(t, 2*t)
		o.Means[Expire], o.Means[Outage], o.Means[Wipe] = 0, 0, 0
		often(Clog, Break, Flap, Massacre)
	case "rejoins": // of servers that were away, with their disks, behind tails that have little of the log in memory
		o.Servers, o.Joiners, o.Durable, o.Target = 2+d.IntN(3), d.IntN(2), number(0.7, 1), 0
		o.Clients, o.Ops, o.Think = 3, 4, pick(t/200, t/50)
		o.Length, o.Retain = 20*t, []uint64{1, 1 << 10}[d.IntN(2)]
		o.Recall.Max, o.Piece = pick(t/500, t/20, t/5), 200<<d.IntN(4)
		o.Disk = Range{Min: t / 1000, Max: pick(t/500, t/50, t/5), Rare: pick(0, t)}
		o.Coord.Max, o.Coord.Rare = t/50, 0
		if o.Big == 0 {
			o.JoinRate = []uint64{0, 0, 64 << 10}[d.IntN(3)]
		}
		o.Down = pick(t/2, 2*t)
		o.Means[Crash], o.Means[Wipe], o.Means[Outage] = pick(t, 2*t), 0, 0
		often(Break, Flap, Clog, Leave, Drain, Pause, Hunt, Move, CoordCut, Massacre)
	case "stalls": // of disks, for longer than T, while chains die and begin anew
		o.Servers, o.Joiners, o.Durable, o.Target = 1+d.IntN(2), 3, 0.5, 0
		o.Clients, o.Ops, o.Think = 3, 4, t/20
		o.Length, o.Retain = 20*t, 1
		o.Disk = Range{Min: t / 50, Max: pick(t/2, 2*t), Rare: 4 * t}
		o.Coord.Max, o.CoordLate, o.CoordLost = t/50, 0, 0
		o.Down, o.Paused = pick(t, 4*t), 4*t
		o.Means[Pause], o.Means[Crash], o.Means[Massacre] = 4*t, 4*t, 2*t
		o.Means[Outage], o.Means[Wipe] = 0, 0
	case "busy": // clients on slow links: what is committed here and applied there differs most
		o.Clients, o.Ops, o.Think, o.Length = 5, 4, t/100, 5*t
		o.Delay.Max, o.NoLeases = t/20, number(0, 1)
		if d.chance(0.5) { // and much of it is on its way twice
			o.Async, o.Means[Break] = 0.9, o.Length/40
		}
	case "sessions": // with the coordinator, that end and begin anew at a server of the ensemble that is behind
		o.Servers, o.Joiners, o.Target = 3, 3, 0
		o.Clients, o.Think = 3, t/20
		o.Length = 15 * t
		o.CoordStale, o.CoordStaleAge, o.SyncStale = 1, 3*t, 0
		o.CoordLost, o.CoordLate, o.WatchLost = 0, 0, 0.5
		o.Down, o.Blocked = t/2, 3*t
		o.Means[Expire], o.Means[Crash] = t, 2*t
		often(Freeze, Leave, CoordCut, Pause)
	case "wipes": // of the coordinator, again and again, while servers are away
		o.Servers, o.Joiners, o.Target, o.Durable = 3, 3, 1+d.IntN(2), 0
		o.Clients, o.Think, o.Length = 1, t/5, 30*t
		o.CoordTimeout, o.CoordLate, o.CoordLost, o.ChangeLost = pick(t/4, t), 0, 0, 0.5
		o.Coord.Max = pick(t/50, t/10)
		o.Down, o.Means[Crash], o.Means[Wipe] = t, 2*t, 2*t
		often(Pause, CoordCut, Expire, Leave)
	case "operators": // who change the chain again and again, through a coordinator that is slow, or does not answer
		o.Servers = max(3, o.Servers)
		o.Clients, o.Ops, o.Think = max(2, o.Clients), 1+d.IntN(6), pick(t/100, t/20)
		o.Length = 15 * t
		o.Async, o.Delay.Max = number(0.2, 0.9), pick(t/500, t/50, t/10)
		o.Coord.Max, o.CoordLate, o.ChangeLost = pick(t/50, t/5), number(0, 0.2), number(0, 0.5)
		o.Down, o.Blocked = pick(t/2, 2*t), pick(t, 3*t)
		for _, f := range []Fault{Retarget, Move, Drain} {
			o.Means[f] = pick(t/2, 2*t, 4*t)
		}
		if d.chance(0.5) { // and those who are out do not know it, and are asked
			o.Keys, o.Watch, o.Meddle, o.NoLeases = 1+d.IntN(2), t/50+d.soon(t/20), 0.5, 0
		}
		often(Evict, Leave, Crash, Break, Pause, CoordCut, Outage, Expire, Freeze, Maroon, Partition, Clog)
	case "rot": // of tables, one at a time, while servers come and go
		o.Servers, o.Target = 3+d.IntN(3), 0
		o.Length = max(15*t, 15*time.Second)
		o.Clients, o.Ops, o.Think, o.Patience = 4, 4, pick(t/100, t/20), pick(t, 4*t)
		o.Durable, o.Memory, o.Free, o.Retain = number(0, 0.5, 1), 0, 0, []uint64{1, 0}[d.IntN(2)]
		o.Down, o.Core = pick(t/2, 2*t), 0 // the others must be more until it is found
		for f := range o.Means {
			o.Means[f] = 0
		}
		o.Means[Rot] = pick(t, 4*t)
		often(Crash, Break, Pause, Leave, CoordCut, Expire, Clog, Move, Outage)
	case "space": // on disks, in chains that hardly change
		o.Servers, o.Joiners, o.Durable, o.Target = 2+d.IntN(3), d.IntN(2), number(0.5, 1), 0
		o.Clients, o.Ops, o.Think, o.Length = max(2, o.Clients), 1+d.IntN(4), pick(t/50, t/10), 10*t
		o.Blocked = pick(t/4, t)
		for f := range o.Means {
			o.Means[f] = 0
		}
		o.Means[Fill] = pick(t/4, t)
		often(Break)
		if d.chance(0.3) {
			often(Crash, Leave, Pause)
		}
	case "libraries": // that give up much, while servers pause, and go on with it
		o.Servers, o.Length = max(2, min(o.Servers, 4)), 10*t
		o.Clients, o.Libraries, o.Ops, o.Think = 1, 1+d.IntN(2), 3+d.IntN(4), pick(t/100, t/20)
		o.Bounded, o.Bound = number(0, 0.5, 0.7), pick(t/20, t/4)
		o.Fragile, o.Late, o.Cancel = number(0, 0.3), pick(t/10, t, 3*t), number(0, 0.3)
		o.Linger, o.LingerFor = number(0, 1), pick(t/10, t/2, 3*t)
		o.Patience, o.GiveUp = pick(t, 4*t, 30*t), 0
		if o.Session = 0; d.chance(0.2) {
			o.Session = 1 + d.IntN(6)
		}
		if o.Memory > 0 && d.chance(0.7) {
			o.Memory = 0
		}
		often(Crash, Hunt, Pause, Suspend, Break, Flap, Partition, CoordCut, Leave, Clog)
	}
}
