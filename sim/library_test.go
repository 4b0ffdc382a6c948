package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// TestFailovers has clients count by compare-and-set while heads and other members die, stand still or are cut off, a thousand times: the sum is
// exact. Nobody gives up, so that each increment is answered, and has happened once.
func TestFailovers(t *testing.T) {
	const failovers = 1000
	var total Stats
	var anew uint64
	from := *seed
	if from == 0 {
		from = uint64(time.Now().UnixNano() / 1000)
	}
	for s := from; total.HeadFailovers < failovers; s++ {
		o := counting(s)
		out := Run(o, 0)
		if out.Err == nil && out.Restarts > 0 { // the last member held all in memory, and died: what it had is gone
			if anew++; anew > 5+total.Runs/10 {
				t.Fatalf("in %d runs the chain has begun anew, in %d not: the last is -seed %d", anew, total.Runs, s)
			}
			continue
		}
		total.Add(out.Stats)
		switch {
		case out.Err != nil:
			t.Fatalf("again: -seed %d: %v\n%s", s, out.Err, Run(o, *lines).Story)
		case out.Increments != out.Sum:
			t.Fatalf("again: -seed %d: %d increments were answered, and the counters stand at %d", s, out.Increments, out.Sum)
		case out.GivenUp > 0:
			t.Fatalf("again: -seed %d: of %d operations nobody knows what became", s, out.GivenUp)
		}
	}
	t.Logf("%d runs from %d: the head was lost %d times, some member %d times; %d increments, tried %d times again, and the sum is %d",
		total.Runs, from, total.HeadFailovers, total.Failovers, total.Increments, total.LibraryRetries, total.Sum)
}

// counting is a run in which clients do little but count, and servers fail one after the other.
func counting(seed uint64) Options {
	o := Draw(seed)
	o.about("libraries", newDice(seed))
	t := o.Timeout
	o.Servers, o.Joiners, o.Clients, o.Libraries, o.Ops = 4, 0, 0, 2, 3
	o.Watch, o.Bounded, o.Session, o.Memory, o.Odd = 0, 0, 0, 0, 0
	o.Interval = 0 // of the last member, whose machine dies, something may be missing: then nobody goes on
	o.Length, o.Target, o.Think, o.Tick, o.Batch = 40*t, 0, t/4, t/8, 8
	o.Means = Means{Hunt: 3 * t, Crash: 6 * t, Pause: 6 * t, Partition: 8 * t, CoordCut: 8 * t, Break: 4 * t}
	o.Down, o.Paused, o.Blocked = t/4, 2*t, 2*t
	return o
}

// count is an increment of a counter at a version, as the number-th request of the one session, that is committed now and acknowledged.
func (f *fixture) count(key string, version chain.Seq, count int64, number uint64) *op {
	o := f.op(opPut, key, time.Duration(number), time.Duration(number)+1)
	o.count, o.cond, o.version = count, table.IfVersion, version
	o.value = fmt.Sprintf("v%d.%d", o.id, count)
	o.encode()
	o.seq = f.commit(chain.Entry{Kind: chain.KindCommand, Request: chain.RequestID{Session: 1, Number: number}, Command: o.command})
	o.state, o.result = opDone, f.history.results[len(f.history.results)-1]
	return o
}

// abandon has a write be one that its client gave up, when so many had begun.
func (f *fixture) abandon(o *op, begun int) {
	o.state, o.end, o.result, o.bounded, o.givenUp = opUnknown, 0, table.Result{}, true, begun
}

// TestLibraryCheckers feeds histories of clients as in library.go to the checkers.
func TestLibraryCheckers(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(*fixture)
		want string // part of the complaint; empty for none
	}{
		{"refused, and there was time", func(f *fixture) { f.op(opPut, "k", 1, 0).state = opRefused }, "had all the time"},
		{"unknown, and there was time", func(f *fixture) { f.op(opPut, "k", 1, 0).state = opUnknown }, "had all the time"},
		{"a read without an answer, and there was time", func(f *fixture) { f.op(opGet, "k", 1, 0).state = opUnknown }, "had all the time"},
		{"given up", func(f *fixture) { f.abandon(f.op(opPut, "k", 1, 0), 1) }, ""},
		{"no room", func(f *fixture) {
			o := f.op(opPut, "k", 1, 0)
			o.state, o.excused = opRefused, true
		}, ""},
		{"the client died", func(f *fixture) {
			f.op(opPut, "k", 1, 0).state = opUnknown
			f.plain.dead = true
		}, ""},

		{"given up, and takes effect behind a later write", func(f *fixture) {
			late := f.op(opPut, "k", 1, 0)
			f.put("k", 3, 4, 1)
			late.seq = f.commit(chain.Entry{Kind: chain.KindCommand, Request: chain.RequestID{Session: 1, Number: 2}, Command: late.command})
			f.abandon(late, 1)
		}, "which began later"},
		{"given up, and takes effect between later writes", func(f *fixture) {
			late := f.op(opPut, "k", 1, 0)
			f.put("k", 3, 4, 1)
			late.seq = f.commit(chain.Entry{Kind: chain.KindCommand, Request: chain.RequestID{Session: 1, Number: 2}, Command: late.command})
			f.abandon(late, 1)
			f.put("k", 35, 36, 3)
		}, "which began later"},
		{"given up, and takes effect behind a write that had begun before", func(f *fixture) {
			late := f.op(opPut, "k", 1, 0)
			f.put("k", 3, 4, 1)
			late.seq = f.commit(chain.Entry{Kind: chain.KindCommand, Request: chain.RequestID{Session: 1, Number: 2}, Command: late.command})
			f.abandon(late, 2)
		}, ""},
		{"given up, and takes effect behind a later write that was given up too", func(f *fixture) {
			late := f.op(opPut, "k", 1, 0)
			f.abandon(f.put("k", 3, 4, 1), 2)
			late.seq = f.commit(chain.Entry{Kind: chain.KindCommand, Request: chain.RequestID{Session: 1, Number: 2}, Command: late.command})
			f.abandon(late, 1)
		}, ""},
		{"given up, and takes effect behind what only settles a doubt", func(f *fixture) {
			late := f.op(opPut, "k", 1, 0)
			f.put("k", 3, 4, 1).step = true
			late.seq = f.commit(chain.Entry{Kind: chain.KindCommand, Request: chain.RequestID{Session: 1, Number: 2}, Command: late.command})
			f.abandon(late, 1)
		}, ""},
		{"given up by a client that has met two chains", func(f *fixture) {
			late := f.op(opPut, "k", 1, 0)
			f.put("k", 3, 4, 1)
			late.seq = f.commit(chain.Entry{Kind: chain.KindCommand, Request: chain.RequestID{Session: 1, Number: 2}, Command: late.command})
			f.abandon(late, 1)
			late.chain = f.history.id + 1
		}, ""},
		{"given up, and took effect before a later write", func(f *fixture) {
			f.abandon(f.put("k", 1, 2, 1), 1)
			f.put("k", 3, 4, 2)
		}, ""},
		{"two given up, of which the first takes effect behind a later write", func(f *fixture) {
			late := f.op(opPut, "k", 1, 0)
			f.abandon(f.op(opPut, "k", 1, 0), 2)
			f.put("k", 3, 4, 1)
			late.seq = f.commit(chain.Entry{Kind: chain.KindCommand, Request: chain.RequestID{Session: 1, Number: 2}, Command: late.command})
			f.abandon(late, 2)
		}, "which began later"},

		{"counted", func(f *fixture) {
			a := f.count("c0", 0, 1, 1)
			f.count("c0", a.seq, 2, 2)
		}, ""},
		{"counted by somebody who does not know it", func(f *fixture) {
			a := f.count("c0", 0, 1, 1)
			f.abandon(f.count("c0", a.seq, 2, 2), 2)
		}, ""},
		{"counted from another value", func(f *fixture) {
			a := f.count("c0", 0, 1, 1)
			f.count("c0", a.seq, 3, 2)
		}, "was incremented 2 times"},
		{"counted on from another chain", func(f *fixture) {
			a := f.count("c0", 0, 1, 1)
			f.count("c0", a.seq, 3, 2).from = f.history.id + 1
		}, ""},
		{"counted twice at one version", func(f *fixture) {
			f.count("c0", 0, 1, 1)
			f.count("c0", 0, 1, 2) // its condition fails, and nobody was told otherwise
		}, ""},
		{"counted behind a clear", func(f *fixture) {
			f.count("c0", 0, 1, 1)
			clear := f.op(opClear, "", 2, 3)
			clear.keys, clear.bounded = nil, true
			clear.session, clear.number = &clientSession{id: 1, chain: f.history.id}, 2
			clear.seq = f.commit(chain.Entry{Kind: chain.KindCommand, Request: chain.RequestID{Session: 1, Number: 2}, Command: clear.command})
			clear.state, clear.result = opDone, f.history.results[len(f.history.results)-1]
			f.count("c0", 0, 1, 3)
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture()
			f.plain.library = &library{client: f.plain}
			c.make(f)
			_, err := examine(f.ops, []*history{f.history})
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Fatalf("got %v, want a complaint with %q", err, c.want)
			}
		})
	}
}
