package metrics

import (
	"context"
	"errors"

	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/table"
)

// Outcome is what became of a request, as its client was told.
type Outcome uint8

// The outcomes.
const (
	OK          Outcome = iota // done
	Miss                       // done, in vain: there is no such key, or the condition did not hold
	Invalid                    // the request itself is wrong; it changed nothing, and never will
	Refused                    // not executed: the table is as large as it may be
	NotExecuted                // not executed: this server or the chain did not take it in time; try again
	Uncertain                  // may have been executed

	outcomeCount = iota
)

var outcomeNames = [outcomeCount]string{"ok", "miss", "invalid", "refused", "not_executed", "uncertain"}

func (o Outcome) String() string { return outcomeNames[o] }

// OutcomeOf is what an error of the replica means for a request; OK for nil. An unknown error may be anything, so it is uncertain.
func OutcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return OK
	case errors.Is(err, replica.ErrMemory), errors.Is(err, replica.ErrDisk):
		return Refused
	case errors.Is(err, replica.ErrUncertain), errors.Is(err, replica.ErrForgotten):
		return Uncertain
	case errors.Is(err, replica.ErrNotExecuted), errors.Is(err, replica.ErrSession), errors.Is(err, replica.ErrOutside),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled): // of reads
		return NotExecuted
	}
	return Uncertain
}

// OutcomeOfCode is what the table's word on a command means for the request.
func OutcomeOfCode(code table.Code) Outcome {
	switch code {
	case table.CodeOK:
		return OK
	case table.CodeConditionFailed:
		return Miss
	case table.CodeNotInteger, table.CodeOverflow, table.CodeInvalid:
		return Invalid
	case table.CodeFull, table.CodeOvertaken:
		return NotExecuted
	}
	return Uncertain
}
