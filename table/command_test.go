package table

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/chaintable/chaintable/chain"
)

// TestIncrement: numbers are read exactly as Redis reads them.
func TestIncrement(t *testing.T) {
	const missing = "missing"
	for _, c := range []struct {
		value string
		delta int64
		code  Code
		count int64
	}{
		{missing, 5, CodeOK, 5},
		{missing, math.MinInt64, CodeOK, math.MinInt64},
		{"0", 0, CodeOK, 0},
		{"10", -11, CodeOK, -1},
		{"-1", 1, CodeOK, 0},
		{"9223372036854775807", 0, CodeOK, math.MaxInt64},
		{"9223372036854775807", math.MinInt64, CodeOK, -1},
		{"9223372036854775806", 1, CodeOK, math.MaxInt64},
		{"-9223372036854775808", math.MaxInt64, CodeOK, -1},
		{"-9223372036854775807", -1, CodeOK, math.MinInt64},
		{"9223372036854775807", 1, CodeOverflow, 0},
		{"1", math.MaxInt64, CodeOverflow, 0},
		{"-9223372036854775808", -1, CodeOverflow, 0},
		{"-1", math.MinInt64, CodeOverflow, 0},
		{"", 1, CodeNotInteger, 0},
		{" 1", 1, CodeNotInteger, 0},
		{"1 ", 1, CodeNotInteger, 0},
		{"1\n", 1, CodeNotInteger, 0},
		{"+1", 1, CodeNotInteger, 0},
		{"-", 1, CodeNotInteger, 0},
		{"-0", 1, CodeNotInteger, 0},
		{"00", 1, CodeNotInteger, 0},
		{"01", 1, CodeNotInteger, 0},
		{"-01", 1, CodeNotInteger, 0},
		{"0x1", 1, CodeNotInteger, 0},
		{"1_0", 1, CodeNotInteger, 0},
		{"1.0", 1, CodeNotInteger, 0},
		{"9223372036854775808", 1, CodeNotInteger, 0},
		{"-9223372036854775809", 1, CodeNotInteger, 0},
		{"one", 1, CodeNotInteger, 0},
		{strings.Repeat("1", 1000), 1, CodeNotInteger, 0},
	} {
		x := newWriter(Config{})
		if c.value != missing {
			x.put("n", c.value)
		}
		before := x.Digest().Sum
		r := x.do(Command{Op: OpIncrement, Keys: [][]byte{[]byte("n")}, Delta: c.delta})
		if r.Code != c.code || r.Count != c.count {
			t.Errorf("%q + %d: %+v", c.value, c.delta, r)
		}
		if c.code != CodeOK && x.Digest().Sum != before {
			t.Errorf("%q + %d failed and changed something", c.value, c.delta)
		}
		if x.Fate(r.Seq) != Executed {
			t.Errorf("%q + %d: %v", c.value, c.delta, x.Fate(r.Seq))
		}
	}
}

func TestConditions(t *testing.T) {
	key := []byte("k")
	for _, c := range []struct {
		condition Condition
		version   chain.Seq
		present   bool // the key, written by entry 2
		code      Code
	}{
		{IfAny, 0, false, CodeOK},
		{IfAny, 0, true, CodeOK},
		{IfAbsent, 0, false, CodeOK},
		{IfAbsent, 0, true, CodeConditionFailed},
		{IfPresent, 0, false, CodeConditionFailed},
		{IfPresent, 0, true, CodeOK},
		{IfVersion, 2, true, CodeOK},
		{IfVersion, 1, true, CodeConditionFailed},
		{IfVersion, 0, true, CodeConditionFailed},
		{IfVersion, 2, false, CodeConditionFailed},
		{IfVersion, 0, false, CodeOK},
	} {
		for _, command := range []Command{
			{Op: OpPut, Pairs: []Pair{{key, []byte("new")}}},
			{Op: OpDelete, Keys: [][]byte{key}},
		} {
			x := newWriter(Config{})
			x.put("other", "")
			x.put("k", "old")
			if !c.present {
				x.remove("k")
			}
			before := x.Digest().Sum
			command.If, command.Version = c.condition, c.version
			r := x.do(command)
			if r.Code != c.code {
				t.Errorf("%+v, operation %d: %+v", c, command.Op, r)
			}
			value, version, ok := x.Get(key)
			switch {
			case c.code != CodeOK && x.Digest().Sum != before:
				t.Errorf("%+v, operation %d changed something", c, command.Op)
			case c.code == CodeOK && command.Op == OpDelete && ok:
				t.Errorf("%+v: not deleted", c)
			case c.code == CodeOK && command.Op == OpPut && (string(value) != "new" || version != r.Seq):
				t.Errorf("%+v: put %q at %d", c, value, version)
			}
		}
	}
}

// TestLimits: what lies on a limit is taken, what is one beyond is refused, when decoded and by the table.
func TestLimits(t *testing.T) {
	key := func(n int) []byte { return make([]byte, n) }
	pairs := func(n int) []Pair { return make([]Pair, n) }
	k := []byte("k")
	for _, c := range []struct {
		name    string
		command Command
		ok      bool
	}{
		{"empty key and value", Command{Op: OpPut, Pairs: pairs(1)}, true},
		{"longest key", Command{Op: OpPut, Pairs: []Pair{{key(MaxKeyBytes), nil}}}, true},
		{"key too long", Command{Op: OpPut, Pairs: []Pair{{key(MaxKeyBytes + 1), nil}}}, false},
		{"longest key deleted", Command{Op: OpDelete, Keys: [][]byte{key(MaxKeyBytes)}}, true},
		{"key too long deleted", Command{Op: OpDelete, Keys: [][]byte{key(MaxKeyBytes + 1)}}, false},
		{"key too long incremented", Command{Op: OpIncrement, Keys: [][]byte{key(MaxKeyBytes + 1)}}, false},
		{"longest value", Command{Op: OpPut, Pairs: []Pair{{k, key(MaxValueBytes)}}}, true},
		{"value too long", Command{Op: OpPut, Pairs: []Pair{{k, key(MaxValueBytes + 1)}}}, false},
		{"most pairs", Command{Op: OpPut, Pairs: pairs(MaxArguments / 2)}, true},
		{"too many pairs", Command{Op: OpPut, Pairs: pairs(MaxArguments/2 + 1)}, false},
		{"most keys", Command{Op: OpDelete, Keys: make([][]byte, MaxArguments)}, true},
		{"too many keys", Command{Op: OpDelete, Keys: make([][]byte, MaxArguments+1)}, false},
		{"too long", Command{Op: OpPut, Pairs: slices.Repeat([]Pair{{k, key(MaxValueBytes - 4)}}, 4)}, false},
		{"clear", Command{Op: OpClear}, true},
		{"nothing", Command{}, false},
		{"unknown", Command{Op: OpTxn + 1}, false},
		{"put nothing", Command{Op: OpPut}, false},
		{"put and delete", Command{Op: OpPut, Pairs: pairs(1), Keys: [][]byte{k}}, false},
		{"delete nothing", Command{Op: OpDelete}, false},
		{"delete a pair", Command{Op: OpDelete, Pairs: pairs(1)}, false},
		{"increment nothing", Command{Op: OpIncrement}, false},
		{"increment two", Command{Op: OpIncrement, Keys: [][]byte{k, k}}, false},
		{"increment a pair", Command{Op: OpIncrement, Keys: [][]byte{k}, Pairs: pairs(1)}, false},
		{"clear a key", Command{Op: OpClear, Keys: [][]byte{k}}, false},
		{"clear a pair", Command{Op: OpClear, Pairs: pairs(1)}, false},
		{"put with delta", Command{Op: OpPut, Pairs: pairs(1), Delta: 1}, false},
		{"condition on two", Command{Op: OpPut, Pairs: pairs(2), If: IfAbsent}, false},
		{"condition on two", Command{Op: OpDelete, Keys: [][]byte{k, k}, If: IfPresent}, false},
		{"condition on an increment", Command{Op: OpIncrement, Keys: [][]byte{k}, If: IfPresent}, false},
		{"unknown condition", Command{Op: OpPut, Pairs: pairs(1), If: IfVersion + 1}, false},
		{"nothing in a transaction", Command{Op: OpTxn}, true},
		{"transaction with a pair", Command{Op: OpTxn, Pairs: pairs(1)}, false},
		{"transaction with a key", Command{Op: OpTxn, Keys: [][]byte{k}}, false},
		{"transaction with a condition", Command{Op: OpTxn, If: IfAbsent}, false},
		{"transaction with delta", Command{Op: OpTxn, Delta: 1}, false},
		{"put with compares", Command{Op: OpPut, Pairs: pairs(1), Compares: []Compare{ifExists("k", true)}}, false},
		{"put with then", Command{Op: OpPut, Pairs: pairs(1), Then: []Step{stepGet("k")}}, false},
		{"clear with else", Command{Op: OpClear, Else: []Step{stepGet("k")}}, false},
		{"longest key compared", Command{Op: OpTxn, Compares: []Compare{{Key: key(MaxKeyBytes), Target: TargetExistence}}}, true},
		{"key too long compared", Command{Op: OpTxn, Compares: []Compare{{Key: key(MaxKeyBytes + 1), Target: TargetExistence}}}, false},
		{"longest value compared", Command{Op: OpTxn, Compares: []Compare{ifValue("k", Equal, string(key(MaxValueBytes)))}}, true},
		{"value too long compared", Command{Op: OpTxn, Compares: []Compare{ifValue("k", Equal, string(key(MaxValueBytes+1)))}}, false},
		{"longest value put by a step", Command{Op: OpTxn, Then: []Step{{StepPut, k, key(MaxValueBytes)}}}, true},
		{"value too long put by a step", Command{Op: OpTxn, Then: []Step{{StepPut, k, key(MaxValueBytes + 1)}}}, false},
		{"key too long for else", Command{Op: OpTxn, Else: []Step{{StepGet, key(MaxKeyBytes + 1), nil}}}, false},
		{"value of a get", Command{Op: OpTxn, Then: []Step{{StepGet, k, k}}}, false},
		{"value of a delete", Command{Op: OpTxn, Then: []Step{{StepDelete, k, k}}}, false},
		{"no step", Command{Op: OpTxn, Then: make([]Step, 1)}, false},
		{"unknown step", Command{Op: OpTxn, Else: []Step{{Op: StepGet + 1, Key: k}}}, false},
		{"no comparison", Command{Op: OpTxn, Compares: make([]Compare, 1)}, false},
		{"no relation", Command{Op: OpTxn, Compares: []Compare{ifVersion("k", 0, 1)}}, false},
		{"unknown relation", Command{Op: OpTxn, Compares: []Compare{ifVersion("k", Greater+1, 1)}}, false},
		{"existence with a relation", Command{Op: OpTxn, Compares: []Compare{{Target: TargetExistence, Relation: Equal}}}, false},
		{"version with a value", Command{Op: OpTxn, Compares: []Compare{{Target: TargetVersion, Relation: Equal, Value: k}}}, false},
		{"value with a version", Command{Op: OpTxn, Compares: []Compare{{Target: TargetValue, Relation: Equal, Version: 1}}}, false},
		{"value with existence", Command{Op: OpTxn, Compares: []Compare{{Target: TargetValue, Relation: Equal, Exists: true}}}, false},
		{"most compares", Command{Op: OpTxn, Compares: slices.Repeat([]Compare{ifExists("", false)}, MaxArguments)}, true},
		{"too many compares", Command{Op: OpTxn, Compares: slices.Repeat([]Compare{ifExists("", false)}, MaxArguments+1)}, false},
		{"most values compared", Command{Op: OpTxn, Compares: slices.Repeat([]Compare{ifValue("", Equal, "")}, MaxArguments/2), Else: []Step{}}, true},
		{"too many in all", Command{
			Op: OpTxn, Compares: slices.Repeat([]Compare{ifValue("", Equal, "")}, MaxArguments/4),
			Then: slices.Repeat([]Step{stepPut("", "")}, MaxArguments/8), Else: slices.Repeat([]Step{stepGet("")}, MaxArguments/4+1),
		}, false},
		{"version without condition", Command{Op: OpPut, Pairs: pairs(1), Version: 1}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			encoded := c.command.Append(nil)
			got, err := DecodeCommand(encoded)
			if (err == nil) != c.ok {
				t.Fatalf("decode: %v", err)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "table: command: ") {
				t.Errorf("error %q does not say where", err)
			}
			if c.ok && string(got.Append(nil)) != string(encoded) {
				t.Error("decoded and encoded again it is another")
			}
			x := newWriter(Config{})
			r := x.do(c.command)
			if (r.Code == CodeOK) != c.ok || (r.Code == CodeInvalid) == c.ok {
				t.Errorf("apply: %+v", r)
			}
			if grow := Growth(encoded) + resultBytes + spanBytes; x.Bytes() > grow {
				t.Errorf("grew by %d, announced were %d", x.Bytes(), grow)
			}
			if (x.Fate(1) == Lost) == c.ok {
				t.Errorf("fate %v", x.Fate(1))
			}
		})
	}
	if n := len((&Command{Op: OpPut, Pairs: slices.Repeat([]Pair{{k, key(MaxValueBytes - 4)}}, 4)}).Append(nil)); n <= MaxCommandBytes {
		t.Errorf("\"too long\" has %d bytes", n)
	}
}

// TestTouches: whoever reads one of these keys must wait for the command.
func TestTouches(t *testing.T) {
	a, b := []byte("a"), []byte("b")
	for _, c := range []struct {
		command Command
		keys    [][]byte
		all     bool
	}{
		{Command{Op: OpPut, Pairs: []Pair{{a, b}, {b, nil}}}, [][]byte{a, b}, false},
		{Command{Op: OpDelete, Keys: [][]byte{b, a}}, [][]byte{b, a}, false},
		{Command{Op: OpIncrement, Keys: [][]byte{a}}, [][]byte{a}, false},
		{Command{Op: OpClear}, nil, true},
		{Command{Op: OpTxn, Compares: []Compare{ifExists("c", true)}, Then: []Step{stepPut("a", ""), stepGet("c")}, Else: []Step{stepDelete("b")}}, [][]byte{a, b}, false},
		{Command{Op: OpTxn, Then: []Step{stepGet("a")}}, nil, false},
		{Command{}, nil, false},
	} {
		want := []uint64{42}
		for _, k := range c.keys {
			want = append(want, New(Config{Seed: 7}).Hash(k))
		}
		got, all := Touches(c.command.Append(nil), []uint64{42})
		if !slices.Equal(got, want) || all != c.all {
			t.Errorf("%+v touches %v, %v", c.command, got, all)
		}
	}
}

// TestGrowthOfTxn is that of the branch that grows more; one that only removes has none.
func TestGrowthOfTxn(t *testing.T) {
	a, b := entryBytes(1, 100), entryBytes(1, 0)
	for _, c := range []struct {
		command Command
		grow    int64
	}{
		{Command{Op: OpTxn}, 0},
		{Command{Op: OpTxn, Then: []Step{stepDelete("a")}, Else: []Step{stepDelete("a"), stepDelete("b")}}, 0},
		{Command{Op: OpTxn, Then: []Step{stepPut("a", strings.Repeat("v", 100))}, Else: []Step{stepPut("b", "")}}, a},
		{Command{Op: OpTxn, Then: []Step{stepPut("b", "")}, Else: []Step{stepPut("a", strings.Repeat("v", 100)), stepPut("b", "")}}, a + b},
		{Command{Op: OpTxn, Then: []Step{stepGet("a"), stepDelete("a"), stepGet("a")}}, 2 * stepBytes},
	} {
		if got := Growth(c.command.Append(nil)); got != c.grow {
			t.Errorf("%+v grows by %d, want %d", c.command, got, c.grow)
		}
	}
}
