package linear

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// at puts an operation in time; an end of zero is none.
func at(start, end time.Duration, o Operation) Operation {
	o.Start, o.End = start, end
	return o
}

// put, del and incr are writes that were acknowledged; got is a read of keys, of which "" was not there.

func put(value string, keys ...string) Operation {
	return Operation{Kind: Put, Keys: keys, Value: value, Outcome: Done}
}

func del(count int64, keys ...string) Operation {
	return Operation{Kind: Delete, Keys: keys, Count: count, Outcome: Done}
}

func incr(key string, sum int64) Operation {
	return Operation{Kind: Increment, Keys: []string{key}, Delta: 1, Count: sum, Outcome: Done}
}

func got(keysAndValues ...string) Operation {
	o := Operation{Kind: Get, Outcome: Done}
	for kv := range slices.Chunk(keysAndValues, 2) {
		o.Keys, o.Read = append(o.Keys, kv[0]), append(o.Read, Value{Found: kv[1] != "", Text: kv[1]})
	}
	return o
}

func size(n int64) Operation { return Operation{Kind: Size, Count: n, Outcome: Done} }

func flush() Operation { return Operation{Kind: Clear, Outcome: Done} }

// txn compares keys with values, "" for no such key, and does steps; those of a list of got or wrote.
func txn(then bool, keysAndValues []string, steps ...Step) Operation {
	o := Operation{Kind: Txn, Outcome: Done, Then: then, Steps: steps}
	for kv := range slices.Chunk(keysAndValues, 2) {
		o.Compares = append(o.Compares, Compare{kv[0], func(v Value) bool { return v.Text == kv[1] && v.Found == (kv[1] != "") }})
		o.Keys = append(o.Keys, kv[0])
	}
	for _, s := range steps {
		if !slices.Contains(o.Keys, s.Key) {
			o.Keys = append(o.Keys, s.Key)
		}
	}
	return o
}

// wrote put a value, or "" for a delete, where was stood, and reads found it.

func wrote(key, value, was string) Step {
	s := Step{Kind: Put, Key: key, Value: value, Found: Value{Found: was != ""}}
	if value == "" {
		s.Kind = Delete
	}
	return s
}

func reads(key, was string, seq uint64) Step {
	return Step{Kind: Get, Key: key, Found: Value{Found: was != "", Text: was, Version: seq}}
}

// untold takes the answer away, told is another one, asked has a condition, and numbered a place in the log.

func untold(o Operation) Operation { return told(Untold, o) }

func told(outcome Outcome, o Operation) Operation {
	o.Outcome = outcome
	return o
}

func asked(c Condition, o Operation) Operation {
	o.If = c
	return o
}

func numbered(seq uint64, o Operation) Operation {
	o.Seq = seq
	return o
}

// there has the one key of a read be there, with a value that may be empty.
func there(o Operation) Operation {
	o.Read[0].Found = true
	return o
}

// version says which write of the one key a read saw.
func version(seq uint64, o Operation) Operation {
	o.Read[0].Version = seq
	return o
}

const whole = "all keys together"

// TestCheck has good histories pass, and those that are known to be bad not.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		ops  []Operation
		bad  string // what is not linearizable; empty for nothing
	}{
		{"nothing", nil, ""},
		{"write, then read", []Operation{at(1, 2, put("v", "k")), at(3, 4, got("k", "v"))}, ""},
		{"reads beside a write see either", []Operation{
			at(1, 9, put("v", "k")), at(2, 3, got("k", "")), at(4, 5, got("k", "v")),
		}, ""},
		{"times that touch are together", []Operation{at(1, 3, put("v", "k")), at(3, 4, got("k", ""))}, ""},
		{"stale read", []Operation{at(1, 2, put("v", "k")), at(3, 4, got("k", ""))}, "key k"},
		{"stale read of a value", []Operation{at(1, 2, put("v", "k")), at(3, 4, put("w", "k")), at(5, 6, got("k", "v"))}, "key k"},
		{"read goes back", []Operation{
			at(1, 9, put("v", "k")), at(2, 3, got("k", "v")), at(4, 5, got("k", "")),
		}, "key k"},
		{"two readers disagree about the order of writes", []Operation{
			at(1, 9, put("v", "k")), at(1, 9, put("w", "k")), at(2, 3, got("k", "v")), at(4, 5, got("k", "w")), at(6, 7, got("k", "v")),
		}, "key k"},
		{"acknowledged write lost", []Operation{
			at(1, 2, put("v", "k")), at(3, 4, put("w", "k")), at(5, 6, got("k", "w")), at(7, 8, got("k", "v")),
		}, "key k"},
		{"the only acknowledged write lost", []Operation{at(1, 2, put("v", "k")), at(100, 101, got("k", ""))}, "key k"},
		{"value from nowhere", []Operation{at(1, 2, put("v", "k")), at(3, 4, got("k", "x"))}, "key k"},
		{"value of the future", []Operation{at(1, 2, got("k", "v")), at(3, 4, put("v", "k"))}, "key k"},
		{"value of the future, untold", []Operation{at(1, 2, got("k", "v")), at(3, 0, untold(put("v", "k")))}, "key k"},
		{"missing, there, missing", []Operation{
			at(1, 2, got("k", "")), at(3, 4, put("v", "k")), at(5, 6, got("k", "v")), at(7, 8, del(1, "k")), at(9, 10, got("k", "")),
		}, ""},
		{"missing while it is there", []Operation{
			at(1, 2, got("k", "")), at(3, 4, put("v", "k")), at(5, 6, got("k", "")), at(7, 8, del(1, "k")), at(9, 10, got("k", "")),
		}, "key k"},
		{"value that is written twice, between", []Operation{
			at(1, 2, put("v", "k")), at(3, 4, got("k", "v")), at(5, 6, put("w", "k")), at(7, 8, got("k", "v")), at(9, 10, put("v", "k")), at(11, 12, got("k", "v")),
		}, "key k"},
		{"number that is counted to twice, between", []Operation{
			at(1, 2, put("1", "k")), at(3, 4, got("k", "1")), at(5, 6, incr("k", 2)), at(7, 8, got("k", "1")), at(9, 10, del(1, "k")), at(11, 12, incr("k", 1)), at(13, 14, got("k", "1")),
		}, "key k"},
		{"empty value is not there", []Operation{at(1, 2, put("", "k")), at(3, 4, got("k", ""))}, "key k"},
		{"empty value is there", []Operation{at(1, 2, put("", "k")), at(3, 4, there(got("k", "")))}, ""},
		{"empty value, seen again when it is gone", []Operation{
			at(1, 2, put("", "k")), at(3, 4, there(got("k", ""))), at(5, 6, del(1, "k")), at(7, 8, there(got("k", ""))),
		}, "key k"},
		{"value of another key", []Operation{at(1, 2, put("v", "a")), at(3, 4, got("b", "v"))}, "key b"},

		{"untold write may never be seen", []Operation{
			at(1, 0, untold(put("v", "k"))), at(2, 3, got("k", "")), at(4, 5, got("k", "")),
		}, ""},
		{"untold write may come late", []Operation{
			at(1, 0, untold(put("v", "k"))), at(2, 3, put("w", "k")), at(4, 5, got("k", "w")), at(6, 7, got("k", "v")),
		}, ""},
		{"untold write comes once", []Operation{
			at(1, 0, untold(put("v", "k"))), at(2, 3, got("k", "v")), at(4, 5, put("w", "k")), at(6, 7, got("k", "v")),
		}, "key k"},
		{"untold write that is over has taken effect", []Operation{at(1, 2, untold(put("v", "k"))), at(3, 4, got("k", ""))}, "key k"},
		{"untold delete explains a missing key", []Operation{
			at(1, 2, put("v", "k")), at(3, 0, untold(del(0, "k"))), at(4, 5, got("k", "v")), at(6, 7, got("k", "")),
		}, ""},
		{"read without an answer says nothing", []Operation{at(1, 2, put("v", "k")), at(3, 4, Operation{Kind: Get, Keys: []string{"k"}})}, ""},
		{"refused write was not executed", []Operation{at(1, 2, told(Refused, put("v", "k"))), at(3, 4, got("k", ""))}, ""},
		{"refused write was executed", []Operation{at(1, 2, told(Refused, put("v", "k"))), at(3, 4, got("k", "v"))}, "key k"},

		{"increments", []Operation{at(1, 9, incr("n", 2)), at(1, 9, incr("n", 1)), at(10, 11, got("n", "2"))}, ""},
		{"untold increment explains a gap", []Operation{at(1, 2, incr("n", 1)), at(3, 0, untold(incr("n", 0))), at(4, 5, incr("n", 3))}, ""},
		{"increment executed twice", []Operation{at(1, 2, incr("n", 1)), at(3, 4, got("n", "2"))}, "key n"},
		{"untold increment executed twice", []Operation{at(1, 0, untold(incr("n", 0))), at(2, 3, incr("n", 3))}, "key n"},
		{"increment not executed", []Operation{at(1, 2, incr("n", 1)), at(3, 4, incr("n", 1))}, "key n"},
		{"increment of no number", []Operation{at(1, 2, put("v", "n")), at(3, 4, told(NotInteger, incr("n", 0))), at(5, 6, got("n", "v"))}, ""},
		{"increment of a number refused as none", []Operation{at(1, 2, put("5", "n")), at(3, 4, told(NotInteger, incr("n", 0)))}, "key n"},

		{"condition holds", []Operation{at(1, 2, asked(IfAbsent, put("v", "k"))), at(3, 4, asked(IfPresent, put("w", "k"))), at(5, 6, got("k", "w"))}, ""},
		{"condition fails", []Operation{
			at(1, 2, put("v", "k")), at(3, 4, told(Failed, asked(IfAbsent, put("w", "k")))), at(5, 6, got("k", "v")),
		}, ""},
		{"two who were both the first", []Operation{at(1, 9, asked(IfAbsent, put("v", "k"))), at(1, 9, asked(IfAbsent, put("w", "k")))}, "key k"},
		{"nobody was the first", []Operation{
			at(1, 9, told(Failed, asked(IfAbsent, put("v", "k")))), at(1, 9, told(Failed, asked(IfAbsent, put("w", "k")))),
		}, "key k"},
		{"condition failed, and written", []Operation{
			at(1, 2, put("v", "k")), at(3, 4, told(Failed, asked(IfAbsent, put("w", "k")))), at(5, 6, got("k", "w")),
		}, "key k"},

		{"delete counts", []Operation{at(1, 2, put("v", "a", "b")), at(3, 4, del(2, "a", "b", "c")), at(5, 6, del(0, "a"))}, ""},
		{"delete of what is there found nothing", []Operation{at(1, 2, put("v", "k")), at(3, 4, del(0, "k"))}, "key k"},
		{"delete not executed", []Operation{at(1, 2, put("v", "k")), at(3, 4, del(1, "k")), at(5, 6, got("k", "v"))}, "key k"},
		{"delete of several counted wrong", []Operation{at(1, 2, put("v", "a", "b")), at(3, 4, del(1, "a", "b"))}, whole},

		{"clear", []Operation{at(1, 2, put("v", "a", "b")), at(3, 4, flush()), at(5, 6, got("a", "", "b", "")), at(7, 8, size(0))}, ""},
		{"clear not seen", []Operation{at(1, 2, put("v", "k")), at(3, 4, flush()), at(5, 6, got("k", "v"))}, "key k"},
		{"clear not seen by size", []Operation{at(1, 2, put("v", "k")), at(3, 4, flush()), at(5, 6, size(1))}, whole},
		{"clear torn", []Operation{
			at(1, 2, put("v", "a", "b")), at(3, 9, flush()), at(4, 5, got("a", "", "b", "v")),
		}, whole},
		{"size", []Operation{at(1, 2, put("v", "a", "b")), at(3, 9, del(1, "a")), at(4, 5, size(2)), at(6, 7, size(1))}, ""},
		{"size that never was", []Operation{at(1, 2, put("v", "a", "b")), at(3, 9, put("w", "c", "d")), at(4, 5, size(3))}, whole},

		{"dirty read across two keys", []Operation{ // each key alone can be explained
			at(1, 9, put("v", "a", "b")), at(2, 3, got("a", "v")), at(4, 5, got("b", "")),
		}, whole},
		{"two readers see two writes in different orders", []Operation{
			at(1, 9, put("v", "a")), at(1, 9, put("w", "b")), at(2, 3, got("a", "v", "b", "")), at(2, 3, got("a", "", "b", "w")),
		}, whole},
		{"read of several keys torn between two writes", []Operation{
			at(1, 2, put("v", "a", "b")), at(3, 9, put("w", "a", "b")), at(4, 5, got("a", "v", "b", "w")),
		}, whole},
		{"read of several keys torn within an untold write", []Operation{
			at(1, 2, put("v", "a", "b")), at(3, 0, untold(put("w", "a", "b"))), at(4, 5, got("a", "v", "b", "w")),
		}, whole},
		{"read of several keys before and after", []Operation{
			at(1, 2, put("v", "a", "b")), at(3, 9, put("w", "a", "b")), at(4, 5, got("a", "v", "b", "v")), at(6, 7, got("a", "w", "b", "w")),
		}, ""},

		{"compare and set", []Operation{
			at(1, 2, numbered(1, put("v", "k"))), at(3, 4, numbered(2, txn(true, []string{"k", "v"}, wrote("k", "w", "v")))), at(5, 6, got("k", "w")),
		}, ""},
		{"compare and set of what was not there", []Operation{
			at(1, 2, numbered(1, put("v", "k"))), at(3, 4, numbered(2, txn(true, []string{"k", "u"}, wrote("k", "w", "v")))), at(5, 6, got("k", "w")),
		}, "key k"},
		{"else although all held", []Operation{
			at(1, 2, numbered(1, put("v", "k"))), at(3, 4, numbered(2, txn(false, []string{"k", "v"}))), at(5, 6, got("k", "v")),
		}, "key k"},
		{"else although both held", []Operation{
			at(1, 2, numbered(1, put("v", "a", "b"))), at(3, 4, numbered(2, txn(false, []string{"a", "v", "b", "v"}))),
		}, whole},
		{"else for one of two", []Operation{
			at(1, 2, numbered(1, put("v", "a"))), at(3, 4, numbered(2, txn(false, []string{"a", "v", "b", "v"}, wrote("b", "w", "")))), at(5, 6, got("b", "w")),
		}, ""},
		{"two who both swapped", []Operation{
			at(1, 2, numbered(1, put("v", "k"))),
			at(3, 9, numbered(2, txn(true, []string{"k", "v"}, wrote("k", "w", "v")))), at(3, 9, numbered(3, txn(true, []string{"k", "v"}, wrote("k", "x", "v")))),
		}, "key k"},
		{"a step sees those before it", []Operation{
			at(1, 2, numbered(1, txn(true, nil, wrote("k", "v", ""), reads("k", "v", 1), wrote("k", "", "v"), reads("k", "", 0)))), at(3, 4, got("k", "")),
		}, ""},
		{"a step does not see one before it", []Operation{at(1, 2, numbered(1, txn(true, nil, wrote("k", "v", ""), reads("k", "", 0))))}, "key k"},
		{"a step deletes what was not there", []Operation{at(1, 2, numbered(1, txn(true, nil, wrote("k", "", "v"))))}, "key k"},
		{"transaction torn", []Operation{
			at(1, 9, numbered(1, txn(true, nil, wrote("a", "v", ""), wrote("b", "v", "")))), at(2, 3, got("a", "v", "b", "")),
		}, whole},
		{"transaction not seen", []Operation{at(1, 2, numbered(1, txn(true, nil, wrote("a", "v", "")))), at(3, 4, got("a", ""))}, "key a"},
		{"transaction that reads, beside a write", []Operation{
			at(1, 9, numbered(1, put("v", "a", "b"))), at(2, 3, txn(true, []string{"a", ""}, reads("b", "", 0))), at(4, 5, txn(true, []string{"a", "v"}, reads("b", "v", 1))),
		}, ""},
		{"transaction that reads the past", []Operation{
			at(1, 2, numbered(1, put("v", "k"))), at(3, 4, txn(true, nil, reads("k", "", 0))),
		}, "key k"},
		{"transaction that reads half a write", []Operation{
			at(1, 9, numbered(1, put("v", "a", "b"))), at(2, 3, txn(true, []string{"a", ""}, reads("b", "v", 1))),
		}, whole},

		{"in the order of the log", []Operation{at(1, 9, numbered(2, put("w", "k"))), at(1, 9, numbered(1, put("v", "k"))), at(10, 11, got("k", "w"))}, ""},
		{"against the order of the log", []Operation{at(1, 9, numbered(2, put("w", "k"))), at(1, 9, numbered(1, put("v", "k"))), at(10, 11, got("k", "v"))}, "key k"},
		{"order of the log against real time", []Operation{at(5, 6, numbered(1, put("v", "k"))), at(1, 2, numbered(2, put("w", "k")))}, "key k"},
		{"order of the log over two keys", []Operation{
			at(1, 9, numbered(1, put("v", "a"))), at(1, 9, numbered(2, put("w", "b"))), at(2, 3, got("b", "w")), at(4, 5, got("a", "")),
		}, whole},
		{"version of another write", []Operation{at(1, 2, numbered(1, put("v", "k"))), at(3, 4, version(2, got("k", "v")))}, "key k"},
		{"right version, wrong value", []Operation{
			at(1, 2, numbered(1, put("v", "k"))), at(3, 4, version(1, got("k", "v"))), at(3, 5, version(1, got("k", "x"))), at(3, 4, version(1, got("k", "v"))),
		}, "key k"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Check(c.ops, time.Minute)
			v, bad := errors.AsType[*Violation](err)
			switch {
			case err != nil && !bad:
				t.Fatal(err)
			case bad != (c.bad != ""), bad && about(v.Key) != c.bad:
				t.Errorf("got %v, want %q to be wrong", err, c.bad)
			}
		})
	}
}

// TestCheckLong has what only the whole history shows be looked for in short ones alone.
func TestCheckLong(t *testing.T) {
	torn := []Operation{at(1, 2, put("v", "a", "b")), at(3, 9, put("w", "a", "b")), at(4, 5, got("a", "v", "b", "w"))}
	for len(torn) < MaxWhole {
		torn = append(torn, at(10, 11, got("a", "w")))
	}
	if err := Check(torn, time.Minute); err == nil {
		t.Errorf("%d operations were not checked together", len(torn))
	}
	if err := Check(append(torn, at(10, 11, got("a", "w"))), time.Minute); err != nil {
		t.Errorf("%d operations: %v", len(torn)+1, err)
	}
}

// TestCheckEndless has what is known to be executed, and might yet never take effect, be refused.
func TestCheckEndless(t *testing.T) {
	by100 := untold(Operation{Kind: Increment, Keys: []string{"n"}, Delta: 100})
	first := numbered(1, untold(incr("n", 0))) // lost, and so not in the log
	rest := []Operation{at(2, 0, by100), at(5, 6, numbered(2, incr("n", 101)))}
	for _, c := range []struct {
		name  string
		first Operation
		want  error
	}{
		{"no end", at(1, 0, first), ErrEndless},
		{"refused", at(1, 0, told(Refused, first)), nil},
		{"no place in the log", at(1, 0, numbered(0, first)), nil},
		{"answered", at(1, 0, got("n", "")), ErrEndless},
	} {
		if err := Check(append([]Operation{c.first}, rest...), time.Minute); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

// TestCheckTimeout has a search that takes too long be a failure, however short it may be.
func TestCheckTimeout(t *testing.T) {
	for _, c := range []struct {
		n       int
		timeout time.Duration
	}{
		{40, time.Millisecond}, {11, 150}, {11, 99}, {11, 1}, {11, 0}, {11, -1},
	} {
		var ops []Operation
		for i := range c.n { // any of 2^n sets of these may have come before the read, and none explains it
			ops = append(ops, at(1, 50, incr("n", int64(i+1))))
			ops = append(ops, at(1, 50, untold(Operation{Kind: Increment, Keys: []string{"n"}, Delta: int64(1) << i})))
		}
		ops = append(ops, at(60, 61, got("n", "-1")))
		if err := Check(ops, c.timeout); !errors.Is(err, ErrTimeout) {
			t.Errorf("%v: got %v, want %v", c.timeout, err, ErrTimeout)
		}
	}
}

// TestReductions makes up histories, and holds what is answered about them against the search without any of what makes it shorter.
func TestReductions(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	verdicts, seen := map[bool]int{}, map[string]int{}
	for range 12000 {
		ops := invent(random)
		want := plain(ops) == porcupine.Ok
		err := Check(ops, time.Minute)
		if _, bad := errors.AsType[*Violation](err); err != nil && !bad || bad == want {
			var b strings.Builder
			for _, o := range ops {
				fmt.Fprintln(&b, o)
			}
			t.Fatalf("got %v, while the plain search says %v about\n%s", err, want, &b)
		}
		verdicts[want]++
		for what := range features(ops) {
			seen[fmt.Sprintf("%s, %v", what, want)]++
		}
	}
	t.Logf("%d good, %d bad; %v", verdicts[true], verdicts[false], seen)
	for _, what := range []string{
		"a Seq", "no Seq", "a Version", "a condition", "a Clear", "a value twice", "an empty value", "a number from a put", "Untold with an End",
		"Refused", "never over",
	} {
		for _, good := range []bool{true, false} {
			if what := fmt.Sprintf("%s, %v", what, good); seen[what] < 100 {
				t.Errorf("hardly any with %s: nothing is compared", what)
			}
		}
	}
}

// plain asks porcupine about all keys together, in the order of the log where that is known.
func plain(ops []Operation) porcupine.CheckResult {
	var all []porcupine.Operation
	_, places := keysOf(ops)
	for i := range ops {
		o := &ops[i]
		if o.Outcome == Refused || o.reads() && o.Outcome != Done {
			continue
		}
		s := &step{Operation: o, read: o.Read, end: o.End, whole: true}
		for _, k := range o.Keys {
			s.cells = append(s.cells, places[k])
		}
		call := porcupine.Operation{Input: s, Call: int64(o.Start), Return: int64(o.End)}
		if o.End == 0 {
			call.Return = math.MaxInt64
		}
		all = append(all, call)
	}
	model := table(len(places), nil)
	model.Step = func(was, input, _ any) (bool, any) {
		s, now := *input.(*step), was.(*state)
		if s.after = now.last; s.Seq != 0 && s.Seq < now.last {
			return false, now
		}
		return s.take(now, nil)
	}
	return porcupine.CheckOperationsTimeout(model, all, time.Minute)
}

// features are what there is in a history.
func features(ops []Operation) map[string]bool {
	has, values := map[string]bool{}, map[string]bool{}
	for _, o := range ops {
		write := !o.reads() && o.Outcome != Refused
		_, err := strconv.Atoi(o.Value)
		for what, is := range map[string]bool{
			"Refused":        !o.reads() && o.Outcome == Refused,
			"a Version":      slices.ContainsFunc(o.Read, func(v Value) bool { return v.Version != 0 }),
			"an empty value": slices.ContainsFunc(o.Read, func(v Value) bool { return v.Found && v.Text == "" }),
			"a Seq":          write && o.Seq != 0,
			"no Seq":         write && o.Seq == 0,
			"a condition":    write && o.If != Always,
			"a Clear":        write && o.Kind == Clear,
			"a value twice":  write && o.Kind == Put && values[o.Value],

			"a number from a put": write && o.Kind == Put && err == nil,
			"Untold with an End":  write && o.Outcome == Untold && o.End != 0,
			"never over":          write && o.End == 0,
		} {
			if is {
				has[what] = true
			}
		}
		values[o.Value] = values[o.Value] || write && o.Kind == Put
	}
	return has
}

// invent makes up a history: operations on two keys in some order, each with a time around its place there. In every second history reads, and in
// some of these writes, are sometimes told what was there earlier, or later. In every second all writes have their place in the log.
func invent(random *rand.Rand) (ops []Operation) {
	chance := func(n int) bool { return random.IntN(n) == 0 }
	keys := []string{"a", "b"}
	all := []*state{{cells: make([]cell, len(keys))}}
	stale, inLog := chance(2), chance(2)
	wrong := func() bool { return false }
	if stale {
		odds := 2 + random.IntN(8)
		wrong = func() bool { return chance(odds) }
	}
	lying, reading := stale && chance(3), chance(3)
	versions := inLog && chance(2)
	few, alone := chance(3) || versions, chance(3) // values, key
	for i := range 4 + random.IntN(14) {
		now := all[len(all)-1]
		place := random.IntN(len(keys))
		if alone {
			place = 0
		}
		o := Operation{Keys: keys[place : place+1], Outcome: Done}
		cells := []int{place}
		if !alone && chance(3) {
			o.Keys, cells = keys, []int{0, 1}
		}
		x := random.IntN(21)
		if reading && chance(2) {
			x = 20
		}
		switch {
		case x < 6:
			o.Kind, o.Value = Put, "v"+strconv.Itoa(i)
			switch {
			case few || chance(8):
				o.Value = []string{"v", "", "1"}[random.IntN(3)]
			case chance(8):
				o.Value = ""
			}
		case x < 8:
			o.Kind, o.Keys, cells, o.Delta = Increment, keys[:1], []int{0}, 1
		case x < 10:
			o.Kind = Delete
		case x < 12:
			o.Kind, o.Keys, cells = Size, nil, nil
		case x < 13:
			o.Kind, o.Keys, cells = Clear, nil, nil
		default:
			o.Kind = Get
		}
		if (o.Kind == Put || o.Kind == Delete) && len(cells) == 1 && chance(3) {
			o.If = IfAbsent + Condition(random.IntN(2))
			if inLog && chance(2) {
				o.If, o.Version = IfVersion, now.cells[place].version
				if chance(3) {
					o.Version = uint64(random.IntN(i + 1))
				}
			}
		}
		moment := time.Duration(10 * (i + 2))
		o.Start, o.End = moment-time.Duration(random.IntN(10)), moment+time.Duration(random.IntN(20))
		if o.reads() && wrong() { // what it is told is of the future
			early := min(time.Duration(10*random.IntN(5)), o.Start-1) // an end of zero is none
			o.Start, o.End = o.Start-early, o.End-early
		}
		if inLog && !o.reads() {
			o.Seq = uint64(i + 1)
		}
		s := &step{Operation: &o, cells: cells}
		switch o.Kind {
		case Get, Size:
			if wrong() {
				now = all[random.IntN(len(all))]
			}
			for _, c := range cells {
				is := now.cells[c]
				v := Value{Found: is.present, Text: is.value}
				if versions && !chance(4) {
					v.Version = is.version
				}
				o.Read = append(o.Read, v)
			}
			o.Count = now.size()
			if chance(20) {
				o.Outcome, o.Count, o.Read = []Outcome{Untold, Refused}[random.IntN(2)], 0, nil
			}
		default:
			executed, untold := !chance(8), chance(5)
			if executed {
				now, o.Outcome, o.Count = s.apply(now)
				if lying && wrong() {
					_, o.Outcome, o.Count = s.apply(all[random.IntN(len(all))])
				}
				all = append(all, now)
			}
			switch {
			case !executed && (inLog || chance(2)):
				o.Outcome = Refused
				if chance(2) {
					o.End = 0
				}
			case !executed || untold && !inLog && chance(2):
				o.Outcome, o.End = Untold, 0
			case untold:
				o.Outcome = Untold
			}
			if o.Outcome != Done {
				o.Count = 0
			}
		}
		ops = append(ops, o)
	}
	return ops
}
