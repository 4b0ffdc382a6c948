package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/chaintable/chaintable/table"
)

// Op is what a client asks for.
type Op int32

// What can be asked for.
const (
	Size    Op = opSize
	Del     Op = opDel
	Get     Op = opGet
	Put     Op = opPut
	GetKeys Op = opGetKeys
	Verify  Op = opVerify
)

// MaxReplyBytes is the most that ReadReply takes, each key counted with keyBytes more.
const MaxReplyBytes = 1 << 30

// keyBytes is what a string needs in memory beside its bytes.
const keyBytes = 16

// Reply is a server's reply to one request.
type Reply struct {
	Failed bool     // what was asked for failed; nothing else is set
	Result int32    // of put and del the operation's number; of size and verify what the table in the package comment says
	Data   []byte   // of get
	Keys   []string // of getkeys
}

// ErrReply is a reply that is none, or not to what was asked for. Its connection is of no more use.
var ErrReply = errors.New("wire: a reply that makes no sense")

func badReply(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrReply}, args...)...)
}

// AppendRequest appends a request to b, and a marker behind it. key, data and number are sent where the op has them.
//
// As a reply has no length, only the next one tells where it ends. The marker asks for that one: it is a request of a wrong type,
// which is refused without a look at the table, and its reply is the only one of known length.
//
// The type comes last. So a put of which only a part arrives is never one that could be executed.
func AppendRequest(b []byte, op Op, key, data []byte, number int32) []byte {
	need := opcodes[int32(op)]
	b = appendVarint(b, fieldOpcode, uint64(op))
	if len(data) > 0 && need.whole&hasData != 0 {
		b = appendBytes(b, fieldData, data)
	}
	if need.whole&hasKey != 0 {
		b = appendBytes(b, fieldKey, key) // be it empty: proto3 would leave it out, and the server could only guess
	}
	if need.whole&hasResult != 0 {
		b = appendResult(b, number)
	}
	b = appendVarint(b, fieldType, uint64(need.kind))
	b = appendVarint(b, fieldOpcode, opSize)
	return appendVarint(b, fieldType, typeKey)
}

func appendVarint(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

// ReadReply reads the reply to a request that AppendRequest made, and the one to its marker. With more the connection can be used for
// another request; without, the reply came, but behind it the connection broke.
//
// Everything read is bounded and held to be hostile. An error is ErrReply, or that of r: io.EOF if not a byte came.
func ReadReply(r *bufio.Reader, op Op) (reply Reply, more bool, err error) {
	return readReply(r, op, MaxReplyBytes)
}

func readReply(r *bufio.Reader, op Op, limit uint64) (reply Reply, more bool, err error) {
	d := replyDecoder{r: r, limit: limit}
	broken := d.message()
	if broken != nil && (errors.Is(broken, ErrReply) || !d.whole()) {
		return Reply{}, false, broken
	}
	if reply, err = d.reply(op); err != nil || broken != nil {
		return reply, false, err
	}
	marker := replyDecoder{r: r, limit: limit, marker: true, numbers: numbers{has: hasOpcode, opcode: d.next}}
	switch broken = marker.message(); {
	case errors.Is(broken, ErrReply):
		return Reply{}, false, broken
	case broken == nil && marker.opcode != opError:
		return Reply{}, false, badReply("opcode %d where a refusal was asked for", marker.opcode)
	}
	return reply, broken == nil, nil
}

// replyDecoder reads one message, field by field.
type replyDecoder struct {
	r      *bufio.Reader
	limit  uint64 // of size
	marker bool   // the message is the reply to a marker: it ends with its result

	numbers
	data []byte
	keys []string
	size uint64 // of all fields, in bytes, with something for each

	next int32 // the opcode of the message behind this one
}

// whole tells whether nothing can be missing of what was read, although it is not known to have ended.
func (d *replyDecoder) whole() bool {
	return d.has&hasResult != 0 && (d.kind == typeResult || d.opcode == opError)
}

// message reads up to the end of the message: of a marker's its result, of another the opcode of the next.
func (d *replyDecoder) message() error {
	for start := d.has == 0; ; start = false {
		tag, err := d.varint()
		if err != nil {
			if start && err == io.ErrUnexpectedEOF {
				err = io.EOF
			}
			return err
		}
		field, typ := protowire.Number(tag>>3), protowire.Type(tag&7)
		if tag>>3 < 1 || tag>>3 > uint64(protowire.MaxValidNumber) || start && field != fieldOpcode {
			return badReply("field %d", tag>>3)
		}
		n, err := d.varint()
		switch {
		case err != nil:
			return err
		case typ == protowire.BytesType:
			err = d.text(field, n)
		case typ != protowire.VarintType:
			err = badReply("a field of wire type %d", typ)
		case field != fieldOpcode || d.has&hasOpcode == 0:
			d.number(field, n)
		case d.marker:
			err = badReply("a refusal without a result")
		default:
			d.next = int32(n)
			return nil
		}
		if err != nil || d.marker && d.has&hasResult != 0 {
			return err
		}
		if err := d.take(2); err != nil {
			return err
		}
	}
}

func (d *replyDecoder) varint() (v uint64, err error) {
	for shift := 0; shift < 64; shift += 7 {
		b, err := d.r.ReadByte()
		if err != nil {
			return 0, unexpected(err)
		}
		v |= uint64(b&0x7F) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, badReply("a number of more than 64 bits")
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// take counts n more bytes.
func (d *replyDecoder) take(n uint64) error {
	if d.size += n; d.size > d.limit {
		return badReply("longer than %d bytes", d.limit)
	}
	return nil
}

// firstBytes is how much memory is taken for a string before any of it has come.
const firstBytes = 64 << 10

// text reads a field of n bytes.
func (d *replyDecoder) text(field protowire.Number, n uint64) error {
	limit := uint64(maxOther)
	switch field {
	case fieldData:
		limit = table.MaxValueBytes
	case fieldKeys:
		limit = table.MaxKeyBytes
	}
	if n > limit || d.marker {
		return badReply("%d bytes in field %d", n, field)
	}
	if err := d.take(n + keyBytes); err != nil {
		return err
	}
	b := make([]byte, min(n, firstBytes))
	for from := 0; ; {
		if _, err := io.ReadFull(d.r, b[from:]); err != nil {
			return unexpected(err)
		}
		if from = len(b); uint64(from) == n {
			break
		}
		b = append(b, make([]byte, min(n-uint64(from), uint64(from)))...)
	}
	switch field {
	case fieldData:
		d.data = b
	case fieldKeys:
		d.keys = append(d.keys, string(b))
	}
	return nil
}

// contents are the types of the replies.
var contents = map[Op]int32{Size: typeResult, Del: typeResult, Get: typeValue, Put: typeResult, GetKeys: typeKeys, Verify: typeResult}

// reply is what was read, as the answer to op.
func (d *replyDecoder) reply(op Op) (Reply, error) {
	switch {
	case d.opcode == opError:
		return Reply{Failed: true}, nil
	case d.opcode != int32(op)+1 || d.kind != contents[op]:
		return Reply{}, badReply("opcode %d with type %d to a request with opcode %d", d.opcode, d.kind, op)
	case (op == Put || op == Del) && d.result < 1:
		return Reply{}, badReply("%d as the number of an operation", d.result)
	case op == Size && d.result < 0:
		return Reply{}, badReply("%d as a size", d.result)
	case op == Verify && (d.result < -1 || d.result > 1):
		return Reply{}, badReply("%d as what became of an operation", d.result)
	}
	return Reply{Result: d.result, Data: d.data, Keys: d.keys}, nil
}
