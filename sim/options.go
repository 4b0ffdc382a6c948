package sim

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Range is a range of durations from which one is drawn evenly; Rare is added to one in a hundred, up to so much.
type Range struct{ Min, Max, Rare time.Duration }

// Options is everything about a run that is not chance within it. Times are virtual. The mean time between two faults of
// a kind is zero where that kind is switched off.
type Options struct {
	Seed    uint64
	Theme   string        // what the run is about: a word of Themes, or plain
	Servers int           // at the start, 1 to 7
	Joiners int           // servers that come later
	Clients int           // at once; a client that dies is followed by another
	Ops     int           // that each client has in flight at most
	Keys    int           // that clients share
	Length  time.Duration // of the part in which faults happen
	Target  int           // of the view; zero for all
	Durable float64       // share of the servers that keep their log
	Retain  uint64        // bytes of log kept for servers that were briefly away; zero for the default
	Trail   uint64        // bytes of log that a learner may be behind before writes slow down; zero for the default
	Memory  int64         // bound of the table; zero for none
	Pending int           // requests that a server takes at a time; zero for the default
	Session int           // sessions that the table keeps; zero for the default

	Timeout    time.Duration // T
	Odd        float64       // share of the joiners that have another one: no chain takes them in
	Tick       time.Duration
	NoLeases   float64       // share of the servers that read behind barriers only
	Drift      float64       // clocks run at 1-Drift to 1+Drift
	Turn       Range         // from an input to the turn of the loop that takes it
	Batch      int           // inputs that one turn takes before it flushes, at most
	Delay      Range         // of messages between servers
	Stall      time.Duration // a connection that is blocked for longer breaks
	Linger     float64       // of breaks: what was in flight arrives late, some of it
	LingerFor  time.Duration // how late, on average
	Snap       float64       // of changes of the view: connections of those that it names break right before it
	ClientWait Range         // of messages between clients and servers
	Patience   time.Duration // of clients, before they try elsewhere
	GiveUp     time.Duration // how long a request may wait at a server; zero for four times that
	Think      time.Duration // between two operations of a client, on average
	Disk       Range         // of an fsync
	Recall     Range         // of a read of older log
	Kept       int64         // bytes of log that a disk keeps at least for those who were away; zero for all
	Piece      int           // bytes that one read brings, at most
	Unread     float64       // of these reads: they fail
	JoinRate   uint64        // bytes per second that a tail sends a learner of what it has in its table or on disk; zero for no bound
	Power      float64       // of deaths of durable servers: the machine dies with the process
	Interval   float64       // share of the durable servers that acknowledge what they have not synced
	Amid       float64       // deaths in the middle of what a disk does with more than the end of the log
	CrashOpen  float64       // attempts to recover that end in the middle
	DiskError  float64       // operations of a disk that fail
	Probe      Range
	NoRestore  float64       // snapshots that cannot be put in place
	Async      float64       // share of plain clients' puts whose number is the answer
	Big        float64       // share of values that are large
	BigBytes   int           // how large, at most
	Free       float64       // share of writes that make room: they delete, or clear
	Reader     Range         // between reading a value and checking the lease
	SlowReader float64       // readers that are starved for several T there
	Watch      time.Duration // between two reads of a client that stays with one server, at each; zero for none

	Coord         Range // one way to the coordinator
	CoordTimeout  time.Duration
	CoordLost     float64 // requests that get no answer, carried out or not
	ChangeLost    float64 // changes of the view whose answer is lost
	CoordLate     float64 // requests that are carried out long after they were given up
	CoordBack     float64 // requests that are carried out in time, and whose answer takes long
	CoordStale    float64 // reads that show an older state
	CoordStaleAge time.Duration
	SyncStale     float64 // even those that ask for the newest
	WatchLost     float64

	Means    Means
	Down     time.Duration // how long a server stays down, on average
	Paused   time.Duration // how long a pause or suspension lasts
	Blocked  time.Duration // how long a cut, clog, partition or outage lasts, or a server is slow
	Scar     float64       // chance that, at the end, two servers stay cut off from each other until all clients are answered
	Farewell float64       // chance that, at the very end, a member is told to leave
	Quake    float64       // chance that connections break while the cluster at rest is looked at, and nothing happens afterwards
	Meddle   float64       // chance that things go wrong just while a change of the view is on its way
	Core     float64       // chance that at the end only some servers are healed, and all others are dead

	Libraries int           // clients as in library.go, beside the others
	Bounded   float64       // share of their operations that are given up if they take too long
	Bound     time.Duration // how long that is, on average
	Fragile   float64       // share of their tries whose connection breaks
	Late      time.Duration // how late what was sent on it may arrive, on average
	Cancel    float64       // share of the tries that they wait for no longer of which the server is told

	// Drop is what is left out of the run: a kind of fault, or its n-th ("crash", "crash#3"), the n-th client ("client#2"), or
	// one of the options above ("Linger"), which is then zero.
	Drop []string
	// Outside has only those checks count that need no look into the code under test: its invariants are not asked for, and
	// a panic is a crash.
	Outside bool
}

// Draw makes the options of a seed: a swarm, each fault on in some of the runs.
func Draw(seed uint64) Options {
	rng := rand.New(rand.NewPCG(seed, 0x0b710115))
	between := func(lo, hi time.Duration) time.Duration { return lo + time.Duration(rng.Int64N(int64(hi-lo)+1)) }
	pick := func(ds ...time.Duration) time.Duration { return ds[rng.IntN(len(ds))] }
	chance := func(p float64) bool { return rng.Float64() < p }

	t := pick(200*time.Millisecond, 500*time.Millisecond, time.Second, time.Second, 3*time.Second)
	o := Options{
		Seed:    seed,
		Servers: []int{1, 2, 2, 3, 3, 3, 4, 5, 6, 7}[rng.IntN(10)],
		Joiners: rng.IntN(4),
		Clients: 1 + rng.IntN(5),
		Ops:     1 + rng.IntN(4),
		Keys:    1 + rng.IntN(8),
		Length:  between(8*t, 30*t),
		Timeout: t,
		Tick:    t / time.Duration(8+rng.IntN(33)),
		Batch:   1 + rng.IntN(8),
		Think:   between(t/200, t/4),
		Stall:   between(t/2, 6*t),
		Probe:   Range{Min: t / 1000, Max: t / 20, Rare: t},
		Down:    between(t/10, 6*t),
		Paused:  between(t/10, 4*t),
		Blocked: between(t/10, 4*t),

		Patience:     between(t/2, 5*t),
		CoordTimeout: between(t/4, 2*t),
	}
	if chance(0.3) {
		o.Target = 1 + rng.IntN(4)
	}
	o.Durable = []float64{0, 0, 1, 1, 0.5}[rng.IntN(5)]
	o.NoLeases = []float64{0, 0, 0, 0, 0, 0, 0.3, 1}[rng.IntN(8)]
	o.Drift = []float64{0, 0.001, 0.05, 0.11}[rng.IntN(4)] // leases bear one part in five between two clocks
	o.Delay = Range{Min: t / 5000, Max: pick(t/1000, t/100, t/20), Rare: pick(0, t/5, t)}
	o.ClientWait = Range{Min: t / 5000, Max: pick(t/1000, t/50), Rare: pick(0, t/5)}
	o.Turn = Range{Max: pick(0, t/2000, t/200), Rare: pick(0, t/5)}
	o.Disk = Range{Min: t / 1000, Max: pick(t/500, t/50, t/5), Rare: pick(0, t)}
	o.Reader = Range{Max: pick(0, t/1000, t/10), Rare: pick(0, 2*t)}
	o.Coord = Range{Min: t / 1000, Max: pick(t/500, t/50, t/10), Rare: pick(0, t/2)}
	if chance(0.3) {
		o.Linger, o.LingerFor = rng.Float64(), pick(t/10, t/2, 3*t)
	}
	o.Snap = []float64{0, 0, 0, 0.7}[rng.IntN(4)]
	o.Async = []float64{0.2, 0.2, 0.9}[rng.IntN(3)]
	if chance(0.2) {
		o.Big, o.BigBytes = 0.3, 5000
	}
	if chance(0.01) {
		o.Big, o.BigBytes = 0.5, 200_000
	}
	if o.Joiners > 0 && chance(0.05) {
		o.Odd = 0.5
	}
	o.Retain = []uint64{1, 2 << 10, 16 << 10, 0}[rng.IntN(4)]
	if chance(0.15) {
		o.SlowReader, o.Patience = 0.3, 30*t
	}
	if chance(0.5) {
		o.CoordLost = rng.Float64() * 0.2
	}
	if chance(0.2) {
		o.ChangeLost = 0.5
	}
	if chance(0.4) {
		o.CoordLate = rng.Float64() * 0.2
	}
	if chance(0.2) {
		o.CoordBack = rng.Float64() * 0.3
	}
	if chance(0.6) {
		o.CoordStale, o.CoordStaleAge = rng.Float64()*0.5, between(0, 3*t)
	}
	if chance(0.2) {
		o.SyncStale = 0.2
	}
	if chance(0.5) {
		o.WatchLost = rng.Float64()
	}
	for f, kind := range kinds[:Power] { // what came later is drawn apart
		if chance(kind.odds) {
			o.Means[f] = between(o.Length/12, o.Length)
		}
	}
	o.Scar, o.Farewell = []float64{0, 0, 0.5}[rng.IntN(3)], []float64{0, 0.5}[rng.IntN(2)]
	o.Quake = []float64{0, 1}[rng.IntN(2)]
	o.Meddle = []float64{0, 0, 0.3}[rng.IntN(3)]
	o.Core = []float64{0, 0.5, 1}[rng.IntN(3)]
	if chance(0.3) {
		o.Trail = 1 << rng.IntN(15)
	}
	if chance(0.1) {
		o.Free = 0.3
	}
	if chance(0.2) {
		o.Memory = 200 << rng.IntN(6)
		o.Free = []float64{0, 0.3, 0.5}[rng.IntN(3)]
		o.Means[Break] = between(o.Length/40, o.Length/4) // refusals are lost on the way
		o.Keys, o.Ops = 1+rng.IntN(30), o.Ops+rng.IntN(4)
		if chance(0.5) { // and what waits for an answer is found in a snapshot
			o.Patience, o.Retain, o.Blocked = 30*t, 1, between(t, 4*t)
			o.Means[Partition] = between(o.Length/12, o.Length/3)
		}
	}
	if chance(0.1) {
		o.Pending = 1 + rng.IntN(6)
	}
	if chance(0.15) {
		o.Session = 1 + rng.IntN(8)
	}
	if chance(0.1) {
		o.NoRestore = 0.5
	}
	if chance(0.3) {
		o.Watch = between(t/50, t/4)
	}
	o.drawLibraries()
	o.Recall = Range{Min: t / 1000, Max: pick(t/500, t/20, t/2), Rare: pick(0, 2*t)}
	o.Kept, o.Piece = []int64{0, 0, 1 << 10, 16 << 10}[rng.IntN(4)], 100<<rng.IntN(10)
	if chance(0.2) {
		o.Unread = 0.2
	}
	if chance(0.2) {
		o.JoinRate = 128 << 10 << rng.IntN(5) // a table with all the results that sessions wait for has a megabyte
		if o.Big > 0 {
			o.JoinRate *= 32
		}
	}
	o.Theme = "plain"
	if i := rng.IntN(2 * len(Themes)); i < len(Themes) {
		o.about(Themes[i], dice{rng})
	}
	o.drawDisks()
	return o
}

// drawDisks is what disks do beside being slow.
func (o *Options) drawDisks() {
	d := newDice(o.Seed, diceDisk)
	o.Power = []float64{0, 0.3, 1}[d.IntN(3)]
	o.Amid = []float64{0, 0.01, 0.05}[d.IntN(3)]
	o.CrashOpen = []float64{0, 0.2, 0.6}[d.IntN(3)]
	if d.chance(0.2) {
		o.DiskError = 0.002
	}
	often := 0.15
	if o.Theme == "disks" || o.Theme == "rejoins" {
		often, o.Power = 0.3, []float64{0.3, 1}[d.IntN(2)]
	}
	if o.Durable > 0 && d.chance(often) {
		o.Means[Blackout] = o.Length/6 + time.Duration(d.Int64N(int64(o.Length)))
	}
	switch {
	case o.Durable == 0:
	case d.chance(often):
		o.Interval = []float64{0.3, 1}[d.IntN(2)]
	case d.chance(often):
		o.Means[Decay], o.DiskError = o.Length/12+time.Duration(d.Int64N(int64(o.Length))), 0 // else both copies of something may go
	}
}

// Without is the same options with some more left out.
func (o Options) Without(drop ...string) Options {
	o.Drop = append(slices.Clone(o.Drop), drop...)
	v := reflect.ValueOf(&o).Elem()
	for _, name := range drop {
		if f := v.FieldByName(name); f.IsValid() {
			f.SetZero()
		}
	}
	return o
}

// String is the options that are not zero, by name.
func (o Options) String() string {
	var b strings.Builder
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "%s=%v", v.Type().Field(i).Name, f.Interface())
		}
	}
	return b.String()
}
