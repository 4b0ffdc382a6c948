package replica

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// Call is one command and, once Write has returned, what became of it.
type Call struct {
	Command []byte // as of table.Command.Append; not to be changed afterwards, even once Write has returned

	// Numbered: do not wait until the command has taken effect, only for its number.
	Numbered bool

	// Chain to DoneBelow are for clients that hold a session of their own: see chain.Request. With a
	// zero Session the server takes care that the command takes effect once.
	Chain     chain.ID
	Session   chain.SessionID
	Number    uint64
	DoneBelow uint64
	Open      bool // open a session; its id is Result.Count

	Seq    chain.Seq     // the operation's number
	Held   time.Duration // from the turn of the loop that took the call to that of its answer; zero if none took it
	Result table.Result  // unless Numbered
	Err    error         // nil, or one of the errors of this package; then there is no result
}

// batch is the calls of one Write.
type batch struct {
	calls   []*Call
	read    bool            // not commands: one read that waits for a barrier
	order   chain.Operation // not a command: what an operator orders; nil for none
	late    bool            // given up, because nobody waits any longer
	ids     []uint64
	left    int
	done    chan struct{}
	begun   chain.Time  // by the loop
	claimed atomic.Bool // by begin, or by who fails it once the loop has ended
}

// Write puts commands into the chain, all in flight together and in this order, and returns when each has its answer.
//
// At the end of ctx those that are not known to have been executed fail with ErrUncertain, or with ErrNotExecuted if they never
// will be. Calls of one connection must not overlap: the order of concurrent Writes is open.
func (r *Replica) Write(ctx context.Context, calls []*Call) {
	if len(calls) > 0 {
		r.submit(ctx, &batch{calls: calls, left: len(calls), done: make(chan struct{})})
	}
}

// submit hands a batch to the loop and waits until it is answered.
func (r *Replica) submit(ctx context.Context, b *batch) {
	select {
	case r.batches <- b:
	case <-ctx.Done():
		b.failAll(errTimeout)
		return
	case <-r.done:
		b.failAll(errStopped)
		return
	}
	select {
	case <-b.done:
		return
	case <-ctx.Done():
	case <-r.done:
	}
	select {
	case r.cancels <- b:
	case <-b.done:
	case <-r.done:
	}
	// The loop answers at once, or has ended: then end() fails what it finds, and a batch that came later finds nobody.
	select {
	case <-b.done:
	case <-r.done:
		b.drop()
		<-b.done
	}
}

// drop fails a batch that the loop never began.
func (b *batch) drop() {
	if b.claimed.CompareAndSwap(false, true) {
		b.failAll(errStopped)
	}
}

// begin hands a batch to the chain.
func (r *Replica) begin(b *batch) {
	b.claimed.Store(true)
	b.begun = r.now
	b.ids = make([]uint64, len(b.calls))
	for i, c := range b.calls {
		r.nextID++
		b.ids[i] = r.nextID
		r.calls[r.nextID] = pending{b, i}
		switch {
		case b.read:
			r.step(chain.ReadBarrier{ID: r.nextID})
			continue
		case b.order != nil:
			r.step(chain.Operate{ID: r.nextID, Operation: b.order})
			continue
		}
		r.step(chain.Request{
			ID: r.nextID, Command: c.Command, Numbered: c.Numbered, Open: c.Open,
			Chain: c.Chain, Session: c.Session, Number: c.Number, DoneBelow: c.DoneBelow,
		})
	}
}

// cancel gives up what a batch still waits for.
func (r *Replica) cancel(b *batch) {
	if b.ids == nil { // it still stands in the queue: begin will find no calls
		b.failAll(errTimeout)
		b.calls = nil
		return
	}
	b.late = true
	for _, id := range b.ids {
		if _, ok := r.calls[id]; ok {
			r.step(chain.Cancel{ID: id})
		}
	}
}

// result answers a call with what the table said.
func (r *Replica) result(id uint64, result table.Result) {
	if p, ok := r.calls[id]; ok {
		delete(r.calls, id)
		c := p.batch.calls[p.index]
		c.Seq, c.Result, c.Held = result.Seq, result, r.now.Sub(p.batch.begun)
		p.batch.answered()
	}
}

// answer answers a call or a read with what the chain said.
func (r *Replica) answer(a chain.Answer) {
	p, ok := r.calls[a.ID]
	if !ok {
		return
	}
	delete(r.calls, a.ID)
	p.batch.calls[p.index].Held = r.now.Sub(p.batch.begun)
	if err := r.errorOf(p.batch, a); err != nil {
		p.batch.fail(p.index, err)
		return
	}
	p.batch.calls[p.index].Seq = a.Seq
	p.batch.answered()
}

func (b *batch) answered() {
	if b.left--; b.left == 0 {
		close(b.done)
	}
}

func (b *batch) fail(i int, err error) {
	b.calls[i].Err = err
	b.answered()
}

func (b *batch) failAll(err error) {
	for i := range b.calls {
		b.fail(i, err)
	}
}
