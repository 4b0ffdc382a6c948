package stream

import (
	"errors"
	"sync/atomic"
)

// ErrInput is returned by Fill when the connections together hold as much input as they may.
var ErrInput = errors.New("stream: input of all connections together is at its limit")

// Quota is memory that connections share, in bytes. Its methods may be called concurrently.
type Quota struct {
	limit int64
	used  atomic.Int64
}

// NewQuota makes a Quota of limit bytes.
func NewQuota(limit int64) *Quota { return &Quota{limit: limit} }

// Take takes n bytes, or none and returns false if there are not as many.
func (q *Quota) Take(n int) bool {
	if q.used.Add(int64(n)) > q.limit {
		q.used.Add(int64(-n))
		return false
	}
	return true
}

// Give returns n bytes that were taken.
func (q *Quota) Give(n int) { q.used.Add(int64(-n)) }

// Used is how many bytes are taken.
func (q *Quota) Used() int64 { return q.used.Load() }
