package lock

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/chaintable/chaintable/client"
)

// Bounds of Options.TTL.
const (
	defaultTTL  = 10 * time.Second
	shortestTTL = 100 * time.Millisecond
	longestTTL  = 24 * time.Hour
)

// record is what stands under the lock's key.
type record struct {
	Version int    `json:"v"`
	Spell   string `json:"spell"` // random: of this holding, so that no two values are the same
	Holder  string `json:"holder,omitempty"`
	TTL     int64  `json:"ttl_ms"`
	Data    []byte `json:"data,omitempty"`
}

const recordVersion = 1

// ErrForeign: the key holds something that is no lock.
var ErrForeign = errors.New("lock: the key holds something else than a lock")

func newRecord(o Options, data []byte) ([]byte, error) {
	return json.Marshal(record{Version: recordVersion, Spell: rand.Text(), Holder: o.Holder, TTL: o.TTL.Milliseconds(), Data: data})
}

func parse(value []byte) (record, error) {
	var r record
	if err := json.Unmarshal(value, &r); err != nil {
		return r, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	if r.Version != recordVersion || r.Spell == "" || r.TTL < shortestTTL.Milliseconds() || r.TTL > longestTTL.Milliseconds() {
		return r, ErrForeign
	}
	return r, nil
}

// holds is why waiting for the lock has ended: cause, while this holder had it.
func (r record) holds(cause error) error {
	if r.Holder == "" {
		return fmt.Errorf("%w: %w", ErrHeld, cause)
	}
	return fmt.Errorf("%w: %.64q: %w", ErrHeld, r.Holder, cause)
}

func (r record) ttl() time.Duration { return time.Duration(r.TTL) * time.Millisecond }

// read is what stands under the key; found is false for nothing.
func read(ctx context.Context, c *client.Client, key string) (e client.Entry, r record, found bool, err error) {
	e, err = c.Get(ctx, key)
	if errors.Is(err, client.ErrNotFound) {
		return e, r, false, nil
	}
	if err == nil {
		r, err = parse(e.Value)
	}
	return e, r, err == nil, err
}
