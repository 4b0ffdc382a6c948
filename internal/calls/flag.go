package calls

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc/stats"
)

// Flag is set when the message of a call is handed to a connection. From then on the server may have it, whatever becomes of the connection. The
// zero Flag is ready.
type Flag struct{ set atomic.Bool }

type flagKey struct{}

// Watch is a context for one call, which sets f.
func Watch(ctx context.Context, f *Flag) context.Context { return context.WithValue(ctx, flagKey{}, f) }

// Set tells whether the server may have got the message.
func (f *Flag) Set() bool { return f.set.Load() }

// handler sets the flags of a connection's calls.
type handler struct{}

// HandleRPC notes messages that go out.
func (handler) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if _, out := s.(*stats.OutPayload); !out {
		return
	}
	if f, ok := ctx.Value(flagKey{}).(*Flag); ok {
		f.set.Store(true)
	}
}

// TagRPC does nothing.
func (handler) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn does nothing.
func (handler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn does nothing.
func (handler) HandleConn(context.Context, stats.ConnStats) {}
