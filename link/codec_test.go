package link

import (
	"bytes"
	"io"
	"math"
	"net"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

func TestEveryMessageComesBack(t *testing.T) {
	kinds := map[reflect.Type]bool{}
	for _, e := range samples() {
		kinds[reflect.TypeOf(e.Message)] = true
		f := frame{Envelope: e}
		body, payload := f.sizes()
		b := appendFrame([]byte("before"), &f, body, payload)
		if len(b) != len("before")+headerBytes+payload {
			t.Errorf("%T: %d bytes, not the %d that were counted", e.Message, len(b), payload)
		}
		for _, owned := range []bool{false, true} {
			p := bytes.Clone(b[len("before")+headerBytes:])
			got, err := decodeFrame(p, owned)
			if err != nil {
				t.Fatalf("%T: %v", e.Message, err)
			}
			if !owned {
				clear(p) // nothing may depend on it
			}
			if !reflect.DeepEqual(got.Envelope, e) {
				t.Errorf("%+v came back as %+v", e, got.Envelope)
			}
		}
	}
	if len(kinds) != 12 {
		t.Errorf("%d kinds of messages have a sample", len(kinds))
	}
}

func TestEntriesTravelAsTheHeadMadeThem(t *testing.T) {
	e := entry(5, []byte("x"))
	onlyBytes := chain.Entry{Encoded: e.Encoded} // shows that nothing is encoded again
	got := throughBytes(t, chain.Append{Entries: []chain.Entry{onlyBytes}}).(chain.Append)
	if !reflect.DeepEqual(got.Entries[0], e) {
		t.Errorf("sent %+v, received %+v", e, got.Entries[0])
	}

	bare := e
	bare.Encoded = nil
	got = throughBytes(t, chain.Append{Entries: []chain.Entry{bare}}).(chain.Append)
	if want := table.AppendEntry(nil, &bare); !bytes.Equal(got.Entries[0].Encoded, want) {
		t.Errorf("an entry without bytes: received % x, want % x", got.Entries[0].Encoded, want)
	}
}

// Who appends to the bytes of one entry must not write over the next.
func TestReceivedSlicesEndWhereTheyEnd(t *testing.T) {
	m := chain.Append{Entries: []chain.Entry{entry(1, []byte("a")), entry(2, []byte("b"))}}
	got := throughBytes(t, m).(chain.Append)
	_ = append(got.Entries[0].Encoded, "scribble"...)
	if !bytes.Equal(got.Entries[1].Encoded, m.Entries[1].Encoded) {
		t.Errorf("the second entry became % x", got.Entries[1].Encoded)
	}
}

func throughBytes(t *testing.T, m chain.Message) chain.Message {
	t.Helper()
	got, err := DecodePayload(EncodePayload(chain.Envelope{Message: m}))
	if err != nil {
		t.Fatal(err)
	}
	return got.Message
}

func TestUnknownFieldsAreSkipped(t *testing.T) {
	b := EncodePayload(chain.Envelope{From: alice, Message: chain.Ping{Reply: true}})
	b = protowire.AppendTag(b, 900, protowire.BytesType)
	b = protowire.AppendBytes(b, []byte("from the future"))
	b = protowire.AppendTag(b, 901, protowire.Fixed32Type)
	b = protowire.AppendFixed32(b, 1)
	got, err := DecodePayload(b)
	if err != nil || got.From != alice || got.Message != (chain.Ping{Reply: true}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestBadPayloads(t *testing.T) {
	ping := EncodePayload(chain.Envelope{Message: chain.Ping{}})
	message := func(n protowire.Number, body ...byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag([]byte{8, protocolVersion}, n, protowire.BytesType), body)
	}
	for name, c := range map[string]struct {
		payload []byte
		want    string
	}{
		"nothing":            {nil, "protocol version 0"},
		"no message":         {[]byte{8, protocolVersion}, "no message"},
		"other version":      {append([]byte{8, 2}, ping[2:]...), "protocol version 2"},
		"two messages":       {append(bytes.Clone(ping), ping[2:]...), "two messages"},
		"unknown message":    {message(12), "unknown message"},
		"cut":                {ping[:len(ping)-1], "unexpected EOF"},
		"chain as varint":    {append(bytes.Clone(ping), 0x10, 1), "field 2: wrong wire type"},
		"from as varint":     {append(bytes.Clone(ping), 0x20, 1), "field 4: wrong wire type"},
		"group":              {append(bytes.Clone(ping), 0xf3, 7), "wrong wire type"},
		"endless varint":     {bytes.Repeat([]byte{0xff}, 20), "integer overflow"},
		"field zero":         {[]byte{0, 0}, "invalid field number"},
		"bytes past the end": {append(bytes.Clone(ping), 0x22, 0xff, 0xff, 0xff, 0xff, 0x7f), "unexpected EOF"},
		"entry as varint":    {message(fieldAppend, 0x28, 1), "wrong wire type"},
		"empty entry":        {message(fieldAppend, 0x2a, 0), "table: "},
		"refusal of 256":     {message(fieldProposed, 0x20, 0x80, 2), "out of range"},
		"kind of 256":        {message(fieldPropose, 0x1a, 3, 8, 0x80, 2), "out of range"},
		"too many proposals": {message(fieldPropose, bytes.Repeat([]byte{0x1a, 0}, maxProposals+1)...), "more than 65536"},
		"too many sums":      {message(fieldDigest, bytes.Repeat([]byte{0x12, 0}, maxSums+1)...), "more than 1000"},
		"sum as varint":      {message(fieldDigest, 0x12, 2, 0x10, 1), "wrong wire type"},
		"too many entries":   {message(fieldAppend, bytes.Repeat([]byte{0x2a, 0}, maxEntries+1)...), "more than 65536"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decodeFrame(c.payload, false)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "link: decode ") {
				t.Errorf("got %+v, %v; want an error with %q", got, err, c.want)
			}
		})
	}
}

// bytesConn is a connection on which the bytes of a reader arrive.
type bytesConn struct {
	net.Conn
	io.Reader
}

func (c bytesConn) Read(b []byte) (int, error)    { return c.Reader.Read(b) }
func (bytesConn) SetReadDeadline(time.Time) error { return nil }

func readerOf(r io.Reader) *reader {
	b := &budget{}
	b.limit.Store(math.MaxInt64)
	return newReader(bytesConn{Reader: r}, time.Second, b)
}

// stream is frames end to end, as on a connection.
func stream(envelopes ...chain.Envelope) []byte {
	var b []byte
	for _, e := range envelopes {
		b = appendControl(b, &frame{Envelope: e})
	}
	return b
}

func readAll(r *reader) (got []chain.Envelope, err error) {
	for {
		f, err := r.frame()
		if err != nil {
			return got, err
		}
		got = append(got, f.Envelope)
	}
}

func TestFramesInPieces(t *testing.T) {
	want := samples()
	want = append(want, chain.Envelope{Message: chain.Snapshot{Data: bytes.Repeat([]byte("large"), 200_000)}})
	want = append(want, samples()...)
	want = append(want, chain.Envelope{Message: chain.Snapshot{Data: bytes.Repeat([]byte("b"), firstBuffer-headerBytes)}})
	want = append(want, samples()...)
	b := stream(want...)
	for name, r := range map[string]io.Reader{
		"whole":           bytes.NewReader(b),
		"byte by byte":    iotest.OneByteReader(bytes.NewReader(b)),
		"in halves":       iotest.HalfReader(bytes.NewReader(b)),
		"data with error": iotest.DataErrReader(bytes.NewReader(b)),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readAll(readerOf(r))
			if err != io.EOF || !reflect.DeepEqual(got, want) {
				t.Errorf("read %d of %d messages, then %v", len(got), len(want), err)
			}
		})
	}
}

func TestEveryChangedBitIsSeen(t *testing.T) {
	want := samples()[4:8]
	b := stream(want...)
	for i := range len(b) * 8 {
		b[i/8] ^= 1 << (i % 8)
		got, err := readAll(readerOf(bytes.NewReader(b)))
		if err == io.EOF || err == nil {
			t.Fatalf("bit %d changed: no error", i)
		}
		if len(got) >= len(want) || len(got) > 0 && !reflect.DeepEqual(got, want[:len(got)]) {
			t.Fatalf("bit %d changed: read %+v", i, got)
		}
		b[i/8] ^= 1 << (i % 8)
	}
}

func TestEveryCutIsSeen(t *testing.T) {
	want := samples()[4:8]
	b := stream(want...)
	ends := map[int]int{0: 0}
	for i := range want {
		ends[len(stream(want[:i+1]...))] = i + 1
	}
	for n := range b {
		got, err := readAll(readerOf(bytes.NewReader(b[:n])))
		whole, atEnd := ends[n]
		if atEnd && (err != io.EOF || len(got) != whole) || !atEnd && err != io.ErrUnexpectedEOF {
			t.Errorf("cut at %d: %d messages, %v", n, len(got), err)
		}
	}
}

// What is announced costs nothing; only what has come does.
func TestMemoryGrowsAsBytesArrive(t *testing.T) {
	b := stream(chain.Envelope{Message: chain.Snapshot{Data: make([]byte, 60<<20)}})
	for _, c := range []struct{ arrived, atMost int }{
		{20, 1 << 20}, {1 << 20, 6 << 20}, {4 << 20, 24 << 20},
	} {
		before := allocated()
		_, err := readAll(readerOf(bytes.NewReader(b[:c.arrived])))
		if grown := allocated() - before; err != io.ErrUnexpectedEOF || grown > uint64(c.atMost) {
			t.Errorf("%d bytes arrived: %d allocated, %v", c.arrived, grown, err)
		}
	}
	for _, length := range []uint32{MaxFrameBytes + 1, 1<<31 - 1, 1 << 31, math.MaxUint32} {
		header := []byte{byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length), 1, 2, 3, 4}
		before := allocated()
		_, err := readAll(readerOf(bytes.NewReader(header)))
		if grown := allocated() - before; grown > 64<<10 || err == nil || !strings.Contains(err.Error(), "over 7") {
			t.Errorf("length %d: %d allocated, %v", length, grown, err)
		}
	}
}

// allocated counts all memory ever allocated, in bytes.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestUnfinishedFramesHaveABound(t *testing.T) {
	b := stream(chain.Envelope{Message: chain.Snapshot{Data: make([]byte, 1<<20)}})
	small := &budget{}
	small.limit.Store(600 << 10)
	_, err := readAll(newReader(bytesConn{Reader: bytes.NewReader(b)}, time.Second, small))
	if err == nil || !strings.Contains(err.Error(), "unfinished frames") {
		t.Errorf("a frame over the bound: %v", err)
	}
	if n := small.used.Load(); n != 0 {
		t.Errorf("%d bytes were not given back", n)
	}
	small.limit.Store(2 << 20)
	if got, err := readAll(newReader(bytesConn{Reader: bytes.NewReader(b)}, time.Second, small)); err != io.EOF || len(got) != 1 {
		t.Errorf("a frame within the bound: %v", err)
	}
	if n := small.used.Load(); n != 0 {
		t.Errorf("%d bytes were not given back", n)
	}
}
