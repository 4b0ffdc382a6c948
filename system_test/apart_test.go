package system_test

import (
	"os/exec"
	"testing"

	"github.com/chaintable/chaintable/internal/needs"
)

// TestApart has several chains in one ZooKeeper: below two chroots, and of two names below one of them. None sees another.
func TestApart(t *testing.T) {
	t.Parallel()
	z := needs.AnyZooKeeper(t)
	one, two := z+chroot(), z+chroot()
	named := &cluster{t: t, connect: two, options: []string{"--chain", "other"}, watcher: startWatcher(t, two, "other")}
	chains := []*cluster{newCluster(t, one), newCluster(t, two), named}
	names := []string{"one", "two", "three"}
	for i, c := range chains {
		for range 2 {
			c.join()
		}
		set(t, c.members()[0], "k", names[i])
	}
	for i, c := range chains {
		if v := c.view(); len(v.Members) != 2 {
			t.Errorf("chain %d: %v", i, v.addresses())
		}
		for _, s := range c.members() {
			get(t, s, "k", names[i])
		}
		// A server that has been taken for silent has two for a while.
		waitFor(t, "one registration for each server", func() bool {
			registered, err := c.registrations()
			return err == nil && len(registered) == 2
		})
		registered, err := c.registrations()
		if err != nil {
			t.Fatal(err)
		}
		for name, r := range registered {
			if c.view().index(r.Address) < 0 || r.V != 1 || r.Leaving {
				t.Errorf("registration %s: %+v", name, r)
			}
		}
	}
	chains[0].awaitPublished()
	chains[1].awaitPublished() // although chain "other" is below the same chroot
}

// TestZooKeeperWiped has ZooKeeper lose all that it held, under a living chain. The servers serve nobody, and keep what they hold until
// an operator brings the chain back.
func TestZooKeeperWiped(t *testing.T) {
	t.Parallel()
	z := needs.StartZooKeeper(t)
	c := newChain(t, z.Address, 3)
	l := startLoad(t, c.addresses, nil)
	l.flow(200)
	members := c.members()
	before := c.view()
	z.Kill()
	z.Wipe()
	z.Start()
	for _, s := range members {
		s.expect(0, "SERVING NOBODY")
	}
	l.end()
	for _, s := range members {
		refuses(t, s, l.counters[0].key)
	}
	args := []string{"recover", c.connect, "--yes"}
	for _, s := range members {
		args = append(args, s.address)
	}
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	runs.Add(1)
	t.Logf("table-server recover says:\n%s", out)
	if err != nil {
		t.Fatal(err)
	}
	c.watcher = startWatcher(t, c.connect, "main") // ZooKeeper refuses the session of the old one, which has seen more
	for _, s := range members {
		c.admit(s)
	}
	if after := c.view(); after.Chain != before.Chain || after.Epoch <= before.Epoch {
		t.Errorf("view %+v, was %+v before", after, before)
	}
	for _, s := range members {
		l.verify(s)
	}
	c.awaitPublished()
	t.Log(l)
}
