package sim

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// model is the table again, as plainly as can be: what the history means.
type model struct {
	seq      chain.Seq
	keys     map[string]item
	sessions map[chain.SessionID]*modelSession
	limit    int   // of sessions
	bytes    int64 // of keys and values, as the table counts them

	changes map[string][]change // by key, in order
	sizes   []change            // of the number of keys
}

type modelSession struct {
	doneBelow uint64
	results   map[uint64]table.Result
	used      chain.Seq
}

// change is what a key was from seq on.
type change struct {
	seq  chain.Seq
	item item
	size int
}

// newModel is a table that keeps so many sessions; zero for the default of table.Config.
func newModel(limit int) *model {
	return &model{
		limit: cmp.Or(limit, 100_000),
		keys:  make(map[string]item), sessions: make(map[chain.SessionID]*modelSession), changes: make(map[string][]change),
	}
}

// apply is the result of an entry, and whether it is an operation that took effect (even if only to find that it must not
// change anything).
func (m *model) apply(e *chain.Entry) (r table.Result, effect bool) {
	m.seq = e.Seq
	r = table.Result{Code: table.CodeOK, Seq: e.Seq}
	switch e.Kind {
	case chain.KindSession:
		m.forgetOldest()
		m.sessions[chain.SessionID(e.Seq)] = &modelSession{results: make(map[uint64]table.Result), used: e.Seq}
		r.Count = int64(e.Seq)
		return r, false
	case chain.KindCommand:
	default:
		return r, false
	}
	if e.Request.Session == 0 {
		r = m.execute(e, 0)
		return r, r.Code <= table.CodeOverflow
	}
	s := m.sessions[e.Request.Session]
	if s == nil {
		r.Code = table.CodeForgotten
		return r, false
	}
	s.used = e.Seq
	s.doneBelow = max(s.doneBelow, e.DoneBelow)
	if e.Request.Number < s.doneBelow {
		r.Code = table.CodeStale
		return r, false
	}
	if was, ok := s.results[e.Request.Number]; ok {
		return was, false
	}
	for n := range s.results {
		if n > e.Request.Number && n >= s.doneBelow {
			r.Code = table.CodeOvertaken
			return r, false
		}
	}
	found := 0
	for n, other := range s.results {
		if n >= s.doneBelow {
			found += foundBytes(other)
		}
	}
	r = m.execute(e, found)
	if r.Code == table.CodeInvalid {
		return r, false
	}
	s.results[e.Request.Number] = r
	return r, r.Code != table.CodeFull
}

// forgetOldest makes room for one more session: the one that was not used for longest goes.
func (m *model) forgetOldest() {
	if len(m.sessions) < m.limit {
		return
	}
	oldest := chain.SessionID(0)
	for id, s := range m.sessions {
		if oldest == 0 || s.used < m.sessions[oldest].used {
			oldest = id
		}
	}
	delete(m.sessions, oldest)
}

// execute is the result of a command whose session holds so many bytes of what transactions found.
func (m *model) execute(e *chain.Entry, found int) table.Result {
	r := table.Result{Code: table.CodeOK, Seq: e.Seq}
	c, err := table.DecodeCommand(e.Command)
	if err != nil {
		r.Code = table.CodeInvalid
		return r
	}
	if !m.condition(&c) {
		r.Code = table.CodeConditionFailed
		return r
	}
	size := len(m.keys)
	switch c.Op {
	case table.OpPut:
		for _, p := range c.Pairs {
			m.set(string(p.Key), item{string(p.Value), e.Seq})
		}
		r.Count = 1
	case table.OpDelete:
		for _, k := range c.Keys {
			if _, ok := m.keys[string(k)]; ok {
				m.set(string(k), item{})
				r.Count++
			}
		}
	case table.OpIncrement:
		k := string(c.Keys[0])
		var n int64
		if it, ok := m.keys[k]; ok {
			if n, err = strconv.ParseInt(it.value, 10, 64); err != nil {
				r.Code = table.CodeNotInteger
				return r
			}
		}
		r.Count = n + c.Delta
		m.set(k, item{strconv.FormatInt(r.Count, 10), e.Seq})
	case table.OpClear:
		r.Count = int64(len(m.keys))
		var keys []string
		for k := range m.keys {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			m.set(k, item{})
		}
	case table.OpTxn:
		var left map[string]item
		r, left = judge(&c, e.Seq, func(key string) item { return m.keys[key] })
		if len(r.Steps) > 0 && found+foundBytes(r) > 1<<20 {
			return table.Result{Code: table.CodeFull, Seq: e.Seq}
		}
		for _, k := range slices.Sorted(maps.Keys(left)) {
			if left[k] != m.keys[k] {
				m.set(k, left[k])
			}
		}
	}
	if len(m.keys) != size {
		m.sizes = append(m.sizes, change{seq: e.Seq, size: len(m.keys)})
	}
	return r
}

func (m *model) condition(c *table.Command) bool {
	if c.If == table.IfAny {
		return true
	}
	var key string
	if c.Op == table.OpPut {
		key = string(c.Pairs[0].Key)
	} else {
		key = string(c.Keys[0])
	}
	version := m.keys[key].version
	switch c.If {
	case table.IfAbsent:
		return version == 0
	case table.IfPresent:
		return version != 0
	}
	return version == c.Version
}

func (m *model) set(key string, it item) {
	if was, ok := m.keys[key]; ok {
		m.bytes -= size(key, was.value)
	}
	if it.version == 0 {
		delete(m.keys, key)
	} else {
		m.keys[key] = it
		m.bytes += size(key, it.value)
	}
	if cs := m.changes[key]; len(cs) > 0 && cs[len(cs)-1].seq == m.seq {
		cs[len(cs)-1].item = it
		return
	}
	m.changes[key] = append(m.changes[key], change{seq: m.seq, item: it})
}

// size is what a key with its value takes in a table.
func size(key, value string) int64 {
	c := table.Command{Op: table.OpPut, Pairs: []table.Pair{{Key: []byte(key), Value: []byte(value)}}}
	return table.Growth(c.Append(nil))
}

// upTo is how many changes stand at or below seq.
func upTo(cs []change, seq chain.Seq) int {
	return sort.Search(len(cs), func(i int) bool { return cs[i].seq > seq })
}

// at is what a list of changes says at seq.
func at(cs []change, seq chain.Seq) change {
	if i := upTo(cs, seq); i > 0 {
		return cs[i-1]
	}
	return change{}
}

// author is the id of the operation that wrote a command, found in what it writes; zero where it cannot be told so.
func author(command []byte) int {
	c, err := table.DecodeCommand(command)
	if err != nil {
		return 0
	}
	switch c.Op {
	case table.OpPut:
		text, _, ok := bytes.Cut(c.Pairs[0].Value, []byte("."))
		if !ok || len(text) < 2 {
			return 0
		}
		n, _ := strconv.Atoi(string(text[1:]))
		return n
	case table.OpDelete:
		if len(c.Keys) == 2 {
			n, _ := strconv.Atoi(strings.TrimPrefix(string(c.Keys[1]), "#"))
			return n
		}
	case table.OpIncrement:
		return int(c.Delta)
	case table.OpTxn:
		var marker []byte
		if len(c.Compares) > 0 {
			marker = c.Compares[0].Key
		} else if len(c.Then) > 0 {
			marker = c.Then[0].Key
		}
		n, _ := strconv.Atoi(strings.TrimPrefix(string(marker), "#"))
		return n
	}
	return 0
}

// compare tells how a table differs from the model, both at the same seq.
func (m *model) compare(t *table.Table) error {
	if t.Len() != len(m.keys) {
		return fmt.Errorf("the table has %d keys, the history %d", t.Len(), len(m.keys))
	}
	for _, k := range slices.Sorted(maps.Keys(m.keys)) {
		it := m.keys[k]
		v, version, ok := t.Get([]byte(k))
		if !ok || string(v) != it.value || version != it.version {
			return fmt.Errorf("the table has %s=%.40q@%d, the history %.40q@%d", k, v, version, it.value, it.version)
		}
	}
	return nil
}
