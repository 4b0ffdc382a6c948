package replica

import (
	"context"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// Scope is what a read looks at.
type Scope struct {
	keys [][]byte
	one  []byte
	kind scopeKind
}

type scopeKind uint8

const (
	scopeAll scopeKind = iota
	scopeKey
	scopeKeys
)

// All is a read of many keys, or of how many there are.
var All = Scope{kind: scopeAll}

// Key is a read of one key.
func Key(key []byte) Scope { return Scope{kind: scopeKey, one: key} }

// Keys is a read of several keys.
func Keys(keys [][]byte) Scope { return Scope{kind: scopeKeys, keys: keys} }

// need is the seq that must be applied before a read may see the table.
func (s *Scope) need(g *chain.Gate) chain.Seq {
	switch s.kind {
	case scopeKey:
		return g.Key(table.Hash(s.one))
	case scopeKeys:
		var need chain.Seq
		for _, k := range s.keys {
			need = max(need, g.Key(table.Hash(k)))
		}
		return need
	}
	return g.All()
}

// Read calls read with the table, when it holds everything in the scope that was acknowledged before Read was called
// (design.md, section 4). It may call it more than once: only the last time counts. What several calls of the table's methods
// see within read need not be of one moment.
//
// It fails with ErrOutside if this server cannot serve reads, with ErrNotExecuted if the chain does not confirm in time.
func (r *Replica) Read(ctx context.Context, scope Scope, read func(*table.Table)) error {
	term := r.gate.Term()
	if r.gate.Leasing() {
		if err := r.Await(ctx, scope.need(r.gate)); err != nil {
			return err
		}
		read(r.table.Load())
		if r.gate.Leased(term, r.config.Clock()) {
			return nil
		}
	}
	if err := r.passBarrier(ctx); err != nil {
		return err
	}
	read(r.table.Load())
	return nil
}

// ReadCommitted calls read with the table as it is here, however far that is behind the chain's: it holds no write that may yet be lost. It never
// waits, and a server outside the chain serves it, too.
func (r *Replica) ReadCommitted(read func(*table.Table)) { read(r.table.Load()) }

// passBarrier waits until a no-op that the head numbered after now has been applied here.
func (r *Replica) passBarrier(ctx context.Context) error {
	c := new(Call)
	b := &batch{calls: []*Call{c}, left: 1, done: make(chan struct{}), read: true}
	r.submit(ctx, b)
	return c.Err
}

// Await waits until everything up to seq has been applied here.
func (r *Replica) Await(ctx context.Context, seq chain.Seq) error {
	if r.gate.Applied() >= seq {
		return nil
	}
	applied := r.waiters.add(seq)
	if r.gate.Applied() >= seq { // between the two
		r.waiters.drop(applied)
		return nil
	}
	select {
	case <-applied.done:
		if r.gate.Applied() < seq {
			return r.outside()
		}
		return nil
	case <-ctx.Done():
		r.waiters.drop(applied)
		return errReadLate
	}
}

// Verify tells what became of the operation with this number: executed, lost or pending. It answers as a read does: what was
// executed before Verify was called is not pending.
func (r *Replica) Verify(ctx context.Context, seq chain.Seq) (fate table.Fate, err error) {
	if t := r.table.Load(); seq <= t.Seq() && r.gate.Leasing() {
		if fate = t.Fate(seq); fate != table.Pending {
			return fate, nil // final, whoever says it
		}
	}
	err = r.Read(ctx, All, func(t *table.Table) { fate = t.Fate(seq) })
	return fate, err
}
