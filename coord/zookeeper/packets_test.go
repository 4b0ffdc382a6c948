package zookeeper

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// received is a connection on which bytes have arrived.
type received struct {
	net.Conn
	*bytes.Reader
}

func (r received) Read(b []byte) (int, error)      { return r.Reader.Read(b) }
func (r received) Write(b []byte) (int, error)     { return len(b), nil }
func (r received) SetReadDeadline(time.Time) error { return nil }

// packed is its parts, numbers of 4 bytes and texts, behind their length.
func packed(parts ...any) []byte {
	content := joined(parts...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(content))), content...)
}

func joined(parts ...any) (b []byte) {
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = binary.BigEndian.AppendUint32(b, uint32(p))
		case string:
			b = append(b, p...)
		}
	}
	return b
}

// opening is a good answer to the first request: version, timeout, session, password.
func opening() []byte { return packed(0, 4000, 1, 2, 16, "sixteen bytes...", "\x00") }

// answers are those to requests of the type with number 7, whose content is that.
func answer(content ...any) []byte {
	return packed(append([]any{7, 0, 1, 0}, content...)...)
}

var packetCases = []struct {
	name string
	op   int // of request 7
	data []byte
	good bool
}{
	{"an opening alone", 0, nil, true},
	{"a ping", 0, packed(-2, 0, 0, 0), true},
	{"no length", 0, []byte{0, 0}, false},
	{"empty", 0, packed(), false},
	{"15 bytes", 0, packed(7, 0, 1, "abc"), false},
	{"a huge length", 0, []byte{0x7f, 0xff, 0xff, 0xff}, false},
	{"a negative length", 0, []byte{0xff, 0xff, 0xff, 0xff}, false},
	{"more than a packet may have", 0, packed(7, 0, 1, 0, strings.Repeat("x", maxPacket)), false},
	{"cut", 0, packed(7, 0, 1, 0, "xyz")[:18], false},
	{"data", opGetData, answer(3, "abc", strings.Repeat("s", 68)), true},
	{"no data", opGetData, answer(-1, strings.Repeat("s", 68)), true},
	{"an error instead of data", opGetData, packed(7, 0, 1, -101), true},
	{"data of another request", opSetAnything, answer(1 << 30), true},
	{"data longer than its packet", opGetData, answer(1<<30, "abc"), false},
	{"data of a negative length", opGetData, answer(-2, "abc"), false},
	{"data without a length", opGetData, answer(), false},
	{"names", opGetChildren, answer(2, 1, "a", 2, "bc"), true},
	{"too many names", opGetChildren, answer(1<<30, 1, "a"), false},
	{"a negative number of names", opGetChildren, answer(-1), false},
	{"a name longer than its packet", opGetChildren, answer(1, 9, "a"), false},
	{"results", opMulti, answer(1, "\x00", 0, 5, "/name", 2, "\x00", 0, 13, "\x00", 0, 5, "\x00", 0, strings.Repeat("s", 68), -1, "\x01", -1), true},
	{"an error among results", opMulti, answer(-1, "\x00", 0, 0, -1, "\x00", 0, -101, -1, "\x01", -1), true},
	{"results without an end", opMulti, answer(2, "\x00", 0), false},
	{"half a result", opMulti, answer(2), false},
	{"a result of no type", opMulti, answer(99, "\x00", 0, -1, "\x01", -1), false},
	{"a created name longer than its packet", opMulti, answer(1, "\x00", 0, 50, "/name"), false},
}

const opSetAnything = 5

// throughPackets reads what arrives behind the request, as zk.Conn does.
func throughPackets(op int, data []byte) (read []byte, err error) {
	p := newPackets(received{Reader: bytes.NewReader(data)}, nil, time.Second, func(time.Duration, error) {})
	if _, err := p.Write(packed(7, op, "/path")); err != nil {
		return nil, err
	}
	return io.ReadAll(p)
}

func TestPackets(t *testing.T) {
	for _, c := range packetCases {
		t.Run(c.name, func(t *testing.T) {
			data := append(opening(), c.data...)
			read, err := throughPackets(c.op, data)
			if c.good && (err != nil || !bytes.Equal(read, data)) {
				t.Errorf("got %d bytes of %d, and error %v", len(read), len(data), err)
			}
			if !c.good && (err == nil || len(read) != len(opening())) {
				t.Errorf("%d bytes came through behind the opening, and error %v", len(read)-len(opening()), err)
			}
		})
	}
	for _, first := range [][]byte{packed(0, 4000, 1, 2), packed(0, 4000, 1, 2, 1<<30, "x"), packed(0, -1, 1, 2, 16, "sixteen bytes..."), packed(0, 0, 1, 2, 16, "sixteen bytes..."), packed(0, 1, 0, 2, 16, "sixteen bytes...")} {
		if read, err := throughPackets(0, first); !errors.Is(err, errPacket) || len(read) > 0 {
			t.Errorf("a bad opening: %d bytes came through, and error %v", len(read), err)
		}
	}
	expired := packed(0, 0, 0, 0, 16, "sixteen bytes...")
	if read, err := throughPackets(0, expired); err != nil || !bytes.Equal(read, expired) {
		t.Errorf("of a session that has expired %d bytes came through, and error %v", len(read), err)
	}
}

// FuzzPackets: what comes through is what came, whole packets of it, and never more than a packet may have.
func FuzzPackets(f *testing.F) {
	for _, c := range packetCases {
		if len(c.data) < 1000 {
			f.Add(c.op, append(opening(), c.data...))
		}
	}
	f.Fuzz(func(t *testing.T, op int, data []byte) {
		read, _ := throughPackets(op, data)
		if !bytes.HasPrefix(data, read) {
			t.Fatal("what came through is not what came")
		}
		for len(read) > 0 {
			n := binary.BigEndian.Uint32(read)
			if n < minPacket || n > maxPacket || int(n) > len(read)-4 {
				t.Fatalf("a packet of %d bytes came through", n)
			}
			read = read[4+n:]
		}
	})
}

// FuzzConnect: what Parse takes it writes down so that it takes it again.
func FuzzConnect(f *testing.F) {
	for _, s := range []string{"zk:2181", "zk1:1,zk2:2/app", "[::1]:2181/a/b", ":1", "a:1/", "a:1//", "a:1/../b", "a:0", "a:1,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Parse(c.String()); err != nil || again.String() != c.String() {
			t.Fatalf("%q is %q, and that %q, %v", s, c, again, err)
		}
	})
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"127.0.0.1:2181", "127.0.0.1:2181"},
		{"a:1,b:2,[::1]:3", "a:1,b:2,[::1]:3"},
		{"a:1/app", "a:1/app"},
		{"a:1,b:2/app/x", "a:1,b:2/app/x"},
		{"a:1/", "a:1"},
		{"", ""},
		{"a", ""},
		{"a:1,b", ""},
		{":1", ""},
		{"a:0", ""},
		{"a:65536", ""},
		{"a:x", ""},
		{"a:1,", ""},
		{"a:1//x", ""},
		{"a:1/x/../y", ""},
		{"a:1/x y", ""},
		{"a:1/\x00", ""},
		{"/app", ""},
		{"http://a:1", ""},
	} {
		got, err := Parse(c.in)
		if c.want == "" && err == nil {
			t.Errorf("%q is taken for %q", c.in, got)
		}
		if c.want != "" && (err != nil || got.String() != c.want) {
			t.Errorf("%q: got %q and %v, want %q", c.in, got, err, c.want)
		}
	}
}
