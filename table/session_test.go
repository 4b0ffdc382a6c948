package table

import (
	"testing"

	"github.com/chaintable/chaintable/chain"
)

// client sends the increments of one session.
type client struct {
	*writer
	session chain.SessionID
}

func (w *writer) open() client {
	r := w.Apply(&chain.Entry{Seq: w.next, Epoch: 1, Kind: chain.KindSession})
	w.next++
	return client{w, chain.SessionID(r.Count)}
}

// increment adds 1 to the key "n" as request number.
func (c client) increment(number, doneBelow uint64) Result {
	return c.send(number, doneBelow, &Command{Op: OpIncrement, Keys: [][]byte{[]byte("n")}, Delta: 1})
}

func (c client) send(number, doneBelow uint64, command *Command) Result {
	e := &chain.Entry{
		Seq: c.next, Epoch: 1, Kind: chain.KindCommand, Command: command.Append(nil),
		Request: chain.RequestID{Session: c.session, Number: number}, DoneBelow: doneBelow,
	}
	c.next++
	return c.Apply(e)
}

func want(t *testing.T, what string, got, want Result) {
	t.Helper()
	if !got.Equal(want) {
		t.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

// TestOnce is the story of one client.
func TestOnce(t *testing.T) {
	x := newWriter(Config{})
	c := x.open()
	if c.session != 1 {
		t.Fatalf("the first session is %d, not the seq of its entry", c.session)
	}
	want(t, "first", c.increment(1, 0), Result{Code: CodeOK, Seq: 2, Count: 1})
	want(t, "repeat", c.increment(1, 0), Result{Code: CodeOK, Seq: 2, Count: 1})
	want(t, "another command as a repeat", c.send(1, 0, &Command{Op: OpClear}), Result{Code: CodeOK, Seq: 2, Count: 1})
	want(t, "second", c.increment(2, 1), Result{Code: CodeOK, Seq: 5, Count: 2})
	want(t, "third; the first two have arrived", c.increment(3, 3), Result{Code: CodeOK, Seq: 6, Count: 3})
	want(t, "late repeat of the second", c.increment(2, 1), Result{Code: CodeStale, Seq: 7})
	want(t, "late repeat of the third, which says less", c.increment(3, 1), Result{Code: CodeOK, Seq: 6, Count: 3})
	want(t, "a gap in the numbers", c.increment(9, 3), Result{Code: CodeOK, Seq: 9, Count: 4})
	want(t, "and what belongs there comes too late", c.increment(5, 3), Result{Code: CodeOvertaken, Seq: 10})
	want(t, "and its repeat", c.increment(5, 3), Result{Code: CodeOvertaken, Seq: 11})
	want(t, "number 0", c.increment(0, 0), Result{Code: CodeStale, Seq: 12})
	want(t, "done below itself", c.increment(20, 21), Result{Code: CodeStale, Seq: 13})
	want(t, "that has pruned everything", c.increment(9, 0), Result{Code: CodeStale, Seq: 14})

	failed := &Command{Op: OpPut, Pairs: []Pair{{[]byte("n"), nil}}, If: IfAbsent}
	want(t, "a failure is a result", c.send(30, 21, failed), Result{Code: CodeConditionFailed, Seq: 15})
	x.remove("n")
	want(t, "and stays one", c.send(30, 21, failed), Result{Code: CodeConditionFailed, Seq: 15})
	want(t, "invalid", c.send(31, 21, &Command{Op: 99}), Result{Code: CodeInvalid, Seq: 18})
	want(t, "a number that was refused is free", c.increment(31, 21), Result{Code: CodeOK, Seq: 19, Count: 1})
	want(t, "unknown session", client{x, 77}.increment(1, 0), Result{Code: CodeForgotten, Seq: 20})
	want(t, "no session, no memory", client{x, 0}.increment(31, 0), Result{Code: CodeOK, Seq: 21, Count: 2})
	want(t, "no session, no memory", client{x, 0}.increment(31, 0), Result{Code: CodeOK, Seq: 22, Count: 3})

	for seq, fate := range []Fate{
		0: Lost, 1: Executed, 2: Executed, 3: Executed, 4: Executed, 5: Executed, 6: Executed, 7: Lost, 8: Executed, 9: Executed,
		10: Lost, 11: Lost, 12: Lost, 13: Lost, 14: Lost, 15: Executed, 16: Executed, 17: Executed, 18: Lost, 19: Executed,
		20: Lost, 21: Executed, 22: Executed, 23: Pending,
	} {
		if got := x.Fate(chain.Seq(seq)); got != fate {
			t.Errorf("%d is %v, want %v", seq, got, fate)
		}
	}
}

// TestForgottenSessions: 100,000 are kept, and the one goes whose last command is oldest.
func TestForgottenSessions(t *testing.T) {
	x := newWriter(Config{})
	first, second, third := x.open(), x.open(), x.open()
	for range maxSessions - 3 {
		x.open()
	}
	if n := x.Bytes(); n != maxSessions*sessionBytes {
		t.Fatalf("%d bytes for %d sessions", n, maxSessions)
	}
	first.increment(1, 0)
	x.open() // second goes
	if r := second.increment(1, 0); r.Code != CodeForgotten {
		t.Fatalf("second: %+v", r)
	}
	if r := third.increment(1, 0); r.Code != CodeOK {
		t.Fatalf("third: %+v", r)
	}
	if r := first.increment(1, 0); r.Code != CodeOK || r.Count != 1 {
		t.Fatalf("first: %+v", r) // the stored result; and a use
	}
	for range maxSessions - 1 {
		x.open()
	}
	if r := third.increment(1, 0); r.Code != CodeForgotten {
		t.Fatalf("third, which was used before first: %+v", r)
	}
	if r := first.increment(1, 0); r.Code != CodeOK || r.Count != 1 {
		t.Fatalf("first, which was used last: %+v", r)
	}
}

// TestFullSession: results do not pile up for a client that never says that it has them.
func TestFullSession(t *testing.T) {
	c := newWriter(Config{}).open()
	for i := range uint64(chain.MaxSessionResults) {
		if r := c.increment(i+1, 0); r.Code != CodeOK {
			t.Fatalf("request %d: %+v", i+1, r)
		}
	}
	if r := c.increment(chain.MaxSessionResults+1, 0); r.Code != CodeFull {
		t.Fatalf("one too many: %+v", r)
	}
	if r := c.increment(chain.MaxSessionResults, 0); r.Code != CodeOK || r.Count != chain.MaxSessionResults {
		t.Fatalf("a repeat: %+v", r)
	}
	if r := c.increment(chain.MaxSessionResults+1, 2); r.Code != CodeOK {
		t.Fatalf("one has arrived: %+v", r)
	}
}
