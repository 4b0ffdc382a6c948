package zookeeper

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// shown is /chain in a test: its nodes in the order of their numbers.
type shown struct {
	nodes []node
	next  int
}

// act does what plan says, as one Multi.
func (s *shown) act(order []string, self int, session int64) (changed bool) {
	remove, create := plan(s.nodes, order, self, session)
	s.nodes = slices.DeleteFunc(s.nodes, func(n node) bool { return slices.Contains(remove, n.name) })
	for _, address := range create {
		s.nodes = append(s.nodes, node{fmt.Sprintf("node%010d", s.next), address, session})
		s.next++
	}
	return len(remove)+len(create) > 0
}

func (s *shown) addresses() (all []string) {
	for _, n := range s.nodes {
		all = append(all, n.address)
	}
	return all
}

// inOrder tells whether list is order, or order with gaps.
func inOrder(list, order []string) bool {
	at := 0
	for _, a := range list {
		i := slices.Index(order[at:], a)
		if i < 0 {
			return false
		}
		at += i + 1
	}
	return true
}

// TestPlan has sessions end, members go and come, and strays appear, at random, while members look at /chain in any order. It must
// list members in chain order at every moment, and all of them once nothing happens any more.
func TestPlan(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for run := range 2000 {
		var s shown
		var order []string
		sessions := map[string]int64{}
		session, fresh := int64(0), 0
		join := func() {
			fresh++
			a := fmt.Sprintf("m%d", fresh)
			order = append(order, a)
			session++
			sessions[a] = session
		}
		join()
		join()
		join()
		lastGone := "" // its node may be there until its session ends
		for step := range 60 {
			i := random.IntN(len(order))
			switch what := random.IntN(8); {
			case what == 0: // a session ends, and the next begins
				old := sessions[order[i]]
				s.nodes = slices.DeleteFunc(s.nodes, func(n node) bool { return n.owner == old })
				session++
				sessions[order[i]] = session
			case what == 1 && len(order) > 1: // removed, with its node, as Change does
				gone := order[i]
				order = slices.Delete(slices.Clone(order), i, i+1)
				s.nodes = slices.DeleteFunc(s.nodes, func(n node) bool { return n.address == gone })
				lastGone = gone
			case what == 2 && len(order) < 6:
				join()
			case what == 3 && lastGone != "": // somebody who is not a member any more looks
				s.act(order, -1, sessions[lastGone])
			default:
				s.act(order, i, sessions[order[i]])
			}
			if !inOrder(s.addresses(), order) {
				t.Fatalf("seed %d, run %d, step %d: /chain lists %v, the chain is %v", seed, run, step, s.addresses(), order)
			}
		}
		for quiet := 0; quiet < len(order); {
			quiet++
			for i, a := range order {
				if s.act(order, i, sessions[a]) {
					quiet = 0
				}
				if !inOrder(s.addresses(), order) {
					t.Fatalf("seed %d, run %d: /chain lists %v, the chain is %v", seed, run, s.addresses(), order)
				}
			}
		}
		for i, n := range s.nodes {
			if len(s.nodes) != len(order) || n.address != order[i] || n.owner != sessions[order[i]] {
				t.Fatalf("seed %d, run %d: /chain lists %v, the chain is %v with sessions %v", seed, run, s.nodes, order, sessions)
			}
		}
	}
}

// TestPlanOfAll are cases that are worth a look.
func TestPlanOfAll(t *testing.T) {
	order := []string{"h", "m", "t"}
	at := func(list string) (nodes []node) {
		for i, word := range strings.Fields(list) {
			address, owner, _ := strings.Cut(word, ":")
			nodes = append(nodes, node{fmt.Sprint(i), address, map[string]int64{"": 1, "2": 2, "3": 3}[owner]})
		}
		return nodes
	}
	for _, c := range []struct {
		name, nodes    string
		self           int
		remove, create string
	}{
		{"nothing there, the head begins", "", 0, "", "h"},
		{"nothing there, others wait", "", 1, "", ""},
		{"all well", "h m:2 t:3", 0, "", ""},
		{"the head's node is gone", "m:2 t:3", 0, "0 1", "h m t"},
		{"the head's node is gone, others wait", "m:2 t:3", 1, "", ""},
		{"mine, made by another", "h m t", 0, "", ""},
		{"that of a dead session of mine", "h:2 m:2 t:3", 0, "0 1 2", "h m t"},
		{"a stray before all", "x:3 h m t", 0, "0 1 2 3", "h m t"},
		{"twice, after an unknown outcome", "h m:2 t:3 h", 0, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			remove, create := plan(at(c.nodes), order, c.self, 1)
			if strings.Join(remove, " ") != c.remove || strings.Join(create, " ") != c.create {
				t.Errorf("removes %v and creates %v, want [%s] and [%s]", remove, create, c.remove, c.create)
			}
		})
	}
	if remove, _ := plan(at("h m:2 t:3 h"), order, 2, 3); !slices.Equal(remove, []string{"2", "3"}) {
		t.Errorf("a stray behind the tail: the tail removes %v", remove)
	}
	if remove, create := plan(at("h m x:3"), order, -1, 3); !slices.Equal(remove, []string{"2"}) || create != nil {
		t.Errorf("no member: removes %v, creates %v", remove, create)
	}
}
