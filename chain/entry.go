package chain

import "fmt"

// Kind says what an entry is for.
type Kind uint8

// The kinds of entries. Only a Command or a Session changes what clients can see.
const (
	KindCommand  Kind = 1 // a command for the table
	KindTakeover Kind = 2 // the first entry of a new head; records the numbers it skipped
	KindBarrier  Kind = 3 // a no-op that a replica without a lease waits for
	KindSession  Kind = 4 // opens the session that its seq names
)

func (k Kind) String() string {
	switch k {
	case KindCommand:
		return "command"
	case KindTakeover:
		return "takeover"
	case KindBarrier:
		return "barrier"
	case KindSession:
		return "session"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// RequestID names a client's request. A repeat has the same RequestID and takes effect once.
type RequestID struct {
	Session SessionID
	Number  uint64 // from 1, in the order in which the requests of a session enter the log
}

// Tag is how a server recognizes an entry that it asked for and that has no RequestID: a barrier, or the opening
// of a session. Numbers are never used twice by one incarnation.
type Tag struct {
	By     MemberID
	Number uint64
}

// Entry is one operation of the log. The head makes it; nobody changes it afterwards, its slices included.
type Entry struct {
	Seq   Seq
	Epoch Epoch // of the head that numbered it
	Kind  Kind

	Request   RequestID // KindCommand
	DoneBelow uint64    // KindCommand: the client has the results of all requests with a lower number
	Command   []byte    // KindCommand: for the table; opaque here

	Skipped Seq // KindTakeover: the first skipped number; the last is Seq-1. Equal to Seq for none
	Tag     Tag // KindBarrier, KindSession

	// Encoded is the whole entry in bytes, made once by the head's Config.Encode and passed on as it came. Nil
	// where no Config.Encode is set.
	Encoded []byte
}

// Position names the entry.
func (e *Entry) Position() Position { return Position{e.Seq, e.Epoch} }

// entryOverheadBytes is about what an Entry takes beside its command.
const entryOverheadBytes = 128

// bytes is what the entry counts against the bounds of the log.
func (e *Entry) bytes() int { return len(e.Command) + entryOverheadBytes }

func (e *Entry) String() string {
	switch e.Kind {
	case KindCommand:
		return fmt.Sprintf("%d@%d %q", e.Seq, e.Epoch, e.Command)
	case KindTakeover:
		return fmt.Sprintf("%d@%d takeover skipped=%d..%d", e.Seq, e.Epoch, e.Skipped, e.Seq-1)
	}
	return fmt.Sprintf("%d@%d %v %v/%d", e.Seq, e.Epoch, e.Kind, e.Tag.By, e.Tag.Number)
}
