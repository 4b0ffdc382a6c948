// Package servertest has what the tests of the front ends share: a replica without a chain, which applies each
// command at once.
package servertest

import (
	"context"
	"sync"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/table"
)

// Backend is a table and what a front end needs around it. Set the exported fields before use.
type Backend struct {
	// OnWrite is called with the calls of each Write before they are applied, and may block or set their errors: those
	// with an error are not applied. OnRead is called before each Read; its error is Read's. Nil: nothing is done.
	OnWrite func(ctx context.Context, calls []*replica.Call)
	OnRead  func(ctx context.Context) error
	// Lag makes numbered commands be applied only by Await.
	Lag bool
	// State is what Status gives, but for what the table knows.
	State replica.Status
	// First is the seq of the first command, less one.
	First chain.Seq

	mu     sync.Mutex
	table  *table.Table
	seq    chain.Seq
	lagged []*chain.Entry
}

// New is a Backend with an empty table.
func New() *Backend {
	b := &Backend{table: table.New(table.Config{Lists: 16})}
	b.State.Role, b.State.State = "single", "member"
	return b
}

// Write applies the calls' commands.
func (b *Backend) Write(ctx context.Context, calls []*replica.Call) {
	if b.OnWrite != nil {
		b.OnWrite(ctx, calls)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range calls {
		if c.Err != nil {
			continue
		}
		b.seq = max(b.seq, b.First) + 1
		c.Seq = b.seq
		e := &chain.Entry{Seq: b.seq, Epoch: 1, Kind: chain.KindCommand, Command: c.Command}
		if c.Numbered && b.Lag {
			b.lagged = append(b.lagged, e)
			continue
		}
		b.catchUp()
		c.Result = b.table.Apply(e)
	}
}

func (b *Backend) catchUp() {
	for _, e := range b.lagged {
		b.table.Apply(e)
	}
	b.lagged = nil
}

// Read calls read with the table.
func (b *Backend) Read(ctx context.Context, _ replica.Scope, read func(*table.Table)) error {
	if b.OnRead != nil {
		if err := b.OnRead(ctx); err != nil {
			return err
		}
	}
	read(b.table)
	return nil
}

// ReadCommitted calls read with the table.
func (b *Backend) ReadCommitted(read func(*table.Table)) { read(b.table) }

// Await applies what lags, if seq asks for it.
func (b *Backend) Await(_ context.Context, seq chain.Seq) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.table.Seq() < seq {
		b.catchUp()
	}
	return nil
}

// Verify tells what became of an operation.
func (b *Backend) Verify(_ context.Context, seq chain.Seq) (table.Fate, error) {
	return b.table.Fate(seq), nil
}

// Operate refuses.
func (b *Backend) Operate(context.Context, chain.Operation) error { return replica.ErrRefused }

// Status is State with what the table knows.
func (b *Backend) Status() replica.Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.State
	s.Last, s.Stable, s.Committed, s.Applied = b.seq, b.seq, b.seq, b.table.Seq()
	s.Keys, s.Bytes, s.Digest = b.table.Len(), b.table.Bytes(), b.table.Digest()
	return s
}

// Serving tells whether State is that of a member.
func (b *Backend) Serving() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.State.State == "member"
}

// SetState changes the state in use.
func (b *Backend) SetState(state string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.State.State = state
}
