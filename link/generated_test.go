package link_test

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	linkv1 "github.com/chaintable/chaintable/api/chaintable/link/v1"
	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/link"
	"github.com/chaintable/chaintable/table"
)

// What is written by hand is what the generated code writes, byte for byte, and the other way round.
func TestSamplesMatchTheReference(t *testing.T) {
	for _, e := range link.Samples() {
		want := reference(e)
		theirs, err := proto.MarshalOptions{Deterministic: true}.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		ours := link.EncodePayload(e)
		if !bytes.Equal(ours, theirs) {
			t.Errorf("%T:\nours   % x\ntheirs % x", e.Message, ours, theirs)
		}
		var read linkv1.Frame
		if err := proto.Unmarshal(ours, &read); err != nil || !proto.Equal(&read, want) {
			t.Errorf("%T: the reference reads %v, %v", e.Message, &read, err)
		}
		if back, err := link.DecodePayload(theirs); err != nil || !reflect.DeepEqual(back, e) {
			t.Errorf("%T: %+v was read as %+v, %v", e.Message, e, back, err)
		}
	}
}

// Every field of every message, with random values: what the generated code writes, we read, write and lose
// nothing of.
func TestRandomFramesMatchTheReference(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	frame := (*linkv1.Frame)(nil).ProtoReflect().Descriptor()
	messages := frame.Oneofs().ByName("message").Fields()
	for i := range messages.Len() {
		field := messages.Get(i)
		if field.Number() < 16 {
			continue // of the connection, not of the chain
		}
		for range 200 {
			f := &linkv1.Frame{}
			fill(r, f.ProtoReflect(), field)
			f.Protocol = 1
			theirs, err := proto.MarshalOptions{Deterministic: true}.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			e, err := link.DecodePayload(theirs)
			if err != nil {
				t.Fatalf("%v: %v", f, err)
			}
			if ours := link.EncodePayload(e); !bytes.Equal(ours, theirs) {
				t.Fatalf("%v:\nours   % x\ntheirs % x", f, ours, theirs)
			}
		}
	}
}

// fill sets every field at random; of the oneof only the chosen one.
func fill(r *rand.Rand, m protoreflect.Message, chosen protoreflect.FieldDescriptor) {
	for i := range m.Descriptor().Fields().Len() {
		fd := m.Descriptor().Fields().Get(i)
		if fd.ContainingOneof() != nil && fd != chosen {
			continue
		}
		switch {
		case fd.IsList():
			list := m.Mutable(fd).List()
			for range r.IntN(4) {
				if fd.Message() != nil {
					fill(r, list.AppendMutable().Message(), chosen)
				} else {
					list.Append(protoreflect.ValueOfBytes(randomEntry(r)))
				}
			}
		case fd.Message() != nil:
			fill(r, m.Mutable(fd).Message(), chosen)
		default:
			m.Set(fd, scalar(r, fd))
		}
	}
}

// scalar is never zero: a message that is empty is left out by us where the generated code would write it.
func scalar(r *rand.Rand, fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(randomBytes(r))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(1 + r.Uint32N(255))
	default:
		return protoreflect.ValueOfUint64(max(1, r.Uint64()>>r.IntN(64)))
	}
}

func randomBytes(r *rand.Rand) []byte {
	b := make([]byte, 1+r.IntN(300))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func randomEntry(r *rand.Rand) []byte {
	return table.AppendEntry(nil, &chain.Entry{
		Seq: chain.Seq(r.Uint64()), Epoch: chain.Epoch(r.Uint64()), Kind: chain.KindCommand,
		Request:   chain.RequestID{Session: chain.SessionID(r.Uint64()), Number: r.Uint64()},
		DoneBelow: 1, Command: randomBytes(r),
	})
}

// reference is the envelope in generated code.
func reference(e chain.Envelope) *linkv1.Frame {
	f := &linkv1.Frame{Protocol: 1, Chain: uint64(e.Chain), Epoch: uint64(e.Epoch), From: memberID(e.From), To: memberID(e.To)}
	switch m := e.Message.(type) {
	case chain.Hello:
		f.Message = &linkv1.Frame_Hello{Hello: &linkv1.Hello{Link: m.Link}}
	case chain.Welcome:
		f.Message = &linkv1.Frame_Welcome{Welcome: &linkv1.Welcome{
			Link: m.Link, Last: position(m.Last), Transfer: m.Transfer, NextChunk: m.NextChunk,
		}}
	case chain.Append:
		a := &linkv1.Append{Link: m.Link, Prev: position(m.Prev), Stable: uint64(m.Stable), Committed: uint64(m.Committed)}
		for _, e := range m.Entries {
			a.Entries = append(a.Entries, e.Encoded)
		}
		f.Message = &linkv1.Frame_Append{Append: a}
	case chain.Ack:
		f.Message = &linkv1.Frame_Ack{Ack: &linkv1.Ack{
			Link: m.Link, Committed: uint64(m.Committed), Durable: uint64(m.Durable), Received: uint64(m.Received), Full: memberID(m.Full),
		}}
	case chain.Snapshot:
		f.Message = &linkv1.Frame_Snapshot{Snapshot: &linkv1.Snapshot{
			Link: m.Link, Transfer: m.Transfer, Base: position(m.Base), Index: m.Index, Data: m.Data, Last: m.Last,
		}}
	case chain.SnapshotAck:
		f.Message = &linkv1.Frame_SnapshotAck{SnapshotAck: &linkv1.SnapshotAck{Link: m.Link, Transfer: m.Transfer, Next: m.Next}}
	case chain.Propose:
		p := &linkv1.Propose{Stream: m.Stream, First: m.First}
		for _, x := range m.Proposals {
			p.Proposals = append(p.Proposals, proposal(x))
		}
		f.Message = &linkv1.Frame_Propose{Propose: p}
	case chain.Proposed:
		f.Message = &linkv1.Frame_Proposed{Proposed: &linkv1.Proposed{
			Stream: m.Stream, Index: m.Index, Seq: uint64(m.Seq), Refuse: uint32(m.Refuse), Full: memberID(m.Full),
		}}
	case chain.Barrier:
		f.Message = &linkv1.Frame_Barrier{Barrier: &linkv1.Barrier{Number: m.Number}}
	case chain.Ping:
		f.Message = &linkv1.Frame_Ping{Ping: &linkv1.Ping{Reply: m.Reply}}
	case chain.Digest:
		d := &linkv1.Digest{Seq: uint64(m.Seq)}
		for _, s := range m.Sums {
			d.Sums = append(d.Sums, &linkv1.Sum{Known: s.Known, Sum: s.Sum, Learned: s.Learned})
		}
		f.Message = &linkv1.Frame_Digest{Digest: d}
	case chain.Stale:
		f.Message = &linkv1.Frame_Stale{Stale: &linkv1.Stale{Epoch: uint64(m.Epoch)}}
	}
	return f
}

func proposal(p chain.Proposal) *linkv1.Proposal {
	out := &linkv1.Proposal{
		Kind: uint32(p.Kind), Session: uint64(p.Request.Session), Number: p.Request.Number, DoneBelow: p.DoneBelow,
		Command: p.Command, WantSeq: p.WantSeq,
	}
	if p.Tag != (chain.Tag{}) {
		out.Tag = &linkv1.Tag{By: memberID(p.Tag.By), Number: p.Tag.Number}
	}
	return out
}

func memberID(m chain.MemberID) *linkv1.MemberID {
	if m == (chain.MemberID{}) {
		return nil
	}
	return &linkv1.MemberID{Node: uint64(m.Node), Incarnation: uint64(m.Incarnation)}
}

func position(p chain.Position) *linkv1.Position {
	if p == (chain.Position{}) {
		return nil
	}
	return &linkv1.Position{Seq: uint64(p.Seq), Epoch: uint64(p.Epoch)}
}
