package link

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

const protocolVersion = 1

// Field numbers of chaintable.link.v1.Frame; those of the messages in it are in their methods.
const (
	fieldProtocol protowire.Number = 1
	fieldChain    protowire.Number = 2
	fieldEpoch    protowire.Number = 3
	fieldFrom     protowire.Number = 4
	fieldTo       protowire.Number = 5

	fieldOpen   protowire.Number = 8
	fieldProbe  protowire.Number = 9
	fieldProbed protowire.Number = 10

	fieldHello       protowire.Number = 16
	fieldWelcome     protowire.Number = 17
	fieldAppend      protowire.Number = 18
	fieldAck         protowire.Number = 19
	fieldSnapshot    protowire.Number = 20
	fieldSnapshotAck protowire.Number = 21
	fieldPropose     protowire.Number = 22
	fieldProposed    protowire.Number = 23
	fieldBarrier     protowire.Number = 24
	fieldPing        protowire.Number = 25
	fieldStale       protowire.Number = 26
	fieldDigest      protowire.Number = 27
)

// frame is what one frame says: an envelope, or something about the connection itself.
type frame struct {
	chain.Envelope                  // without Message in the frames about the connection
	control        protowire.Number // fieldOpen, fieldProbe or fieldProbed; zero for an envelope
	connection     uint64           // fieldOpen
}

// number is the field that holds what the frame says.
func (f *frame) number() protowire.Number {
	switch f.Message.(type) {
	case nil:
		return f.control
	case chain.Hello:
		return fieldHello
	case chain.Welcome:
		return fieldWelcome
	case chain.Append:
		return fieldAppend
	case chain.Ack:
		return fieldAck
	case chain.Snapshot:
		return fieldSnapshot
	case chain.SnapshotAck:
		return fieldSnapshotAck
	case chain.Propose:
		return fieldPropose
	case chain.Proposed:
		return fieldProposed
	case chain.Barrier:
		return fieldBarrier
	case chain.Ping:
		return fieldPing
	case chain.Stale:
		return fieldStale
	case chain.Digest:
		return fieldDigest
	}
	panic(fmt.Sprintf("link: no encoding for a %T", f.Message))
}

// encoder writes protobuf fields behind b or, if it only counts, adds up their bytes in n. Each message is thus
// described once, and its length is known before it is written: nothing that was written has to move.
type encoder struct {
	b        []byte
	n        int
	counting bool
}

// frame writes the payload; body is the length of what it says, from bodySize.
func (e *encoder) frame(f *frame, body int) {
	e.uint(fieldProtocol, protocolVersion)
	e.fixed(fieldChain, uint64(f.Chain))
	e.uint(fieldEpoch, uint64(f.Epoch))
	e.memberID(fieldFrom, f.From)
	e.memberID(fieldTo, f.To)
	e.open(f.number(), body)
	if e.counting {
		e.n += body
		return
	}
	e.body(f)
}

// sizes are the lengths of what the frame says and of the whole payload.
func (f *frame) sizes() (body, payload int) {
	b := encoder{counting: true}
	b.body(f)
	p := encoder{counting: true}
	p.frame(f, b.n)
	return b.n, p.n
}

func (e *encoder) body(f *frame) {
	switch m := f.Message.(type) {
	case nil:
		e.uint(1, f.connection)
	case chain.Hello:
		e.uint(1, m.Link)
	case chain.Welcome:
		e.uint(1, m.Link)
		e.position(2, m.Last)
		e.uint(3, m.Transfer)
		e.uint(4, m.NextChunk)
	case chain.Append:
		e.uint(1, m.Link)
		e.position(2, m.Prev)
		e.uint(3, uint64(m.Stable))
		e.uint(4, uint64(m.Committed))
		for i := range m.Entries {
			e.element(5, entryBytes(&m.Entries[i]))
		}
	case chain.Ack:
		e.uint(1, m.Link)
		e.uint(2, uint64(m.Committed))
		e.uint(3, uint64(m.Durable))
		e.uint(4, uint64(m.Received))
		e.memberID(5, m.Full)
	case chain.Snapshot:
		e.uint(1, m.Link)
		e.uint(2, m.Transfer)
		e.position(3, m.Base)
		e.uint(4, m.Index)
		e.bytes(5, m.Data)
		e.bool(6, m.Last)
	case chain.SnapshotAck:
		e.uint(1, m.Link)
		e.uint(2, m.Transfer)
		e.uint(3, m.Next)
	case chain.Propose:
		e.uint(1, m.Stream)
		e.uint(2, m.First)
		for i := range m.Proposals {
			size := encoder{counting: true}
			size.proposal(&m.Proposals[i])
			e.open(3, size.n)
			e.proposal(&m.Proposals[i])
		}
	case chain.Proposed:
		e.uint(1, m.Stream)
		e.uint(2, m.Index)
		e.uint(3, uint64(m.Seq))
		e.uint(4, uint64(m.Refuse))
		e.memberID(5, m.Full)
	case chain.Barrier:
		e.uint(1, m.Number)
	case chain.Ping:
		e.bool(1, m.Reply)
	case chain.Stale:
		e.uint(1, uint64(m.Epoch))
	case chain.Digest:
		e.uint(1, uint64(m.Seq))
		for _, s := range m.Sums {
			e.open(2, sizeUint(1, protowire.EncodeBool(s.Known))+sizeFixed(2, s.Sum)+sizeUint(3, protowire.EncodeBool(s.Learned)))
			e.bool(1, s.Known)
			e.fixed(2, s.Sum)
			e.bool(3, s.Learned)
		}
	}
}

func (e *encoder) proposal(p *chain.Proposal) {
	e.uint(1, uint64(p.Kind))
	e.uint(2, uint64(p.Request.Session))
	e.uint(3, p.Request.Number)
	e.uint(4, p.DoneBelow)
	e.bytes(5, p.Command)
	if p.Tag != (chain.Tag{}) {
		size := encoder{counting: true}
		size.tag(p.Tag)
		e.open(6, size.n)
		e.tag(p.Tag)
	}
	e.bool(7, p.WantSeq)
}

func (e *encoder) tag(t chain.Tag) {
	e.memberID(1, t.By)
	e.uint(2, t.Number)
}

func (e *encoder) memberID(n protowire.Number, m chain.MemberID) {
	if m != (chain.MemberID{}) {
		e.open(n, sizeFixed(1, uint64(m.Node))+sizeUint(2, uint64(m.Incarnation)))
		e.fixed(1, uint64(m.Node))
		e.uint(2, uint64(m.Incarnation))
	}
}

func (e *encoder) position(n protowire.Number, p chain.Position) {
	if p != (chain.Position{}) {
		e.open(n, sizeUint(1, uint64(p.Seq))+sizeUint(2, uint64(p.Epoch)))
		e.uint(1, uint64(p.Seq))
		e.uint(2, uint64(p.Epoch))
	}
}

// entryBytes are the bytes the head made. Only entries of a chain whose Config.Encode is nil have none.
func entryBytes(entry *chain.Entry) []byte {
	if entry.Encoded != nil {
		return entry.Encoded
	}
	return table.AppendEntry(nil, entry)
}

// open begins a message of size bytes, which follow.
func (e *encoder) open(n protowire.Number, size int) {
	if e.counting {
		e.n += protowire.SizeTag(n) + protowire.SizeVarint(uint64(size))
		return
	}
	e.b = protowire.AppendTag(e.b, n, protowire.BytesType)
	e.b = protowire.AppendVarint(e.b, uint64(size))
}

// element is bytes that are written even if there are none.
func (e *encoder) element(n protowire.Number, v []byte) {
	e.open(n, len(v))
	if e.counting {
		e.n += len(v)
		return
	}
	e.b = append(e.b, v...)
}

func (e *encoder) bytes(n protowire.Number, v []byte) {
	if len(v) > 0 {
		e.element(n, v)
	}
}

func (e *encoder) uint(n protowire.Number, v uint64) {
	switch {
	case e.counting:
		e.n += sizeUint(n, v)
	case v != 0:
		e.b = protowire.AppendTag(e.b, n, protowire.VarintType)
		e.b = protowire.AppendVarint(e.b, v)
	}
}

func (e *encoder) bool(n protowire.Number, v bool) { e.uint(n, protowire.EncodeBool(v)) }

func (e *encoder) fixed(n protowire.Number, v uint64) {
	switch {
	case e.counting:
		e.n += sizeFixed(n, v)
	case v != 0:
		e.b = protowire.AppendTag(e.b, n, protowire.Fixed64Type)
		e.b = protowire.AppendFixed64(e.b, v)
	}
}

// sizeUint and sizeFixed are the bytes of a field; one that is zero is left out.
func sizeUint(n protowire.Number, v uint64) int {
	if v == 0 {
		return 0
	}
	return protowire.SizeTag(n) + protowire.SizeVarint(v)
}

func sizeFixed(n protowire.Number, v uint64) int {
	if v == 0 {
		return 0
	}
	return protowire.SizeTag(n) + protowire.SizeFixed64()
}
