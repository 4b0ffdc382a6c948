package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/chaintable/chaintable/server/wire"
)

// Exit codes, the worse the higher: that of a session is the highest of its commands'.
const (
	codeNo        = 1 // no such key, not executed yet, or lost: an answer, and it is no
	codeUsage     = 2 // a command that makes no sense
	codeFailed    = 3 // not executed, or nobody could be asked
	codeUncertain = 4 // a write that may have been executed
)

// failure is an error with its exit code.
type failure struct {
	code  int
	again bool // another try can do no harm, and may find a server that answers
	error
}

func (f failure) Unwrap() error { return f.error }

func failf(code int, format string, args ...any) error {
	return failure{code: code, error: fmt.Errorf(format, args...)}
}

// retryf is a failure that nothing was executed for, and that may pass.
func retryf(format string, args ...any) error {
	return failure{code: codeFailed, again: true, error: fmt.Errorf(format, args...)}
}

func usagef(format string, args ...any) error { return failf(codeUsage, format, args...) }

// codeOf is the exit code for err, 0 for none. What has no code of its own was found by cobra, and is wrong usage.
func codeOf(err error) int {
	f := failure{}
	switch {
	case err == nil:
		return 0
	case errors.As(err, &f):
		return f.code
	}
	return codeUsage
}

// why says in a few words what was wrong with a connection.
func why(err error) string {
	var network net.Error
	var name *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &name):
		return "no such host"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection broke"
	case errors.Is(err, wire.ErrReply):
		return "what it answered makes no sense: is it a server of Chaintable?"
	}
	return clean(err.Error(), 120)
}
