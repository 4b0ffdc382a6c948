package storage

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

const testChain chain.ID = 0xc0ffee

// testConfig is one of small segments.
func testConfig(fs FS) Config {
	salt := uint64(0)
	return Config{
		FS: fs, Node: 7, Boot: "boot-1", SegmentBytes: 64 << 10, RetainBytes: 64 << 10,
		Random: func() uint64 { salt++; return salt },
	}
}

// put is an entry that sets a key.
func put(seq chain.Seq, epoch chain.Epoch, value string) chain.Entry {
	command := table.Command{Op: table.OpPut, Pairs: []table.Pair{{Key: []byte(fmt.Sprintf("key-%d", seq%50)), Value: []byte(value)}}}
	e := chain.Entry{Seq: seq, Epoch: epoch, Kind: chain.KindCommand, Command: command.Append(nil)}
	e.Encoded = table.AppendEntry(nil, &e)
	return e
}

// puts is n entries behind last.
func puts(last chain.Position, n int, epoch chain.Epoch, size int) []chain.Entry {
	entries := make([]chain.Entry, n)
	for i := range entries {
		last.Seq++
		entries[i] = put(last.Seq, epoch, fmt.Sprintf("%*d", size, last.Seq))
	}
	return entries
}

// digestOf is that of a table to which entries have been applied.
func digestOf(entries []chain.Entry) table.Digest {
	t := table.New(table.Config{})
	for i := range entries {
		t.Apply(&entries[i])
	}
	return t.Digest()
}

// content is the end and the digest of all that was recovered, as if the chain had then committed it.
func content(rec *Recovery) (chain.Position, table.Digest) {
	for i := range rec.Chain.Log {
		rec.Table.Apply(&rec.Chain.Log[i])
	}
	return rec.Table.Position(), rec.Table.Digest()
}

// history is everything that a Store was told, and a model of what should be in it.
type history struct {
	t      *testing.T
	store  *Store
	states []state // after each step; the last is the present one
	synced int     // the first of states that a crash may bring back
	epoch  chain.Epoch
}

// state is a whole log, from its start.
type state struct {
	chain   chain.ID
	entries []chain.Entry
}

func (h *history) now() state { return h.states[len(h.states)-1] }

func (h *history) last() chain.Position {
	if es := h.now().entries; len(es) > 0 {
		return es[len(es)-1].Position()
	}
	return chain.Position{}
}

func (h *history) become(s state) { h.states = append(h.states, s) }

// acknowledged says that what was done so far must outlive a crash.
func (h *history) acknowledged() { h.synced = len(h.states) - 1 }

func (h *history) append(n, size int, committed chain.Seq) error {
	entries := puts(h.last(), n, h.epoch, size)
	for i := range entries {
		s := h.now()
		s.entries = append(slices.Clone(s.entries), entries[i])
		h.become(s)
	}
	return h.store.Append(entries, committed)
}

func (h *history) cut(to int) {
	s := h.now()
	s.entries = slices.Clone(s.entries[:to])
	h.become(s)
	h.epoch++
	h.store.Truncate(h.last(), 0)
}

func (h *history) sync() error {
	err := h.store.Sync()
	if err == nil {
		h.acknowledged()
	}
	return err
}

// tableOf is the table behind the entries.
func tableOf(entries []chain.Entry) *table.Table {
	t := table.New(table.Config{})
	for i := range entries {
		t.Apply(&entries[i])
	}
	return t
}

// checkpoint writes a snapshot of the first n entries.
func (h *history) checkpoint(n int) error {
	c := h.store.BeginCheckpoint(tableOf(h.now().entries[:n]).Snapshot())
	if err := c.Write(func(int) error { return nil }); err != nil {
		return err
	}
	err := h.store.Publish(c)
	if err == nil {
		h.acknowledged()
	}
	return err
}

// install takes a table from elsewhere.
func (h *history) install(entries []chain.Entry) error {
	snap := tableOf(entries).Snapshot()
	for last, first := false, true; !last; first = false {
		var chunk []byte
		var err error
		if chunk, last, err = snap.Chunk(300); err != nil {
			return err
		}
		if err := h.store.Stage(snap.Position(), chunk, first); err != nil {
			return err
		}
	}
	h.become(state{h.store.Identity().Chain, entries})
	err := h.store.Install()
	if err == nil {
		h.acknowledged()
	}
	return err
}

// check says whether what was recovered is what was there after some step since the last that was acknowledged.
func (h *history) check(rec *Recovery) error {
	if rec.Doubt != nil {
		return fmt.Errorf("a crash is taken for damage: %w", rec.Doubt)
	}
	if rec.Chain == nil {
		if h.now().chain == 0 || h.synced == 0 {
			return nil
		}
		return fmt.Errorf("nothing was recovered")
	}
	last, digest := content(rec)
	for i := h.synced; i < len(h.states); i++ {
		s := h.states[i]
		if s.chain != rec.Chain.Chain {
			continue
		}
		var end chain.Position
		if n := len(s.entries); n > 0 {
			end = s.entries[n-1].Position()
		}
		if end == last && digestOf(s.entries) == digest {
			return nil
		}
	}
	return fmt.Errorf("recovered %v, %v: not one of the %d states since %d entries were acknowledged", last, digest, len(h.states)-h.synced, len(h.states[h.synced].entries))
}
