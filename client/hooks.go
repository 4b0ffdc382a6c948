package client

import (
	"context"
	"time"
)

// Hooks are told of each call: for tracing and metrics. Any may be nil. They are called on the goroutine of the call, and so concurrently for
// several; they should not block.
type Hooks struct {
	// Begin is called when a call begins. The context that it returns is that of the call, of its tries and of End: it may carry a span, and metadata for
	// gRPC. Nil keeps the context.
	Begin func(ctx context.Context, call Call) context.Context
	// Try is called after each try.
	Try func(ctx context.Context, call Call, try Try)
	// End is called when the call ends.
	End func(ctx context.Context, call Call, end End)
}

// Call is a call of the Client.
type Call struct {
	Op  string // as in Error
	Key string // of put, get and delete
}

// Try is one try of a call.
type Try struct {
	Server string
	Took   time.Duration
	Err    error // nil if the server has answered
}

// End is how a call ended.
type End struct {
	Took  time.Duration
	Tries int
	Err   error // what the call returns; ErrNotFound and ErrCondition are not among it
}

func (h *Hooks) begin(ctx context.Context, call Call) context.Context {
	if h.Begin != nil {
		return h.Begin(ctx, call)
	}
	return ctx
}

func (h *Hooks) try(ctx context.Context, call Call, try Try) {
	if h.Try != nil {
		h.Try(ctx, call, try)
	}
}

func (h *Hooks) end(ctx context.Context, call Call, end End) {
	if h.End != nil {
		h.End(ctx, call, end)
	}
}
