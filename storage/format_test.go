package storage

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

var rewrite = flag.Bool("rewrite", false, "make the data directory of the present format in testdata anew")

// formats are those that were released. Their directories in testdata stay as they are.
var formats = []int{1}

// expected is what a directory of testdata holds.
type expected struct {
	Node     string
	Chain    string
	Epoch    uint64
	Last     chain.Position
	Sum      string // the table's digest, once all of the log is applied
	Sessions int
	Lost     []chain.Seq // numbers that a head skipped
	Log      int         // entries of which the chain must say whether they have committed
	Values   map[string]string
}

func expectedOf(rec *Recovery) expected {
	e := expected{
		Node: rec.Identity.Node.String(), Chain: rec.Chain.Chain.String(), Epoch: uint64(rec.Chain.Epoch), Log: len(rec.Chain.Log), Values: map[string]string{},
	}
	last, digest := content(rec)
	e.Last, e.Sum, e.Sessions = last, fmt.Sprint(digest), rec.Table.Sessions()
	for seq := chain.Seq(1); seq <= last.Seq; seq++ {
		if rec.Table.Fate(seq) == table.Lost {
			e.Lost = append(e.Lost, seq)
		}
	}
	s := rec.Table.Snapshot()
	defer s.Close()
	for key, item := range s.All() {
		e.Values[string(key)] = fmt.Sprintf("version %d, %d bytes, crc %08x", item.Version, len(item.Value), crc32.Checksum(item.Value, castagnoli))
	}
	return e
}

// TestFormats opens what earlier releases have left, and the present one would leave, and goes on with it.
func TestFormats(t *testing.T) {
	present := filepath.Join("testdata", fmt.Sprintf("format-%d", formats[len(formats)-1]))
	if *rewrite {
		leave(t, present)
	}
	for _, format := range formats {
		path := filepath.Join("testdata", fmt.Sprintf("format-%d", format))
		var want expected
		b, err := os.ReadFile(path + ".json")
		if err == nil {
			err = json.Unmarshal(b, &want)
		}
		if err != nil {
			t.Fatal(err)
		}
		dir := filesIn(t, path).with(t, "", nil)
		s, rec := reopen(t, dir)
		if rec.Doubt != nil {
			t.Fatal(rec.Doubt)
		}
		if got := expectedOf(rec); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("format %d: got\n%v\nwant\n%v", format, got, want)
		}
		next := put(want.Last.Seq+1, want.Last.Epoch, "more")
		if err := errors.Join(s.Append([]chain.Entry{next}, want.Last.Seq), s.Sync(), s.Close()); err != nil {
			t.Fatal(err)
		}
		s, rec = reopen(t, dir)
		if last, _ := content(rec); rec.Doubt != nil || last != next.Position() {
			t.Errorf("format %d: ends at %v with one more, %v", format, last, rec.Doubt)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// leave makes a directory with something of everything: two snapshots, cuts, sessions, lost numbers, transactions, several segments, a torn end.
func leave(t *testing.T, path string) {
	t.Helper()
	mem := newMem(t)
	dir, err := newVFSDir(mem)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := reopen(t, dir)
	h := &history{t: t, store: s, states: []state{{chain: testChain}}, epoch: 3}
	command := func(c table.Command, change func(*chain.Entry)) error {
		e := chain.Entry{Seq: h.last().Seq + 1, Epoch: h.epoch, Kind: chain.KindCommand, Command: c.Append(nil)}
		change(&e)
		e.Encoded = table.AppendEntry(nil, &e)
		now := h.now()
		now.entries = append(slices.Clone(now.entries), e)
		h.become(now)
		return s.Append([]chain.Entry{e}, 0)
	}
	in := func(session, number uint64) func(e *chain.Entry) {
		return func(e *chain.Entry) { e.Request = chain.RequestID{Session: chain.SessionID(session), Number: number} }
	}
	key := func(k string) [][]byte { return [][]byte{[]byte(k)} }
	set := func(k, v string) []table.Pair { return []table.Pair{{Key: []byte(k), Value: []byte(v)}} }
	for _, step := range []func() error{
		func() error { return s.Register(2) },
		func() error { return s.Adopt(testChain, 3) },
		func() error {
			return command(table.Command{}, func(e *chain.Entry) {
				e.Kind, e.Command, e.Tag = chain.KindTakeover, nil, chain.Tag{By: chain.MemberID{Node: 7, Incarnation: 2}, Number: 5}
			})
		},
		func() error {
			return command(table.Command{}, func(e *chain.Entry) { e.Kind, e.Command = chain.KindSession, nil })
		},
		func() error { return command(table.Command{Op: table.OpPut, Pairs: set("color", "red")}, in(2, 1)) },
		func() error {
			return command(table.Command{Op: table.OpIncrement, Keys: key("count"), Delta: -7}, in(2, 2))
		},
		func() error { return h.append(20, 200, 2) },
		h.sync,
		func() error { return h.checkpoint(10) },
		func() error { h.cut(20); return h.append(30, 300, 20) },
		h.sync,
		func() error { return h.checkpoint(40) },
		func() error {
			h.epoch++
			seq := h.last().Seq
			return command(table.Command{}, func(e *chain.Entry) {
				e.Seq, e.Kind, e.Command, e.Skipped = seq+9, chain.KindTakeover, nil, seq
				e.Tag = chain.Tag{By: chain.MemberID{Node: 8, Incarnation: 1}, Number: 1}
			})
		},
		func() error { return s.Adopt(testChain, h.epoch) },
		func() error { return command(table.Command{Op: table.OpDelete, Keys: key("key-12")}, in(2, 4)) },
		func() error {
			return command(table.Command{Op: table.OpPut, Pairs: set("large", strings.Repeat("chain ", 9000))}, in(2, 5))
		},
		func() error { return s.Append(nil, h.last().Seq-1) },
		h.sync,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	all := filesOf(t, mem)
	if err := errors.Join(s.Close(), os.RemoveAll(path), os.MkdirAll(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	for name, b := range all {
		if err := os.WriteFile(filepath.Join(path, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, rec := reopen(t, filesIn(t, path).with(t, "", nil))
	got := expectedOf(rec)
	if want := digestOf(h.now().entries); got.Last != h.last() || got.Sum != fmt.Sprint(want) {
		t.Fatalf("ends at %v with %v, want %v with %v", got.Last, got.Sum, h.last(), want)
	}
	b, err := json.MarshalIndent(got, "", "\t")
	if err := errors.Join(err, os.WriteFile(path+".json", append(b, '\n'), 0o644), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// filesIn are those of a directory of testdata.
func filesIn(t *testing.T, path string) files {
	t.Helper()
	all := files{}
	list, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range list {
		if all[x.Name()], err = os.ReadFile(filepath.Join(path, x.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestLaterFormats opens what a later release has written: it is refused, and is not taken for damaged, or removed.
func TestLaterFormats(t *testing.T) {
	mem, _, _ := small(t)
	all := filesOf(t, mem)
	for name, b := range all {
		later := slices.Clone(b)
		_, isLog := parseSegment(name)
		switch _, _, isTable := parseSnapshot(name); {
		case isLog:
			binary.LittleEndian.PutUint32(later[8:], segmentFormat+1)
			binary.LittleEndian.PutUint32(later[segmentFields-4:], crc32.Checksum(later[:segmentFields-4], castagnoli))
		case isTable:
			binary.LittleEndian.PutUint32(later[8:], snapshotFormat+1)
			binary.LittleEndian.PutUint32(later[snapshotHeader-4:], crc32.Checksum(later[:snapshotHeader-4], castagnoli))
		default: // in one copy only: it may be the newer one
			text := strings.Replace(strings.TrimRight(string(later[9:identityBytes]), " \n"), `"format":1`, `"format":2,"color":"red"`, 1)
			copy(later, fmt.Appendf(nil, "%08x %s", crc32.Checksum([]byte(text), castagnoli), text))
		}
		older := isOlder(all, name)
		dir := all.with(t, name, later)
		_, _, err := Open(testConfig(dir))
		switch {
		case older && err == nil:
		case !errors.Is(err, ErrFormat) || isDamage(err) || !strings.Contains(err.Error(), name):
			t.Errorf("%s of a later format: %v", name, err)
		}
		names, err := dir.List()
		if err != nil {
			t.Fatal(err)
		}
		if want := slices.Sorted(maps.Keys(all)); !older && !slices.Equal(slices.Sorted(slices.Values(names)), want) {
			t.Errorf("%s of a later format: there are %v left of %v", name, names, want)
		}
	}
	b := backup(t, puts(chain.Position{}, 3, 1, 20))
	binary.LittleEndian.PutUint32(b[8:], snapshotFormat+1)
	binary.LittleEndian.PutUint32(b[snapshotHeader-4:], crc32.Checksum(b[:snapshotHeader-4], castagnoli))
	if _, err := CheckSnapshot(strings.NewReader(string(b))); !errors.Is(err, ErrFormat) {
		t.Errorf("a backup of a later format: %v", err)
	}
}

// isOlder tells whether there is a newer snapshot than this one, so that nobody reads it.
func isOlder(all files, name string) bool {
	_, seq, ok := parseSnapshot(name)
	for n := range all {
		if _, other, isTable := parseSnapshot(n); ok && isTable && other > seq {
			return true
		}
	}
	return false
}
