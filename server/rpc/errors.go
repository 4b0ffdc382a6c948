package rpc

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/table"
)

// The outcomes, in short.
const (
	didNot = pb.Outcome_OUTCOME_DID_NOT_HAPPEN
	may    = pb.Outcome_OUTCOME_MAY_HAVE_HAPPENED
)

// kind is what a client is told of a failure.
type kind struct {
	code    codes.Code
	outcome pb.Outcome
	reason  pb.Reason
}

// kinds maps what the replica says of a write to what clients are told. The first that fits counts.
var kinds = []struct {
	err error
	kind
}{
	{replica.ErrMemory, kind{codes.ResourceExhausted, didNot, pb.Reason_REASON_MEMORY}},
	{replica.ErrDisk, kind{codes.ResourceExhausted, didNot, pb.Reason_REASON_DISK}},
	{replica.ErrSession, kind{codes.ResourceExhausted, didNot, pb.Reason_REASON_SESSION_FULL}},
	{replica.ErrOutside, kind{codes.Unavailable, didNot, pb.Reason_REASON_OUTSIDE}},
	{replica.ErrForgotten, kind{codes.Aborted, may, pb.Reason_REASON_SESSION_FORGOTTEN}},
	{replica.ErrUncertain, kind{codes.Unknown, may, pb.Reason_REASON_TIMEOUT}},
	{replica.ErrNotExecuted, kind{codes.Unavailable, didNot, pb.Reason_REASON_TIMEOUT}},
}

// refusals maps the table's refusals.
var refusals = map[table.Code]kind{
	table.CodeForgotten: {codes.Aborted, may, pb.Reason_REASON_SESSION_FORGOTTEN},
	table.CodeStale:     {codes.Aborted, may, pb.Reason_REASON_OVERTAKEN},
	table.CodeInvalid:   {codes.InvalidArgument, didNot, pb.Reason_REASON_INVALID},
	table.CodeFull:      {codes.ResourceExhausted, didNot, pb.Reason_REASON_SESSION_FULL},
	table.CodeOvertaken: {codes.FailedPrecondition, didNot, pb.Reason_REASON_OVERTAKEN},
}

// fail is the error of this kind.
func (k kind) fail(text string) error {
	s, err := status.New(k.code, text).WithDetails(&pb.Failure{Outcome: k.outcome, Reason: k.reason})
	if err != nil {
		return status.Error(k.code, text) // it encodes, always
	}
	return s.Err()
}

// invalid is a request that is wrong.
func invalid(text string) error {
	return kind{codes.InvalidArgument, didNot, pb.Reason_REASON_INVALID}.fail(text)
}

// busy is a request for which there is no room.
func busy(text string) error {
	return kind{codes.ResourceExhausted, didNot, pb.Reason_REASON_BUSY}.fail(text)
}

// writeError is what a client is told of a write that the replica has failed. An unknown error may be anything.
func writeError(err error) error {
	text := strings.TrimPrefix(err.Error(), "replica: ")
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.fail(text)
		}
	}
	return kind{codes.Unknown, may, pb.Reason_REASON_UNSPECIFIED}.fail(text)
}

// refused is what a client is told of a write that the table has refused; nil for one that it has carried out.
func refused(code table.Code) error {
	if k, ok := refusals[code]; ok {
		text := code.String()
		switch code {
		case table.CodeStale:
			text = "the session has said that it needs no result of this request, nor of earlier ones"
		case table.CodeFull:
			text = "what the transaction finds, or all that its session keeps, is more than 1 MiB, or it keeps more than 1,024 results"
		}
		return k.fail(outcomeText(k.outcome) + text)
	}
	return nil
}

func outcomeText(o pb.Outcome) string {
	if o == didNot {
		return "not executed: "
	}
	return "may have been executed: "
}

// readError is what a client is told of a read: it never happened.
func readError(err error) error {
	text := strings.TrimPrefix(err.Error(), "replica: ")
	switch {
	case errors.Is(err, replica.ErrOutside):
		return kind{codes.Unavailable, didNot, pb.Reason_REASON_OUTSIDE}.fail(text)
	case errors.Is(err, context.Canceled):
		return kind{codes.Canceled, didNot, pb.Reason_REASON_TIMEOUT}.fail(text)
	}
	return kind{codes.Unavailable, didNot, pb.Reason_REASON_TIMEOUT}.fail(text)
}
