package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Fault is a kind of thing that goes wrong at random times.
type Fault uint8

// The faults. Those behind ClientDeath have no times of their own: what they befall happens anyway, and goes wrong by chance.
const (
	Crash       Fault = iota // a process dies
	Hunt                     // the head dies, and then those who follow it, each soon after it took over
	Massacre                 // every process dies, at about the same time
	Pause                    // a process stands still, and its clock goes on; what is sent to it waits
	Suspend                  // a machine stands still: nothing reaches it, or leaves it
	Slow                     // a server takes its time, for everything
	Break                    // a connection breaks, with what was in flight
	Flap                     // connections of one server break again and again
	Cut                      // nothing passes between two servers
	OneWay                   // nothing passes from one server to another
	Clog                     // what one server sends to another arrives later, all of it
	Swizzle                  // some servers are clogged one by one, and freed in another order (FoundationDB)
	Partition                // the servers are split, in any shape, the coordinator with some of them
	Maroon                   // the end of the chain is left behind: cut off from the coordinator, and what the others send comes late
	Outage                   // the coordinator answers nobody
	CoordCut                 // the coordinator does not hear from one server
	Expire                   // the coordinator ends the session of a server that lives
	Freeze                   // the coordinator shows one server nothing new, and perhaps takes no writes from it
	Wipe                     // the coordinator loses all it held, until an operator brings it back
	Leave                    // a server is told to leave
	Retarget                 // an operator changes how many members the chain wants
	Move                     // one moves the head
	Evict                    // one has a server evicted, which may be a good one
	Drain                    // one drains a server, and wants it back later
	Rot                      // a server's table goes wrong
	Fill                     // a server's disk is full for some time
	ClientDeath              // a client dies

	LostRequest  // the coordinator never gets a request
	LateRequest  // it carries one out long after it was given up
	LostAnswer   // it carries one out, and the answer is lost
	StaleRead    // it shows what is old
	StaleSync    // it shows what is old, although asked for the newest
	LostWatch    // it does not tell of a change
	LateMessages // what was in flight on a connection that broke arrives, some of it
	Snap         // connections break right before a change of the view that has been asked for
	SlowReader   // a reader is starved between reading a value and checking the lease
	TornSync     // a crash leaves some of what was not synced
	NoRestore    // a snapshot cannot be put in place
	Unread       // older log cannot be read from a disk that holds it
	Core         // at the end some servers must go on alone, the others are dead
	Scar         // at the end two servers stay cut off from each other
	Farewell     // at the very end a member leaves
	Quake        // connections break while the cluster at rest is looked at
	Power        // a machine dies, and not only its process
	Amid         // a server dies in the middle of a cut, with a new table, or with a new identity
	CrashOpen    // a server dies while it recovers
	DiskError    // a disk refuses to do something

	Blackout // all machines lose their power at once
	Decay    // a byte on the disk of a server that is down changes
	numFaults
)

// kinds is what each fault is called, and in how many of the runs it happens.
var kinds = [numFaults]struct {
	name string
	odds float64
}{
	Crash:       {"crash", 0.6},
	Hunt:        {"hunt", 0.3},
	Massacre:    {"massacre", 0.15},
	Pause:       {"pause", 0.5},
	Suspend:     {"suspend", 0.2},
	Slow:        {"slow", 0.2},
	Break:       {"break", 0.5},
	Flap:        {"flap", 0.2},
	Cut:         {"cut", 0.3},
	OneWay:      {"one-way", 0.3},
	Clog:        {"clog", 0.3},
	Swizzle:     {"swizzle", 0.15},
	Partition:   {"partition", 0.3},
	Maroon:      {"maroon", 0.15},
	Outage:      {"outage", 0.3},
	CoordCut:    {"coordinator-cut", 0.4},
	Expire:      {"expiry", 0.4},
	Freeze:      {"freeze", 0.3},
	Wipe:        {"wipe", 0.1},
	Leave:       {"leave", 0.3},
	Retarget:    {"retarget", 0.15},
	Move:        {"move-head", 0.2},
	Evict:       {"evict", 0.1},
	Drain:       {"drain", 0.15},
	Rot:         {"rot", 0}, // its theme has it
	Fill:        {"full-disk", 0.1},
	ClientDeath: {"client-death", 0.3},

	LostRequest:  {"lost-request", 0},
	LateRequest:  {"late-request", 0},
	LostAnswer:   {"lost-answer", 0},
	StaleRead:    {"stale-read", 0},
	StaleSync:    {"stale-sync", 0},
	LostWatch:    {"lost-watch", 0},
	LateMessages: {"late-messages", 0},
	Snap:         {"snap", 0},
	SlowReader:   {"slow-reader", 0},
	TornSync:     {"torn-sync", 0},
	NoRestore:    {"no-restore", 0},
	Unread:       {"unread", 0},
	Core:         {"core", 0},
	Scar:         {"scar", 0},
	Farewell:     {"farewell", 0},
	Quake:        {"quake", 0},
	Power:        {"power", 0},
	Amid:         {"crash-on-disk", 0},
	CrashOpen:    {"crash-in-recovery", 0},
	DiskError:    {"disk-error", 0},
	Blackout:     {"blackout", 0},
	Decay:        {"decay", 0},
}

func (f Fault) String() string { return kinds[f].name }

// Means is the mean time between two faults of each kind; zero where it is switched off.
type Means [numFaults]time.Duration

func (m Means) String() string {
	var parts []string
	for f, mean := range m {
		if mean > 0 {
			parts = append(parts, fmt.Sprintf("%v:%v", Fault(f), mean))
		}
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// Counts is how often each kind of fault happened.
type Counts [numFaults]uint64

// dropped tells whether the options leave out the n-th of a kind, or all of it.
func (o *Options) dropped(kind string, n int) bool {
	return len(o.Drop) > 0 && (slices.Contains(o.Drop, kind) || slices.Contains(o.Drop, fmt.Sprintf("%s#%d", kind, n)))
}
