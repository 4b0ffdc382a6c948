package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/chaintable/chaintable/chain"
)

// m builds a message: pairs of a field and its value, int for varints, string for bytes.
func m(fields ...any) string {
	var b []byte
	for i := 0; i < len(fields); i += 2 {
		number := protowire.Number(fields[i].(int))
		switch v := fields[i+1].(type) {
		case int:
			b = protowire.AppendTag(b, number, protowire.VarintType)
			if number == fieldResult {
				b = protowire.AppendVarint(b, protowire.EncodeZigZag(int64(v)))
			} else {
				b = protowire.AppendVarint(b, uint64(v))
			}
		case string:
			b = protowire.AppendTag(b, number, protowire.BytesType)
			b = protowire.AppendString(b, v)
		}
	}
	return string(b)
}

// decodeAll feeds input in pieces that end at the cuts, and says what is known behind the last one.
func decodeAll(input []byte, then behind, cuts ...int) string {
	var d decoder
	var out []string
	var held []byte
	from := 0
	for i, to := range append(cuts, len(input)) {
		held = append(held, input[from:to]...)
		from = to
		for {
			last := open
			if i == len(cuts) {
				last = then
			}
			n, r, whole, err := d.next(held, last)
			if err != nil {
				return strings.Join(append(out, "ERROR"), " ")
			}
			if whole {
				out = append(out, fmt.Sprintf("%d/%d %q=%q %d", r.Opcode, r.Type, r.Key, r.Data, r.Result))
			}
			held = bytes.Clone(held[n:])
			if !whole {
				break
			}
		}
	}
	if len(held) > 0 {
		out = append(out, fmt.Sprintf("REST %d", len(held)))
	}
	return strings.Join(out, " ")
}

var (
	put    = m(1, 40, 2, 30, 3, "key", 5, "data")
	get    = m(1, 30, 2, 10, 3, "key")
	size   = m(1, 10, 2, 60)
	verify = m(1, 60, 2, 50, 6, 7)
)

var decodeCases = []struct {
	name, in string
	want     string // without silence behind it
	silent   string // with it; empty for the same
}{
	{"put", put, `40/30 "key"="data" 0`, ""},
	{"get", get, `30/10 "key"="" 0`, ""},
	{"del", m(1, 20, 2, 10, 3, "key"), `20/10 "key"="" 0`, ""},
	{"size", size, `10/60 ""="" 0`, ""},
	{"getkeys", m(1, 50, 2, 60), `50/60 ""="" 0`, ""},
	{"verify", verify, `60/50 ""="" 7`, ""},
	{"verify of a negative number", m(1, 60, 2, 50, 6, -1), `60/50 ""="" -1`, ""},
	{"two in one", put + get, `40/30 "key"="data" 0 30/10 "key"="" 0`, ""},
	{"put without data", m(1, 40, 2, 30, 3, "key"), "REST 9", `40/30 "key"="" 0`},
	{"put without data, another", m(1, 40, 2, 30, 3, "key") + size, `40/30 "key"="" 0 10/60 ""="" 0`, ""},
	{"put without key", m(1, 40, 2, 30, 5, "data"), "REST 10", `40/30 ""="data" 0`},
	{"put without anything", m(1, 40, 2, 30), "REST 4", ""},
	{"verify without result", m(1, 60, 2, 50), "REST 4", `60/50 ""="" 0`},
	{"get without key", m(1, 30, 2, 10), "REST 4", ""},
	{"get without key, another", m(1, 30, 2, 10) + size, `30/10 ""="" 0 10/60 ""="" 0`, ""},
	{"empty key sent", m(1, 30, 2, 10, 3, ""), `30/10 ""="" 0`, ""},
	{"unknown opcode", m(1, 77, 2, 60), "REST 4", `77/60 ""="" 0`},
	{"unknown opcode, another", m(1, 77) + size, `77/0 ""="" 0 10/60 ""="" 0`, ""},
	{"negative opcode", m(1, -1), "REST 11", `-1/0 ""="" 0`},
	{"wrong type", m(1, 10, 2, 10), `10/10 ""="" 0`, ""},
	{"no type", m(1, 10), "REST 2", ""},
	{"wrong type of many", m(1, 40, 2, 10), "REST 4", `40/10 ""="" 0`},
	{"other order", m(1, 40, 5, "data", 3, "key", 2, 30), `40/30 "key"="data" 0`, ""},
	{"unknown fields", m(1, 40, 2, 30, 99, "x", 3, "key", 7, "k", 15, 3, 5, "data"), `40/30 "key"="data" 0`, ""},
	{"fields that come late", size + m(3, "late", 15, 1) + get, `10/60 "late"="" 0 30/10 "key"="" 0`, ""},
	{"field twice", m(1, 30, 2, 10, 2, 20, 3, "key"), `30/20 "key"="" 0`, ""},
	{"not utf8", m(1, 30, 2, 10, 3, "\xff\xfe"), `30/10 "\xff\xfe"="" 0`, ""},
	{"half a number", "\x08", "REST 1", ""},
	{"half a string", put[:len(put)-1], "REST 14", ""},
	{"half a field", m(1, 40, 2, 30, 3, "key") + "\x2a", "REST 10", ""},
	{"number without end", "\x08" + strings.Repeat("\x80", 9), "REST 10", ""},
	{"number beyond 64 bits", "\x08" + strings.Repeat("\xff", 10), "ERROR", ""},
	{"field 0", "\x08\x0a\x00", "ERROR", ""},
	{"group", "\x08\x0a\x0b", "ERROR", ""},
	{"end of group", "\x08\x0a\x0c", "ERROR", ""},
	{"wire type 6", "\x08\x0a\x0e", "ERROR", ""},
	{"length of 2^63-1", "\x08\x28\x2a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "ERROR", ""},
	{"length of 2^64-1", "\x08\x28\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "ERROR", ""},
	{"value of 16 MiB and one", "\x08\x28\x2a\x81\x80\x80\x08", "ERROR", ""},
	{"value of 16 MiB", "\x08\x28\x2a\x80\x80\x80\x08", "REST 7", ""},
	{"key of 64 KiB and one", "\x08\x28\x1a\x81\x80\x04", "ERROR", ""},
	{"key of 64 KiB", "\x08\x28\x1a\x80\x80\x04", "REST 6", ""},
	{"fixed", "\x08\x0a\x7d1234\x7912345678\x10\x3c", `10/60 ""="" 0`, ""},
	{"half a fixed", "\x08\x0a\x7d12", "REST 5", ""},
}

func TestDecode(t *testing.T) {
	for _, c := range decodeCases {
		if got := decodeAll([]byte(c.in), open); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
		want := c.want
		if c.silent != "" {
			want = c.silent
		}
		if got := decodeAll([]byte(c.in), silent); got != want {
			t.Errorf("%s, and silence: got %s, want %s", c.name, got, want)
		}
	}
}

// When nothing will come any more, a request is what came of it.
func TestDecodeEnded(t *testing.T) {
	for in, want := range map[string]string{
		m(1, 30, 2, 10): `30/10 ""="" 0`,
		m(1, 40, 2, 30): `40/30 ""="" 0`,
		put[:9]:         `40/30 "key"="" 0`,
		put[:8]:         "REST 8",
	} {
		if got := decodeAll([]byte(in), ended); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

// Requests with all their fields are the same however they are split.
func TestDecodeSplit(t *testing.T) {
	for _, in := range []string{put, get, size, verify, put + get + size + verify, m(1, 40, 2, 30, 3, "key") + size, m(1, 77, 2, 3) + put} {
		want := decodeAll([]byte(in), open)
		var all []int
		for cut := range len(in) {
			if got := decodeAll([]byte(in), open, cut); got != want {
				t.Errorf("%q, split at %d: got %s, want %s", in, cut, got, want)
			}
			all = append(all, cut)
		}
		if got := decodeAll([]byte(in), open, all...); got != want {
			t.Errorf("%q, byte by byte: got %s, want %s", in, got, want)
		}
	}
}

// A field that comes when its message has been answered does not get into the next.
func TestDecodeForgetsLateFields(t *testing.T) {
	in := []byte(size + m(3, "late", 6, 5) + m(1, 30, 2, 10))
	if got, want := decodeAll(in, ended, len(size)), `10/60 ""="" 0 30/10 ""="" 0`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Many small fields do not make a message endless.
func TestMessageIsBounded(t *testing.T) {
	in := append([]byte("\x08\x28"), bytes.Repeat([]byte("\x78\x01"), maxMessage/2)...)
	if got := decodeAll(in, open); got != "ERROR" {
		t.Errorf("got %.100s", got)
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range decodeCases {
		f.Add([]byte(c.in), uint8(silent))
	}
	f.Fuzz(func(t *testing.T, in []byte, then uint8) {
		var d decoder
		held := in
		for range len(in) + 2 {
			n, r, whole, err := d.next(held, behind(then))
			if n < 0 || n > len(held) {
				t.Fatalf("%d of %d bytes were consumed", n, len(held))
			}
			if len(r.Key) > 64<<10 || len(r.Data) > 16<<20 {
				t.Fatal("too long")
			}
			held = held[n:]
			if err != nil || !whole {
				return
			}
			if n == 0 {
				t.Fatal("a message of nothing")
			}
		}
		t.Fatal("more messages than bytes")
	})
}

func TestNumbers(t *testing.T) {
	for seq, want := range map[chain.Seq]int32{
		1: 1, 2: 2, modulus: modulus, modulus + 1: 1, modulus + 2: 2, 2 * modulus: modulus, 5*modulus + 3: 3,
	} {
		if got := shown(seq); got != want {
			t.Errorf("%d is shown as %d", seq, got)
		}
		for _, last := range []chain.Seq{seq - 1, seq, seq + modulus - chain.MaxUncommitted - 1} {
			if seq > chain.MaxUncommitted || last >= seq-1 {
				if got, ok := seqOf(want, last); !ok || got != seq {
					t.Errorf("%d, at the end of the log %d, is %d (%v), not %d", want, last, got, ok, seq)
				}
			}
		}
	}
	for _, c := range []struct {
		number int32
		last   chain.Seq
		want   chain.Seq
	}{
		{0, 1000, 0},
		{-1, 1000, 0},
		{chain.MaxUncommitted + 1, 0, 0}, // no head can have given it
		{chain.MaxUncommitted, 0, chain.MaxUncommitted},
		{1, modulus - chain.MaxUncommitted, 1},
		{1, modulus + 1 - chain.MaxUncommitted, modulus + 1}, // it may have been given again
	} {
		if got, _ := seqOf(c.number, c.last); got != c.want {
			t.Errorf("%d, at the end of the log %d, is %d, not %d", c.number, c.last, got, c.want)
		}
	}
}
