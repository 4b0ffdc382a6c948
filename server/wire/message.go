package wire

import (
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/chaintable/chaintable/table"
)

// The fields of a message.
const (
	fieldOpcode protowire.Number = 1
	fieldType   protowire.Number = 2
	fieldKey    protowire.Number = 3
	fieldData   protowire.Number = 5
	fieldResult protowire.Number = 6
	fieldKeys   protowire.Number = 7
)

// The opcodes of requests. That of the reply is one more.
const (
	opSize    = 10
	opDel     = 20
	opGet     = 30
	opPut     = 40
	opGetKeys = 50
	opVerify  = 60
	opError   = 99
)

// The content types.
const (
	typeKey    = 10
	typeValue  = 20
	typeEntry  = 30
	typeKeys   = 40
	typeResult = 50
	typeNone   = 60
)

// maxOther is what a message may have beside its key and data, in bytes: fields we do not know, for the most part.
const maxOther = 64 << 10

// maxMessage bounds a message, in bytes.
const maxMessage = table.MaxKeyBytes + table.MaxValueBytes + maxOther

// has says which fields a message has.
type has uint8

const (
	hasOpcode has = 1 << iota
	hasType
	hasKey
	hasData
	hasResult
)

// opcodes is what a request needs: its content type, and the fields with which it is whole.
var opcodes = map[int32]struct {
	kind  int32
	whole has
}{
	opSize:    {typeNone, hasType},
	opDel:     {typeKey, hasType | hasKey},
	opGet:     {typeKey, hasType | hasKey},
	opPut:     {typeEntry, hasType | hasKey | hasData},
	opGetKeys: {typeNone, hasType},
	opVerify:  {typeResult, hasType | hasResult},
}

// request is a message from a client. Key and Data alias what it was decoded from.
type request struct {
	Opcode, Type int32
	Key, Data    []byte
	Result       int32
}

// span is a string within a message.
type span struct{ from, to int }

// behind is what is known of the bytes behind those at hand.
type behind uint8

const (
	open   behind = iota // more may come at any moment
	silent               // none came for a while
	ended                // none will come
)

// decoder finds messages in a stream of bytes. It looks at each field once however the bytes are split, and keeps only
// a few numbers.
type decoder struct {
	pos int // up to which the message has been decoded; field by field
	numbers
	key, data span
}

// numbers are the fields of a message that are numbers, and what of it has come.
type numbers struct {
	has                  has
	opcode, kind, result int32
}

// errTooLong is a message beyond a limit. The connection cannot go on: its rest will not be read.
var errTooLong = fmt.Errorf("wire: a message is longer than a key of %d and a value of %d bytes", table.MaxKeyBytes, table.MaxValueBytes)

var errGroup = errors.New("wire: a field of a wire type that is not used")

// next decodes b, which starts where the last message ended, less what was consumed since. It returns how many bytes are consumed and whether r is a whole message. An error says that what
// follows can never be decoded.
func (d *decoder) next(b []byte, then behind) (n int, r request, whole bool, err error) {
	for d.pos < len(b) {
		tag, typ, size := protowire.ConsumeTag(b[d.pos:])
		if size < 0 {
			if err := protowire.ParseError(size); err != io.ErrUnexpectedEOF {
				return 0, r, false, fmt.Errorf("wire: %w", err)
			}
			break
		}
		if tag == fieldOpcode && typ == protowire.VarintType && d.has&hasOpcode != 0 {
			m, r := d.finish(b)
			return n + m, r, true, nil
		}
		end, err := d.field(b, d.pos+size, tag, typ)
		if err != nil {
			return 0, r, false, err
		}
		if end < 0 {
			break
		}
		d.pos = end
		if d.has&hasOpcode == 0 { // it came too late for the message before
			*d = decoder{}
			b = b[end:]
			n += end
		}
	}
	between := d.has&hasOpcode != 0 && d.pos == len(b)
	if d.enough() || then == silent && d.waits(len(b)) || then == ended && between {
		m, r := d.finish(b)
		return n + m, r, true, nil
	}
	return n, r, false, nil
}

// waits tells whether of b, of which n bytes are not consumed, silence makes a whole message: of a put without data and of a verify
// without result, as proto3 sends neither empty strings nor zeros, and of what can only be refused. Anything else that
// lacks a field is on its way.
func (d *decoder) waits(n int) bool {
	if d.has&hasOpcode == 0 || d.pos != n {
		return false
	}
	need, ok := opcodes[d.opcode]
	switch {
	case !ok:
		return true
	case d.has&hasType == 0:
		return false
	case d.kind != need.kind || d.opcode == opVerify:
		return true
	}
	return d.opcode == opPut && d.has&(hasKey|hasData) != 0 // data comes behind the key, so that one is the empty key
}

// enough tells whether the message has what its opcode needs.
func (d *decoder) enough() bool {
	need, ok := opcodes[d.opcode]
	return ok && d.has&hasOpcode != 0 && d.has&need.whole == need.whole
}

// finish begins a new message. It returns the one that was decoded from b, and its length.
func (d *decoder) finish(b []byte) (n int, r request) {
	r = request{
		Opcode: d.opcode, Type: d.kind, Result: d.result,
		Key: b[d.key.from:d.key.to:d.key.to], Data: b[d.data.from:d.data.to:d.data.to],
	}
	n = d.pos
	*d = decoder{}
	return n, r
}

// field decodes the field whose value starts at pos. It returns where the value ends, or -1 if it is not all there.
func (d *decoder) field(b []byte, pos int, tag protowire.Number, typ protowire.Type) (end int, err error) {
	switch typ {
	case protowire.VarintType:
		v, n := protowire.ConsumeVarint(b[pos:])
		if n < 0 {
			return incomplete(n)
		}
		d.number(tag, v)
		end = pos + n
	case protowire.Fixed32Type:
		end = pos + 4
	case protowire.Fixed64Type:
		end = pos + 8
	case protowire.BytesType:
		length, n := protowire.ConsumeVarint(b[pos:])
		if n < 0 {
			return incomplete(n)
		}
		if err := checkLength(tag, length); err != nil {
			return 0, err
		}
		pos += n
		if end = pos + int(length); end <= len(b) {
			d.text(tag, span{pos, end})
		}
	default:
		return 0, errGroup
	}
	if end > maxMessage {
		return 0, errTooLong
	}
	if end > len(b) {
		return -1, nil
	}
	return end, nil
}

// incomplete tells a number that is not all there from one that never will be.
func incomplete(n int) (int, error) {
	if err := protowire.ParseError(n); err != io.ErrUnexpectedEOF {
		return 0, fmt.Errorf("wire: %w", err)
	}
	return -1, nil
}

func checkLength(tag protowire.Number, length uint64) error {
	if length > table.MaxValueBytes || tag == fieldKey && length > table.MaxKeyBytes {
		return errTooLong
	}
	return nil
}

func (n *numbers) number(tag protowire.Number, v uint64) {
	switch tag {
	case fieldOpcode:
		n.opcode = int32(v)
		n.has |= hasOpcode
	case fieldType:
		n.kind = int32(v)
		n.has |= hasType
	case fieldResult:
		n.result = int32(protowire.DecodeZigZag(v & 0xFFFF_FFFF))
		n.has |= hasResult
	}
}

func (d *decoder) text(tag protowire.Number, s span) {
	switch tag {
	case fieldKey:
		d.key = s
		d.has |= hasKey
	case fieldData:
		d.data = s
		d.has |= hasData
	}
}

// reply begins a message to a client.
func reply(opcode, kind int32) []byte {
	b := protowire.AppendTag(make([]byte, 0, 16), fieldOpcode, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(opcode))
	b = protowire.AppendTag(b, fieldType, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(kind))
}

// replyResult is a whole reply. As in all of proto3, a zero is not sent.
func replyResult(opcode int32, result int32) []byte {
	return appendResult(reply(opcode, typeResult), result)
}

func appendResult(b []byte, result int32) []byte {
	if result == 0 {
		return b
	}
	b = protowire.AppendTag(b, fieldResult, protowire.VarintType)
	return protowire.AppendVarint(b, protowire.EncodeZigZag(int64(result)))
}

func replyError() []byte { return appendResult(reply(opError, typeNone), -1) }

// replyData is the reply to a get up to its value, of which there are so many bytes.
func replyData(length int) []byte {
	b := reply(opGet+1, typeValue)
	if length == 0 {
		return b
	}
	b = protowire.AppendTag(b, fieldData, protowire.BytesType)
	return protowire.AppendVarint(b, uint64(length))
}

// Refusal is the reply to a client that will not be served.
func Refusal() []byte { return replyError() }
