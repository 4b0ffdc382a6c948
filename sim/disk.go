package sim

import (
	"errors"
	"slices"
	"strings"
	"syscall"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/storage"
	"github.com/chaintable/chaintable/storage/diskmodel"
	"github.com/chaintable/chaintable/table"
)

// disk is what a durable server has: the real storage.Store, on a model of a disk. It carries out what goes to the store as replica/disk.go does: all
// that waits when a sync begins is covered by it.
type disk struct {
	srv   *server
	dice  // of its own
	model *diskmodel.Disk

	reading                       bool // older log
	interval                      bool // it acknowledges what is written, and syncs now and then
	segmentBytes, checkpointBytes int64
	rotten, rotting               bool  // a byte of it has changed, once; since the server was last open
	spoiled                       bool  // and nothing could make up for it
	dark                          bool  // power was lost since the server was last open, and with it what shows how much was there
	acked                         acked // for the checkers
	lost                          int   // the serial of the life that found that what was before it is lost
	doubt                         bool  // what the present life found could not be relied on, and is still all that there is

	full       bool // there is no room but the reserve
	distrusted bool // the table was found wrong: what was kept until then is not used
	// Of the present life.
	p             *process
	store         *storage.Store
	jobs          []*diskJob // under way
	amid          *diskJob   // of them: in the middle of which it is to die
	queue         []diskWork // waits for the one that writes
	writing       bool
	preparing     bool
	checkpointing bool
	staged        error  // why the table that comes in cannot be kept
	cuts          uint64 // of the last work that had any
}

// diskWork is one thing to do in its turn, as replica/disk.go has it; of its fields one group is set.
type diskWork struct {
	known    *chain.View
	truncate *chain.Position
	entries  []chain.Entry
	chunk    *chain.Snapshot
	unstage  bool
	install  *restoring
	publish  *storage.Checkpoint

	applied chain.Seq // when it was queued
	cuts    uint64    // of the Ready that wanted it
	then    func(error)
}

// diskJob is something that takes time, and in the middle of which the server can die.
type diskJob struct {
	run    func() error
	tricky bool // it changes more than the end of the log
}

// newDisk is an empty one.
func newDisk(s *server) *disk {
	d := &disk{srv: s, dice: newDice(s.w.Seed, diceDisk, uint64(s.index))}
	d.model = diskmodel.New(d.Rand)
	d.model.Subsets = d.chance(0.5)
	d.model.Fail = func(diskmodel.Op, string) error {
		if s.w.healed || !d.chance(s.w.DiskError) {
			return nil
		}
		s.w.stats.Faults[DiskError]++
		return []error{syscall.EIO, syscall.ENOSPC}[d.IntN(2)]
	}
	d.interval = d.chance(s.w.Interval)
	d.segmentBytes = []int64{8 << 10, 8 << 10, 16 << 10}[d.IntN(3)]
	d.checkpointBytes = []int64{1, 1 << 10, 4 << 10, 16 << 10}[d.IntN(4)]
	return d
}

func (d *disk) config() storage.Config {
	return storage.Config{
		FS: d.model, Table: d.srv.w.tableConfig(), Random: d.Uint64, Node: d.srv.node, Boot: d.srv.boot, Interval: d.interval,
		SegmentBytes: d.segmentBytes, RetainBytes: d.srv.w.Kept, CheckpointBytes: d.checkpointBytes,
	}
}

// open recovers what the last life left. It may die meanwhile, and begins again; nil is that it cannot, for now.
func (d *disk) open(p *process) *storage.Recovery {
	w := d.srv.w
	for !w.healed && d.chance(w.CrashOpen) {
		w.stats.Faults[CrashOpen]++
		d.model.StopAt(1 + d.IntN(1+d.IntN(40)))
		if _, _, err := storage.Open(d.config()); err != nil && !d.model.Stopped() {
			break
		}
		d.end(d.chance(w.Power))
	}
	d.model.StopAt(0)
	store, rec, err := storage.Open(d.config())
	if err != nil {
		if !failing(err) {
			w.fail("%v: recovery: %v", p, err)
		}
		d.end(false)
		return nil
	}
	d.p, d.store, d.rotting, d.dark = p, store, false, false
	d.doubt = rec.Chain != nil && !rec.Chain.Complete
	w.check.recovers(p, rec)
	return rec
}

// failing tells whether an error is one that the disk was made to have.
func failing(err error) bool { return errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ENOSPC) }

// begin runs something when the disk has got to it, and then what follows. An error is the end of the process.
func (d *disk) begin(j *diskJob, then func()) {
	d.jobs = append(d.jobs, j)
	d.goOn(j, then)
}

// goOn runs a job after the time that it takes, and again for as long as there is no room.
func (d *disk) goOn(j *diskJob, then func()) {
	p := d.p
	p.later(p.w.between(p.w.Disk)+p.srv.lag, func() {
		if j.tricky && !p.w.healed && d.chance(p.w.Amid) && !p.w.faults.spared(p) {
			p.w.stats.Faults[Amid]++
			d.amid = j
			p.srv.crash()
			p.w.faults.revive(p.srv, p.w.soon(p.w.Down))
			return
		}
		err := d.try(j)
		if errors.Is(err, storage.ErrNoRoom) {
			d.goOn(j, then)
			return
		}
		for i, x := range d.jobs {
			if x == j {
				d.jobs = append(d.jobs[:i:i], d.jobs[i+1:]...)
				break
			}
		}
		switch {
		case p.w.failure != nil || p.dead:
		case err != nil:
			if p.w.story.on {
				p.w.tell("%v halts: the disk: %v", p, err)
			}
			p.srv.end(false)
			p.w.faults.revive(p.srv, p.w.soon(p.w.Down))
		default:
			then()
		}
	})
}

// try runs a job.
func (d *disk) try(j *diskJob) (err error) {
	w := d.srv.w
	defer func() {
		if e := recover(); e != nil {
			w.stats.Panics++
			if err = errBroken; !w.Outside {
				w.fail("%v: the disk: panic: %v", d.p, e)
			}
		}
	}()
	if err = j.run(); err != nil && !failing(err) && !d.model.Stopped() {
		w.fail("%v: the disk: %v", d.p, err)
	}
	return err
}

var errBroken = errors.New("panic")

// push queues work.
func (d *disk) push(x diskWork) {
	x.applied = d.p.gate.Applied()
	d.queue = append(d.queue, x)
	if !d.writing {
		d.write()
	}
}

// write does all that waits, and syncs once.
func (d *disk) write() {
	d.writing = true
	work := d.queue
	d.queue = nil
	d.acked.begins(work)
	errs, next := make([]error, len(work)), 0
	tricky := slices.ContainsFunc(work, func(x diskWork) bool {
		return x.truncate != nil || x.install != nil || x.publish != nil || x.known != nil
	})
	d.begin(&diskJob{tricky: tricky, run: func() error {
		for ; next < len(work); next++ {
			d.cuts = max(d.cuts, work[next].cuts)
			if err := d.do(&work[next], &errs[next]); err != nil {
				return err
			}
		}
		if d.interval {
			return d.store.Write()
		}
		return d.store.Sync()
	}}, func() {
		d.srv.w.stats.Syncs++
		d.writing = false
		d.acked.ends(d, work, errs)
		d.p.push(chain.Persisted{Position: d.store.Last(), Cuts: d.cuts})
		for i, x := range work {
			if x.then != nil {
				x.then(errs[i])
			}
		}
		d.prepare()
		if len(d.queue) > 0 && !d.writing {
			d.write()
		}
	})
}

// do does one thing. Refused is why it was not done, where that is no reason to end.
func (d *disk) do(x *diskWork, refused *error) error {
	switch {
	case x.known != nil:
		return d.store.Adopt(x.known.Chain, x.known.Epoch)
	case x.truncate != nil:
		d.store.Truncate(*x.truncate, x.applied)
	case x.entries != nil:
		return d.store.Append(x.entries, x.applied)
	case x.unstage:
		d.store.Unstage()
	case x.chunk != nil:
		if x.chunk.Index == 0 {
			d.staged = nil
		}
		if d.staged == nil {
			d.staged = d.store.Stage(x.chunk.Base, x.chunk.Data, x.chunk.Index == 0)
		}
	case x.install != nil:
		if d.staged != nil {
			*refused = d.staged
			d.store.Unstage()
			return nil
		}
		return d.store.Install()
	case x.publish != nil:
		err := d.store.Publish(x.publish)
		d.checkpointing = false
		return err
	}
	return nil
}

// prepare makes the log's next segment.
func (d *disk) prepare() {
	if d.preparing {
		return
	}
	d.preparing = true
	d.begin(&diskJob{run: func() error { return tolerated(d.store.Prepare()) }}, func() { d.preparing = false })
}

// tolerated is an error that is no reason to end.
func tolerated(err error) error {
	if failing(err) {
		return nil
	}
	return err
}

// checkpoint begins a snapshot of the table, if the log has grown enough and none is under way.
func (d *disk) checkpoint() {
	if d.checkpointing || d.p.settling || !d.store.Due() || d.p.rot.since != 0 {
		return // a wrong table that is kept would be found wrong again, in the next life; which life's it is the checkers could not tell
	}
	d.checkpointing = true
	c := d.store.BeginCheckpoint(d.p.table.Snapshot())
	var failed error
	d.begin(&diskJob{run: func() error {
		defer c.Snapshot().Close()
		failed = c.Write(func(int) error { return nil })
		return tolerated(failed)
	}}, func() {
		d.srv.w.stats.Checkpoints++
		if failed != nil {
			d.checkpointing = false
			return
		}
		d.push(diskWork{publish: c})
	})
}

// register has a number on disk before it is registered.
func (d *disk) register(n chain.Incarnation, then func()) {
	d.begin(&diskJob{run: func() error { return d.store.Register(n) }, tricky: true}, then)
}

// readLog reads older log for the replica, as another goroutine does. A read may fail.
func (d *disk) readLog(p *process, q *chain.ReadLog) {
	w := p.w
	if d.reading {
		w.fail("%v: reads its log behind %v, and has not been told what it read before", p, q.After)
		return
	}
	d.reading = true
	p.later(w.between(w.Recall)+p.srv.lag, func() {
		d.reading = false
		in := chain.LogRead{Number: q.Number}
		if w.chance(w.Unread) && !w.healed {
			w.stats.Faults[Unread]++
		} else {
			in.Entries = d.behind(q)
		}
		if in.Held = len(in.Entries) > 0; in.Held {
			w.stats.Recalls++
		} else {
			w.stats.NotHeld++
		}
		if w.story.on {
			w.tell("%v: its disk holds %d entries behind %v", p, len(in.Entries), q.After)
		}
		p.push(in)
	})
}

// behind is the first entries behind a position, or none.
func (d *disk) behind(q *chain.ReadLog) (found []chain.Entry) {
	most := q.MaxBytes
	if !d.srv.w.healed {
		most = min(most, d.srv.w.Piece) // so that there are many reads, each of which takes its time
	}
	err := d.try(&diskJob{run: func() (err error) {
		found, err = d.store.Read(q.After, int64(most))
		if _, damaged := errors.AsType[*storage.DamageError](err); errors.Is(err, storage.ErrNotHeld) || damaged && d.spoiled {
			err = nil
		}
		return err
	}})
	if err != nil {
		return nil
	}
	return found
}

// syncs brings to disk what was only written, now and then.
func (d *disk) syncs() {
	if !d.interval {
		return
	}
	d.p.later(d.srv.w.Timeout, func() {
		d.begin(&diskJob{run: d.store.Sync}, func() {})
		d.syncs()
	})
}

// end ends a life: that of the process alone, or of the machine. What was under way has happened in part.
func (d *disk) end(power bool) {
	w := d.srv.w
	if len(d.jobs) > 0 && (d.amid != nil || d.chance(0.7)) {
		w.stats.Faults[TornSync]++
		d.model.StopAt(1 + d.IntN(1+d.IntN(40)))
		d.Shuffle(len(d.jobs), func(i, j int) { d.jobs[i], d.jobs[j] = d.jobs[j], d.jobs[i] })
		if i := slices.Index(d.jobs, d.amid); i > 0 {
			d.jobs[0], d.jobs[i] = d.jobs[i], d.jobs[0]
		}
		for _, j := range d.jobs {
			if d.try(j) != nil {
				break
			}
		}
	}
	power = power && !d.rotting // what shows that something was there must not go with it
	d.acked.dies(d, power)
	if power {
		w.stats.Faults[Power]++
		d.model.PowerLoss()
		d.dark = true
		d.srv.reboot()
	} else {
		d.model.Kill()
	}
	d.amid = nil
	d.p, d.store, d.jobs, d.queue, d.writing, d.preparing, d.checkpointing, d.reading, d.staged, d.cuts = nil, nil, nil, nil, false, false, false, false, nil, 0
}

// whole tells whether a server that started now would find all that it acknowledged.
func (d *disk) whole() bool {
	c := d.config()
	c.FS = d.model.Clone(newDice(d.srv.w.Seed, diceDisk).Rand)
	c.Random = func() uint64 { return 1 }
	s, rec, err := storage.Open(c)
	if err != nil {
		return false
	}
	return s.Close() == nil && rec.Chain != nil && rec.Chain.Complete
}

// distrust says on the disk that what it holds must not be used again. That it can be said is not in doubt here: whoever cannot say it has a disk that
// is of no use either.
func (d *disk) distrust() {
	fail := d.model.Fail
	d.model.Fail = nil
	defer func() { d.model.Fail = fail }()
	if err := d.store.Distrust("the table was found wrong"); err != nil && !d.model.Stopped() {
		d.srv.w.fail("%v: the disk: %v", d.p, err)
	}
	d.distrusted, d.acked.unknown = true, true
}

// rot changes a byte in one of the files, for good.
func (d *disk) rot(by dice) bool {
	names, err := d.model.List()
	if err != nil || len(names) == 0 {
		return false
	}
	for range 100 {
		name := names[by.IntN(len(names))]
		if n := d.model.Size(name); n > 0 && d.model.Rot(name, by.Int64N(n), 1<<by.IntN(8)) {
			if d.srv.w.story.on {
				d.srv.w.tell("a byte of %s changes at %s", name, d.srv.address)
			}
			d.rotten, d.rotting, d.spoiled = true, true, spoils(name, names)
			return true
		}
	}
	return false
}

// spoils tells whether nothing makes up for a byte that changed in one of the files: there are two of the identity, and behind a snapshot an older one
// and the log from there. What has no name of its own yet does not count.
func spoils(name string, names []string) bool {
	table, ok := strings.CutPrefix(name, "table-")
	if !ok || strings.HasSuffix(name, ".tmp") {
		return strings.HasPrefix(name, "log-") && !strings.HasSuffix(name, ".tmp")
	}
	generation, _, _ := strings.Cut(table, "-")
	return !slices.ContainsFunc(names, func(x string) bool {
		return x != name && strings.HasPrefix(x, "table-"+generation) && !strings.HasSuffix(x, ".tmp")
	})
}

// restoring is a snapshot being received.
type restoring struct {
	id   uint64
	base chain.Position
	to   *table.Restorer
}
