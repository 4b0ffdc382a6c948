package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/chaintable/chaintable/client"
)

// Exit codes, the worse the higher: that of a session is the highest of its commands'.
const (
	codeNo        = 1 // no such key, a condition that does not hold, not executed yet, lost or forgotten: an answer, and it is no
	codeUsage     = 2 // a command, or a line of a file, that makes no sense
	codeFailed    = 3 // not executed, or nobody could be asked
	codeUncertain = 4 // a write that may have been executed
)

// failure is an error with its exit code.
type failure struct {
	code  int
	usage bool   // the command's help explains it
	about string // of wrong usage: the command; empty for table-client itself
	error
}

func (f failure) Unwrap() error { return f.error }

func failf(code int, format string, args ...any) error {
	return failure{code: code, error: fmt.Errorf(format, args...)}
}

// usagef is that a command was used in a way which its help explains.
func usagef(format string, args ...any) error {
	return failure{code: codeUsage, usage: true, error: fmt.Errorf(format, args...)}
}

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

// complaint is an error in JSON.
type complaint struct {
	Error string `json:"error"`
	Code  int    `json:"code"`           // the exit code
	Line  int    `json:"line,omitempty"` // of a session's input, from 1
}

// complain tells of an error, unless that has been said; in JSON as a document, too, where a command has answered nothing else.
func (a *app) complain(err error) {
	if err == nil || err.Error() == "" {
		return
	}
	a.out.form = a.form // as far as the flags were read
	document := a.out.json() && !a.out.answered
	if !document || !a.out.toNotes {
		a.say(err)
	}
	if document {
		if err := a.out.result("", complaint{err.Error(), codeOf(err), a.number}); err != nil {
			a.say(err)
		}
	}
}

// say tells people of an error.
func (a *app) say(err error) {
	where := ""
	if a.number > 0 {
		where = fmt.Sprintf("line %d: ", a.number)
	}
	a.out.note("%s%v", where, err)
	f := failure{}
	if errors.As(err, &f) && f.usage && a.number == 0 {
		a.hint(f.about)
	}
}

// hint tells a person which help to read.
func (a *app) hint(command string) {
	help := strings.TrimSpace("help " + command)
	switch {
	case !a.line && command == "":
		help = "table-client --help"
	case !a.line:
		help = "table-client " + help
	}
	fmt.Fprintf(a.out.notes, "`%s` tells more.\n", help)
}

// explain is what a person is told of an error of package client, with its exit code. Others are kept.
func explain(err error) error {
	e := (*client.Error)(nil)
	if !errors.As(err, &e) {
		return err
	}
	reason := strings.TrimPrefix(why(e.Err), "not done: ")
	if e.Outcome == client.DidNotHappen {
		reason = strings.TrimPrefix(reason, "not executed: ")
	}
	if e.Server != "" {
		reason = e.Server + ": " + reason
	}
	switch {
	case errors.Is(err, client.ErrNotFound):
		return failf(codeNo, "no such key: %s", show(e.Key))
	case e.Outcome == client.MayHaveHappened && e.Op == "members":
		return failf(codeUncertain, "%s: the chain may or may not be changed, or may be yet: members shows it. It can be asked for again", reason)
	case e.Outcome == client.MayHaveHappened:
		return failf(codeUncertain, "%s: it may or may not have been executed, or may be yet. Look with get before you repeat it", reason)
	case e.Op == "get" || e.Op == "size" || e.Op == "list" || e.Op == "backup" || e.Op == "verify" || e.Op == "status":
		return failf(codeFailed, "%s", reason)
	}
	return failf(codeFailed, "not executed: %s", reason)
}

// why says in a few words what was wrong.
func why(err error) string {
	var network net.Error
	var name *net.DNSError
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) { // the end of a context, and what was said before
		if all := several.Unwrap(); len(all) == 2 && !errors.Is(all[1], context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			return why(all[1])
		}
	}
	text := err.Error()
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.As(err, &name), strings.Contains(text, "no such host"):
		return "no such host"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED), strings.Contains(text, "connection refused"): // gRPC keeps but the text
		return "connection refused"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		strings.Contains(text, "error reading from server"), strings.Contains(text, "connection reset"):
		return "the connection broke"
	case strings.Contains(text, "error reading server preface"), strings.Contains(text, "http2:"):
		return "what was answered makes no sense: is it a server of Chaintable?"
	}
	if i := strings.LastIndex(text, ": connect: "); i >= 0 { // of gRPC: who was dialled has been said
		text = strings.TrimRight(text[i+len(": connect: "):], `"`)
	}
	return clean(strings.TrimPrefix(text, "client: "), 160)
}
