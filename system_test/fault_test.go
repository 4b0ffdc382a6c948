package system_test

import (
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// fault is something that goes wrong in a run.
type fault struct {
	name string
	hold time.Duration // how long it is to last, at least
	bent bent
	// begin does it, while clients are at work, and returns what ends it; nil if it ends by itself.
	begin func(*trial) (end func())
}

// bent is what a fault needs, and what it does not go with.
type bent uint8

const (
	crash       bent = 1 << iota // ends a server: of three, one must be left that is a member and that nothing happens to
	crashes                      // ends all but one, to which nothing else may happen
	coordinator                  // ZooKeeper is not there for all: nobody is removed, and nobody joins
	breaks                       // ZooKeeper itself is broken: a server of its own
	ensemble                     // ZooKeeper is three servers
	members                      // servers come or go: ZooKeeper must be there for them
	light                        // nobody loses a place by it
	garbage                      // servers log what they are sent, and of much of it only some
)

// goes tells whether two faults can be in one run. Each must leave the promises of docs/guarantees.md in force.
func (f *fault) goes(with *fault) bool {
	both, either := f.bent&with.bent, f.bent|with.bent
	switch {
	case f.name == with.name, both&(coordinator|crash|garbage) != 0:
		return false
	case either&crashes != 0:
		return both == 0 && (f.bent == crashes && with.bent&light != 0 || with.bent == crashes && f.bent&light != 0)
	case either&members != 0 && either&coordinator != 0:
		return false
	}
	return true
}

const (
	// deathTime is how long a fault lasts that has a server removed: somewhat more than that takes.
	deathTime = 2 * sessionTimeout
	// cutTime is the same where servers must notice by themselves that one of them is silent, and agree whom to remove.
	cutTime = 5 * sessionTimeout / 2
	// rough is how long something lasts that is a nuisance.
	rough = 3 * sessionTimeout / 2
)

// faults are all that can go wrong.
var faults = []fault{
	{"kill the head", deathTime, crash, func(r *trial) func() { return r.kills(r.role(0)) }},
	{"kill the middle", deathTime, crash, func(r *trial) func() { return r.kills(r.role(1)) }},
	{"kill the tail", deathTime, crash, func(r *trial) func() { return r.kills(r.role(2)) }},
	{"kill all but one", deathTime, crashes, func(r *trial) func() {
		all := r.living()
		survivor := r.random.IntN(len(all))
		return r.kills(slices.Delete(all, survivor, survivor+1)...)
	}},
	{"stop a server for three session timeouts", 3 * sessionTimeout, 0, func(r *trial) func() {
		s := r.any(1)[0]
		s.signal(syscall.SIGSTOP)
		r.spared[s] = true
		return func() {
			s.signal(syscall.SIGCONT)
			delete(r.spared, s)
		}
	}},
	{"cut a link", cutTime, 0, func(r *trial) func() { return r.between(true, trouble{silent: true}) }},
	{"cut a link one way", cutTime, 0, func(r *trial) func() { return r.between(false, trouble{silent: true}) }},
	{"delay a link", rough, light, func(r *trial) func() {
		return r.between(r.random.IntN(2) == 0, trouble{delay: 60 * time.Millisecond})
	}},
	{"slow a link", rough, 0, func(r *trial) func() { return r.between(true, trouble{rate: 20_000}) }},
	{"have a link trickle", rough, 0, func(r *trial) func() { return r.between(true, trouble{piece: 1, rate: 40_000}) }},
	{"change bytes on a link", rough, garbage, func(r *trial) func() {
		heal := r.between(r.random.IntN(2) == 0, trouble{spoil: 300 + r.random.IntN(1500)})
		return func() {
			heal()
			r.atLast = append(r.atLast, func() { waitFor(r.t, "a server to notice that bytes were changed", r.noticed) })
		}
	}},
	{"break all connections of a server, again and again", rough, light, func(r *trial) func() {
		p := r.places[r.any(1)[0]]
		return r.repeat(100*time.Millisecond, p.in.cut)
	}},
	{"cut a server off from ZooKeeper", deathTime, members, func(r *trial) func() {
		return r.cutOff(trouble{silent: true}, trouble{silent: true})
	}},
	{"lose what ZooKeeper answers a server", deathTime, members, func(r *trial) func() { return r.cutOff(trouble{}, trouble{silent: true}) }},
	{"lose what a server asks ZooKeeper", deathTime, members, func(r *trial) func() { return r.cutOff(trouble{silent: true}, trouble{}) }},
	{"kill ZooKeeper", deathTime, coordinator | breaks, func(r *trial) func() {
		r.zoo[0].Kill()
		return r.zoo[0].Start
	}},
	{"stop ZooKeeper", deathTime, coordinator | breaks, func(r *trial) func() {
		r.zoo[0].Pause()
		return r.zoo[0].Resume
	}},
	{"kill the leader of ZooKeeper's ensemble", deathTime, coordinator | ensemble, func(r *trial) func() {
		r.zoo[leaderOf(r.t, r.zoo)].Kill() // the other two go on without it
		return nil
	}},
	{"cut a follower of ZooKeeper's ensemble off", deathTime, coordinator | ensemble, func(r *trial) func() {
		leader := leaderOf(r.t, r.zoo)
		follower := (leader + 1 + r.random.IntN(2)) % 3
		apart := func(t trouble) {
			for i := range r.zoo {
				if i != follower {
					r.apart(i, follower, func(p *proxy) { p.trouble("", t, t) })
				}
			}
		}
		apart(trouble{silent: true})
		return func() { apart(trouble{}) }
	}},
	{"close sessions of servers with ZooKeeper", 0, coordinator | light, func(r *trial) func() {
		for range 2 {
			r.expire(r.any(1)[0])
		}
		return nil
	}},
	{"flood two servers with connections", rough, light | garbage, func(r *trial) func() { return r.flood(r.any(2)) }},
	{"have a server join", 0, members | light, func(r *trial) func() {
		r.admit(r.network.start())
		return nil
	}},
	{"have a server leave", rough, crash | members, func(r *trial) func() {
		s := r.any(1)[0]
		s.signal(syscall.SIGTERM)
		r.spared[s] = true
		return func() {
			s.exit()
			r.retire(s)
			r.missing++
		}
	}},
}

// plan draws what goes wrong in a run. Runs that follow each other begin with faults that do, so that each has its turn; most have a second
// one besides.
func (r *trial) plan() []*fault {
	planned := []*fault{&faults[r.seed%uint64(len(faults))]}
	var others []*fault
	for i := range faults {
		if planned[0].goes(&faults[i]) {
			others = append(others, &faults[i])
		}
	}
	if len(others) > 0 && r.random.IntN(3) > 0 {
		planned = append(planned, others[r.random.IntN(len(others))])
	}
	return planned
}

// living are the members that run and are not spared, head first. A dead one may not have been removed yet.
func (r *trial) living() (all []*server) {
	v := r.view()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, address := range v.addresses() {
		if i := slices.IndexFunc(r.serving, func(s *server) bool { return s.address == address }); i >= 0 && !r.spared[r.serving[i]] {
			all = append(all, r.serving[i])
		}
	}
	return all
}

// role is the server that is i-th in the chain now, or the last.
func (r *trial) role(i int) *server {
	all := r.living()
	return all[min(i, len(all)-1)]
}

// any is n members, or as many as there are.
func (r *trial) any(n int) (some []*server) {
	all := r.living()
	for _, i := range r.random.Perm(len(all))[:min(n, len(all))] {
		some = append(some, all[i])
	}
	return some
}

// kills ends servers as a crash would, all at once. Others come in their place.
func (r *trial) kills(victims ...*server) func() {
	for _, s := range victims {
		s.signal(syscall.SIGKILL)
	}
	for _, s := range victims {
		r.cluster.kill(s)
	}
	r.missing += len(victims)
	return nil
}

// between makes trouble on the links between two members, or on that from one to the other.
func (r *trial) between(both bool, t trouble) func() {
	all := r.any(2)
	if len(all) < 2 {
		return func() {}
	}
	a, b := r.places[all[0]], r.places[all[1]]
	b.in.trouble(a.id, t, trouble{})
	if both {
		a.in.trouble(b.id, t, trouble{})
	}
	return func() {
		b.in.heal(a.id)
		a.in.heal(b.id)
	}
}

// spoiled is how many bytes have been changed between servers.
func (r *trial) spoiled() (n int64) {
	for _, p := range r.places {
		n += p.in.spoiled.Load()
	}
	return n
}

// noticed tells whether any server, dead or not, has noticed that bytes were changed, or none needs to: few were, or those who were sent them are dead.
func (r *trial) noticed() bool {
	needs := false
	for s, p := range r.places {
		if strings.Contains(s.log(), "frame does not check") {
			return true
		}
		// One or two may have been in what a frame says of its length.
		needs = needs || p.in.spoiled.Load() > 2 && s.running()
	}
	return !needs
}

// cutOff makes trouble between a member and ZooKeeper, for what the member asks and for what it is answered.
func (r *trial) cutOff(asks, answers trouble) func() {
	p := r.places[r.any(1)[0]]
	for _, out := range p.out {
		out.trouble("", asks, answers)
	}
	return func() {
		for _, out := range p.out {
			out.heal("")
		}
	}
}

// repeat does something every so often, until it is ended.
func (r *trial) repeat(every time.Duration, do func()) (end func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				do()
			case <-stop:
				return
			}
		}
	}()
	end = sync.OnceFunc(func() {
		close(stop)
		<-stopped
	})
	r.t.Cleanup(end)
	return end
}
