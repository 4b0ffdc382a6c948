package link

import (
	"bytes"
	"io"
	"reflect"
	"testing"
	"testing/iotest"

	"google.golang.org/protobuf/proto"

	linkv1 "github.com/chaintable/chaintable/api/chaintable/link/v1"
	"github.com/chaintable/chaintable/chain"
)

// Whatever the bytes: an error, or a message that comes back as it is, and that the reference reads as well.
func FuzzPayload(f *testing.F) {
	for _, e := range samples() {
		f.Add(EncodePayload(e))
	}
	for _, c := range []frame{
		{control: fieldOpen, connection: 7},
		{control: fieldProbe},
		{control: fieldProbed, Envelope: chain.Envelope{From: bob}},
	} {
		f.Add(appendControl(nil, &c)[headerBytes:])
	}
	f.Add([]byte{8, 1, 0xca, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x30, 0}) // a field number that is too high
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := decodeFrame(payload, false)
		if err != nil {
			return
		}
		var reference linkv1.Frame
		if err := proto.Unmarshal(payload, &reference); err != nil {
			t.Fatalf("accepted %+v, and the reference does not: %v", got, err)
		}
		body, size := got.sizes()
		again := appendFrame(nil, &got, body, size)[headerBytes:]
		if len(again) != size {
			t.Fatalf("%+v takes %d bytes, not %d", got, len(again), size)
		}
		back, err := decodeFrame(again, true)
		if err != nil || !reflect.DeepEqual(got, back) {
			t.Fatalf("%+v came back as %+v, %v", got, back, err)
		}
		var second linkv1.Frame
		if err := proto.Unmarshal(again, &second); err != nil {
			t.Fatal(err)
		}
		forget(&reference)
		if !proto.Equal(&reference, &second) {
			t.Fatalf("the reference reads %v, and after a round trip %v", &reference, &second)
		}
	})
}

// forget drops unknown fields, here and within, and messages that say nothing: they are not written again.
func forget(f *linkv1.Frame) {
	var clean func(m proto.Message)
	clean = func(m proto.Message) {
		r := m.ProtoReflect()
		r.SetUnknown(nil)
		for fd, v := range r.Range {
			switch {
			case fd.Message() == nil:
			case fd.IsList():
				for i := range v.List().Len() {
					clean(v.List().Get(i).Message().Interface())
				}
			default:
				inner := v.Message().Interface()
				clean(inner)
				if proto.Size(inner) == 0 && fd.ContainingOneof() == nil {
					r.Clear(fd)
				}
			}
		}
	}
	clean(f)
}

// Whatever the bytes, and in whatever pieces they come: the same messages, and then an error.
func FuzzStream(f *testing.F) {
	whole := stream(samples()...)
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Add(append(bytes.Clone(whole[:30]), whole...))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Add([]byte{0, 0x40, 0, 0, 0, 0, 0, 0, 1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readAll(readerOf(bytes.NewReader(b)))
		if err == nil {
			t.Fatal("no end")
		}
		pieces, err2 := readAll(readerOf(iotest.OneByteReader(bytes.NewReader(b))))
		if !reflect.DeepEqual(got, pieces) || err.Error() != err2.Error() {
			t.Fatalf("in one piece %+v, %v; byte by byte %+v, %v", got, err, pieces, err2)
		}
		if err == io.EOF && len(b) > 0 && len(got) == 0 {
			t.Fatal("bytes vanished")
		}
	})
}
