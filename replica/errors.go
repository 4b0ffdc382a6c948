package replica

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/chaintable/chaintable/chain"
)

// What can become of a request that has no result. Each error of this package is one of these (errors.Is) and says why.
var (
	ErrNotExecuted = errors.New("not executed")
	ErrUncertain   = errors.New("may have been executed")
	ErrMemory      = errors.New("not executed: the table is as large as --max-memory allows")
	ErrDisk        = errors.New("no space on the disk") // of a member, whom the text names: not executed
	ErrSession     = errors.New("not executed: too many requests of this session are in flight")
	ErrForgotten   = errors.New("may have been executed: the session is forgotten")
	ErrOutside     = errors.New("not in the chain")
	ErrRefused     = errors.New("refused") // what an operator ordered
)

var (
	errTimeout  = fmt.Errorf("%w: the chain did not take it in time", ErrNotExecuted)
	errUnsent   = fmt.Errorf("%w: the chain did not take it", ErrNotExecuted)
	errLate     = fmt.Errorf("%w: no answer in time", ErrUncertain)
	errStopped  = fmt.Errorf("%w: the server is stopping", ErrNotExecuted)
	errStopping = fmt.Errorf("%w: the server stopped before it knew", ErrUncertain)
	errReadLate = fmt.Errorf("%w: the chain did not confirm the read in time", ErrNotExecuted)
)

// errorOf is what a chain's answer means for a call of b; nil for an answer that is none.
func (r *Replica) errorOf(b *batch, a chain.Answer) error {
	switch a.Kind {
	case chain.AnswerUnsent:
		if b.late {
			return errTimeout
		}
		return errUnsent
	case chain.AnswerRefused:
		return fmt.Errorf("%w: %s", ErrRefused, a.Why)
	case chain.AnswerUncertain:
		return errLate
	case chain.AnswerMemory:
		return ErrMemory
	case chain.AnswerDisk:
		return fmt.Errorf("%w of %s: not executed", ErrDisk, cmp.Or(a.Why, "a member"))
	case chain.AnswerSession:
		return ErrSession
	case chain.AnswerForgotten:
		return ErrForgotten
	case chain.AnswerOutside:
		return r.outside()
	}
	return nil
}

// outside says why this server serves nobody.
func (r *Replica) outside() error { return fmt.Errorf("%w: %s", ErrOutside, r.status.Load().State) }
