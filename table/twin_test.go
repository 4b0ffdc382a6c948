package table

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chaintable/chaintable/chain"
)

// twin is the table as one would write it without any thought of speed or memory.
type twin struct {
	keys     map[string]Item
	sessions []twinSession // the one not used for longest first
	fates    map[chain.Seq]Fate
	seq      chain.Seq

	maxSessions int
}

type twinSession struct {
	id        chain.SessionID
	doneBelow uint64
	results   map[uint64]Result
}

func (w *twin) clone() *twin {
	c := *w
	c.keys = maps.Clone(w.keys)
	c.fates = maps.Clone(w.fates)
	c.sessions = slices.Clone(w.sessions)
	for i := range c.sessions {
		c.sessions[i].results = maps.Clone(c.sessions[i].results)
	}
	return &c
}

// apply takes the command apart from the entry: the twin does not decode.
func (w *twin) apply(e *chain.Entry, c *Command) Result {
	defer func() { w.seq = e.Seq }()
	w.fates[e.Seq] = Executed
	switch e.Kind {
	case chain.KindTakeover:
		for s := e.Skipped; s < e.Seq; s++ {
			w.fates[s] = Lost
		}
	case chain.KindSession:
		if len(w.sessions) == w.maxSessions {
			w.sessions = w.sessions[1:]
		}
		w.sessions = append(w.sessions, twinSession{chain.SessionID(e.Seq), 1, map[uint64]Result{}})
		return Result{Code: CodeOK, Seq: e.Seq, Count: int64(e.Seq)}
	case chain.KindCommand:
		r, effect := w.request(e, c)
		if !effect {
			w.fates[e.Seq] = Lost
		}
		return r
	}
	return Result{Code: CodeOK, Seq: e.Seq}
}

func (w *twin) request(e *chain.Entry, c *Command) (_ Result, effect bool) {
	if e.Request.Session == 0 {
		r := w.bounded(e.Seq, c, nil)
		return r, r.Code.executed()
	}
	i := slices.IndexFunc(w.sessions, func(s twinSession) bool { return s.id == e.Request.Session })
	if i < 0 {
		return Result{Code: CodeForgotten, Seq: e.Seq, Count: 0}, false
	}
	s := w.sessions[i]
	s.doneBelow = max(s.doneBelow, e.DoneBelow)
	maps.DeleteFunc(s.results, func(n uint64, _ Result) bool { return n < s.doneBelow })
	w.sessions = append(slices.Delete(w.sessions, i, i+1), s)
	if e.Request.Number < s.doneBelow {
		return Result{Code: CodeStale, Seq: e.Seq, Count: 0}, false
	}
	if r, ok := s.results[e.Request.Number]; ok {
		return r, r.Code != CodeFull
	}
	for n := range s.results {
		if n > e.Request.Number {
			return Result{Code: CodeOvertaken, Seq: e.Seq, Count: 0}, false
		}
	}
	r := w.bounded(e.Seq, c, s.results)
	if r.Code == CodeInvalid {
		return r, false
	}
	s.results[e.Request.Number] = r
	return r, r.Code != CodeFull
}

// bounded executes a command and takes that back if its result does not fit in beside those that are stored.
func (w *twin) bounded(seq chain.Seq, c *Command, stored map[uint64]Result) Result {
	before := maps.Clone(w.keys)
	r := w.execute(seq, c)
	total := foundBytes(r)
	for _, other := range stored {
		total += foundBytes(other)
	}
	if len(r.Steps) > 0 && total > MaxResultBytes {
		w.keys = before
		return Result{Code: CodeFull, Seq: seq}
	}
	return r
}

func foundBytes(r Result) (n int64) {
	for i, s := range r.Steps {
		if i == 0 {
			n += txnBytes
		}
		n += stepBytes + int64(len(s.Value))
	}
	return n
}

func (w *twin) txn(seq chain.Seq, c *Command) Result {
	r := Result{Code: CodeOK, Seq: seq, Count: 1}
	branch := c.Then
	for _, x := range c.Compares {
		it, there := w.keys[string(x.Key)]
		holds := false
		switch x.Target {
		case TargetExistence:
			holds = there == x.Exists
		case TargetVersion:
			holds = related(cmp.Compare(it.Version, x.Version), x.Relation)
		case TargetValue:
			holds = there && related(strings.Compare(string(it.Value), string(x.Value)), x.Relation)
		}
		if !holds {
			r.Count, branch = 0, c.Else
		}
	}
	for _, s := range branch {
		it, there := w.keys[string(s.Key)]
		result := StepResult{Found: there}
		switch s.Op {
		case StepGet:
			result.Value, result.Version = it.Value, it.Version
		case StepPut:
			result.Version = seq
			w.keys[string(s.Key)] = Item{s.Value, seq}
		case StepDelete:
			delete(w.keys, string(s.Key))
		}
		r.Steps = append(r.Steps, result)
	}
	return r
}

func related(order int, r Relation) bool {
	return map[Relation]bool{Equal: order == 0, NotEqual: order != 0, Less: order < 0, Greater: order > 0}[r]
}

func (w *twin) execute(seq chain.Seq, c *Command) Result {
	if c == nil {
		return Result{Code: CodeInvalid, Seq: seq, Count: 0}
	}
	if c.If != IfAny {
		key := slices.Concat(c.Keys, [][]byte{nil})[0]
		if c.Op == OpPut {
			key = c.Pairs[0].Key
		}
		old, ok := w.keys[string(key)]
		if c.If == IfAbsent && ok || c.If == IfPresent && !ok || c.If == IfVersion && old.Version != c.Version {
			return Result{Code: CodeConditionFailed, Seq: seq, Count: 0}
		}
	}
	switch c.Op {
	case OpPut:
		for _, p := range c.Pairs {
			w.keys[string(p.Key)] = Item{p.Value, seq}
		}
		return Result{Code: CodeOK, Seq: seq, Count: 1}
	case OpDelete:
		before := len(w.keys)
		for _, k := range c.Keys {
			delete(w.keys, string(k))
		}
		return Result{Code: CodeOK, Seq: seq, Count: int64(before - len(w.keys))}
	case OpClear:
		n := len(w.keys)
		clear(w.keys)
		return Result{Code: CodeOK, Seq: seq, Count: int64(n)}
	case OpTxn:
		return w.txn(seq, c)
	}
	old, ok := w.keys[string(c.Keys[0])]
	var n int64
	if ok {
		var err error
		if n, err = strconv.ParseInt(string(old.Value), 10, 64); err != nil || strconv.FormatInt(n, 10) != string(old.Value) {
			return Result{Code: CodeNotInteger, Seq: seq, Count: 0}
		}
	}
	if sum := n + c.Delta; (sum > n) != (c.Delta > 0) && c.Delta != 0 {
		return Result{Code: CodeOverflow, Seq: seq, Count: 0}
	}
	n += c.Delta
	w.keys[string(c.Keys[0])] = Item{strconv.AppendInt(nil, n, 10), seq}
	return Result{Code: CodeOK, Seq: seq, Count: n}
}

// check compares everything that can be seen of the table.
func (w *twin) check(x *Table) error {
	if x.Seq() != w.seq || x.Len() != len(w.keys) {
		return fmt.Errorf("seq %d, %d keys; want %d, %d", x.Seq(), x.Len(), w.seq, len(w.keys))
	}
	digest := Digest{Seq: w.seq}
	var bytes int64
	var keys, values [][]byte
	for k, want := range w.keys {
		value, version, ok := x.Get([]byte(k))
		if !ok || value == nil || string(value) != string(want.Value) || version != want.Version {
			return fmt.Errorf("key %q is %q at %d, %v; want %q at %d", k, value, version, ok, want.Value, want.Version)
		}
		keys = append(keys, []byte(k))
		digest.Sum += newNode([]byte(k), want.Value, want.Version, nil).hash()
		bytes += entryBytes(len(k), len(want.Value))
	}
	if got := x.Digest(); got != digest {
		return fmt.Errorf("digest %x, want %x", got, digest)
	}
	values = make([][]byte, len(keys))
	x.GetMany(keys, values)
	for i, k := range keys {
		if values[i] == nil || string(values[i]) != string(w.keys[string(k)].Value) {
			return fmt.Errorf("of many, key %q is %q", k, values[i])
		}
	}
	scanned := scanAll(x, 3)
	slices.Sort(scanned)
	if all := slices.Sorted(maps.Keys(w.keys)); !slices.Equal(scanned, all) {
		return fmt.Errorf("scan finds %q, want %q", scanned, all)
	}
	if err := w.checkFates(x); err != nil {
		return err
	}
	bytes += spanBytes * int64(x.lost.len())
	for _, s := range w.sessions {
		bytes += sessionBytes + resultBytes*int64(len(s.results))
		for _, r := range s.results {
			bytes += foundBytes(r)
		}
	}
	if got := x.Bytes(); got != bytes {
		return fmt.Errorf("%d bytes, want %d", got, bytes)
	}
	return nil
}

// checkRead compares what a transaction that only reads finds without the log.
func (w *twin) checkRead(x *Table, c *Command) error {
	want := w.bounded(w.seq, c, nil)
	if got := x.ReadTxn(c); !got.Equal(want) {
		return fmt.Errorf("%+v reads %+v, want %+v", c, got, want)
	}
	return nil
}

func (w *twin) checkFates(x *Table) error {
	for s := range w.seq + 3 {
		want := w.fates[s]
		switch {
		case s == 0:
			want = Lost
		case s > w.seq:
			want = Pending
		case s <= x.lost.forgotten:
			want = Unknown
		}
		if got := x.Fate(s); got != want {
			return fmt.Errorf("%d is %v, want %v", s, got, want)
		}
	}
	return nil
}

// checkSnapshot compares the snapshot with the twin as it was then.
func (w *twin) checkSnapshot(s *Snapshot) error {
	if s.Seq() != w.seq || s.Len() != len(w.keys) {
		return fmt.Errorf("snapshot at %d of %d keys; want %d, %d", s.Seq(), s.Len(), w.seq, len(w.keys))
	}
	n := 0
	for k, item := range s.All() {
		want, ok := w.keys[string(k)]
		if !ok || !bytes.Equal(item.Value, want.Value) || item.Version != want.Version {
			return fmt.Errorf("snapshot has %q = %q at %d; want %q at %d", k, item.Value, item.Version, want.Value, want.Version)
		}
		n++
	}
	if n != len(w.keys) {
		return fmt.Errorf("snapshot iterates %d keys of %d", n, len(w.keys))
	}
	return nil
}

func scanAll(x *Table, count int) (all []string) {
	for cursor := uint64(0); ; {
		var keys [][]byte
		keys, cursor = x.Scan(cursor, count)
		for _, k := range keys {
			all = append(all, string(k))
		}
		if cursor == 0 {
			return all
		}
	}
}

// draw is a random entry. Keys, numbers and sessions are few, so that they meet.
type draw struct {
	key, number, session *rapid.Generator[int]
	value                *rapid.Generator[string]
}

func newDraw(keys int, large bool) draw {
	d := draw{
		key: rapid.IntRange(0, keys), number: rapid.IntRange(0, 12), session: rapid.IntRange(0, 20),
		value: rapid.SampledFrom([]string{
			"", "a", "0", "7", "-1", "01", "9223372036854775807", "-9223372036854775808", " 1",
			"a value of more than sixteen bytes",
		}),
	}
	if large { // so that the results of a session find no room
		d.value = rapid.SampledFrom([]string{"", "a", strings.Repeat("large", 120_000)})
	}
	return d
}

func (d draw) keyOf(t *rapid.T) []byte { return []byte(fmt.Sprint(d.key.Draw(t, "key"))) }

// entry draws what may follow seq, and the command in it, nil for an invalid one.
func (d draw) entry(t *rapid.T, w *twin) (*chain.Entry, *Command) {
	e := &chain.Entry{Seq: w.seq + 1, Epoch: 1, Kind: chain.KindCommand}
	switch rapid.IntRange(0, 19).Draw(t, "kind") {
	case 0:
		e.Kind, e.Skipped = chain.KindTakeover, e.Seq
		e.Seq += chain.Seq(rapid.IntRange(0, 5).Draw(t, "skipped"))
		return e, nil
	case 1:
		e.Kind = chain.KindBarrier
		return e, nil
	case 2, 3:
		e.Kind = chain.KindSession
		return e, nil
	}
	if i := d.session.Draw(t, "session"); i < len(w.sessions) {
		s := w.sessions[i]
		e.Request = chain.RequestID{Session: s.id, Number: s.doneBelow + uint64(d.number.Draw(t, "number")) - 3}
		e.DoneBelow = s.doneBelow + uint64(max(0, d.number.Draw(t, "done")-9))
	} else if i == 20 {
		e.Request = chain.RequestID{Session: 1 << 40, Number: 1}
	}
	c := d.command(t)
	if c == nil {
		e.Command = []byte("nonsense")
	} else {
		e.Command = c.Append(nil)
	}
	return e, c
}

func (d draw) command(t *rapid.T) *Command {
	c := &Command{}
	single := false
	switch rapid.IntRange(0, 30).Draw(t, "op") {
	case 0:
		return nil
	case 1:
		c.Op = OpClear
	case 2, 3, 4, 5:
		c.Op, c.Keys = OpIncrement, [][]byte{d.keyOf(t)}
		c.Delta = rapid.SampledFrom([]int64{1, -1, 0, 100, 1 << 62, -1 << 63}).Draw(t, "delta")
	case 6, 7, 8, 9, 10:
		return d.txn(t)
	case 11, 12, 13:
		c.Op = OpDelete
		for range rapid.IntRange(1, 8).Draw(t, "keys") {
			c.Keys = append(c.Keys, d.keyOf(t))
		}
		single = len(c.Keys) == 1
	default:
		c.Op = OpPut
		for range rapid.IntRange(1, 8).Draw(t, "pairs") {
			c.Pairs = append(c.Pairs, Pair{d.keyOf(t), []byte(d.value.Draw(t, "value"))})
		}
		single = len(c.Pairs) == 1
	}
	if single {
		c.If = Condition(rapid.IntRange(0, 3).Draw(t, "if"))
		if c.If == IfVersion {
			c.Version = chain.Seq(rapid.IntRange(0, 30).Draw(t, "version"))
		}
	}
	return c
}

func (d draw) txn(t *rapid.T) *Command {
	c := &Command{Op: OpTxn}
	for range rapid.IntRange(0, 3).Draw(t, "compares") {
		x := Compare{Key: d.keyOf(t), Target: CompareTarget(rapid.IntRange(1, 3).Draw(t, "target"))}
		if x.Target != TargetExistence {
			x.Relation = Relation(rapid.IntRange(1, 4).Draw(t, "relation"))
		}
		switch x.Target {
		case TargetVersion:
			x.Version = chain.Seq(rapid.IntRange(0, 30).Draw(t, "version"))
		case TargetValue:
			x.Value = []byte(d.value.Draw(t, "value"))
		case TargetExistence:
			x.Exists = rapid.Bool().Draw(t, "exists")
		}
		c.Compares = append(c.Compares, x)
	}
	reads := rapid.IntRange(0, 3).Draw(t, "only reads") == 0
	for _, branch := range []*[]Step{&c.Then, &c.Else} {
		for range rapid.IntRange(0, 5).Draw(t, "steps") {
			s := Step{Op: StepGet, Key: d.keyOf(t)}
			if !reads {
				s.Op = StepOp(rapid.IntRange(1, 3).Draw(t, "step"))
			}
			if s.Op == StepPut {
				s.Value = []byte(d.value.Draw(t, "value"))
			}
			*branch = append(*branch, s)
		}
	}
	return c
}

// newSmall is a table whose bounds can be reached.
func newSmall(c Config) *Table {
	x := New(c)
	x.sessions.limit, x.lost.limit = 5, 8
	return x
}

func smallRestorer(c Config) *Restorer { return &Restorer{table: newSmall(c)} }

// TestTwin feeds random entries to tables and their twin. Now and then it opens a snapshot, which must stay as it was,
// and some time later makes another table of it, which must not be told from the first for ever after.
func TestTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &twin{keys: map[string]Item{}, fates: map[chain.Seq]Fate{}, maxSessions: 5}
		tables := []*Table{newSmall(Config{Lists: rapid.IntRange(1, 5).Draw(t, "lists")})}
		d := newDraw(rapid.SampledFrom([]int{3, 30, 200}).Draw(t, "key space"), rapid.IntRange(0, 4).Draw(t, "large") == 0)
		type open struct {
			*Snapshot
			then *twin
			log  []*chain.Entry
		}
		var snapshots []*open
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			switch rapid.IntRange(0, 15).Draw(t, "step") {
			case 0:
				from := tables[rapid.IntRange(0, len(tables)-1).Draw(t, "from")]
				snapshots = append(snapshots, &open{from.Snapshot(), w.clone(), nil})
			case 1:
				if len(snapshots) == 0 {
					continue
				}
				s := snapshots[0]
				snapshots = snapshots[1:]
				if err := s.then.checkSnapshot(s.Snapshot); err != nil {
					t.Fatal(err)
				}
				restored := restoreSmall(t, s.Snapshot)
				if err := s.then.check(restored); err != nil {
					t.Fatalf("restored: %v", err)
				}
				for _, e := range s.log {
					restored.Apply(e)
				}
				s.Close()
				if tables = append(tables, restored); len(tables) > 3 {
					tables = tables[1:]
				}
			default:
				e, c := d.entry(t, w)
				was := w.clone()
				want := w.apply(e, c)
				grow := Growth(e.Command) + resultBytes + spanBytes + foundBytes(want)
				for i, x := range tables {
					before := x.Bytes()
					if c != nil && e.Kind == chain.KindCommand && !c.Writes() {
						if err := was.checkRead(x, c); err != nil {
							t.Fatalf("table %d: %v", i, err)
						}
					}
					if got := x.Apply(e); !got.Equal(want) {
						t.Fatalf("table %d: %v gives %+v, want %+v", i, e, got, want)
					}
					if e.Kind == chain.KindCommand && x.Bytes()-before > grow {
						t.Fatalf("%v grew by %d, announced were %d", e, x.Bytes()-before, grow)
					}
				}
				for _, s := range snapshots {
					s.log = append(s.log, e)
				}
			}
		}
		for i, x := range tables {
			if err := w.check(x); err != nil {
				t.Fatalf("table %d: %v", i, err)
			}
			if err := sameSessions(tables[0], x); err != nil {
				t.Fatalf("table %d: %v", i, err)
			}
		}
	})
}

// restoreSmall makes a table of the snapshot, in chunks of random sizes.
func restoreSmall(t *rapid.T, s *Snapshot) *Table {
	r := smallRestorer(Config{Lists: rapid.IntRange(1, 100).Draw(t, "lists"), Seed: rapid.Uint64().Draw(t, "seed")})
	size := rapid.IntRange(1, 2000).Draw(t, "chunk")
	for {
		chunk, last, err := s.Chunk(size)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Add(chunk); err != nil {
			t.Fatal(err)
		}
		if last {
			break
		}
	}
	x, err := r.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// sameSessions compares what cannot be seen from outside but decides what will be.
func sameSessions(a, b *Table) error {
	if fmt.Sprint(a.lost) != fmt.Sprint(b.lost) || a.position != b.position {
		return fmt.Errorf("lost %v at %v, want %v at %v", b.lost, b.position, a.lost, a.position)
	}
	list := func(x *Table) (all []session, steps []found) {
		for i := x.sessions.slots[0].newer; i != 0; i = x.sessions.slots[i].newer {
			s := x.sessions.slots[i]
			s.older, s.newer = 0, 0
			if s.found != nil {
				steps = append(steps, *s.found)
				s.found = nil
			}
			all = append(all, s)
		}
		return all, steps
	}
	as, aSteps := list(a)
	bs, bSteps := list(b)
	if as, bs := fmt.Sprint(as, aSteps), fmt.Sprint(bs, bSteps); as != bs {
		return fmt.Errorf("sessions %.1000v, want %.1000v", bs, as)
	}
	return nil
}
