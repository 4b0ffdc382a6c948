package retry

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"
)

// How long a server that has failed is asked after the others: the time doubles as long as it gives no answer. A member that this client alone cannot
// reach stays in the view, and whoever asks it waits in vain.
const (
	shortestSuspicion = time.Second
	longestSuspicion  = 32 * time.Second
)

// nearer is how much nearer, in percent, another server must be to be preferred to the one that reads go to.
const nearer = 20

// View is who is in the chain.
type View struct {
	Chain, Epoch uint64
	Members      []string // addresses, head first
}

// Servers is what a client knows of servers.
type Servers struct {
	seeds   []string
	view    View
	told    map[string]View          // of servers that were asked: what each told last, without members if it tells none now
	delay   map[string]time.Duration // how long an answer takes that waits for nothing
	suspect map[string]suspicion
	nearest string // the member that reads go to
}

// suspicion is of a server that has failed and not answered since.
type suspicion struct{ until, lasts time.Duration }

// NewServers knows the addresses that the client was given. They count while there is no better.
func NewServers(seeds []string) *Servers {
	return &Servers{
		seeds: slices.Clone(seeds), told: make(map[string]View), delay: make(map[string]time.Duration), suspect: make(map[string]suspicion),
	}
}

// View is the newest that was adopted, zero before the first.
func (s *Servers) View() View { return s.view }

// Adopt takes a view that the coordinator has told, of whatever chain: the chain may have begun anew. It is false if it is no news.
func (s *Servers) Adopt(v View) bool {
	if len(v.Members) == 0 || v.Chain == s.view.Chain && v.Epoch <= s.view.Epoch {
		return false
	}
	v.Members = slices.Clone(v.Members)
	s.view = v
	gone := func(address string) bool {
		return !slices.Contains(v.Members, address) && !slices.Contains(s.seeds, address)
	}
	maps.DeleteFunc(s.delay, func(address string, _ time.Duration) bool { return gone(address) })
	maps.DeleteFunc(s.suspect, func(address string, _ suspicion) bool { return gone(address) })
	maps.DeleteFunc(s.told, func(address string, _ View) bool {
		return gone(address) || slices.Contains(v.Members, address) // what a member told before says nothing of it now
	})
	return true
}

// Told takes what a server tells that was asked for its view: none if it gives no answer, or does not serve. It is true if that was
// adopted. A view of another chain is not: somebody may have mixed up two chains. Looked decides about that.
func (s *Servers) Told(address string, v View) bool {
	if len(v.Members) == 0 {
		s.told[address] = View{Chain: s.told[address].Chain}
		return false
	}
	s.told[address] = v
	return (len(s.view.Members) == 0 || v.Chain == s.view.Chain) && s.Adopt(v)
}

// Looked follows another chain, and is true, if the one that was followed is gone: every member was asked, and none of them tells a view of it any more. It
// is for when all servers have been asked, and nobody could ask the coordinator, who knows.
func (s *Servers) Looked() bool {
	for _, m := range s.view.Members {
		if v, asked := s.told[m]; !asked || len(v.Members) > 0 && v.Chain == s.view.Chain {
			return false
		}
	}
	return slices.ContainsFunc(s.All(), func(address string) bool { return s.stranger(address) && s.Adopt(s.told[address]) })
}

// stranger tells whether a server is in another chain. It is asked for its view, and for nothing else.
func (s *Servers) stranger(address string) bool {
	chain := s.told[address].Chain
	return chain != 0 && chain != s.view.Chain
}

// Strangers are the servers that are in other chains, and their chains.
func (s *Servers) Strangers() map[string]uint64 {
	strangers := make(map[string]uint64)
	for _, address := range s.All() {
		if s.stranger(address) {
			strangers[address] = s.told[address].Chain
		}
	}
	return strangers
}

// Measured notes how long a server took for an answer that waits for nothing.
func (s *Servers) Measured(address string, took time.Duration) {
	if before, ok := s.delay[address]; ok {
		took = before + (took-before)/4
	}
	s.delay[address] = max(took, 1)
}

// Answered notes that a server has answered.
func (s *Servers) Answered(address string) { delete(s.suspect, address) }

// Failed notes that a server could not be reached, does not serve, or gave no answer. Requests that fail together count once.
func (s *Servers) Failed(address string, now time.Duration) {
	if before := s.suspect[address]; now >= before.until {
		lasts := min(max(2*before.lasts, shortestSuspicion), longestSuspicion)
		s.suspect[address] = suspicion{now + lasts, lasts}
	}
}

// All are the members, head first, and then the seeds that are none.
func (s *Servers) All() []string {
	all := slices.Clone(s.view.Members)
	for _, seed := range s.seeds {
		if !slices.Contains(all, seed) {
			all = append(all, seed)
		}
	}
	return all
}

// order is all servers but strangers, the one to ask first in front: for a write the head, for a read the nearest; suspects behind the others.
func (s *Servers) order(write bool, now time.Duration) []string {
	all := s.All()
	members := all[:len(s.view.Members)]
	if !write {
		s.chooseNearest(members, now)
		slices.SortStableFunc(members, func(a, b string) int {
			return cmp.Or(cmp.Compare(rank(a != s.nearest), rank(b != s.nearest)), cmp.Compare(s.delayOf(a), s.delayOf(b)))
		})
	}
	slices.SortStableFunc(all, func(a, b string) int { return cmp.Compare(rank(s.suspected(a, now)), rank(s.suspected(b, now))) })
	return slices.DeleteFunc(all, s.stranger)
}

// rank sorts those for whom it is true behind the others.
func rank(behind bool) int {
	if behind {
		return 1
	}
	return 0
}

func (s *Servers) suspected(address string, now time.Duration) bool {
	return s.suspect[address].until > now
}

// delayOf is how far a server is. One that has not answered yet is further than all others.
func (s *Servers) delayOf(address string) time.Duration {
	if d, ok := s.delay[address]; ok {
		return d
	}
	return math.MaxInt64 / 100 // chooseNearest multiplies it
}

// chooseNearest keeps to a member until it fails or another is clearly nearer.
func (s *Servers) chooseNearest(members []string, now time.Duration) {
	best := ""
	for _, m := range members {
		if !s.suspected(m, now) && (best == "" || s.delayOf(m) < s.delayOf(best)) {
			best = m
		}
	}
	stays := slices.Contains(members, s.nearest) && !s.suspected(s.nearest, now)
	if best != "" && (!stays || s.delayOf(best) < s.delayOf(s.nearest)*(100-nearer)/100) {
		s.nearest = best
	}
}
