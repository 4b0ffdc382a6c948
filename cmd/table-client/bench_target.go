package main

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/chaintable/chaintable/client"
)

// benchTarget is the chain, as package workload wants it.
type benchTarget struct {
	clients []*client.Client
	next    atomic.Uint64
	scan    int // keys that a transaction reads
}

// txnBytes and stepBytes bound what a transaction finds, in bytes: the servers refuse more than 1 MiB, each key counted with 40.
const txnBytes, stepBytes = 1 << 20, 40

func newBenchTarget(longestValue int) *benchTarget {
	return &benchTarget{scan: txnBytes / (longestValue + stepBytes)}
}

// one is the client whose turn it is.
func (t *benchTarget) one() *client.Client {
	if len(t.clients) == 1 {
		return t.clients[0]
	}
	return t.clients[t.next.Add(1)%uint64(len(t.clients))]
}

func (t *benchTarget) close() {
	for _, c := range t.clients {
		_ = c.Close()
	}
}

// Get reads a key.
func (t *benchTarget) Get(ctx context.Context, key string) (found bool, err error) {
	_, err = t.one().Get(ctx, key)
	if errors.Is(err, client.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Set sets a key.
func (t *benchTarget) Set(ctx context.Context, key string, value []byte) error {
	_, err := t.one().Put(ctx, key, value)
	return err
}

// Scan reads the keys in one transaction, or several.
func (t *benchTarget) Scan(ctx context.Context, keys []string) (found int, err error) {
	c := t.one()
	if t.scan == 0 { // each value may be too large for a transaction
		for _, k := range keys {
			is, err := t.Get(ctx, k)
			if err != nil {
				return found, err
			}
			if is {
				found++
			}
		}
		return found, nil
	}
	for part := range slices.Chunk(keys, t.scan) {
		var txn client.Txn
		for _, k := range part {
			txn.Then = append(txn.Then, client.GetStep(k))
		}
		r, err := c.Txn(ctx, txn)
		if err != nil {
			return found, err
		}
		for _, step := range r.Steps {
			if step.Found {
				found++
			}
		}
	}
	return found, nil
}

// Modify reads a key and sets it if its version is still the same.
func (t *benchTarget) Modify(ctx context.Context, key string, value []byte) (conflicts int, err error) {
	c := t.one()
	for ; ; conflicts++ {
		e, err := c.Get(ctx, key)
		if err != nil && !errors.Is(err, client.ErrNotFound) {
			return conflicts, err
		}
		if _, err = c.Put(ctx, key, value, client.IfVersion(e.Version)); !errors.Is(err, client.ErrCondition) {
			return conflicts, err
		}
	}
}

// Delete deletes a key.
func (t *benchTarget) Delete(ctx context.Context, key string) error {
	_, _, err := t.one().Delete(ctx, key)
	return err
}

// MayHaveHappened is what package client says of an error.
func (t *benchTarget) MayHaveHappened(err error) bool {
	return client.OutcomeOf(err) == client.MayHaveHappened
}
