package rpc

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that this one is made of
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// reply is a message to a client, whose bytes count as unread until the socket has taken them.
type reply struct {
	proto.Message
	conn *conn
}

// codec is that of Protocol Buffers, but that it counts replies.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

// Marshal encodes a message.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	r, ok := v.(reply)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	b, err := proto.Marshal(r.Message)
	if err != nil {
		return nil, err
	}
	if r.conn == nil || mem.IsBelowBufferPoolingThreshold(len(b)) {
		return mem.BufferSlice{mem.SliceBuffer(b)}, nil // so few bytes that the streams' bound is enough
	}
	r.conn.queue(len(b))
	return mem.BufferSlice{mem.NewBuffer(&b, unread{r.conn, len(b)})}, nil
}

// unread gives back what a reply has taken, when gRPC needs it no more: it has been written, or its stream has ended.
type unread struct {
	conn *conn
	n    int
}

// Get is never called.
func (u unread) Get(n int) *[]byte { b := make([]byte, n); return &b }

// Put is called once for each reply.
func (u unread) Put(*[]byte) { u.conn.unread.Add(-int64(u.n)) }
