package chain

import "time"

// Ready is what a Replica wants done. Do the parts in the order of the fields; all of it before the next Ready.
//
// Nothing in Send waits for Append to be durable: the marks in the messages account for that. What was Applied is
// told with an Applied input before the next Ready is taken; the other completions may come whenever they are there.
type Ready struct {
	// Truncate, unless nil, says that the log ends behind this position (which it holds): what follows is forgotten. Persisted is due when it is
	// durable, also where nothing is to be appended: what was told of the log before does not count any more.
	Truncate *Position
	// Append is to be made durable, in order, and told with Persisted. Where Config.Self is not durable it may be ignored.
	Append []Entry
	// Cuts is how often the log has been cut by Truncate, or replaced by a Restored snapshot, with this Ready. Persisted tells it again.
	Cuts uint64

	// Apply is committed and goes to the table, in order. Then comes Applied.
	Apply []Apply

	// Start asks for a consistent iteration over the table as it is after Apply, named by the transfer; Stop ends
	// one. Read asks for the next chunk of the one started, told with Chunk. Zero is none.
	Stop, Start, Read uint64
	// ReadLog asks the disk for older log, told with LogRead, in any case and once. At most one is under way. Nil is none.
	ReadLog *ReadLog
	// Restore is chunks of a table that is to replace this one when the last has come, told with Restored. A chunk
	// with Index 0 begins anew. Unstage says that those of before are of no use, and no more of them will come.
	Unstage bool
	Restore []Snapshot

	Send   []Envelope // in order, each receiver's
	Close  []MemberID // connections from these: what they sent cannot be used
	Ask    []Ask      // of the coordinator; the order does not matter
	Answer []Answer   // to requests of this server
	Probe  []Member   // is anybody there under this address? told with ProbeDone
	News   []News     // for the log
	Halt   error      // unless nil: end the process, with this explanation. ErrDiffers: what it has kept must not be used again
	Left   bool       // the server has left the chain, or had nothing to leave: it may end
}

// Empty tells whether there is nothing to do.
func (r *Ready) Empty() bool {
	return r.Truncate == nil && len(r.Append) == 0 && len(r.Apply) == 0 && r.Stop == 0 && r.Start == 0 && r.Read == 0 &&
		r.ReadLog == nil && !r.Unstage && len(r.Restore) == 0 && len(r.Send) == 0 && len(r.Close) == 0 && len(r.Ask) == 0 && len(r.Answer) == 0 &&
		len(r.Probe) == 0 && len(r.News) == 0 && r.Halt == nil && !r.Left
}

// ReadLog is a read of the log on disk: the entries that follow exactly the position After.
type ReadLog struct {
	Number   uint64 // names the read in LogRead; never zero
	After    Position
	MaxBytes int // about how much to bring; at least one entry
}

// Apply is a committed entry, and the local request that waits for its result.
type Apply struct {
	Entry Entry
	ID    uint64 // of the Request to be answered with the table's result; zero for none
	Sum   bool   // that of the table right after the entry is to be told with Applied
}

// AnswerKind says what became of a request.
type AnswerKind uint8

// The answers, beside that of Apply.
const (
	AnswerNumbered  AnswerKind = 1  // Seq is the operation's number
	AnswerRead      AnswerKind = 2  // a barrier has passed: read the table now
	AnswerUnsent    AnswerKind = 3  // not executed, and never will be
	AnswerUncertain AnswerKind = 4  // may have been executed
	AnswerMemory    AnswerKind = 5  // not executed: the table is as large as it may get
	AnswerSession   AnswerKind = 6  // not executed: too many requests of the session in flight
	AnswerOutside   AnswerKind = 7  // not executed: this server is not in the chain
	AnswerForgotten AnswerKind = 8  // not executed now; the session is forgotten, and an earlier try may have been executed
	AnswerDisk      AnswerKind = 11 // not executed: the disk of a member is full, Why says at which address

	// To an Operate.
	AnswerDone    AnswerKind = 9  // accepted and under way, or so already
	AnswerRefused AnswerKind = 10 // nothing happens; Why says why
)

// Answer ends a Request, ReadBarrier or Operate.
type Answer struct {
	ID   uint64
	Kind AnswerKind
	Seq  Seq
	Why  string // AnswerRefused: for the operator; AnswerDisk: an address, or empty
}

// Ask is a request to the coordinator. At most one of each type is under way, but for an AskChange of an
// epoch that has passed, and what was asked under a name that was given up.
type Ask interface{ ask() }

// AskRegister creates the server's registration, with version 0. The answer is CoordRegistered.
type AskRegister struct{ Registration Registration }

// AskHeartbeat writes the registration if its record has the version. The answer is CoordRegistered.
type AskHeartbeat struct{ Registered }

// AskView reads the view. The answer is CoordView.
type AskView struct {
	Sync bool // ask for what is newest, not for what this server's coordinator happens to know
}

// AskList reads all registrations. The answer is CoordList.
type AskList struct{}

// AskChange sets the view if its record still has the version From, and deletes registrations at their versions:
// all of it or nothing. The answer is CoordChanged.
type AskChange struct {
	From    int64  // version of the record; -1 creates the first view
	Session uint64 // that From was read in; only there it counts, for a coordinator that was emptied begins to count anew. Zero for any
	View    View
	Delete  []Registered
}

// AskDelete deletes a registration at its version. The answer is CoordDeleted.
type AskDelete struct{ Registered }

func (AskRegister) ask()  {}
func (AskHeartbeat) ask() {}
func (AskView) ask()      {}
func (AskList) ask()      {}
func (AskChange) ask()    {}
func (AskDelete) ask()    {}

// ViewChanged is the Text of News of a new view. All other news may want somebody to do something.
const ViewChanged = "view changed"

// News is something worth a line in the log.
type News struct {
	Text  string
	Cause string // of a change of the view, or empty
	View  View
	Took  time.Duration // how long the cause had lasted, zero where unknown
}
