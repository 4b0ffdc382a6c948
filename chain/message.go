package chain

// Envelope is a message between two servers, as link carries it. A receiver in another chain or epoch, or that
// is not To, does not act on Message; it answers Stale.
type Envelope struct {
	Chain   ID
	Epoch   Epoch
	From    MemberID
	To      MemberID
	Address string // of To, for the sender's link; not on the wire
	Message Message
}

// Message is one of the types below (design.md, section 3). Slices in it belong to the receiver.
type Message interface{ message() }

// Hello opens a link in this epoch: predecessor to successor, the tail to its learner.
type Hello struct {
	Link uint64 // rises with each attempt of the sender; Welcome, Append and Ack of other links are dropped
}

// Welcome answers a Hello: successor to predecessor. It says where to go on; it acknowledges nothing.
type Welcome struct {
	Link      uint64
	Last      Position // end of the log, or of what a learner holds behind an unfinished snapshot
	Transfer  uint64   // the snapshot that a learner is receiving from this tail; zero for none
	NextChunk uint64   // first chunk of it that has not arrived
}

// Append carries entries down the chain, and the watermarks also without any.
type Append struct {
	Link      uint64
	Prev      Position // of the entry before Entries
	Entries   []Entry  // in order; may be empty
	Stable    Seq      // every replica from the head to the sender holds the log durably up to here
	Committed Seq      // as far as the sender knows
}

// Ack runs up the chain, successor to predecessor. All marks are cumulative.
type Ack struct {
	Link      uint64
	Committed Seq
	Durable   Seq // up to which the sender holds the log durably; zero for a learner whose snapshot is not whole
	Received  Seq // end of what has arrived, durable or not: it bounds what is under way, and proves nothing
	// Full is the first server, from the sender on, whose disk is full; zero for none.
	Full MemberID
}

// Snapshot is one chunk of the table at Base, from the tail to its learner.
type Snapshot struct {
	Link     uint64
	Transfer uint64   // names this snapshot among those of the sender
	Base     Position // the last entry that the snapshot contains; the log follows behind it
	Index    uint64   // of this chunk, from 0
	Data     []byte
	Last     bool // no chunk follows
}

// SnapshotAck says which chunk the learner needs next.
type SnapshotAck struct {
	Link     uint64
	Transfer uint64
	Next     uint64 // all chunks below have been taken
}

// Proposal is a request on its way to the head.
type Proposal struct {
	Kind      Kind // KindCommand or KindSession
	Request   RequestID
	DoneBelow uint64
	Command   []byte
	Tag       Tag
	WantSeq   bool // the client wants to be told the number that the head gives
}

// Propose forwards requests to the head, in order. A stream starts anew at each change of the view and after each
// reset of the link, so that nothing can overtake or be missed in between.
type Propose struct {
	Stream    uint64 // rises with each start
	First     uint64 // index in the stream of the first of Proposals; the stream starts with 0
	Proposals []Proposal
}

// Proposed answers one proposal that wanted its seq or was refused.
type Proposed struct {
	Stream uint64
	Index  uint64
	Seq    Seq      // its number; refused for good: the end of the head's log
	Refuse Refusal  // zero when numbered
	Full   MemberID // RefuseDisk: whose disk it is
}

// Barrier asks the head for a no-op with the tag (sender, Number).
type Barrier struct {
	Number uint64
}

// Ping asks any member to answer with a Ping whose Reply is set.
type Ping struct {
	Reply bool
}

// Digest compares the members' tables at one entry. It runs down the chain, each member adds its own sum, and then the tail sends the whole list
// to all. Sums are in chain order.
type Digest struct {
	Seq  Seq
	Sums []Sum
}

// Sum is that of one member's table right after the entry. One that began behind the entry does not know.
type Sum struct {
	Known   bool
	Sum     uint64
	Learned bool // the table came from another member, or from a disk, and has agreed with the chain's in no comparison since
}

// Stale answers a message of another epoch or for somebody else. The envelope says who answers.
type Stale struct {
	Epoch Epoch // of the sender's view
}

func (Hello) message()       {}
func (Welcome) message()     {}
func (Append) message()      {}
func (Ack) message()         {}
func (Snapshot) message()    {}
func (SnapshotAck) message() {}
func (Propose) message()     {}
func (Proposed) message()    {}
func (Barrier) message()     {}
func (Ping) message()        {}
func (Digest) message()      {}
func (Stale) message()       {}

// Refusal says why the head did not number a request. A request that it refused was not executed; of a stream that it is not
// sure of, any may have been.
type Refusal uint8

// The refusals.
const (
	RefuseNone    Refusal = 0
	RefuseBusy    Refusal = 1 // window full, head not ready, leaving or moving: the rest of the stream is to be sent again
	RefuseMemory  Refusal = 2 // the table would pass its bound
	RefuseSession Refusal = 3 // the session has MaxSessionResults requests in flight
	RefuseUnsure  Refusal = 4 // what the head said of this stream may be lost: begin another
	RefuseDisk    Refusal = 5 // some member's disk is full
)
