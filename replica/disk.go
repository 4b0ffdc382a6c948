package replica

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/storage"
	"github.com/chaintable/chaintable/table"
)

const (
	// diskQueueBytes is how much may wait for the disk before the loop takes nothing more from links.
	diskQueueBytes = 64 << 20
	// syncEvery is how often the log is synced where nobody waits for that.
	syncEvery = time.Second
	// slowSync is how long bringing the log to disk takes where that is worth a line in the server's log.
	slowSync = 500 * time.Millisecond
	// prepareEvery is how often a segment is tried again for which there was no room.
	prepareEvery = time.Second
)

// disk carries out what goes to the store, in order and behind the loop's back. All that waits when a sync begins is covered by it.
type disk struct {
	store    *storage.Store
	interval bool
	slow     func(took time.Duration) // a sync took long
	events   chan diskEvent           // to the loop
	stop     <-chan struct{}

	mu struct {
		sync.Mutex
		queue []diskWork
	}
	more    chan struct{} // there is something in the queue
	used    chan struct{} // the segment that was prepared may have been taken
	waiting atomic.Int64  // bytes in the queue

	noRoom        atomic.Bool // the log cannot grow beyond its present segment
	checkpointing atomic.Bool // one is being written, or about to count

	// Of the goroutine that writes.
	staged error  // why the table that comes in cannot be kept
	cuts   uint64 // of the last work that had any
}

// diskWork is one thing to do; of its fields one group is set.
type diskWork struct {
	known    *known
	truncate *chain.Position
	entries  []chain.Entry
	chunk    *chain.Snapshot
	unstage  bool
	install  *installed
	publish  *storage.Checkpoint

	applied chain.Seq // when truncate or entries were queued: all of that is in the log as it is behind this
	cuts    uint64    // of the Ready that wanted truncate, entries or install
}

// known is the newest view.
type known struct {
	chain chain.ID
	epoch chain.Epoch
}

// diskEvent is what the disk tells the loop; of its fields one is set.
type diskEvent struct {
	persisted *chain.Persisted
	installed *installed
	failed    error // the process must end
}

// installed is a table that another server has taught us, and that is whole. Err says why it could not be kept.
type installed struct {
	transfer uint64
	base     chain.Position
	table    *table.Table
	err      error
}

func newDisk(store *storage.Store, interval bool, slow func(took time.Duration), stop <-chan struct{}) *disk {
	return &disk{
		store: store, interval: interval, slow: slow, stop: stop,
		events: make(chan diskEvent, 64), more: make(chan struct{}, 1), used: make(chan struct{}, 1),
	}
}

// push queues work. It does not wait.
func (d *disk) push(w diskWork) {
	d.waiting.Add(w.bytes())
	d.mu.Lock()
	d.mu.queue = append(d.mu.queue, w)
	d.mu.Unlock()
	signal(d.more)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (w *diskWork) bytes() (n int64) {
	for i := range w.entries {
		n += int64(len(w.entries[i].Encoded))
	}
	if w.chunk != nil {
		n += int64(len(w.chunk.Data))
	}
	return n
}

// told is what the disk has to say; nothing ever, where there is none.
func (d *disk) told() <-chan diskEvent {
	if d == nil {
		return nil
	}
	return d.events
}

// full tells whether so much waits for the disk that no more should come.
func (d *disk) full() bool { return d != nil && d.waiting.Load() > diskQueueBytes }

// write is the goroutine that writes, until the loop ends or an error.
func (d *disk) write() {
	var sync <-chan time.Time
	if d.interval {
		ticker := time.NewTicker(syncEvery)
		defer ticker.Stop()
		sync = ticker.C
	}
	for {
		var err error
		select {
		case <-d.more:
			err = d.carryOut()
		case <-sync:
			err = d.store.Sync()
		case <-d.stop:
			return
		}
		if err != nil {
			d.tell(diskEvent{failed: err})
			return
		}
	}
}

func (d *disk) tell(e diskEvent) {
	select {
	case d.events <- e:
	case <-d.stop:
	}
}

// carryOut does all that waits, and syncs once.
func (d *disk) carryOut() error {
	d.mu.Lock()
	work := d.mu.queue
	d.mu.queue = nil
	d.mu.Unlock()
	if len(work) == 0 {
		return nil
	}
	var bytes int64
	var done []*installed
	for i := range work {
		w := &work[i]
		bytes += w.bytes()
		d.cuts = max(d.cuts, w.cuts)
		if err := d.patiently(func() error { return d.do(w) }); err != nil {
			return err
		}
		if w.install != nil {
			done = append(done, w.install)
		}
	}
	flush := d.store.Sync
	if d.interval {
		flush = d.store.Write
	}
	begun := time.Now()
	if err := d.patiently(flush); err != nil {
		return err
	}
	if took := time.Since(begun); took > slowSync {
		d.slow(took)
	}
	signal(d.used)
	d.waiting.Add(-bytes)
	d.tell(diskEvent{persisted: &chain.Persisted{Position: d.store.Last(), Cuts: d.cuts}})
	for _, x := range done {
		d.tell(diskEvent{installed: x})
	}
	return nil
}

// patiently tries something again for as long as the log has no room to grow. Meanwhile nothing is acknowledged, and so nothing commits.
func (d *disk) patiently(do func() error) error {
	for {
		err := do()
		if !errors.Is(err, storage.ErrNoRoom) {
			return err
		}
		timer := time.NewTimer(prepareEvery)
		select {
		case <-timer.C:
		case <-d.stop:
			timer.Stop()
			return err
		}
	}
}

func (d *disk) do(w *diskWork) error {
	switch {
	case w.known != nil:
		return d.store.Adopt(w.known.chain, w.known.epoch)
	case w.truncate != nil:
		d.store.Truncate(*w.truncate, w.applied)
	case w.entries != nil:
		return d.store.Append(w.entries, w.applied)
	case w.unstage:
		d.store.Unstage()
	case w.chunk != nil:
		if w.chunk.Index == 0 {
			d.staged = nil
		}
		if d.staged == nil {
			// No room for another table is no reason to end.
			d.staged = d.store.Stage(w.chunk.Base, w.chunk.Data, w.chunk.Index == 0)
		}
	case w.install != nil:
		if d.staged != nil {
			w.install.err = d.staged
			d.store.Unstage()
			return nil
		}
		return d.store.Install()
	case w.publish != nil:
		err := d.store.Publish(w.publish)
		d.checkpointing.Store(false)
		return err
	}
	return nil
}

// prepare is the goroutine that makes the log's next segments, until the loop ends or an error. Where only room is missing it goes on. (To go on with a
// disk that fails would be to have the whole chain refuse writes for it.)
func (d *disk) prepare(full func(bool)) {
	ticker := time.NewTicker(prepareEvery)
	defer ticker.Stop()
	for {
		err := d.store.Prepare()
		noRoom := errors.Is(err, storage.ErrNoRoom)
		if err != nil && !noRoom {
			d.tell(diskEvent{failed: err})
			return
		}
		full(noRoom)
		used := d.used
		if noRoom {
			used = nil // there may be room later
		}
		select {
		case <-used:
		case <-ticker.C:
		case <-d.stop:
			return
		}
	}
}

// retryCheckpoint is how long to wait after a snapshot that could not be written.
const retryCheckpoint = 10 * time.Second

// checkpoint begins a snapshot of the table, if the log has grown enough and none is under way.
func (r *Replica) checkpoint() {
	d := r.disk
	if d == nil || r.settling != 0 || !d.store.Due() || !d.checkpointing.CompareAndSwap(false, true) {
		return
	}
	c := d.store.BeginCheckpoint(r.table.Load().Snapshot())
	r.workers.Go(func() { r.writeCheckpoint(c) })
}

// writeCheckpoint writes it, beside everything else.
func (r *Replica) writeCheckpoint(c *storage.Checkpoint) {
	started := time.Now()
	err := c.Write(func(int) error { return r.ctx.Err() })
	c.Snapshot().Close()
	switch {
	case err == nil:
		r.config.Logger.Info("snapshot written", "seq", uint64(c.Snapshot().Seq()), "keys", c.Snapshot().Len(), "bytes", c.Bytes(), "took", time.Since(started))
		r.disk.push(diskWork{publish: c})
	case r.ctx.Err() == nil:
		r.config.Logger.Warn("a snapshot cannot be written, and is tried again: until then the log grows", "error", err)
		timer := time.NewTimer(retryCheckpoint)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.ctx.Done():
		}
		r.disk.checkpointing.Store(false)
	}
}

// onDisk takes in what the disk has to tell.
func (r *Replica) onDisk(e diskEvent) {
	switch {
	case e.failed != nil:
		r.halt(fmt.Errorf("the disk has failed, and the server ends; started again it begins with what is on disk: %w", e.failed))
	case e.persisted != nil:
		r.step(*e.persisted)
	case e.installed != nil:
		r.installed(e.installed)
	}
}

// toDisk queues what a Ready wants kept.
func (r *Replica) toDisk(ready *chain.Ready) {
	if r.disk == nil {
		return
	}
	w := diskWork{applied: r.gate.Applied(), cuts: ready.Cuts}
	for i := range ready.News {
		if n := &ready.News[i]; n.Text == chain.ViewChanged {
			k := w
			k.known = &known{n.View.Chain, n.View.Epoch}
			k.cuts = 0 // it may be done, and told, before what this Ready cuts
			r.disk.push(k)
		}
	}
	if ready.Truncate != nil {
		t := w
		t.truncate = ready.Truncate
		r.disk.push(t)
	}
	if len(ready.Append) > 0 {
		w.entries = ready.Append
		r.disk.push(w)
	}
}

// readLog reads older log for a learner.
func (r *Replica) readLog(q chain.ReadLog) {
	in := chain.LogRead{Number: q.Number}
	if r.disk != nil {
		entries, err := r.disk.store.Read(q.After, int64(q.MaxBytes))
		switch {
		case err == nil:
			in.Entries, in.Held = entries, true
		case errors.Is(err, storage.ErrNotHeld):
			r.config.Logger.Info("the log on disk does not go back to where the learner is, which gets a snapshot", "behind", q.After.String())
		default:
			r.notes.Warn(r.config.Logger, "THE LOG ON DISK IS DAMAGED: the learner gets a snapshot, and this server's next start will take a copy from the chain", "error", err)
		}
	}
	r.input(in)
}

// diskSpace tells the chain whether the log has room to grow: when that changes.
func (r *Replica) diskSpace(full bool) {
	if r.disk.noRoom.Swap(full) != full {
		r.DiskSpace(full)
	}
}

// distrust has the next life take a copy from the chain, where that is why this one ends.
func (r *Replica) distrust(why error) error {
	if r.disk == nil || !errors.Is(why, chain.ErrDiffers) {
		return nil
	}
	return r.disk.store.Distrust("in an earlier life, " + why.Error())
}

// slowDisk says that the disk is slow.
func (r *Replica) slowDisk(took time.Duration) {
	s := r.status.Load()
	r.notes.Warn(r.config.Logger, "the disk is slow: all writes of the chain wait for it", "sync", took, "role", s.Role)
}

// halt ends the replica, with an explanation.
func (r *Replica) halt(err error) {
	r.err = err
	r.config.Logger.Error("halted", "error", err)
}
