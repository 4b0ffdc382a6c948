package table

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chaintable/chaintable/chain"
)

func stepPut(key, value string) Step { return Step{StepPut, []byte(key), []byte(value)} }
func stepDelete(key string) Step     { return Step{Op: StepDelete, Key: []byte(key)} }
func stepGet(key string) Step        { return Step{Op: StepGet, Key: []byte(key)} }

func ifVersion(key string, r Relation, version chain.Seq) Compare {
	return Compare{Key: []byte(key), Target: TargetVersion, Relation: r, Version: version}
}

func ifValue(key string, r Relation, value string) Compare {
	return Compare{Key: []byte(key), Target: TargetValue, Relation: r, Value: []byte(value)}
}

func ifExists(key string, exists bool) Compare {
	return Compare{Key: []byte(key), Target: TargetExistence, Exists: exists}
}

// TestCompares: each target and relation, of a key with value "m" of entry 2, and of a missing one.
func TestCompares(t *testing.T) {
	x := newWriter(Config{})
	x.put("other", "")
	x.put("k", "m")
	for _, c := range []struct {
		compare Compare
		holds   [4]bool // with Equal, NotEqual, Less, Greater
	}{
		{ifVersion("k", 0, 2), [4]bool{true, false, false, false}},
		{ifVersion("k", 0, 1), [4]bool{false, true, false, true}},
		{ifVersion("k", 0, 3), [4]bool{false, true, true, false}},
		{ifVersion("k", 0, 0), [4]bool{false, true, false, true}},
		{ifVersion("none", 0, 0), [4]bool{true, false, false, false}},
		{ifVersion("none", 0, 1), [4]bool{false, true, true, false}},
		{ifValue("k", 0, "m"), [4]bool{true, false, false, false}},
		{ifValue("k", 0, "lzzz"), [4]bool{false, true, false, true}},
		{ifValue("k", 0, "m\x00"), [4]bool{false, true, true, false}},
		{ifValue("k", 0, "\xff"), [4]bool{false, true, true, false}},
		{ifValue("k", 0, ""), [4]bool{false, true, false, true}},
		{ifValue("other", 0, ""), [4]bool{true, false, false, false}},
		{ifValue("none", 0, ""), [4]bool{}},
		{ifValue("none", 0, "a"), [4]bool{}},
	} {
		for i, holds := range c.holds {
			c.compare.Relation = Relation(i + 1)
			checkHolds(t, x, c.compare, holds)
		}
	}
	checkHolds(t, x, ifExists("k", true), true)
	checkHolds(t, x, ifExists("k", false), false)
	checkHolds(t, x, ifExists("none", true), false)
	checkHolds(t, x, ifExists("none", false), true)
}

// checkHolds tries the comparison by the log and without it, alone and beside one that holds.
func checkHolds(t *testing.T, x *writer, c Compare, holds bool) {
	t.Helper()
	for _, compares := range [][]Compare{{c}, {ifExists("k", true), c}, {c, ifExists("k", true)}} {
		command := Command{Op: OpTxn, Compares: compares, Then: []Step{stepGet("k"), stepGet("k")}, Else: []Step{stepGet("k")}}
		var count int64
		if holds {
			count = 1
		}
		for _, r := range []Result{x.ReadTxn(&command), x.do(command)} {
			if r.Code != CodeOK || r.Count != count || len(r.Steps) != int(count)+1 {
				t.Errorf("%+v: %+v, want %v", c, r, holds)
			}
		}
	}
}

// TestSteps: a step sees what those before it did, and nobody sees a part.
func TestSteps(t *testing.T) {
	x := newWriter(Config{})
	x.put("a", "1")
	x.put("b", "")
	r := x.do(Command{
		Op:       OpTxn,
		Compares: []Compare{ifValue("a", Equal, "1"), ifVersion("c", Equal, 0)},
		Then: []Step{
			stepGet("a"), stepPut("a", "2"), stepGet("a"), stepDelete("a"), stepGet("a"), stepDelete("a"), stepPut("a", ""),
			stepPut("c", "3"), stepPut("c", "4"), stepGet("c"), stepGet("b"), stepDelete("none"), stepGet("none"), stepGet("a"),
		},
		Else: []Step{stepPut("a", "wrong"), stepDelete("b")},
	})
	want(t, "then", r, Result{CodeOK, 3, 1, []StepResult{
		{true, []byte("1"), 1},
		{true, nil, 3},
		{true, []byte("2"), 3},
		{true, nil, 0},
		{},
		{},
		{false, nil, 3},
		{false, nil, 3},
		{true, nil, 3},
		{true, []byte("4"), 3},
		{true, nil, 2},
		{},
		{},
		{true, nil, 3},
	}})
	for key, value := range map[string]string{"a": "", "b": "", "c": "4"} {
		if got, _, ok := x.Get([]byte(key)); !ok || string(got) != value {
			t.Errorf("%s is %q, %v", key, got, ok)
		}
	}
	r = x.do(Command{Op: OpTxn, Compares: []Compare{ifExists("d", true)}, Then: []Step{stepPut("a", "wrong")}, Else: []Step{stepDelete("b")}})
	want(t, "else", r, Result{CodeOK, 4, 0, []StepResult{{Found: true}}})
	if value, version, _ := x.Get([]byte("a")); len(value) > 0 || version != 3 {
		t.Errorf("a is %q at %d", value, version)
	}
	before := x.Digest().Sum
	want(t, "nothing", x.do(Command{Op: OpTxn}), Result{Code: CodeOK, Seq: 5, Count: 1})
	want(t, "no else", x.do(Command{Op: OpTxn, Compares: []Compare{ifExists("d", true)}, Then: []Step{stepPut("a", "wrong")}}),
		Result{Code: CodeOK, Seq: 6})
	if x.Digest().Sum != before {
		t.Error("what has nothing to do changed something")
	}
}

// TestTxnOnce: a repeat is answered with what the first try found, and does nothing.
func TestTxnOnce(t *testing.T) {
	x := newWriter(Config{})
	c := x.open()
	x.put("a", "1")
	swap := &Command{
		Op: OpTxn, Compares: []Compare{ifValue("a", Equal, "1")},
		Then: []Step{stepGet("a"), stepPut("a", "2")}, Else: []Step{stepPut("a", "3"), stepGet("a"), stepDelete("b")},
	}
	swapped := Result{CodeOK, 3, 1, []StepResult{{true, []byte("1"), 2}, {true, nil, 3}}}
	want(t, "first", c.send(1, 0, swap), swapped)
	want(t, "repeat", c.send(1, 0, swap), swapped)
	x.remove("a")
	want(t, "repeat without the key", c.send(1, 0, swap), swapped)
	if x.Len() != 0 {
		t.Error("a repeat put something")
	}
	bytes := x.Bytes()
	want(t, "again", c.send(2, 1, swap), Result{CodeOK, 7, 0, []StepResult{{Version: 7}, {true, []byte("3"), 7}, {}}})
	want(t, "nothing", c.send(3, 3, &Command{Op: OpTxn}), Result{Code: CodeOK, Seq: 8, Count: 1})
	x.remove("a")
	if got := bytes - txnBytes - 2*stepBytes - 1; x.Bytes() != got {
		t.Errorf("%d bytes when the results have arrived, want %d", x.Bytes(), got)
	}
}

// TestTxnResultTooLarge: what a session cannot keep is refused, and nothing of it happens.
func TestTxnResultTooLarge(t *testing.T) {
	const half = MaxResultBytes/2 - stepBytes - txnBytes // of the room, if it is the only value
	x := newWriter(Config{})
	c := x.open()
	x.put("half", strings.Repeat("h", half))
	x.put("more", strings.Repeat("m", half+txnBytes+1))
	x.put("victim", "lives")
	get := func(also ...Step) *Command { return &Command{Op: OpTxn, Then: also} }
	refused := func(what string, r Result) {
		t.Helper()
		if r.Code != CodeFull || r.Steps != nil || r.Count != 0 || x.Fate(r.Seq) != Lost {
			t.Errorf("%s: %v, %d steps, %v", what, r.Code, len(r.Steps), x.Fate(r.Seq))
		}
	}
	before := x.Digest().Sum
	alone := client{x, 0}
	victims := []Step{stepDelete("victim"), stepPut("new", ""), stepGet("half"), stepGet("more")}
	refused("without a session", alone.send(1, 0, get(victims...)))
	refused("in a session", c.send(1, 0, get(victims...)))
	refused("a repeat, with less to find", c.send(1, 0, get(stepDelete("victim"))))
	refused("by its else", c.send(2, 0, &Command{Op: OpTxn, Compares: []Compare{ifExists("none", true)}, Else: victims}))
	refused("by what it put itself", c.send(3, 0, get(stepPut("victim", strings.Repeat("v", half+txnBytes+1)), stepGet("victim"), stepGet("half"))))
	refused("of puts alone", c.send(4, 0, get(slices.Repeat([]Step{stepPut("victim", "")}, MaxResultBytes/stepBytes+1)...)))
	refused("and without the log", x.ReadTxn(get(stepGet("half"), stepGet("more"))))
	if x.Digest().Sum != before {
		t.Fatal("a refused transaction changed something")
	}

	held := x.Bytes()
	if r := c.send(5, 0, get(stepGet("half"))); r.Code != CodeOK || string(r.Steps[0].Value) != strings.Repeat("h", half) {
		t.Fatalf("half of the room: %v", r.Code)
	}
	refused("more than the other half", c.send(6, 0, get(stepGet("more"))))
	if r := c.send(7, 0, get(stepGet("half"))); r.Code != CodeOK {
		t.Fatalf("the other half: %v", r.Code)
	}
	refused("one step more", c.send(8, 0, get(stepDelete("victim"))))
	want(t, "no step has room", c.send(9, 0, get()), Result{Code: CodeOK, Seq: x.next - 1, Count: 1})
	want(t, "what has none is not in the way", c.send(10, 0, &Command{Op: OpDelete, Keys: [][]byte{[]byte("none")}}),
		Result{Code: CodeOK, Seq: x.next - 1})
	if got := x.Bytes() - held; got != MaxResultBytes+6*resultBytes+2*spanBytes {
		t.Errorf("%d bytes for the results", got)
	}
	if r := c.send(11, 6, get(stepGet("more"))); r.Code != CodeFull {
		t.Errorf("half has arrived, more than half comes: %v", r.Code)
	}
	if r := c.send(12, 12, get(stepDelete("victim"), stepGet("more"))); r.Code != CodeOK {
		t.Errorf("all has arrived: %v", r.Code)
	}
	c.send(13, 13, get())
	if got := x.sessions.use(c.session, x.Seq()).found; got != nil {
		t.Errorf("%+v is left of the results", got)
	}
}

// TestStoredStepsAreTheirOwn: a result keeps neither the entry nor the nodes it was read from.
func TestStoredStepsAreTheirOwn(t *testing.T) {
	x := newWriter(Config{})
	c := x.open()
	x.put("a", "one")
	r := c.send(1, 0, &Command{Op: OpTxn, Then: []Step{stepGet("a"), stepPut("b", "two"), stepGet("b")}})
	value, _, _ := x.Get([]byte("a"))
	if &value[0] == &r.Steps[0].Value[0] {
		t.Error("the result shares memory with the table")
	}
	if cap(r.Steps[0].Value) != 3 || string(r.Steps[2].Value) != "two" {
		t.Errorf("%+v", r.Steps)
	}
}

func TestReadTxn(t *testing.T) {
	x := newWriter(Config{})
	x.put("a", "1")
	x.put("b", "")
	read := &Command{Op: OpTxn, Compares: []Compare{ifVersion("a", Equal, 1)}, Then: []Step{stepGet("a"), stepGet("b"), stepGet("c")}}
	expected := Result{CodeOK, 2, 1, []StepResult{{true, []byte("1"), 1}, {true, nil, 2}, {}}}
	want(t, "read", x.ReadTxn(read), expected)
	x.version.Add(1) // as if a write were always under way
	want(t, "read amid writes", x.ReadTxn(read), expected)
	x.version.Add(1)
	x.put("a", "2")
	want(t, "else", x.ReadTxn(read), Result{Code: CodeOK, Seq: 3})
	want(t, "nothing", x.ReadTxn(&Command{Op: OpTxn}), Result{Code: CodeOK, Seq: 3, Count: 1})
	for _, c := range []Command{
		{Op: OpTxn, Then: []Step{stepPut("a", "")}},
		{Op: OpTxn, Else: []Step{stepDelete("a")}},
		{Op: OpDelete, Keys: [][]byte{[]byte("a")}},
		{Op: OpTxn, Then: []Step{{}}},
		{Op: OpTxn, Then: []Step{stepGet(strings.Repeat("k", MaxKeyBytes+1))}},
	} {
		want(t, fmt.Sprint(c.Op, c.Then, c.Else), x.ReadTxn(&c), Result{Code: CodeInvalid, Seq: 3})
	}
}

func TestWrites(t *testing.T) {
	get, put := []Step{stepGet("a")}, []Step{stepGet("a"), stepPut("a", "")}
	for _, c := range []struct {
		command Command
		writes  bool
	}{
		{Command{Op: OpTxn}, false},
		{Command{Op: OpTxn, Then: get, Else: get}, false},
		{Command{Op: OpTxn, Then: put, Else: get}, true},
		{Command{Op: OpTxn, Then: get, Else: put}, true},
		{Command{Op: OpTxn, Else: []Step{stepDelete("a")}}, true},
		{Command{Op: OpClear}, true},
		{Command{Op: OpIncrement}, true},
	} {
		if c.command.Writes() != c.writes {
			t.Errorf("%+v: %v", c.command, !c.writes)
		}
	}
}
