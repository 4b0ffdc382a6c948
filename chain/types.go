package chain

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Seq names one operation for ever. It strictly rises along the log; zero is before every entry.
type Seq uint64

// Epoch counts the changes of the view. The first view has epoch 1; zero is no view.
type Epoch uint64

// ID is the random number that a chain got with its first view. It is in every message. Zero is no chain.
type ID uint64

func (id ID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// ParseID reads the 16 hex digits of ID.String.
func ParseID(s string) (ID, error) {
	n, err := parseHex(s)
	return ID(n), err
}

// NodeID names a server: 16 hex digits, random for a server that keeps everything in memory. Zero is nobody.
type NodeID uint64

func (id NodeID) String() string { return fmt.Sprintf("%016x", uint64(id)) }

// ParseNodeID reads the 16 hex digits of NodeID.String.
func ParseNodeID(s string) (NodeID, error) {
	n, err := parseHex(s)
	return NodeID(n), err
}

func parseHex(s string) (uint64, error) {
	if len(s) != 16 || strings.ToLower(s) != s { // one text for each id
		return 0, fmt.Errorf("chain: id %q is not 16 hex digits in lower case", s)
	}
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("chain: id %q is not 16 hex digits", s)
	}
	return n, nil
}

// Incarnation counts the registrations of a node. The first is 1.
type Incarnation uint64

// MemberID is one registration of one node: a server that registers anew is a member of nothing until a
// view names its new incarnation. The zero MemberID is nobody.
type MemberID struct {
	Node        NodeID
	Incarnation Incarnation
}

func (m MemberID) String() string { return fmt.Sprintf("%v.%d", m.Node, m.Incarnation) }

// SessionID is the seq of the entry that opened the session; with the chain's ID it names the session for
// ever. Zero is no session.
type SessionID Seq

// Position names an entry of a log. Two logs of one chain that share a position agree on everything before it.
// The zero Position is the start of every log.
type Position struct {
	Seq   Seq
	Epoch Epoch
}

func (p Position) String() string { return fmt.Sprintf("%d@%d", p.Seq, p.Epoch) }

// Time is nanoseconds on a clock that counts suspension (CLOCK_BOOTTIME). Its zero is arbitrary; times of
// different processes cannot be compared.
type Time int64

// Add returns t plus d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns the time from u to t.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Limits of design.md, sections 2, 6 and 9.
const (
	// MaxUncommitted is the most entries that the head numbers beyond committed. A new head skips as many
	// numbers, so that none that a lost head handed out is given to another operation.
	MaxUncommitted = 65_536

	// MaxUncommittedBytes is the same bound in bytes of commands.
	MaxUncommittedBytes = 256 << 20

	// MaxSessionResults is the most requests of one session that can be in flight: their results are kept until
	// the client says that they arrived.
	MaxSessionResults = 1024

	// RetainedLogBytes is how much of the committed log a replica keeps for servers that were briefly away.
	RetainedLogBytes = 64 << 20
)

// Versions of what servers say to each other.
const (
	// Protocol is the version of the messages and records.
	Protocol = 1

	// Rules is the newest behaviour known: what decides the results of commands is switched by the view.
	Rules = 1
)
