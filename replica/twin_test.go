package replica_test

import (
	"strings"
	"testing"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/replica"
)

// TestTwoServersWithOneID: the second waits outside, and names the first, which serves on.
func TestTwoServersWithOneID(t *testing.T) {
	c := newCluster(t)
	as := func(config *replica.Config) { config.Chain.Self.Node = 42 }
	first := c.startAs(as)
	await(t, first, "a chain of one", members(1))
	put(t, first, "k", "v")
	second := c.startAs(as)
	await(t, second, "it says why it waits", func(s replica.Status) bool {
		return strings.Contains(s.State, first.Status().Address+" in the chain has the id of this one, 000000000000002a")
	})
	put(t, first, "k", "w")
	if s := first.Status(); s.View.Learner != (chain.Member{}) || len(s.View.Members) != 1 {
		t.Errorf("the view is %v", s.View)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, second, "it begins anew once the first is dead", members(1))
}

// TestAnotherSessionTimeout: nobody is taken in whose lease could outlive its removal.
func TestAnotherSessionTimeout(t *testing.T) {
	c := newCluster(t)
	first := c.start()
	await(t, first, "a chain of one", members(1))
	other := c.startAs(func(config *replica.Config) { config.Chain.SessionTimeout = 2 * timeout })
	await(t, other, "it says why it waits", func(s replica.Status) bool {
		return strings.Contains(s.State, "have a session timeout of 400ms, this server has 800ms")
	})
	third := c.start()
	await(t, third, "one with the same is taken in", members(2))
	await(t, other, "the one with another sees it", func(s replica.Status) bool { return len(s.View.Members) == 2 })
	if s := other.Status(); s.Serving || s.View.HasNode(s.ID) {
		t.Errorf("the one with another is %s in %v", s.Role, s.View)
	}
}
