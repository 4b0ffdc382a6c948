package table

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// The messages are those of api/chaintable/storage/v1, read strictly: the same command must be taken or refused by
// every replica, and a field that this release does not know could change what a command means.
var (
	errOrder = errors.New("fields are out of order or given twice")
	errField = errors.New("unknown field")
	errType  = errors.New("wrong wire type")
)

// fields takes a message apart.
type fields struct {
	b    []byte // what is left
	last protowire.Number

	num protowire.Number // of the current field
	typ protowire.Type
	n   uint64 // its value, if it is a number
	bs  []byte // or if it is bytes; aliases the message
}

// next goes to the next field. It returns false at the end and at an error. Fields stand in the order of their
// numbers; those below repeated are there at most once.
func (f *fields) next(repeated ...protowire.Number) (bool, error) {
	if len(f.b) == 0 {
		return false, nil
	}
	num, typ, n := protowire.ConsumeTag(f.b)
	if n < 0 {
		return false, protowire.ParseError(n)
	}
	f.b = f.b[n:]
	again := false
	for _, r := range repeated {
		again = again || r == num
	}
	if num < f.last || num == f.last && !again {
		return false, fmt.Errorf("field %d: %w", num, errOrder)
	}
	f.num, f.typ, f.last = num, typ, num
	switch typ {
	case protowire.VarintType:
		f.n, n = protowire.ConsumeVarint(f.b)
	case protowire.Fixed64Type:
		f.n, n = protowire.ConsumeFixed64(f.b)
	case protowire.BytesType:
		f.bs, n = protowire.ConsumeBytes(f.b)
	default:
		return false, fmt.Errorf("field %d: %w", num, errType)
	}
	if n < 0 {
		return false, fmt.Errorf("field %d: %w", num, protowire.ParseError(n))
	}
	f.b = f.b[n:]
	return true, nil
}

// want checks the wire type of the current field.
func (f *fields) want(typ protowire.Type) error {
	if f.typ != typ {
		return fmt.Errorf("field %d: %w", f.num, errType)
	}
	return nil
}

// number is the current field's value, a varint no higher than limit.
func (f *fields) number(limit uint64) (uint64, error) {
	if err := f.want(protowire.VarintType); err != nil {
		return 0, err
	}
	if f.n > limit {
		return 0, fmt.Errorf("field %d: %d is more than %d", f.num, f.n, limit)
	}
	return f.n, nil
}

func (f *fields) unknown() error { return fmt.Errorf("field %d: %w", f.num, errField) }

func appendNumber(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.VarintType)
	return protowire.AppendVarint(b, v)
}

func appendFixed(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.Fixed64Type)
	return protowire.AppendFixed64(b, v)
}

func appendBytes(b []byte, num protowire.Number, v []byte) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return protowire.AppendBytes(b, v)
}
