package replica

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/internal/notes"
	"github.com/chaintable/chaintable/table"
)

const (
	inputQueue  = 1024 // messages that wait for the loop; then links wait
	batchQueue  = 1024 // Writes that wait for the loop; then connections wait
	urgentQueue = 64   // what else waits for it: of each kind there is little under way
	turnReadies = 4    // carried out before the loop looks at its inputs again
	turnInputs  = 256  // taken in before the loop looks at what is to be done, if there is time for so many
)

// Replica is one running server's part in the chain. All methods may be called concurrently.
type Replica struct {
	config Config
	core   *chain.Replica // the loop's
	gate   *chain.Gate
	table  atomic.Pointer[table.Table]
	status atomic.Pointer[Status]
	id     atomic.Pointer[chain.MemberID]

	inputs  chan chain.Input // what links bring
	urgent  chan chain.Input // what the coordinator and operators say, which must not wait behind that
	batches chan *batch
	cancels chan *batch
	orders  chan *batch // of operators

	disk *disk // nil: everything is in memory

	notes   notes.Notes
	waiters waiters // reads that wait for entries to be applied

	ctx     context.Context // of everything that waits on behalf of the loop
	stop    context.CancelFunc
	workers sync.WaitGroup
	closing sync.Once
	done    chan struct{} // the loop has ended
	left    chan struct{} // the chain has let us go

	err error // why the replica halted; set before done closes

	// Of the loop alone.
	now      chain.Time // of the step that is under way
	ticked   chain.Time // of the last tick
	calls    map[uint64]pending
	nextID   uint64
	snapshot *table.Snapshot // being sent to a learner
	restorer *table.Restorer // of the snapshot that comes in
	settling uint64          // the transfer of one that is whole, and not yet kept; zero for none
	hasLeft  bool
	member   bool // when last published
}

// pending is who waits for an answer of the chain.
type pending struct {
	batch *batch
	index int
}

// Start makes a replica and runs it until Close. It registers, and makes or joins the chain, by itself.
func Start(config Config) (*Replica, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	core, err := chain.New(config.Chain)
	if err != nil {
		return nil, err
	}
	r := &Replica{
		config: config, core: core, gate: core.Gate(),
		inputs: make(chan chain.Input, inputQueue), urgent: make(chan chain.Input, urgentQueue),
		batches: make(chan *batch, batchQueue), cancels: make(chan *batch), orders: make(chan *batch),
		done: make(chan struct{}), left: make(chan struct{}),
		calls: make(map[uint64]pending),
	}
	r.ctx, r.stop = context.WithCancel(context.Background())
	if config.Store != nil {
		r.table.Store(config.Recovery.Table)
		r.disk = newDisk(config.Store, config.SyncInterval, r.slowDisk, r.ctx.Done())
		r.workers.Go(r.disk.write)
		r.workers.Go(func() { r.disk.prepare(r.diskSpace) })
	} else {
		r.table.Store(table.New(config.Table))
	}
	r.publish()
	config.Links.Start((*handler)(r))
	r.workers.Go(r.watchNews)
	go r.run()
	return r, nil
}

// ID is who this server is now: its incarnation rises when it registers anew. It is the Identity of its link.Transport.
func (r *Replica) ID() chain.MemberID { return *r.id.Load() }

// Done is closed when the replica has ended, by Close or by itself; then Err says why.
func (r *Replica) Done() <-chan struct{} { return r.done }

// Err is why the replica ended by itself, nil before and after Close.
func (r *Replica) Err() error {
	select {
	case <-r.done:
		return r.err
	default:
		return nil
	}
}

// Close ends the replica at once, as a crash would: the others notice by its silence. Requests under way fail.
func (r *Replica) Close() error {
	r.stop()
	<-r.done
	var err error
	r.closing.Do(func() {
		err = r.config.Links.Stop()
		if e := r.config.Coordinator.Close(); err == nil {
			err = e
		}
		r.workers.Wait()
		if r.disk != nil {
			if e := r.disk.store.Close(); err == nil {
				err = e
			}
		}
	})
	return err
}

// Leave takes the server out of the chain, which goes on without a gap, and then closes it; at the end of ctx it closes in any
// case, and says so.
func (r *Replica) Leave(ctx context.Context) error {
	var late error
	if r.hurry(chain.Leave{}) {
		select {
		case <-r.left:
		case <-r.done:
		case <-ctx.Done():
			late = fmt.Errorf("replica: leave: %w: the others will notice by this server's silence", ctx.Err())
		}
	}
	if err := r.Close(); err != nil {
		return err
	}
	return late
}

// input hands the loop what a link brings. It is false if the loop has ended.
func (r *Replica) input(in chain.Input) bool { return r.hand(r.inputs, in) }

// hurry hands the loop what goes before all that links bring: a server that has much to catch up with must see the answers
// to its heartbeats.
func (r *Replica) hurry(in chain.Input) bool { return r.hand(r.urgent, in) }

func (r *Replica) hand(queue chan<- chain.Input, in chain.Input) bool {
	select {
	case queue <- in:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// run is the loop.
func (r *Replica) run() {
	defer r.end()
	ticker := time.NewTicker(r.tickEvery())
	defer ticker.Stop()
	r.wake()
	r.tick()
	for r.err == nil {
		if r.carryOut() && r.ctx.Err() == nil {
			r.wake()
			r.drain()
			continue
		}
		batches, inputs := r.batches, r.inputs
		if r.core.Full() {
			batches = nil // connections wait
		}
		if r.disk.full() {
			inputs = nil // links wait
		}
		select {
		case in := <-r.urgent:
			r.wake()
			r.step(in)
		case e := <-r.disk.told():
			r.wake()
			r.onDisk(e)
		case in := <-inputs:
			r.wake()
			r.step(in)
		case b := <-batches:
			r.wake()
			r.begin(b)
		case b := <-r.cancels:
			r.wake()
			r.cancel(b)
		case b := <-r.orders:
			r.wake()
			r.begin(b)
		case <-ticker.C:
			r.wake()
			r.tick()
		case <-r.ctx.Done():
			return
		}
		r.drain()
	}
}

// drain takes in what else is waiting, so that one turn serves many; but not for longer than from one tick to the next, as what
// the chain then wants, such as a heartbeat, is done only afterwards.
//
// First it lets others run: connections that have a command at hand get it in here, and 64 clients' commands travel the chain
// in a few messages instead of as many as there are commands.
func (r *Replica) drain() {
	runtime.Gosched()
	for n := range turnInputs {
		if n%8 == 7 && r.tickIfDue() {
			return
		}
		select {
		case in := <-r.urgent:
			r.step(in)
			continue
		case e := <-r.disk.told():
			r.onDisk(e)
			continue
		case b := <-r.cancels:
			r.cancel(b)
			continue
		case b := <-r.orders:
			r.begin(b)
			continue
		default:
		}
		batches, inputs := r.batches, r.inputs
		if r.core.Full() {
			batches = nil
		}
		if r.disk.full() {
			inputs = nil
		}
		select {
		case in := <-inputs:
			r.step(in)
		case b := <-batches:
			r.begin(b)
		default:
			return
		}
	}
}

// wake begins a turn.
func (r *Replica) wake() {
	r.config.Pause()
	r.now = r.config.Clock()
}

// tickEvery is how often the chain is told that time passes.
func (r *Replica) tickEvery() time.Duration {
	return min(max(r.config.Chain.SessionTimeout/100, time.Millisecond), 50*time.Millisecond)
}

// tick lets time pass.
func (r *Replica) tick() {
	r.ticked = r.now
	r.step(chain.Tick{})
	r.publish()
}

// tickIfDue looks at the time, and lets it pass: the ticker has no turn while there is always something else to do.
func (r *Replica) tickIfDue() bool {
	r.now = r.config.Clock()
	if r.now.Sub(r.ticked) < r.tickEvery() {
		return false
	}
	r.tick()
	return true
}

func (r *Replica) step(in chain.Input) { r.core.Step(r.now, in) }

// end fails what is still waiting.
func (r *Replica) end() {
	r.stop()
	for _, p := range r.calls {
		p.batch.fail(p.index, errStopping)
	}
	clear(r.calls)
	r.waiters.fail(true)
	if r.snapshot != nil {
		r.snapshot.Close()
	}
	close(r.done)
	for {
		select {
		case b := <-r.batches:
			b.drop()
		default:
			return
		}
	}
}
