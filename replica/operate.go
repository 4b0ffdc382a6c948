package replica

import (
	"context"

	"github.com/chaintable/chaintable/chain"
)

// Operate gives this server an operator's order. It is nil once the order is accepted: Status shows when it has been carried out, if it ever
// is. It is ErrRefused with the reason, such as the address of the server that carries it out; ErrOutside where this one knows of no chain;
// ErrNotExecuted at the end of ctx; that or ErrUncertain at the end of the server.
func (r *Replica) Operate(ctx context.Context, op chain.Operation) error {
	b := &batch{calls: []*Call{{}}, order: op, left: 1, done: make(chan struct{})}
	select {
	case r.orders <- b: // not behind what clients want: a server that has its hands full may be drained
	case <-ctx.Done():
		return errTimeout
	case <-r.done:
		return errStopped
	}
	<-b.done // the chain answers at once, or the loop ends, which fails it
	return b.calls[0].Err
}

// DiskSpace tells the chain that the disk here is full, so that it takes no more writes, or has room again.
func (r *Replica) DiskSpace(full bool) { r.hurry(chain.DiskSpace{Full: full}) }
