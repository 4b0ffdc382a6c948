package chain

// Change is what kind of a change of the view it was.
type Change uint8

// The changes.
const (
	ChangeMade      Change = iota // the first view of a chain
	ChangeFound                   // this server did not know the chain before
	ChangeAnew                    // the chain began anew, empty
	ChangeSeveral                 // several changes, of which this server has seen the last
	ChangeJoined                  // the learner became the tail
	ChangeRestarted               // servers of a dead chain restarted it
	ChangeRemoved                 // members were removed
	ChangeLeft                    // members left
	ChangeLearning                // a learner was taken in
	ChangeDropped                 // the learner was dropped
	ChangeMoved                   // another member became the head
	ChangeSettings                // nothing that changes who is where

	ChangeCount = iota
)

func (c Change) String() string {
	return [ChangeCount]string{
		"made", "found", "anew", "several", "joined", "restarted", "removed", "left", "learning", "dropped", "moved", "settings",
	}[c]
}

// Counts is how often something has happened since the replica was made.
type Counts struct {
	Changes  [ChangeCount]uint64 // of the view
	Barriers uint64              // that reads of this server waited for, and that have passed
	Reads    uint64              // that waited for them
	Resets   uint64              // of links to neighbours

	// As tail, for learners.
	Snapshots uint64 // begun
	Recalls   uint64 // older log begun to be read from disk, on so many links
	Digests   uint64 // comparisons of the members' tables
	Differing uint64 // members that differed in one
}

// LinkState is how the link to a neighbour is.
type LinkState uint8

// The states of a link.
const (
	LinkNone LinkState = iota // there is no such neighbour
	LinkDown                  // it is yet to be opened
	LinkUp
)

// Neighbour is the server before or behind this one, and the link to it.
type Neighbour struct {
	Address string // empty for none
	Link    LinkState
}

func (r *Replica) neighbours() (predecessor, successor Neighbour) {
	if m, ok := r.view.predecessor(r.self.MemberID); ok {
		predecessor = Neighbour{m.Address, linkState(r.up.link != 0)}
	}
	if m, ok := r.view.successor(r.self.MemberID); ok {
		successor = Neighbour{m.Address, linkState(r.down.up)}
	}
	return predecessor, successor
}

func linkState(up bool) LinkState {
	if up {
		return LinkUp
	}
	return LinkDown
}
