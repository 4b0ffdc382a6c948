package system_test

import (
	"time"
)

// fault is something that goes wrong in a run.
type fault struct {
	name string
	hold time.Duration // how long it is to last, at least
	// begin does it, while clients are at work, and returns what ends it; nil if it ends by itself.
	begin func(*trial) (end func())
}

// faults are all that can go wrong.
var faults = []fault{
	{"kill the head", deathTime, func(r *trial) func() { return r.kills(r.role(0)) }},
	{"kill the middle", deathTime, func(r *trial) func() { return r.kills(r.role(1)) }},
	{"kill the tail", deathTime, func(r *trial) func() { return r.kills(r.role(2)) }},
	{"kill all but one", deathTime, func(r *trial) func() {
		survivor := r.random.IntN(3)
		var victims []*server
		for i := range 3 {
			if i != survivor {
				victims = append(victims, r.role(i))
			}
		}
		return r.kills(victims...)
	}},
}

// deathTime is how long a dead server is left alone: somewhat more than it takes the others to remove it.
const deathTime = 2 * sessionTimeout

// plan draws what goes wrong in a run. Runs that follow each other begin with faults that do, so that each has its turn.
func (r *trial) plan() []fault {
	return []fault{faults[r.seed%uint64(len(faults))]}
}

// role is the server that is i-th in the chain now, or the last.
func (r *trial) role(i int) *server {
	r.t.Helper()
	members := r.members()
	return members[min(i, len(members)-1)]
}

// kills ends servers as a crash would, all at once. Others come in their place.
func (r *trial) kills(victims ...*server) func() {
	for _, s := range victims {
		r.cluster.kill(s)
	}
	return func() {
		for range victims {
			r.admit(r.start())
		}
	}
}
