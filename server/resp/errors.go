package resp

import (
	"context"
	"errors"
	"strings"

	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/metrics"
	"github.com/chaintable/chaintable/table"
)

// kinds maps what the replica says to what clients are told: the code, which clients look at, and for a write whether it
// may have been executed. The first that fits counts.
var kinds = []struct {
	kind   error
	prefix string
}{
	{replica.ErrMemory, "OOM not executed: "},
	{replica.ErrDisk, "READONLY "},
	{replica.ErrOutside, "LOADING not in the chain: "},
	{replica.ErrForgotten, "UNCERTAIN may have been executed: "},
	{replica.ErrUncertain, "UNCERTAIN may have been executed: "},
	{replica.ErrSession, "TRYAGAIN not executed: "},
	{replica.ErrNotExecuted, "TRYAGAIN not executed: "},
	// These come from reads only: writes say themselves what became of them.
	{context.DeadlineExceeded, "TRYAGAIN not executed: "},
	{context.Canceled, "TRYAGAIN not executed: "},
}

// explain turns an error of the replica into one of the protocol. An unknown one may be anything, so it is uncertain.
func explain(err error) string {
	for _, k := range kinds {
		if errors.Is(err, k.kind) {
			return k.prefix + why(err)
		}
	}
	return "UNCERTAIN may have been executed: " + why(err)
}

// outcomeOf is what an error of the protocol says became of the request.
func outcomeOf(problem string) metrics.Outcome {
	switch code, _, _ := strings.Cut(problem, " "); code {
	case "OOM", "READONLY":
		return metrics.Refused
	case "LOADING", "TRYAGAIN":
		return metrics.NotExecuted
	case "UNCERTAIN":
		return metrics.Uncertain
	}
	return metrics.Invalid
}

// why is an error's text without the words that the reply's prefix says already.
func why(err error) string {
	s := strings.TrimPrefix(err.Error(), "replica: ")
	for _, said := range []string{"not executed: ", "may have been executed: ", "not in the chain: "} {
		s = strings.TrimPrefix(s, said)
	}
	return s
}

// refusal is what a client is told of a command that the table has not carried out, empty for one that it has, be
// it in vain.
func refusal(code table.Code) string {
	switch code {
	case table.CodeOK, table.CodeConditionFailed:
		return ""
	case table.CodeNotInteger:
		return "ERR " + errInteger.Error()
	case table.CodeOverflow:
		return "ERR increment or decrement would overflow"
	case table.CodeInvalid:
		return "ERR " + code.String()
	case table.CodeFull, table.CodeOvertaken:
		return "TRYAGAIN not executed: " + code.String()
	}
	return "UNCERTAIN may have been executed: " + code.String()
}
