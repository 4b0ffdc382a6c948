package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/client/retry"
)

// Outcome is whether a call took effect.
type Outcome = retry.Outcome

// The outcomes.
const (
	DidNotHappen    = retry.DidNotHappen    // and never will
	MayHaveHappened = retry.MayHaveHappened // or may happen yet, but not behind a later write of the Client that was answered
	Happened        = retry.Happened
)

// What a call can fail with, beside what every call can (Error). Test with errors.Is.
var (
	// ErrNotFound: there is no such key.
	ErrNotFound = errors.New("no such key")
	// ErrCondition: the condition of a Put or Delete does not hold; nothing has changed.
	ErrCondition = errors.New("the condition does not hold")
	// ErrMemory: the table is as large as the servers' --max-memory allows.
	ErrMemory = errors.New("the servers have no memory left for it")
	// ErrDisk: there is no space on the disk of a server; no write is taken until there is.
	ErrDisk = errors.New("a server has no space left on its disk")
	// ErrForgotten: the servers have forgotten the session, so they cannot tell what became of the write.
	ErrForgotten = errors.New("the session is forgotten")
	// ErrClosed: the Client was closed.
	ErrClosed = errors.New("the client is closed")
)

// Error is how a call failed. The sentinels above, and context.DeadlineExceeded and context.Canceled, can be found in it with errors.Is.
type Error struct {
	Op      string // put, get, delete, size, list, backup, txn, verify, status, members
	Key     string // of put, get and delete
	Outcome Outcome
	Tries   int
	Server  string // that was asked last, or last said something before the time was over; empty for none
	Err     error
}

func (e *Error) Error() string {
	what := e.Op
	if e.Key != "" {
		what = fmt.Sprintf("%s %.64q", e.Op, e.Key)
	}
	if e.Server == "" {
		return fmt.Sprintf("client: %s: %v: %v", what, e.Outcome, e.Err)
	}
	return fmt.Sprintf("client: %s: %v: %s: %v", what, e.Outcome, e.Server, e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// OutcomeOf is whether the call that returned err took effect. Without an error it did; an error that is not of this package may be anything.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Happened
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Outcome
	}
	return MayHaveHappened
}

// report is what a try's error, which may be nil, means for the request, and what is left to tell of it. sent is whether the server may have got the request.
func report(err error, sent bool) (retry.Report, error) {
	if err == nil {
		return retry.Answered, nil
	}
	s := status.Convert(err)
	told := errors.New(plain(s.Message()))
	if silent(s.Message()) {
		told = errNoAnswer
	}
	for _, d := range s.Details() {
		if f, ok := d.(*pb.Failure); ok {
			return reported(f, told)
		}
	}
	switch s.Code() {
	case codes.DeadlineExceeded:
		told = errNoAnswer
	case codes.Canceled: // by whoever called, who knows it from the context; or the server has left the view
		told = errDropped
	}
	switch s.Code() {
	case codes.Unimplemented, codes.InvalidArgument, codes.ResourceExhausted, codes.Internal:
		// gRPC itself says so, before any of our code runs: it will elsewhere, too. Internal is an answer that could not be sent.
		if s.Code() != codes.Internal {
			return retry.Refused, told
		}
	}
	if sent {
		return retry.Silent, told
	}
	return retry.Unserved, told
}

// plain is what gRPC says of a connection, without what only gRPC understands.
func plain(message string) string {
	if _, quoted, ok := strings.Cut(message, "desc = "); ok {
		if inner, err := strconv.Unquote(quoted); err == nil {
			message = inner
		}
	}
	message = strings.TrimPrefix(message, "transport: ")
	return strings.TrimPrefix(message, "Error while dialing: ")
}

// silent tells, of what gRPC says of a connection, that it gave it up because the other side said nothing: it keeps but the text.
func silent(message string) bool {
	return strings.Contains(message, "error reading server preface") &&
		(strings.Contains(message, net.ErrClosed.Error()) || strings.Contains(message, os.ErrDeadlineExceeded.Error()) ||
			strings.Contains(message, context.DeadlineExceeded.Error()))
}

// reported is what a server says of a failure.
func reported(f *pb.Failure, told error) (retry.Report, error) {
	switch f.Reason {
	case pb.Reason_REASON_SESSION_FORGOTTEN:
		return retry.Forgotten, fmt.Errorf("%w: %w", ErrForgotten, told)
	case pb.Reason_REASON_MEMORY:
		return retry.Refused, fmt.Errorf("%w: %w", ErrMemory, told)
	case pb.Reason_REASON_DISK:
		return retry.Refused, fmt.Errorf("%w: %w", ErrDisk, told)
	case pb.Reason_REASON_INVALID, pb.Reason_REASON_SESSION_FULL, pb.Reason_REASON_REFUSED:
		return retry.Refused, told
	}
	switch {
	case f.Outcome != pb.Outcome_OUTCOME_DID_NOT_HAPPEN:
		return retry.Silent, told
	case f.Reason == pb.Reason_REASON_OVERTAKEN:
		return retry.Refused, told
	}
	return retry.Unserved, told
}

var (
	errNoAnswer = errors.New("no answer in time")
	errDropped  = errors.New("the connection was given up")
)
