package table_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	storagev1 "github.com/chaintable/chaintable/api/chaintable/storage/v1"
	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

var shortBytes = rapid.SliceOfN(rapid.Byte(), 0, 200)

func drawEntry(t *rapid.T) chain.Entry {
	number := func(label string) uint64 {
		return rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64()).Draw(t, label)
	}
	e := chain.Entry{
		Seq: chain.Seq(number("seq") | 1), Epoch: chain.Epoch(number("epoch") | 1),
		Kind:      chain.Kind(rapid.IntRange(1, 4).Draw(t, "kind")),
		Request:   chain.RequestID{Session: chain.SessionID(number("session")), Number: number("number")},
		DoneBelow: number("done"),
		Tag: chain.Tag{
			By:     chain.MemberID{Node: chain.NodeID(number("node")), Incarnation: chain.Incarnation(number("incarnation"))},
			Number: number("tag"),
		},
	}
	e.Skipped = min(chain.Seq(number("skipped")), e.Seq)
	if b := shortBytes.Draw(t, "command"); len(b) > 0 {
		e.Command = b
	}
	return e
}

// TestEntryIsProtobuf: what is written by hand, generated code reads, and the other way round.
func TestEntryIsProtobuf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEntry(t)
		encoded := table.AppendEntry([]byte("before"), &e)[len("before"):]
		var theirs storagev1.Entry
		if err := proto.Unmarshal(encoded, &theirs); err != nil {
			t.Fatal(err)
		}
		same := theirs.Seq == uint64(e.Seq) && theirs.Epoch == uint64(e.Epoch) && uint8(theirs.Kind) == uint8(e.Kind) &&
			theirs.Session == uint64(e.Request.Session) && theirs.Number == e.Request.Number &&
			theirs.DoneBelow == e.DoneBelow && bytes.Equal(theirs.Command, e.Command) && theirs.Skipped == uint64(e.Skipped) &&
			theirs.Node == uint64(e.Tag.By.Node) && theirs.Incarnation == uint64(e.Tag.By.Incarnation) && theirs.Tag == e.Tag.Number
		if !same || len(theirs.ProtoReflect().GetUnknown()) > 0 {
			t.Fatalf("%+v is read as %v", e, &theirs)
		}
		back, err := proto.Marshal(&theirs)
		if err != nil {
			t.Fatal(err)
		}
		got, err := table.DecodeEntry(back)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Encoded, back) {
			t.Fatal("Encoded is not what was decoded")
		}
		got.Encoded = nil
		if !reflect.DeepEqual(got, e) {
			t.Fatalf("%+v became %+v", e, got)
		}
	})
}

func drawCommand(t *rapid.T) table.Command {
	c := table.Command{Op: table.Op(rapid.IntRange(1, 5).Draw(t, "op"))}
	switch c.Op {
	case table.OpTxn:
		for range rapid.IntRange(0, 3).Draw(t, "compares") {
			c.Compares = append(c.Compares, drawCompare(t))
		}
		c.Then, c.Else = drawSteps(t), drawSteps(t)
	case table.OpPut:
		for range rapid.IntRange(1, 5).Draw(t, "pairs") {
			c.Pairs = append(c.Pairs, table.Pair{Key: shortBytes.Draw(t, "key"), Value: shortBytes.Draw(t, "value")})
		}
	case table.OpDelete:
		c.Keys = rapid.SliceOfN(shortBytes, 1, 5).Draw(t, "keys")
	case table.OpIncrement:
		c.Keys = [][]byte{shortBytes.Draw(t, "key")}
		c.Delta = rapid.Int64().Draw(t, "delta")
	}
	if c.Op <= table.OpDelete && len(c.Pairs)+len(c.Keys) == 1 {
		c.If = table.Condition(rapid.IntRange(0, 3).Draw(t, "if"))
		if c.If == table.IfVersion {
			c.Version = chain.Seq(rapid.Uint64().Draw(t, "version"))
		}
	}
	return c
}

func drawCompare(t *rapid.T) table.Compare {
	c := table.Compare{Key: shortBytes.Draw(t, "key"), Target: table.CompareTarget(rapid.IntRange(1, 3).Draw(t, "target"))}
	switch c.Target {
	case table.TargetVersion:
		c.Version = chain.Seq(rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64()).Draw(t, "version"))
	case table.TargetValue:
		c.Value = shortBytes.Draw(t, "value")
	case table.TargetExistence:
		c.Exists = rapid.Bool().Draw(t, "exists")
		return c
	}
	c.Relation = table.Relation(rapid.IntRange(1, 4).Draw(t, "relation"))
	return c
}

func drawSteps(t *rapid.T) (branch []table.Step) {
	for range rapid.IntRange(0, 3).Draw(t, "steps") {
		s := table.Step{Op: table.StepOp(rapid.IntRange(1, 3).Draw(t, "step")), Key: shortBytes.Draw(t, "key")}
		if s.Op == table.StepPut {
			s.Value = shortBytes.Draw(t, "value")
		}
		branch = append(branch, s)
	}
	return branch
}

// sameTxn tells whether generated code reads the parts of a transaction as they are.
func sameTxn(theirs *storagev1.Command, c *table.Command) bool {
	sameSteps := func(theirs []*storagev1.Step, branch []table.Step) bool {
		return slices.EqualFunc(theirs, branch, func(x *storagev1.Step, s table.Step) bool {
			return uint8(x.Op) == uint8(s.Op) && bytes.Equal(x.Key, s.Key) && bytes.Equal(x.Value, s.Value)
		})
	}
	return sameSteps(theirs.Then, c.Then) && sameSteps(theirs.Else, c.Else) &&
		slices.EqualFunc(theirs.Compares, c.Compares, func(x *storagev1.Compare, c table.Compare) bool {
			return bytes.Equal(x.Key, c.Key) && uint8(x.Target) == uint8(c.Target) && uint8(x.Relation) == uint8(c.Relation) &&
				x.Version == uint64(c.Version) && bytes.Equal(x.Value, c.Value) && x.Exists == c.Exists
		})
}

func TestCommandIsProtobuf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCommand(t)
		var theirs storagev1.Command
		if err := proto.Unmarshal(c.Append(nil), &theirs); err != nil {
			t.Fatal(err)
		}
		same := uint8(theirs.Op) == uint8(c.Op) && theirs.Delta == c.Delta && uint8(theirs.Condition) == uint8(c.If) &&
			theirs.Version == uint64(c.Version) && len(theirs.Pairs) == len(c.Pairs) && len(theirs.Keys) == len(c.Keys)
		for i := range c.Pairs {
			same = same && bytes.Equal(theirs.Pairs[i].Key, c.Pairs[i].Key) && bytes.Equal(theirs.Pairs[i].Value, c.Pairs[i].Value)
		}
		for i := range c.Keys {
			same = same && bytes.Equal(theirs.Keys[i], c.Keys[i])
		}
		if !same || !sameTxn(&theirs, &c) || len(theirs.ProtoReflect().GetUnknown()) > 0 {
			t.Fatalf("%+v is read as %v", c, &theirs)
		}
		back, err := proto.Marshal(&theirs)
		if err != nil {
			t.Fatal(err)
		}
		got, err := table.DecodeCommand(back)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Append(nil), c.Append(nil)) {
			t.Fatalf("%+v became %+v", c, got)
		}
	})
}

// TestSnapshotIsProtobuf: generated code reads the chunks of a table with something of everything, and writes them
// again so that they can be restored.
func TestSnapshotIsProtobuf(t *testing.T) {
	x := sample()
	s := x.Snapshot()
	defer s.Close()
	r := table.NewRestorer(table.Config{})
	var whole storagev1.Chunk
	for last := false; !last; {
		var chunk []byte
		var err error
		if chunk, last, err = s.Chunk(100); err != nil {
			t.Fatal(err)
		}
		var theirs storagev1.Chunk
		if err := proto.Unmarshal(chunk, &theirs); err != nil {
			t.Fatal(err)
		}
		proto.Merge(&whole, &theirs)
		back, err := proto.MarshalOptions{Deterministic: true}.Marshal(&theirs)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Add(back); err != nil {
			t.Fatal(err)
		}
	}
	y, err := r.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if y.Digest() != x.Digest() || y.Bytes() != x.Bytes() || y.Position() != x.Position() {
		t.Errorf("restored %v, %d bytes; want %v, %d", y.Digest(), y.Bytes(), x.Digest(), x.Bytes())
	}
	h := whole.Header
	if h.Format != 1 || h.Seq != 30 || h.Epoch != 2 || h.Keys != 3 || len(whole.Items) != 3 || len(whole.Sessions) != 2 ||
		len(whole.Lost) != 2 || !whole.End || h.Sum != x.Digest().Sum {
		t.Errorf("generated code reads %v", &whole)
	}
	steps := []*storagev1.StepResult{{Version: 5}, {Found: true, Version: 5}, {}, {Found: true, Value: bytes.Repeat([]byte("v"), 300), Version: 3}}
	if s := whole.Sessions[0]; len(s.Results) != 1 || s.Results[0].Count != 1 ||
		!slices.EqualFunc(s.Results[0].Steps, steps, func(a, b *storagev1.StepResult) bool { return proto.Equal(a, b) }) {
		t.Errorf("generated code reads session %v", s)
	}
	if s := whole.Sessions[1]; s.Id != 1 || s.Used != 6 || s.DoneBelow != 2 || len(s.Results) != 1 ||
		s.Results[0].Code != storagev1.Code_CODE_NOT_INTEGER || s.Results[0].Number != 2 || s.Results[0].Seq != 4 {
		t.Errorf("generated code reads session %v", s)
	}
}

// sample is a table after 30 entries, with something of everything.
func sample() *table.Table {
	x := table.New(table.Config{})
	command := func(seq chain.Seq, session chain.SessionID, number, done uint64, c table.Command) {
		x.Apply(&chain.Entry{
			Seq: seq, Epoch: 1, Kind: chain.KindCommand, Command: c.Append(nil), DoneBelow: done,
			Request: chain.RequestID{Session: session, Number: number},
		})
	}
	put := func(key, value string) table.Command {
		return table.Command{Op: table.OpPut, Pairs: []table.Pair{{Key: []byte(key), Value: []byte(value)}}}
	}
	x.Apply(&chain.Entry{Seq: 1, Epoch: 1, Kind: chain.KindSession})
	x.Apply(&chain.Entry{Seq: 2, Epoch: 1, Kind: chain.KindSession})
	command(3, 1, 1, 0, put("a", strings.Repeat("v", 300)))
	command(4, 1, 2, 2, table.Command{Op: table.OpIncrement, Keys: [][]byte{[]byte("a")}, Delta: 1})
	command(5, 2, 1, 0, transaction())
	command(6, 1, 1, 1, put("stale", ""))
	command(7, 0, 0, 0, put("c", "3"))
	x.Apply(&chain.Entry{Seq: 30, Epoch: 2, Kind: chain.KindTakeover, Skipped: 8})
	return x
}

// transaction has something of everything. In the sample it does Then.
func transaction() table.Command {
	a := []byte("a")
	return table.Command{
		Op: table.OpTxn,
		Compares: []table.Compare{
			{Key: a, Target: table.TargetVersion, Relation: table.Less, Version: 8},
			{Key: a, Target: table.TargetValue, Relation: table.NotEqual, Value: []byte("now")},
			{Key: a, Target: table.TargetExistence, Exists: true},
			{Target: table.TargetExistence},
		},
		Then: []table.Step{
			{Op: table.StepPut}, {Op: table.StepGet}, {Op: table.StepDelete, Key: []byte("none")}, {Op: table.StepGet, Key: a},
		},
		Else: []table.Step{{Op: table.StepDelete, Key: a}, {Op: table.StepPut, Key: a, Value: []byte("now")}},
	}
}
