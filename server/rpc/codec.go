package rpc

import (
	"net"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that this one is made of
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/table"
)

// reply is a message to a client, whose bytes count as unread until the socket has taken them.
type reply struct {
	proto.Message
	conn *conn
}

// codec is that of Protocol Buffers, but that it counts replies, and bounds what requests become.
type codec struct {
	encoding.CodecV2
	decoding chan struct{} // has room for as many as may decode at a time
}

// decoders is how many transactions are decoded at a time. One may take a hundred times the memory that its bytes do.
const decoders = 4

func newCodec() codec { return codec{encoding.GetCodecV2("proto"), make(chan struct{}, decoders)} }

// Unmarshal decodes a message. Of a transaction with more parts than it may have, it decodes one more than that: enough to refuse it. Two bytes could
// be a step, which takes 70 decoded.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	r, ok := v.(*pb.TxnRequest)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	c.decoding <- struct{}{}
	defer func() { <-c.decoding }()
	b := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer b.Free()
	return proto.Unmarshal(withParts(b.ReadOnlyData(), table.MaxArguments+1), r)
}

// withParts is the beginning of an encoded pb.TxnRequest that has so many compares and steps at most.
func withParts(b []byte, most int) []byte {
	for i := 0; i < len(b); {
		number, kind, n := protowire.ConsumeTag(b[i:])
		if n < 0 {
			break // which decoding finds, too
		}
		switch number {
		case comparesField, thenField, elseField:
			if most--; most < 0 {
				return b[:i]
			}
		}
		m := protowire.ConsumeFieldValue(number, kind, b[i+n:])
		if m < 0 {
			break
		}
		i += n + m
	}
	return b
}

// Fields of pb.TxnRequest.
const (
	comparesField = 1
	thenField     = 2
	elseField     = 3
)

// Marshal encodes a message.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	r, ok := v.(reply)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	size := proto.Size(r.Message)
	encode := proto.MarshalOptions{UseCachedSize: true}
	if r.conn == nil || mem.IsBelowBufferPoolingThreshold(size) {
		b, err := encode.Marshal(r.Message)
		return mem.BufferSlice{mem.SliceBuffer(b)}, err // so few bytes that the streams' bound is enough
	}
	r.conn.queue(size) // before it takes the memory
	if r.conn.hasClosed() {
		r.conn.taken(size)
		return nil, net.ErrClosed
	}
	b, err := encode.Marshal(r.Message)
	if err != nil {
		r.conn.taken(size)
		return nil, err
	}
	return mem.BufferSlice{mem.NewBuffer(&b, unread{r.conn, size})}, nil
}

// unread gives back what a reply has taken, when gRPC needs it no more: it has been written, or its stream has ended.
type unread struct {
	conn *conn
	n    int
}

// Get is never called.
func (u unread) Get(n int) *[]byte { b := make([]byte, n); return &b }

// Put is called once for each reply.
func (u unread) Put(*[]byte) { u.conn.taken(u.n) }
