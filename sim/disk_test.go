package sim

import (
	"strings"
	"testing"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/storage"
)

// TestRecovers shows the checker disks that do not hold what they should.
func TestRecovers(t *testing.T) {
	at := func(seqs ...chain.Seq) (ps []chain.Position) {
		for _, s := range seqs {
			ps = append(ps, chain.Position{Seq: s, Epoch: 1})
		}
		return ps
	}
	entries := func(seqs ...chain.Seq) (es []chain.Entry) {
		for _, s := range seqs {
			es = append(es, chain.Entry{Seq: s, Epoch: 1})
		}
		return es
	}
	complete := func(es []chain.Entry) *chain.Recovered {
		return &chain.Recovered{Chain: 1, Epoch: 1, Log: es, Complete: true}
	}
	for name, c := range map[string]struct {
		acked   acked
		spoiled bool
		found   *chain.Recovered
		failure string // empty: all is well
	}{
		"what was synced":               {acked: acked{log: at(1, 2)}, found: complete(entries(1, 2))},
		"and some of what was not":      {acked: acked{log: at(1, 2), maybe: at(3, 4)}, found: complete(entries(1, 2, 3))},
		"in a snapshot":                 {acked: acked{log: at(1, 2)}, found: &chain.Recovered{Chain: 1, Epoch: 1, Base: at(2)[0], Complete: true}},
		"less":                          {acked: acked{log: at(1, 2)}, found: complete(entries(1)), failure: "recovers a log that ends at 1@1"},
		"what was cut":                  {acked: acked{log: at(1, 2)}, found: complete(entries(1, 2, 3)), failure: "recovers a log that ends at 3@1"},
		"nothing":                       {acked: acked{log: at(1)}, failure: "forgets that it was in a chain"},
		"an empty directory":            {},
		"damage for no reason":          {acked: acked{log: at(1)}, found: &chain.Recovered{Chain: 1, Epoch: 1}, failure: "finds its disk damaged"},
		"damage":                        {acked: acked{log: at(1)}, spoiled: true, found: &chain.Recovered{Chain: 1, Epoch: 1}},
		"what was not synced in time":   {acked: acked{log: at(1), unsynced: true}, found: &chain.Recovered{Chain: 1, Epoch: 1}},
		"what came in the middle of it": {acked: acked{log: at(1, 2), unknown: true}, found: complete(entries(1))},
	} {
		w := newWorld(Options{Seed: 1, Timeout: 1, Durable: 1}, 0)
		s := w.addServer()
		s.disk.acked, s.disk.spoiled = c.acked, c.spoiled
		w.check.recovers(&process{w: w, srv: s}, &storage.Recovery{Chain: c.found})
		switch {
		case c.failure == "" && w.failure != nil:
			t.Errorf("%s: %v", name, w.failure)
		case c.failure != "" && (w.failure == nil || !strings.Contains(w.failure.Error(), c.failure)):
			t.Errorf("%s: %v, want: %s", name, w.failure, c.failure)
		case c.failure != "" && w.checker != "disk":
			t.Errorf("%s: found by %s", name, w.checker)
		}
	}
}

// TestDurable runs clusters of durable servers that lose their power, again and again: the disks come through all that can happen to them.
func TestDurable(t *testing.T) {
	var total Stats
	for seed := uint64(1); total.Runs < 40; seed++ {
		o := Draw(seed)
		if o.Theme != "disks" {
			continue
		}
		out := Run(o, 0)
		total.Add(out.Stats)
		if out.Err != nil {
			t.Fatal(Explain(o, out.Err, *lines))
		}
	}
	for _, f := range []Fault{Power, Amid, CrashOpen, TornSync, DiskError, Blackout} {
		if total.Faults[f] == 0 {
			t.Errorf("no %v", f)
		}
	}
	if total.Checkpoints == 0 {
		t.Error("no snapshot on disk")
	}
}
