package system_test

import (
	"testing"
	"time"

	"github.com/chaintable/chaintable/internal/needs"
)

// TestOutage takes ZooKeeper away for several session timeouts. Reads and writes go on meanwhile, and nobody has lost a place when it is back.
func TestOutage(t *testing.T) {
	z := needs.StartZooKeeper(t)
	outage(t, z, z.Kill, z.Start)
}

// TestOutageHung has ZooKeeper hang, and then do all at once what it was asked meanwhile.
func TestOutageHung(t *testing.T) {
	z := needs.StartZooKeeper(t)
	outage(t, z, z.Pause, z.Resume)
}

func outage(t *testing.T, z *needs.ZooKeeper, away, back func()) {
	t.Helper()
	c := newChain(t, z.Address, 3)
	c.awaitPublished()
	l := startLoad(t, c.addresses, nil)
	l.flow(200)
	before := c.view()
	l.lap()
	away()
	acked, read := l.acked.Load(), l.read.Load()
	pass(t, *outageFlag)
	for _, s := range c.members() {
		st, err := s.status()
		if err != nil || st.LeaseLeftMS != 0 || st.State != "member" {
			t.Errorf("%s without ZooKeeper: %+v, %v", s.address, st, err)
		}
	}
	t.Logf("without ZooKeeper for %v: %d writes, %d reads, %v without an acknowledged write", *outageFlag, l.acked.Load()-acked, l.read.Load()-read, l.lap())
	if l.acked.Load()-acked < 200 || l.read.Load()-read < 200 {
		t.Error("the chain hardly answers")
	}
	back()
	begin := time.Now()
	waitFor(t, "leases", func() bool {
		for _, s := range c.members() {
			if st, err := s.status(); err != nil || st.LeaseLeftMS == 0 {
				return false
			}
		}
		return true
	})
	leases := time.Since(begin)
	c.awaitPublished()
	t.Logf("ZooKeeper is back: all have leases after %v; /chain is whole after %v", leases.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
	l.flow(200)
	if after := c.view(); !after.same(before) {
		t.Errorf("view %+v, was %+v before", after, before)
	}
	l.end()
	for _, s := range c.members() {
		l.verify(s)
	}
	l.noRefusals()
	t.Log(l)
}
