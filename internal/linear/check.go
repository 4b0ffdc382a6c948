package linear

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// MaxWhole is how many operations a history may have that is checked as a whole.
const MaxWhole = 300

// ErrTimeout is a search that had no answer in time.
var ErrTimeout = errors.New("no answer")

// ErrEndless is a history that has a write with a Seq, or an operation with an answer, and no End of it.
var ErrEndless = errors.New("executed, and without an end")

// Violation is a history that no order explains.
type Violation struct {
	Key string      // empty: only the keys together are wrong
	Ops []Operation // those that were looked at
}

func (v *Violation) Error() string {
	return fmt.Sprintf("%s: %d operations are not linearizable", about(v.Key), len(v.Ops))
}

func about(key string) string {
	if key == "" {
		return "all keys together"
	}
	return "key " + key
}

// Check tells whether a history is linearizable, of a store that was empty before: each key alone, and the whole if it has
// at most MaxWhole operations. Each search may take as long as timeout. The error is a *Violation, or wraps ErrTimeout or ErrEndless.
func Check(ops []Operation, timeout time.Duration) error {
	keys, places := keysOf(ops)
	alone := make([][]*step, len(keys))
	var whole []*step
	for i := range ops {
		o := &ops[i]
		if o.Outcome == Refused || o.reads() && o.Outcome != Done {
			continue // nothing follows from it
		}
		if o.End == 0 && (o.Outcome != Untold || o.Seq != 0) {
			return fmt.Errorf("%w: %v", ErrEndless, o)
		}
		s := &step{Operation: o, read: o.Read, end: o.End, whole: true}
		s.part = partOf(o, places)
		for j, k := range o.Keys {
			place := places[k]
			s.cells = append(s.cells, place)
			one := &step{Operation: o, cells: only, end: o.End, whole: len(o.Keys) == 1}
			one.part = partOf(o, map[string]int{k: 0})
			if o.Kind == Get {
				one.read = o.Read[j : j+1]
			}
			alone[place] = append(alone[place], one)
		}
		if o.Kind == Clear {
			for i := range alone {
				alone[i] = append(alone[i], s)
			}
		}
		whole = append(whole, s)
	}
	for i, key := range keys {
		if err := check(key, 1, alone[i], timeout); err != nil {
			return err
		}
	}
	if len(ops) > MaxWhole {
		return nil
	}
	return check("", len(keys), whole, timeout)
}

// only is the cells of an operation in a state with one key.
var only = []int{0}

// keysOf are the keys in order of appearance, and the place of each.
func keysOf(ops []Operation) (keys []string, places map[string]int) {
	places = make(map[string]int)
	for i := range ops {
		for _, k := range ops[i].Keys {
			if _, ok := places[k]; !ok {
				places[k] = len(keys)
				keys = append(keys, k)
			}
		}
	}
	return keys, places
}

// check searches for an order of the operations on n keys.
//
// What nobody knows to be over may come last, where it is in nobody's way. So an order of the others is one of all, and mostly there is one:
// then the search is short, which all that may be anywhere makes long. Where there is none, something of it was executed. That a put was is mostly seen, and
// it is over by then; so the others are added first.
func check(key string, n int, all []*step, timeout time.Duration) error {
	a := authorsOf(all)
	a.bound(all)
	steps := a.decisive(all)
	without := func(left func(*step) bool) []*step { return slices.DeleteFunc(slices.Clone(steps), left) }
	tries := [][]*step{
		without(func(s *step) bool { return s.end == 0 }),
		without(func(s *step) bool { return s.end == 0 && s.Kind == Put && s.If == Always }),
		steps,
	}
	tries = slices.CompactFunc(tries, func(a, b []*step) bool { return len(a) == len(b) })
	for within := max(timeout/100, 1); within <= timeout; within *= 10 { // which of them is short is not known before
		for i, some := range tries {
			result := porcupine.Illegal
			if some != nil {
				result = a.search(n, some, within)
			}
			switch {
			case result == porcupine.Ok:
				return nil
			case result == porcupine.Illegal && i == len(tries)-1:
				v := &Violation{Key: key}
				for _, s := range all {
					v.Ops = append(v.Ops, *s.Operation)
				}
				return v
			case result == porcupine.Illegal:
				tries[i] = nil
			}
		}
	}
	return fmt.Errorf("%s: %w about %d operations in %v", about(key), ErrTimeout, len(all), timeout)
}

// search asks porcupine.
func (a authors) search(n int, steps []*step, timeout time.Duration) porcupine.CheckResult {
	steps, q := a.queued(steps)
	return searchWith(q, n, steps, timeout)
}

func searchWith(q *queue, n int, steps []*step, timeout time.Duration) porcupine.CheckResult {
	ops := make([]porcupine.Operation, len(steps))
	for i, s := range steps {
		ops[i] = porcupine.Operation{Input: s, Call: int64(s.Start), Return: int64(s.end)}
		if s.end == 0 {
			ops[i].Return = math.MaxInt64
		}
	}
	return porcupine.CheckOperationsTimeout(table(n, q), ops, timeout)
}
