package link

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

var (
	errWireType = errors.New("wrong wire type")
	errRange    = errors.New("number out of range")
)

// decodeFrame reads a payload. Unknown fields are skipped; a frame of another protocol version, without a message
// or with two is an error.
//
// What it returns may alias payload if that is owned; otherwise it holds no part of it.
func decodeFrame(payload []byte, owned bool) (frame, error) {
	var (
		f       frame
		version uint64
		said    protowire.Number // the field with the message
		body    []byte
	)
	err := fields(payload, func(x field) error {
		switch x.number {
		case fieldProtocol:
			return varint(x, &version)
		case fieldChain:
			return fixed(x, &f.Chain)
		case fieldEpoch:
			return varint(x, &f.Epoch)
		case fieldFrom:
			return memberID(x, &f.From)
		case fieldTo:
			return memberID(x, &f.To)
		}
		if x.number < fieldOpen || x.number > fieldDigest || x.kind != protowire.BytesType {
			return nil
		}
		if said != 0 {
			return errors.New("two messages")
		}
		said, body = x.number, x.data
		return nil
	})
	switch {
	case err != nil:
		return frame{}, fmt.Errorf("link: decode frame: %w", err)
	case version != protocolVersion:
		return frame{}, fmt.Errorf("link: decode frame: protocol version %d, not %d", version, protocolVersion)
	case said == 0:
		return frame{}, errors.New("link: decode frame: no message")
	}
	switch said {
	case fieldOpen, fieldProbe, fieldProbed:
		f.control = said
		err = fields(body, func(x field) error {
			if said == fieldOpen && x.number == 1 {
				return varint(x, &f.connection)
			}
			return nil
		})
	case fieldAppend, fieldSnapshot, fieldPropose:
		if !owned {
			body = bytes.Clone(body)
		}
		fallthrough
	default:
		f.Message, err = decodeMessage(said, body)
	}
	if err != nil {
		return frame{}, fmt.Errorf("link: decode message %d: %w", said, err)
	}
	return f, nil
}

// decodeMessage reads the message of a field of Frame. It aliases b.
func decodeMessage(n protowire.Number, b []byte) (chain.Message, error) {
	switch n {
	case fieldHello:
		var m chain.Hello
		err := fields(b, func(x field) error {
			if x.number == 1 {
				return varint(x, &m.Link)
			}
			return nil
		})
		return m, err
	case fieldWelcome:
		var m chain.Welcome
		err := fields(b, func(x field) error {
			switch x.number {
			case 1:
				return varint(x, &m.Link)
			case 2:
				return position(x, &m.Last)
			case 3:
				return varint(x, &m.Transfer)
			case 4:
				return varint(x, &m.NextChunk)
			}
			return nil
		})
		return m, err
	case fieldAppend:
		return decodeAppend(b)
	case fieldAck:
		var m chain.Ack
		err := fields(b, func(x field) error {
			switch x.number {
			case 1:
				return varint(x, &m.Link)
			case 2:
				return varint(x, &m.Committed)
			case 3:
				return varint(x, &m.Durable)
			case 4:
				return varint(x, &m.Received)
			case 5:
				return memberID(x, &m.Full)
			}
			return nil
		})
		return m, err
	case fieldSnapshot:
		var m chain.Snapshot
		err := fields(b, func(x field) error {
			switch x.number {
			case 1:
				return varint(x, &m.Link)
			case 2:
				return varint(x, &m.Transfer)
			case 3:
				return position(x, &m.Base)
			case 4:
				return varint(x, &m.Index)
			case 5:
				return data(x, &m.Data)
			case 6:
				return boolean(x, &m.Last)
			}
			return nil
		})
		return m, err
	case fieldSnapshotAck:
		var m chain.SnapshotAck
		err := fields(b, func(x field) error {
			switch x.number {
			case 1:
				return varint(x, &m.Link)
			case 2:
				return varint(x, &m.Transfer)
			case 3:
				return varint(x, &m.Next)
			}
			return nil
		})
		return m, err
	case fieldPropose:
		return decodePropose(b)
	case fieldProposed:
		var m chain.Proposed
		err := fields(b, func(x field) error {
			switch x.number {
			case 1:
				return varint(x, &m.Stream)
			case 2:
				return varint(x, &m.Index)
			case 3:
				return varint(x, &m.Seq)
			case 4:
				return small(x, &m.Refuse)
			case 5:
				return memberID(x, &m.Full)
			}
			return nil
		})
		return m, err
	case fieldBarrier:
		var m chain.Barrier
		err := fields(b, func(x field) error {
			if x.number == 1 {
				return varint(x, &m.Number)
			}
			return nil
		})
		return m, err
	case fieldPing:
		var m chain.Ping
		err := fields(b, func(x field) error {
			if x.number == 1 {
				return boolean(x, &m.Reply)
			}
			return nil
		})
		return m, err
	case fieldDigest:
		return decodeDigest(b)
	case fieldStale:
		var m chain.Stale
		err := fields(b, func(x field) error {
			if x.number == 1 {
				return varint(x, &m.Epoch)
			}
			return nil
		})
		return m, err
	}
	return nil, errors.New("unknown message")
}

func decodeDigest(b []byte) (chain.Digest, error) {
	var m chain.Digest
	n, err := count(b, 2, maxSums)
	if err != nil {
		return m, err
	}
	if n > 0 {
		m.Sums = make([]chain.Sum, 0, n)
	}
	err = fields(b, func(x field) error {
		switch x.number {
		case 1:
			return varint(x, &m.Seq)
		case 2:
			var s chain.Sum
			if err := sum(x, &s); err != nil {
				return err
			}
			m.Sums = append(m.Sums, s)
		}
		return nil
	})
	return m, err
}

func decodeAppend(b []byte) (chain.Append, error) {
	var m chain.Append
	n, err := count(b, 5, maxEntries)
	if err != nil {
		return m, err
	}
	if n > 0 {
		m.Entries = make([]chain.Entry, 0, n)
	}
	err = fields(b, func(x field) error {
		switch x.number {
		case 1:
			return varint(x, &m.Link)
		case 2:
			return position(x, &m.Prev)
		case 3:
			return varint(x, &m.Stable)
		case 4:
			return varint(x, &m.Committed)
		case 5:
			entry, err := table.DecodeEntry(x.data[:len(x.data):len(x.data)])
			if err != nil {
				return err
			}
			m.Entries = append(m.Entries, entry)
		}
		return nil
	})
	return m, err
}

func decodePropose(b []byte) (chain.Propose, error) {
	var m chain.Propose
	n, err := count(b, 3, maxProposals)
	if err != nil {
		return m, err
	}
	if n > 0 {
		m.Proposals = make([]chain.Proposal, 0, n)
	}
	err = fields(b, func(x field) error {
		switch x.number {
		case 1:
			return varint(x, &m.Stream)
		case 2:
			return varint(x, &m.First)
		case 3:
			p, err := decodeProposal(x.data)
			if err != nil {
				return err
			}
			m.Proposals = append(m.Proposals, p)
		}
		return nil
	})
	return m, err
}

func decodeProposal(b []byte) (chain.Proposal, error) {
	var p chain.Proposal
	err := fields(b, func(x field) error {
		switch x.number {
		case 1:
			return small(x, &p.Kind)
		case 2:
			return varint(x, &p.Request.Session)
		case 3:
			return varint(x, &p.Request.Number)
		case 4:
			return varint(x, &p.DoneBelow)
		case 5:
			return data(x, &p.Command)
		case 6:
			return tag(x, &p.Tag)
		case 7:
			return boolean(x, &p.WantSeq)
		}
		return nil
	})
	return p, err
}

// count is how many fields n there are in b, all of them bytes: so much can be allocated at once.
func count(b []byte, n protowire.Number, limit int) (int, error) {
	found := 0
	err := fields(b, func(x field) error {
		if x.number != n {
			return nil
		}
		if found++; found > limit {
			return fmt.Errorf("more than %d elements", limit)
		}
		if x.kind != protowire.BytesType {
			return errWireType
		}
		return nil
	})
	return found, err
}

// field is one field of a message.
type field struct {
	number protowire.Number
	kind   protowire.Type
	value  uint64 // VarintType, Fixed64Type
	data   []byte // BytesType; aliases the message
}

// fields calls take for each field of the message, in order, until it returns an error.
func fields(b []byte, take func(field) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if number > protowire.MaxValidNumber {
			return fmt.Errorf("field %d: %w", number, errRange)
		}
		b = b[n:]
		x := field{number: number, kind: kind}
		switch kind {
		case protowire.VarintType:
			x.value, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			x.value, n = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			_, n = protowire.ConsumeFixed32(b)
		case protowire.BytesType:
			x.data, n = protowire.ConsumeBytes(b)
		default: // groups are long dead, and nest
			return errWireType
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := take(x); err != nil {
			return fmt.Errorf("field %d: %w", number, err)
		}
	}
	return nil
}

func varint[T ~uint64](x field, to *T) error {
	if x.kind != protowire.VarintType {
		return errWireType
	}
	*to = T(x.value)
	return nil
}

func fixed[T ~uint64](x field, to *T) error {
	if x.kind != protowire.Fixed64Type {
		return errWireType
	}
	*to = T(x.value)
	return nil
}

func small[T ~uint8](x field, to *T) error {
	switch {
	case x.kind != protowire.VarintType:
		return errWireType
	case x.value > 255:
		return errRange
	}
	*to = T(x.value)
	return nil
}

func boolean(x field, to *bool) error {
	if x.kind != protowire.VarintType {
		return errWireType
	}
	*to = protowire.DecodeBool(x.value)
	return nil
}

// data leaves nil for no bytes: an empty field need not be written, so the two cannot be told apart.
func data(x field, to *[]byte) error {
	if x.kind != protowire.BytesType {
		return errWireType
	}
	*to = nil
	if len(x.data) > 0 {
		*to = x.data[:len(x.data):len(x.data)]
	}
	return nil
}

func memberID(x field, to *chain.MemberID) error {
	if x.kind != protowire.BytesType {
		return errWireType
	}
	return fields(x.data, func(x field) error {
		switch x.number {
		case 1:
			return fixed(x, &to.Node)
		case 2:
			return varint(x, &to.Incarnation)
		}
		return nil
	})
}

func position(x field, to *chain.Position) error {
	if x.kind != protowire.BytesType {
		return errWireType
	}
	return fields(x.data, func(x field) error {
		switch x.number {
		case 1:
			return varint(x, &to.Seq)
		case 2:
			return varint(x, &to.Epoch)
		}
		return nil
	})
}

func tag(x field, to *chain.Tag) error {
	if x.kind != protowire.BytesType {
		return errWireType
	}
	return fields(x.data, func(x field) error {
		switch x.number {
		case 1:
			return memberID(x, &to.By)
		case 2:
			return varint(x, &to.Number)
		}
		return nil
	})
}

func sum(x field, to *chain.Sum) error {
	if x.kind != protowire.BytesType {
		return errWireType
	}
	return fields(x.data, func(x field) error {
		switch x.number {
		case 1:
			return boolean(x, &to.Known)
		case 2:
			return fixed(x, &to.Sum)
		case 3:
			return boolean(x, &to.Learned)
		}
		return nil
	})
}
