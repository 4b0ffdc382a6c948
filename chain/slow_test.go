package chain

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestSlowLearner joins a server that takes in less than the writers send: writes must slow down to its pace, go on, and the log that
// its tail keeps for it must stay bounded, while it takes a snapshot, or older log from the tail's disk, and afterwards.
func TestSlowLearner(t *testing.T) {
	const (
		bound = 4 << 20
		value = 20 << 10
		slow  = 16 // steps for one message with data
	)
	for name, before := range map[string]int{"by log": bound / value / 2, "by snapshot": 2 * bound / value, "by log from disk": 2 * bound / value} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.quiet, c.chunkBytes = true, 16<<10
			c.cfg.TransferLog, c.cfg.RetainedLog = bound, bound
			if name == "by log from disk" {
				c.reads, c.at(1).durable, c.at(2).durable = 8, true, true
			}
			c.at(1).start()
			c.tick(400*time.Millisecond, true)
			if name == "by log from disk" { // the learner has been there before
				c.at(2).start()
				c.tick(time.Second, true)
				c.servers[1].put(Request{Command: []byte("put a a")}, "")
				c.tick(time.Second, true)
				c.servers[2].crash()
				c.tick(3*time.Second, true)
			}
			s, v := c.servers[1], strings.Repeat("v", value)
			put := func(i int) { s.put(Request{Command: fmt.Append(nil, "put key", i%10, " ", v)}, "") }
			for i := range before {
				put(i)
				c.settle()
			}
			c.at(2).start()
			most, slowed, progress, snapshots, recalls := uint64(0), 0, s.r.committed, 0, 0
			for step := range 1200 {
				c.deliverSlowly(step%slow == 0)
				if s.r.committed == s.r.log.last().Seq {
					put(step)
				} else {
					slowed++
				}
				c.tick(10*time.Millisecond, false)
				if s.r.teach.transfer != nil {
					snapshots++
				}
				if s.r.down.recall != nil {
					recalls++
				}
				if s.r.view.Learner.Node != 0 && s.r.down.up {
					most = max(most, s.r.log.bytesAfter(s.r.down.received))
				}
				if step%200 == 199 && s.r.view.Learner.Node != 0 {
					if s.r.committed == progress {
						t.Fatalf("step %d: no write was committed in two seconds", step)
					}
					progress = s.r.committed
				}
			}
			t.Logf("at most %d KiB kept, %d steps slowed, %d with a snapshot under way, %d with older log, view %v", most>>10, slowed, snapshots, recalls, s.r.view.View)
			if most > 2*bound {
				t.Errorf("the tail kept %d bytes of log, the bound is %d", most, bound)
			}
			if slowed == 0 || (snapshots > 0) != (name == "by snapshot") || (recalls > 0) != (name == "by log from disk") {
				t.Error("the test does not test what it says")
			}
			c.tick(time.Second, true)
			if len(s.r.view.Members) != 2 {
				t.Errorf("the learner never joined: %v", s.r.view.View)
			}
		})
	}
}

// deliverSlowly hands over all messages, in order, but those to server 2 only up to the first with data; that one too if it may.
func (c *cluster) deliverSlowly(may bool) {
	for blocked := false; c.deliver(func(e Envelope) bool {
		if numberOf(e.To.Node) != 2 {
			return true
		}
		m, isAppend := e.Message.(Append)
		_, isSnapshot := e.Message.(Snapshot)
		if data := isSnapshot || isAppend && len(m.Entries) > 0; data && !blocked {
			blocked = !may
			may = false
			return !blocked
		}
		return !blocked
	}); blocked = false {
	}
}
