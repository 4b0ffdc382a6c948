package chain

// Input is one thing that happened. Step takes the types below; nothing else changes a Replica.
type Input interface{ input() }

// Tick says that time has passed. It comes every few milliseconds; a late one does no harm.
type Tick struct{}

// Received is a message from another server.
type Received struct{ Envelope }

// LinkReset says that messages sent to Peer before now may be lost, and those from now on travel a new
// connection. A link loses nothing without saying so.
type LinkReset struct{ Peer MemberID }

// Request is a client's command at this server.
type Request struct {
	ID      uint64 // names the request in Answer; unique within the process, never zero
	Command []byte // for the table
	// Session and below: for clients that hold a session of their own. With a zero Session the command goes into
	// the server's session.
	Chain     ID // of the session; another one than ours has forgotten it
	Session   SessionID
	Number    uint64
	DoneBelow uint64
	Numbered  bool // answer with the number as soon as the head has given it, before the command commits
	Open      bool // open a session; Command is empty and the answer's Seq is the session's id
}

// ReadBarrier is a read that has no lease to rely on. It is answered with AnswerRead once a barrier that was
// asked for after it has been applied.
type ReadBarrier struct{ ID uint64 }

// Cancel gives up a Request or ReadBarrier, whose client waits no longer. It is answered with AnswerUnsent or
// AnswerUncertain, unless it has been answered already.
type Cancel struct{ ID uint64 }

// Persisted says that the log is durable up to Position. Only where Config.Self is durable. It counts only with the newest Cuts: the log on
// disk may still have, and be about to lose, what stands in the present log again.
type Persisted struct {
	Position
	Cuts uint64 // of the last Ready all of whose Truncate and Append are durable, or were when this was sent
}

// Applied says that the table holds every entry up to Through, the last of Ready.Apply.
type Applied struct {
	Through Seq
	Bytes   int64 // size of the table
	// Forgotten are the entries in Ready.Apply, in order, whose command the table refused because it does not know the session. Who waits
	// for one has not been answered; an Answer follows.
	Forgotten []Seq
	// Sums are those of the table right after the entries in Ready.Apply whose Sum was set, in order.
	Sums []uint64
}

// Chunk is a piece of a snapshot that Ready.Read asked for.
type Chunk struct {
	Transfer uint64
	Data     []byte
	Last     bool
}

// LogRead is what Ready.ReadLog has found. Held is false, without entries, where the disk does not hold exactly that position and what follows, or
// it fails its checksum, or cannot be read. The entries are as they were logged, in order and without a gap.
type LogRead struct {
	Number  uint64 // of the ReadLog
	Entries []Entry
	Held    bool
}

// Restored says that the table of the last Ready.Restore is whole and in place, or that Transfer could not be
// read: then Err says why.
type Restored struct {
	Transfer uint64
	Bytes    int64 // size of the table
	Err      error
}

// ProbeDone tells what was found at the address of Ready.Probe.
type ProbeDone struct {
	Member MemberID
	Dead   bool // the address refused the connection, or another node answered
}

// Leave tells a member to take itself out of the chain and end.
type Leave struct{}

// Operate is an operator's order. It is answered once: with AnswerDone when it is accepted and under way, or as it should be already; with
// AnswerRefused and the reason; or with AnswerOutside where this server knows of no chain. Whoever waits for the effect watches Status.
type Operate struct {
	ID        uint64 // names the order in Answer, as that of a Request; zero for nobody who waits
	Operation Operation
}

// Operation is what an operator can order.
type Operation interface{ operation() }

// SetTarget changes how many members the chain wants; zero is as many as register. A chain that is longer lets its tail go, one after the
// other. At the head.
type SetTarget struct{ Target int }

// MoveHead puts a member in front of the others, whose order stays. At the head.
type MoveHead struct{ To NodeID }

// Evict takes out a server that is stuck or cut off: if it lives, it may come back later. At the first other member; for one that is no member, at
// the head.
type Evict struct{ Node NodeID }

// Drain takes this server out of the chain without a trace, as Leave does; it goes on outside, and nobody takes it in. A new process knows nothing of it.
type Drain struct{}

// Undrain ends that: the server waits to be taken in.
type Undrain struct{}

func (SetTarget) operation() {}
func (MoveHead) operation()  {}
func (Evict) operation()     {}
func (Drain) operation()     {}
func (Undrain) operation()   {}

// Outcome is how a request to the coordinator went.
type Outcome uint8

// The outcomes. Unknown includes every request whose answer did not come.
const (
	OutcomeOK       Outcome = 1
	OutcomeConflict Outcome = 2 // not carried out: a version was not the expected one
	OutcomeMissing  Outcome = 3 // not carried out: there is no such record
	OutcomeUnknown  Outcome = 4 // perhaps carried out, perhaps still to be
)

// CoordRegistered answers AskRegister and AskHeartbeat.
type CoordRegistered struct {
	Member  MemberID // whose heartbeat it was
	Sent    Time     // when the request was sent; the lease runs from here
	Version int64    // of the record now
	Outcome Outcome
}

// CoordView answers AskView. OutcomeMissing is a coordinator that answers and has no view.
type CoordView struct {
	Recorded
	Session uint64 // the coordinator session that read it
	Outcome Outcome
}

// CoordList answers AskList with all registrations.
type CoordList struct {
	Registered []Registered
	Session    uint64 // the coordinator session that read them
	Outcome    Outcome
}

// CoordChanged answers AskChange.
type CoordChanged struct {
	Epoch   Epoch // of the view that was asked for
	Outcome Outcome
}

// CoordDeleted answers AskDelete.
type CoordDeleted struct {
	Member  MemberID
	Outcome Outcome
}

// CoordNews says that the view or some registration may have changed. It may come late, or never.
type CoordNews struct{}

func (Tick) input()            {}
func (Received) input()        {}
func (LinkReset) input()       {}
func (Request) input()         {}
func (ReadBarrier) input()     {}
func (Cancel) input()          {}
func (Persisted) input()       {}
func (Applied) input()         {}
func (Chunk) input()           {}
func (LogRead) input()         {}
func (Restored) input()        {}
func (ProbeDone) input()       {}
func (Leave) input()           {}
func (Operate) input()         {}
func (CoordRegistered) input() {}
func (CoordView) input()       {}
func (CoordList) input()       {}
func (CoordChanged) input()    {}
func (CoordDeleted) input()    {}
func (CoordNews) input()       {}
