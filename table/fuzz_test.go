package table_test

import (
	"bytes"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	storagev1 "github.com/chaintable/chaintable/api/chaintable/storage/v1"
	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// hostile is bytes that no decoder may take: each is wrong wherever it stands.
var hostile = map[string]string{
	"a tag and nothing behind it":    "\x08",
	"a number without end":           "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
	"a number that breaks off":       "\x08\xff",
	"a length of 2^63-1":             "\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
	"a length of 2^64-1":             "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
	"a length beyond the end":        "\x12\x05abcd",
	"field 0":                        "\x00\x00",
	"a field that nobody knows":      "\xf8\x07\x01",
	"a group":                        "\x0b\x0c",
	"the end of a group":             "\x0c",
	"wire type 7":                    "\x0f",
	"a number of 32 bits":            "\x0d\x01\x00\x00\x00",
	"field 1 twice":                  "\x08\x01\x08\x01",
	"fields in falling order":        "\x30\x01\x08\x01",
	"field 6 as bytes":               "\x08\x01\x32\x01\x01",
	"a field number of 2^29":         "\x80\x80\x80\x80\x10\x01",
	"nothing":                        "",
	"a short text":                   "GET / HTTP/1.1\r\n\r\n",
	"a tag of eleven bytes":          "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
	"a bool where bytes are due":     "\x08\x01\x10\x01\x1a\x00",
	"a fixed number that breaks off": "\x49\x01\x02",
	"a comparison of nothing":        "\x08\x05\x3a\x00",
	"a comparison without relation":  "\x08\x05\x3a\x02\x10\x01",
	"a comparison that breaks off":   "\x08\x05\x3a\x02\x10\xff",
	"an unknown target":              "\x08\x05\x3a\x04\x10\x04\x18\x01",
	"existence with a relation":      "\x08\x05\x3a\x04\x10\x03\x18\x01",
	"existence of 2":                 "\x08\x05\x3a\x04\x10\x03\x30\x02",
	"a step that is none":            "\x08\x05\x42\x00",
	"an unknown step":                "\x08\x05\x4a\x02\x08\x04",
	"a get with a value":             "\x08\x05\x42\x05\x08\x03\x1a\x01v",
	"a step with field 4":            "\x08\x05\x42\x04\x08\x03\x20\x01",
	"else before then":               "\x08\x05\x4a\x02\x08\x03\x42\x02\x08\x03",
	"a step of a delete":             "\x08\x02\x1a\x01k\x42\x02\x08\x03",
}

func TestHostileBytes(t *testing.T) {
	for name, b := range hostile {
		if c, err := table.DecodeCommand([]byte(b)); err == nil {
			t.Errorf("%s is the command %+v", name, c)
		}
		if e, err := table.DecodeEntry([]byte(b)); err == nil {
			t.Errorf("%s is the entry %+v", name, e)
		}
		if err := table.NewRestorer(table.Config{}).Add([]byte(b)); err == nil {
			t.Errorf("%s is a chunk of a snapshot", name)
		}
	}
}

func commands() []table.Command {
	key, value := []byte("key"), []byte("value")
	return []table.Command{
		{Op: table.OpPut, Pairs: []table.Pair{{Key: key, Value: value}}},
		{Op: table.OpPut, Pairs: []table.Pair{{}, {Key: key}, {Value: value}}},
		{Op: table.OpPut, Pairs: []table.Pair{{Key: key}}, If: table.IfVersion, Version: 1 << 60},
		{Op: table.OpDelete, Keys: [][]byte{key, nil, value}},
		{Op: table.OpDelete, Keys: [][]byte{key}, If: table.IfPresent},
		{Op: table.OpIncrement, Keys: [][]byte{key}, Delta: -1 << 63},
		{Op: table.OpClear},
		{Op: table.OpTxn},
		transaction(),
	}
}

func entries() []chain.Entry {
	entries := []chain.Entry{
		{Seq: 70_000, Epoch: 3, Kind: chain.KindTakeover, Skipped: 10},
		{Seq: 7, Epoch: 1, Kind: chain.KindBarrier, Tag: chain.Tag{By: chain.MemberID{Node: 1 << 63, Incarnation: 2}, Number: 3}},
		{Seq: 1, Epoch: 1, Kind: chain.KindSession, Tag: chain.Tag{By: chain.MemberID{Node: 1, Incarnation: 1}, Number: 1}},
		{Seq: 1<<64 - 1, Epoch: 1<<64 - 1, Kind: chain.KindCommand},
	}
	for _, c := range commands() {
		entries = append(entries, chain.Entry{
			Seq: 9, Epoch: 2, Kind: chain.KindCommand, Command: c.Append(nil),
			Request: chain.RequestID{Session: 3, Number: 5}, DoneBelow: 4,
		})
	}
	return entries
}

// FuzzDecodeCommand: a command that is taken is within the limits, is the one that generated code reads, survives
// encoding, and does to a table what was announced.
func FuzzDecodeCommand(f *testing.F) {
	for _, c := range commands() {
		f.Add(c.Append(nil))
	}
	for _, b := range hostile {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x := table.New(table.Config{Lists: 1})
		given := bytes.Clone(b)
		r := x.Apply(&chain.Entry{Seq: 1, Epoch: 1, Kind: chain.KindCommand, Command: b})
		const result = 64 // or a lost number
		if grow := table.Growth(b) + result; x.Bytes() > grow {
			t.Fatalf("grew by %d, announced were %d", x.Bytes(), grow)
		}
		hashes, all := table.Touches(b, nil)
		c, err := table.DecodeCommand(b)
		if !bytes.Equal(given, b) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			if r.Code != table.CodeInvalid || x.Len() != 0 || x.Fate(1) != table.Lost || len(hashes) > 0 || all {
				t.Fatalf("%v, but %+v", err, r)
			}
			return
		}
		if r.Code == table.CodeInvalid || c.Validate() != nil || len(hashes) != len(c.Pairs)+len(c.Keys)+writingSteps(&c) {
			t.Fatalf("%+v: %+v, touches %d", c, r, len(hashes))
		}
		if !c.Writes() {
			if again := x.ReadTxn(&c); !again.Equal(r) || x.Len() > 0 || r.Code != table.CodeOK && len(c.Then)+len(c.Else) < 1000 {
				t.Fatalf("%+v is %+v by the log, %+v without it", c, r, again)
			}
		}
		again, err := table.DecodeCommand(c.Append(nil))
		if err != nil || !bytes.Equal(again.Append(nil), c.Append(nil)) {
			t.Fatalf("%+v became %+v, %v", c, again, err)
		}
		var theirs storagev1.Command
		if err := proto.Unmarshal(b, &theirs); err != nil {
			t.Fatalf("generated code refuses it: %v", err)
		}
		back, err := proto.Marshal(&theirs)
		if err != nil || !bytes.Equal(back, c.Append(nil)) {
			t.Fatalf("generated code reads %v, not %+v", &theirs, c)
		}
	})
}

func writingSteps(c *table.Command) (n int) {
	for _, s := range slices.Concat(c.Then, c.Else) {
		if s.Op != table.StepGet {
			n++
		}
	}
	return n
}

// FuzzDecodeEntry: an entry that is taken survives encoding, and is the one that generated code reads.
func FuzzDecodeEntry(f *testing.F) {
	for _, e := range entries() {
		f.Add(table.AppendEntry(nil, &e))
	}
	for _, b := range hostile {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := table.DecodeEntry(b)
		if err != nil {
			return
		}
		if !bytes.Equal(e.Encoded, b) || e.Seq == 0 || e.Epoch == 0 || e.Kind == 0 {
			t.Fatalf("%+v", e)
		}
		encoded := table.AppendEntry(nil, &e)
		if _, err := table.DecodeEntry(encoded); err != nil {
			t.Fatal(err)
		}
		var theirs storagev1.Entry
		if err := proto.Unmarshal(b, &theirs); err != nil {
			t.Fatalf("generated code refuses it: %v", err)
		}
		back, err := proto.Marshal(&theirs)
		if err != nil || !bytes.Equal(back, encoded) {
			t.Fatalf("generated code reads %v, not %v", &theirs, &e)
		}
		table.New(table.Config{}).Apply(&e)
	})
}

// FuzzRestore: what is taken for a snapshot, in two chunks, makes a table that works, and whose own snapshot makes an
// equal one.
func FuzzRestore(f *testing.F) {
	for _, x := range []*table.Table{sample(), table.New(table.Config{})} {
		s := x.Snapshot()
		whole, last, err := s.Chunk(1 << 20)
		if err != nil || !last {
			f.Fatal(err)
		}
		for cut := 0; cut < len(whole); cut += 17 {
			f.Add(whole, cut)
		}
	}
	for _, b := range hostile {
		f.Add([]byte(b), 0)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		r := table.NewRestorer(table.Config{Lists: 1})
		if cut > 0 && cut < len(b) {
			if r.Add(b[:cut]) != nil && r.Add(b[cut:]) == nil {
				t.Fatal("a chunk is taken behind one that was refused")
			}
		}
		if cut <= 0 || cut >= len(b) {
			r.Add(b)
		} else {
			r.Add(b[cut:])
		}
		x, err := r.Finish()
		if err != nil {
			return
		}
		s := x.Snapshot()
		defer s.Close()
		again := table.NewRestorer(table.Config{Lists: 100, Seed: 1})
		for last := false; !last; {
			var chunk []byte
			if chunk, last, err = s.Chunk(1); err != nil {
				t.Fatal(err)
			}
			if err := again.Add(chunk); err != nil {
				t.Fatal(err)
			}
		}
		y, err := again.Finish()
		if err != nil || x.Digest() != y.Digest() || x.Bytes() != y.Bytes() || x.Position() != y.Position() {
			t.Fatalf("%v: %v and %v, %d and %d bytes", err, x.Digest(), y.Digest(), x.Bytes(), y.Bytes())
		}
		for _, e := range entries() {
			if e.Seq = x.Seq() + 1; e.Seq == 0 {
				return
			}
			if a, b := x.Apply(&e), y.Apply(&e); !a.Equal(b) || x.Digest() != y.Digest() || x.Fate(e.Seq) != y.Fate(e.Seq) {
				t.Fatalf("%v: %+v and %+v", &e, a, b)
			}
		}
	})
}
