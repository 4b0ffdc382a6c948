package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// fixture makes histories by hand: what a chain committed, and what clients were told.
type fixture struct {
	ops     []*op
	history *history
	model   *model
	plain   *client
}

func newFixture() *fixture {
	var c checker
	w := &world{}
	c.init(w)
	f := &fixture{history: c.of(7), model: newModel(0), plain: &client{w: w, id: 1}}
	f.commit(chain.Entry{Kind: chain.KindSession})
	return f
}

// commit puts an entry at the end of the history.
func (f *fixture) commit(e chain.Entry) chain.Seq {
	e.Seq, e.Epoch = f.history.last().Seq+1, 1
	f.history.index[e.Seq] = len(f.history.committed)
	f.history.committed = append(f.history.committed, e)
	f.history.at = append(f.history.at, time.Duration(e.Seq)*10)
	r, _ := f.model.apply(&e)
	f.history.results = append(f.history.results, r)
	return e.Seq
}

// op is an operation of a stream of its own, over [start, end], not yet done.
func (f *fixture) op(kind opKind, key string, start, end time.Duration) *op {
	o := &op{id: len(f.ops) + 1, client: f.plain, kind: kind, keys: []string{key}, start: start, end: end, stream: &stream{}, chain: f.history.id}
	if !kind.reads() {
		o.value = "v" + itoa(o.id) + "."
		o.encode()
	}
	f.ops = append(f.ops, o)
	return o
}

// put is a write that is committed now, as the number-th request of the one session, and acknowledged.
func (f *fixture) put(key string, start, end time.Duration, number uint64) *op {
	o := f.op(opPut, key, start, end)
	o.seq = f.commit(chain.Entry{Kind: chain.KindCommand, Request: chain.RequestID{Session: 1, Number: number}, Command: o.command})
	o.state, o.result = opDone, f.history.results[len(f.history.results)-1]
	return o
}

// get is a read that saw what the write wrote; nil for nothing.
func (f *fixture) get(key string, start, end time.Duration, saw *op) *op {
	o := f.op(opGet, key, start, end)
	o.state, o.read.items = opDone, []item{{}}
	if saw != nil {
		o.read.items[0] = item{saw.value, saw.seq}
	}
	return o
}

func itoa(n int) string {
	return strings.TrimLeft(string([]byte{byte('0' + n/10), byte('0' + n%10)}), "0")
}

// TestCheckers feeds histories to the checkers: good ones pass, and those that are known to be bad do not.
func TestCheckers(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(*fixture)
		want string // part of the complaint of examine; empty for none
		porc bool   // porcupine finds it too
	}{
		{"nothing", func(*fixture) {}, "", false},
		{"write then read", func(f *fixture) { f.get("k", 3, 4, f.put("k", 1, 2, 1)) }, "", false},
		{"read beside a write sees either", func(f *fixture) {
			w := f.put("k", 1, 9, 1)
			f.get("k", 2, 3, nil)
			f.get("k", 4, 5, w)
		}, "", false},
		{"stale read", func(f *fixture) {
			f.put("k", 1, 2, 1)
			f.get("k", 3, 4, nil)
		}, "saw", true},
		{"reads go back", func(f *fixture) {
			w := f.put("k", 1, 9, 1)
			f.get("k", 2, 3, w)
			f.get("k", 4, 5, nil)
		}, "saw", true},
		{"stale read of another key is found by the order of the whole", func(f *fixture) {
			f.put("a", 1, 9, 1)
			b := f.put("b", 1, 9, 2)
			f.get("b", 2, 3, b)
			f.get("a", 4, 5, nil)
		}, "saw", true}, // each key alone is linearizable: only the order of the log tells
		{"value from nowhere", func(f *fixture) {
			w := f.put("k", 1, 2, 1)
			o := f.get("k", 3, 4, w)
			o.read.items[0].value = "v99."
		}, "saw", true},
		{"value of the future", func(f *fixture) {
			o := f.get("k", 1, 2, nil)
			w := f.put("k", 3, 4, 1)
			o.read.items[0] = item{w.value, w.seq}
		}, "takes effect", true},
		{"writes against real time", func(f *fixture) {
			f.put("k", 5, 6, 1)
			f.put("k", 1, 2, 2)
		}, "takes effect", true},
		{"acknowledged and gone", func(f *fixture) {
			o := f.op(opPut, "k", 1, 2)
			o.state, o.result = opDone, table.Result{Code: table.CodeOK, Seq: 9, Count: 1}
		}, "not in the history", false},
		{"refused and executed", func(f *fixture) { f.put("k", 1, 2, 1).state = opRefused }, "refused", false},
		{"executed twice", func(f *fixture) {
			o := f.put("k", 1, 2, 1)
			f.commit(chain.Entry{Kind: chain.KindCommand, Request: chain.RequestID{Session: 1, Number: 2}, Command: o.command})
		}, "twice", false},
		{"repeat", func(f *fixture) {
			o := f.put("k", 1, 2, 1)
			f.commit(chain.Entry{Kind: chain.KindCommand, Request: chain.RequestID{Session: 1, Number: 1}, Command: o.command})
		}, "", false},
		{"wrong result", func(f *fixture) { f.put("k", 1, 2, 1).result.Count = 5 }, "was told", false},
		{"replicas with another result", func(f *fixture) {
			f.put("k", 1, 2, 1)
			f.history.results[1].Count = 5
		}, "replicas had", false},
		{"nobody's write", func(f *fixture) {
			f.commit(chain.Entry{Kind: chain.KindCommand, Request: chain.RequestID{Session: 1, Number: 1}, Command: []byte("?")})
		}, "nobody asked", false},
		{"connection out of order", func(f *fixture) {
			a := f.put("k", 3, 9, 1)
			b := f.put("k", 2, 9, 2) // sent first
			a.stream = b.stream
		}, "takes effect", false},
		{"connection does not read its own write", func(f *fixture) {
			w := f.put("k", 1, 9, 1)
			f.get("k", 2, 8, nil).stream = w.stream
		}, "saw", false},
		{"read behind a write without an answer need not see it", func(f *fixture) {
			w := f.put("k", 1, 0, 1)
			w.state = opUnknown
			f.get("k", 2, 8, nil).stream = w.stream
		}, "", false},
		{"write before one that the connection sent earlier and heard nothing of", func(f *fixture) {
			a := f.put("k", 3, 9, 1)
			b := f.put("k", 2, 0, 2)
			b.state = opUnknown
			a.stream = b.stream
		}, "takes effect", false},
		{"number of another operation", func(f *fixture) {
			o := f.put("k", 1, 2, 1)
			f.history.given[o.seq] = f.op(opNumbered, "k", 1, 2)
		}, "was given to", false},
		{"verify said lost", func(f *fixture) {
			o := f.put("k", 1, 2, 1)
			o.kind, o.fate = opNumbered, table.Lost
		}, "verify said lost", false},
		{"verify said executed", func(f *fixture) {
			o := f.op(opNumbered, "k", 1, 2)
			o.state, o.seq, o.fate = opDone, 9, table.Executed
		}, "verify said executed", false},
		{"verify said pending, later than known", func(f *fixture) {
			o := f.put("k", 1, 2, 1)
			v := f.op(opVerify, "", 3, 4)
			v.state, v.target, v.fate = opDone, o, table.Pending
		}, "saw pending", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture()
			c.make(f)
			x, err := examine(f.ops, []*history{f.history})
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Fatalf("got %v, want a complaint with %q", err, c.want)
			}
			if _, err := x.linearizable(); (err != nil) != c.porc {
				t.Fatalf("porcupine: %v", err)
			}
		})
	}
}
