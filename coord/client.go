package coord

import (
	"context"
	"errors"

	"github.com/chaintable/chaintable/chain"
)

// How a call can fail. Implementations wrap them; test with errors.Is. Any other error says that the call did
// nothing, and never will.
var (
	// ErrConflict: not carried out, because a record exists that must not, or has another version.
	ErrConflict = errors.New("coord: conflict")

	// ErrMissing: not carried out, because there is no such record.
	ErrMissing = errors.New("coord: no such record")

	// ErrUnknown: no answer came. A change may have been carried out, may yet be, or never will.
	ErrUnknown = errors.New("coord: outcome unknown")

	// ErrClosed: not carried out, because the client had been closed before.
	ErrClosed = errors.New("coord: client is closed")

	// ErrInvalid: not carried out, because an argument cannot be a record; or a record that was read is none.
	ErrInvalid = errors.New("coord: invalid record")
)

// Client is a server's access to the coordinator. It is safe for concurrent use.
//
// A call waits at most until its ctx ends, then it fails with ErrUnknown; so ctx should have a deadline. A call that is
// under way when the session ends or Close is called fails with ErrUnknown. Implementations keep
// no slice of their arguments, and the caller owns those of the results.
type Client interface {
	// Register creates the registration, with version 0. ErrConflict: this incarnation of this node has one.
	Register(ctx context.Context, r chain.Registration) error

	// Heartbeat replaces the registration by r.Registration if its record has r.Version, and returns the
	// version it has now, r.Version+1. ErrConflict: it has another. ErrMissing: it is gone; it is not created anew.
	Heartbeat(ctx context.Context, r chain.Registered) (version int64, err error)

	// Delete deletes the registration if its record has r.Version; of r.Registration only the MemberID counts.
	// ErrConflict: it has another version. ErrMissing: it is gone.
	Delete(ctx context.Context, r chain.Registered) error

	// List reads all registrations, in the order of node and incarnation, and the session that read them. None
	// is no error. It may skew: two registrations of one list need not have existed at the same time. One
	// that cannot be decoded is listed as Unreadable says, so that it is neither taken for gone nor for a server.
	List(ctx context.Context) (registered []chain.Registered, session uint64, err error)

	// View reads the view and the session that read it. ErrMissing: there is none; session is true then too. ErrInvalid:
	// there is one that this release cannot read. With sync it asks for what is newest.
	View(ctx context.Context, sync bool) (view chain.Recorded, session uint64, err error)

	// Change sets the view to a.View if its record has the version a.From, and deletes the registrations
	// a.Delete, each at its version: all of it or nothing. With From -1 it creates the view, with version 0.
	// The record's version afterwards is From+1.
	//
	// ErrConflict: the view has another version (or exists, with From -1), a registration to be deleted has
	// another version or is gone, or a.Session is neither zero nor the session now. ErrMissing: there is no view, and From is not -1.
	Change(ctx context.Context, a chain.AskChange) error

	// News is where the client says that something may have changed: the view, or which registrations there
	// are. Heartbeats are no news. A new session is. Many changes may be one piece of news; it may come for
	// nothing, late, or never, so the caller also looks now and then. The channel is the same
	// every time, has room for one, and is never closed.
	News() <-chan struct{}

	// Close ends the session and frees everything. Calls afterwards fail with ErrClosed, except that closing
	// twice is fine. Records stay as they are.
	Close() error
}

// Outcome is err as package chain wants it told. All that is not known to be decided is OutcomeUnknown.
func Outcome(err error) chain.Outcome {
	switch {
	case err == nil:
		return chain.OutcomeOK
	case errors.Is(err, ErrUnknown):
		return chain.OutcomeUnknown
	case errors.Is(err, ErrConflict):
		return chain.OutcomeConflict
	case errors.Is(err, ErrMissing):
		return chain.OutcomeMissing
	}
	return chain.OutcomeUnknown
}
