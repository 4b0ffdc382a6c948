package system_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/chaintable/chaintable/internal/needs"
)

// How long clients may go without an acknowledged write, at most: five times what is usual on a machine that has other things to do.
const (
	maxKillGap  = 5 * 1200 * time.Millisecond
	maxLeaveGap = 5 * 100 * time.Millisecond
)

// TestKill kills the head, a middle and the tail in turn while clients write and read. A new server joins after each. At the end all are killed
// but one, which has every acknowledged write.
func TestKill(t *testing.T) {
	c := newChain(t, needs.AnyZooKeeper(t), 3)
	l := startLoad(t, c.addresses, nil)
	longest := time.Duration(0)
	for i := range *killsFlag {
		l.flow(200)
		l.lap()
		victim := c.members()[i%3]
		c.kill(victim)
		c.awaitGone(victim)
		l.flow(200)
		gap := l.lap()
		c.join()
		t.Logf("killed %s %s: %v without an acknowledged write; %v while another joined", roles[i%3], victim.address, gap.Round(time.Millisecond), l.lap().Round(time.Millisecond))
		longest = max(longest, gap)
	}
	c.awaitPublished()
	for range 2 {
		victim := c.members()[0]
		c.kill(victim)
		c.awaitGone(victim)
		l.flow(200)
	}
	l.end()
	l.verify(c.members()[0])
	l.noRefusals()
	t.Logf("longest gap of %d kills: %v; %v; /chain seen %d times", *killsFlag, longest.Round(time.Millisecond), l, c.listings.Load())
	if longest > maxKillGap {
		t.Errorf("%v without an acknowledged write, want at most %v", longest, maxKillGap)
	}
}

// TestKillAllButOne kills two of three servers in the same moment, under load. The third goes on alone, with every acknowledged write.
func TestKillAllButOne(t *testing.T) {
	c := newChain(t, needs.AnyZooKeeper(t), 3)
	for i, role := range roles {
		l := startLoad(t, c.addresses, func(l *load) { l.prefix = role })
		l.flow(200)
		members := c.members()
		survivor := members[i]
		for _, s := range members {
			if s != survivor {
				s.signal(syscall.SIGKILL)
			}
		}
		for _, s := range members {
			if s != survivor {
				c.kill(s)
				c.awaitGone(s)
			}
		}
		l.flow(200)
		l.end()
		l.verify(survivor)
		l.noRefusals()
		t.Logf("all but the %s killed: %v; %v", role, l.lap().Round(time.Millisecond), l)
		c.join()
		c.join()
	}
	c.awaitPublished()
}

// TestLeave ends each role by SIGTERM while clients write and read at all servers. Writes go on, and no client gets
// an error.
func TestLeave(t *testing.T) {
	c := newChain(t, needs.AnyZooKeeper(t), 3)
	l := startLoad(t, c.addresses, nil)
	longest := time.Duration(0)
	for i, role := range roles {
		l.flow(200)
		l.lap()
		leaver := c.members()[i]
		begin := time.Now()
		leaver.signal(syscall.SIGTERM)
		if code := leaver.exit(); code != 0 {
			t.Errorf("%s ended with %d", leaver.address, code)
		}
		took := time.Since(begin)
		c.retire(leaver)
		c.awaitGone(leaver)
		l.flow(200)
		gap := l.lap()
		c.join()
		t.Logf("%s %s left in %v: %v without an acknowledged write; %v while another joined",
			role, leaver.address, took.Round(time.Millisecond), gap.Round(time.Millisecond), l.lap().Round(time.Millisecond))
		longest = max(longest, gap)
	}
	c.awaitPublished()
	l.end()
	for _, s := range c.members() {
		l.verify(s)
	}
	l.noRefusals()
	t.Logf("longest gap: %v; %v", longest.Round(time.Millisecond), l)
	if longest > maxLeaveGap {
		t.Errorf("%v without an acknowledged write, want at most %v", longest, maxLeaveGap)
	}
}
