package local

import (
	"math/rand/v2"
	"time"
)

// Faults is what goes wrong for a client by chance. Zero values are none. Probabilities are from 0 to 1.
type Faults struct {
	// Seed of the random numbers of NewClient. Calls that race draw in the order in which they come.
	Seed uint64
	// Delay is the longest that a call takes, half of it until it is carried out.
	Delay time.Duration
	// Stale is how likely a read without sync shows an old state: one of those at most Lag changes old,
	// but none older than what the session has seen.
	Stale float64
	Lag   int
	// NewsDelay is how late news may come; LoseNews is how likely it is lost.
	NewsDelay time.Duration
	LoseNews  float64
	// Unknown is how likely a change ends in ErrUnknown, having been carried out, or not, or being carried out
	// at most Late afterwards.
	Unknown float64
	Late    time.Duration
	// Expire is how likely a call finds that the session has ended.
	Expire float64
}

// Unreliable are the faults that tests run with unless they have others in mind: everything is late, many reads are
// stale, some news is lost, some changes have an unknown outcome, and a session ends now and then. They are scaled
// to the session timeout, so that a chain is busy with them, yet can hold its leases.
func Unreliable(seed uint64, timeout time.Duration) Faults {
	return Faults{
		Seed:      seed,
		Delay:     timeout / 10,
		Stale:     0.5,
		Lag:       12,
		NewsDelay: timeout / 4,
		LoseNews:  0.2,
		Unknown:   0.03,
		Late:      2 * timeout,
		Expire:    0.005,
	}
}

// Tardy are those of Unreliable that leave every call its answer: late, and stale where it may be.
func Tardy(seed uint64, timeout time.Duration) Faults {
	f := Unreliable(seed, timeout)
	f.LoseNews, f.Unknown, f.Expire = 0, 0, 0
	return f
}

// Reach is how far a client's calls come.
type Reach uint8

const (
	// Everywhere: to the store.
	Everywhere Reach = iota
	// Refused: nowhere, and they fail at once.
	Refused
	// Silent: nowhere, and they fail when their ctx ends.
	Silent
	// CutOff: to a server of the coordinator that the others do not reach. Reads, with sync too, show what it
	// held when it was cut off; changes fail when their ctx ends.
	CutOff
)

// Fate is what becomes of a change that reaches the store.
type Fate uint8

const (
	// Answered: carried out, and answered.
	Answered Fate = iota
	// Unanswered: carried out; the caller gets ErrUnknown.
	Unanswered
	// Lost: never carried out; the caller gets ErrUnknown.
	Lost
	// Late: the caller gets ErrUnknown, and at most Faults.Late afterwards it is carried out.
	Late
	// Held: the caller gets ErrUnknown; it is carried out by Client.Release.
	Held
)

func happens(r *rand.Rand, probability float64) bool {
	return probability > 0 && r.Float64() < probability
}

// draw is a duration from 0 to most.
func draw(r *rand.Rand, most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return time.Duration(r.Int64N(int64(most) + 1))
}
