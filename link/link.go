package link

import (
	"context"
	"errors"

	"github.com/chaintable/chaintable/chain"
)

// Preamble is what a server that dials another says first: it tells the links from the other protocols on the
// port, which reads it and then hands the connection to TCP.Serve. Its last byte is the protocol version.
const Preamble = "\xCAchain\x01"

// Bounds on what travels.
const (
	// MaxFrameBytes is the longest payload of a frame: the longest command there is, and what goes around it.
	// A longer one is neither sent nor read.
	MaxFrameBytes = 72 << 20

	maxEntries   = 65_536 // in one Append
	maxProposals = 65_536 // in one Propose
	maxSums      = 1000   // in one Digest: coord.MaxMembers
)

// ErrStopped is what a Transport says after Stop.
var ErrStopped = errors.New("link: stopped")

// Handler gets what a Transport receives. Its methods are called from the transport's goroutines, several at once
// for different peers, and must return once the handler's owner calls Stop.
type Handler interface {
	// Receive takes a message, whose slices are now the handler's; entries of one Append share one array. It may
	// block, and then nothing more is read from that peer. Messages of one peer come one at a time, in the order
	// in which they were sent.
	Receive(chain.Envelope)

	// Reset says that of the messages sent to the peer before it was called some may be lost: the newest, or those
	// sent between the loss and the call. Those sent after it returned travel a new connection. (A message sent
	// while it runs may also reach the peer, behind lost ones.)
	Reset(peer chain.MemberID)
}

// Transport carries messages between this server and others. All methods may be called concurrently, but
// messages sent concurrently have no order.
//
// Nothing is lost without a Reset of the sender's handler. What arrives, arrives in the order sent, once.
type Transport interface {
	// Start sets who receives. It must be called once; until then nothing is received, and nothing can be sent.
	Start(Handler)

	// Send queues messages, in order for each receiver (To at Address); it keeps nothing of them. It never blocks:
	// a receiver whose queue is full loses all that is queued for it, and its connection, and the handler gets a
	// Reset. So it does when the receiver cannot be reached.
	Send(envelopes []chain.Envelope)

	// Close ends the connections over which the peer sends to this server; the peer sees a reset. What has not yet
	// been given to Receive will not be. It does not wait for a Receive that is under way.
	Close(from chain.MemberID)

	// Probe asks at a member's address whether its node is still there. Dead is certain: the address refuses the
	// connection, or another node answers there. (false, nil) is the node itself, perhaps in another incarnation. An
	// error says why nobody answered, which tells nothing about the member.
	Probe(ctx context.Context, m chain.Member) (dead bool, err error)

	// Stop closes every connection, waits until no method of the handler runs, and drops what is queued. No
	// method of the handler is called afterwards.
	Stop() error
}
