package table

import (
	"math"
	"strconv"

	"github.com/chaintable/chaintable/chain"
)

// execute carries out a command. There is room for so many bytes of a transaction's result.
func (t *Table) execute(e *chain.Entry, room int64) Result {
	r := Result{Code: CodeOK, Seq: e.Seq}
	var c Command
	if c.decode(e.Command) != nil {
		r.Code = CodeInvalid
		return r
	}
	if !t.holds(&c) {
		r.Code = CodeConditionFailed
		return r
	}
	switch c.Op {
	case OpPut:
		for _, p := range c.Pairs {
			t.put(p.Key, p.Value, e.Seq)
		}
		r.Count = 1
	case OpDelete:
		for _, k := range c.Keys {
			if t.remove(k) {
				r.Count++
			}
		}
	case OpIncrement:
		r.Code, r.Count = t.increment(c.Keys[0], c.Delta, e.Seq)
	case OpClear:
		r.Count = int64(t.index.length)
		t.clear()
	case OpTxn:
		return t.txn(&c, e.Seq, room)
	}
	return r
}

// holds tells whether the command's condition does.
func (t *Table) holds(c *Command) bool {
	if c.If == IfAny {
		return true
	}
	var key []byte
	if c.Op == OpPut {
		key = c.Pairs[0].Key
	} else {
		key = c.Keys[0]
	}
	var version chain.Seq // real ones are not zero
	if n := t.index.lookup(t.index.hash(key), key); n != nil {
		version = n.version
	}
	switch c.If {
	case IfAbsent:
		return version == 0
	case IfPresent:
		return version != 0
	default:
		return version == c.Version
	}
}

func (t *Table) put(key, value []byte, seq chain.Seq) {
	n := newNode(key, value, seq, nil)
	old := t.index.put(t.index.hash(key), n)
	t.account(old, n)
}

func (t *Table) remove(key []byte) bool {
	old := t.index.remove(t.index.hash(key), key)
	t.account(old, nil)
	return old != nil
}

// account brings digest and size up to date: new, unless nil, has taken the place of old, unless nil.
func (t *Table) account(old, new *node) {
	var sum uint64
	var bytes int64
	if old != nil {
		sum -= old.hash()
		bytes -= old.bytes()
	}
	if new != nil {
		sum += new.hash()
		bytes += new.bytes()
	}
	t.sum.Add(sum)
	t.bytes.Add(bytes)
	t.entryBytes += bytes
}

func (t *Table) clear() {
	t.index.clear()
	t.sum.Store(0)
	t.bytes.Add(-t.entryBytes)
	t.entryBytes = 0
}

func (t *Table) increment(key []byte, delta int64, seq chain.Seq) (Code, int64) {
	var number int64
	if n := t.index.lookup(t.index.hash(key), key); n != nil {
		var ok bool
		if number, ok = parseNumber(n.value()); !ok {
			return CodeNotInteger, 0
		}
	}
	if delta > 0 && number > math.MaxInt64-delta || delta < 0 && number < math.MinInt64-delta {
		return CodeOverflow, 0
	}
	number += delta
	var digits [maxNumberBytes]byte
	t.put(key, strconv.AppendInt(digits[:0], number, 10), seq)
	return CodeOK, number
}

// parseNumber reads a decimal int64 the way Redis does: just as it would be written, without spaces, plus, leading
// zeros or "-0".
func parseNumber(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > maxNumberBytes {
		return 0, false
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return 0, false
	}
	var digits [maxNumberBytes]byte
	return n, string(strconv.AppendInt(digits[:0], n, 10)) == string(b)
}
