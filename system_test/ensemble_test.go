package system_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/chaintable/chaintable/internal/needs"
)

// TestEnsembleLeaderKilled kills the leader of an ensemble of three, under load. Clients notice nothing, and nobody loses a place.
func TestEnsembleLeaderKilled(t *testing.T) {
	all := needs.StartEnsemble(t, 3, nil)
	c := newChain(t, servers(all), 3)
	c.awaitPublished()
	before := c.view()
	l := startLoad(t, c.addresses, nil)
	l.flow(200)
	l.lap()
	leader := leaderOf(t, all)
	all[leader].Kill()
	begin := time.Now()
	waitFor(t, "another leader", func() bool { return leads(all, leader) >= 0 })
	elected := time.Since(begin)
	// A lease that has more left than one from before could have is a new one.
	waitFor(t, "leases", func() bool {
		for _, s := range c.members() {
			old := sessionTimeout - time.Since(begin)
			if st, err := s.status(); err != nil || st.LeaseLeftMS <= max(old.Milliseconds(), 0) {
				return false
			}
		}
		return true
	})
	t.Logf("another leader after %v, leases after %v, at most %v without an acknowledged write",
		elected.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond), l.lap().Round(time.Millisecond))
	l.flow(500)
	c.awaitPublished()
	if after := c.view(); !after.same(before) {
		t.Errorf("view %+v, was %+v before", after, before)
	}
	l.end()
	l.noRefusals()
	t.Log(l)
}

// TestEnsembleFollowerCutOff cuts a follower off from the leader, while a member of the chain knows only that follower. For some time it shows the
// member a view in which it still is, and registrations that stand still, while the others have removed the member. All the same the member answers no
// read with what is old.
func TestEnsembleFollowerCutOff(t *testing.T) {
	all, between := startSeveredEnsemble(t)
	leader := leaderOf(t, all)
	follower, other := (leader+1)%3, (leader+2)%3
	root := chroot()
	c := newCluster(t, all[leader].Address+","+all[other].Address+root)
	var member *server
	for i := range 3 {
		connect := c.connect
		if i == 1 {
			connect = all[follower].Address + root
		}
		s := c.startAt("0", connect)
		c.admit(s)
		if i == 1 {
			member = s
		}
	}
	c.awaitPublished()
	before := c.view()
	aside := watchView(t, all[follower].Address, root)

	l := startLoad(t, func() (others []string) {
		for _, address := range c.addresses() {
			if address != member.listens {
				others = append(others, address)
			}
		}
		return others
	}, nil)
	l.readAt(func() []string { return []string{member.listens} })
	l.flow(200)
	waitFor(t, "reads at the member", func() bool { return l.readThere.Load() > 100 })
	l.lap()
	answered := l.readThere.Load()
	between(leader, follower, func(p *proxy) { p.silence("") })
	begin := time.Now()
	c.awaitGone(member)
	removed := time.Since(begin)
	if epoch := aside(); epoch != before.Epoch {
		t.Errorf("the follower that is cut off shows epoch %d, not the old %d: this test tests nothing", epoch, before.Epoch)
	}
	old := time.Now()
	for aside() == before.Epoch && time.Since(old) < patience {
		l.flow(1)
	}
	t.Logf("the member was removed after %v; its follower showed the old view for %v more; %d reads were answered there; at most %v without an acknowledged write",
		removed.Round(time.Millisecond), time.Since(old).Round(time.Millisecond), l.readThere.Load()-answered, l.lap().Round(time.Millisecond))
	l.flow(500)
	between(leader, follower, func(p *proxy) { p.heal("") })
	waitFor(t, "the member to be back", func() bool { return c.view().index(member.address) >= 0 && member.serving() })
	l.flow(100)
	c.awaitPublished()
	l.end()
	for _, s := range c.members() {
		l.verify(s)
	}
	t.Log(l)
}

// startSeveredEnsemble starts three servers of ZooKeeper that reach each other through proxies. What it returns calls change for all between two.
func startSeveredEnsemble(t *testing.T) (all []*needs.ZooKeeper, between func(i, j int, change func(*proxy))) {
	t.Helper()
	ways := map[[2]int][]*proxy{}
	all = needs.StartEnsemble(t, 3, func(i, j int, address string) string {
		p := startProxy(t, address, nil)
		ways[[2]int{i, j}] = append(ways[[2]int{i, j}], p)
		return p.Address
	})
	return all, func(i, j int, change func(*proxy)) {
		for _, pair := range [][2]int{{i, j}, {j, i}} {
			for _, p := range ways[pair] {
				change(p)
			}
		}
	}
}

// watchView returns a function that reads the epoch of the view at one server of ZooKeeper; 0 if it does not answer.
func watchView(t *testing.T, server, chroot string) func() uint64 {
	t.Helper()
	conn, _, err := zk.Connect([]string{server}, 10*time.Second, zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return func() uint64 {
		type answer struct{ Epoch uint64 }
		answers := make(chan answer, 1)
		go func() {
			var a answer
			if data, _, err := conn.Get(chroot + "/chaintable/chains/main/view"); err == nil {
				_ = json.Unmarshal(data, &a)
			}
			answers <- a
		}()
		select {
		case a := <-answers:
			return a.Epoch
		case <-time.After(sessionTimeout):
			return 0
		}
	}
}

func servers(all []*needs.ZooKeeper) string {
	var addresses []string
	for _, z := range all {
		addresses = append(addresses, z.Address)
	}
	return strings.Join(addresses, ",")
}

// leads is the leader of an ensemble, but for one of its servers; -1 for none.
func leads(all []*needs.ZooKeeper, without int) int {
	for i, z := range all {
		if i != without && z.Leads() {
			return i
		}
	}
	return -1
}

func leaderOf(t *testing.T, all []*needs.ZooKeeper) (i int) {
	t.Helper()
	waitFor(t, "a leader", func() bool { i = leads(all, -1); return i >= 0 })
	return i
}
