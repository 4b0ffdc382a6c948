package chain

import (
	"testing"
	"time"
)

// TestPersistedBeforeACut has a learner on a slow disk log entries, cut them away for another tail, and log the same ones again, before its disk has done
// any of it. That the first are durable says nothing of the second, which the cut that is still to come on the disk stands before.
func TestPersistedBeforeACut(t *testing.T) {
	node := func(n NodeID) Member {
		return Member{MemberID: MemberID{Node: n, Incarnation: 1}, Address: "127.0.0.1:700" + string(rune('0'+n)), Durable: true}
	}
	self := node(3)
	self.Incarnation = 0
	r, err := New(Config{Self: self, SessionTimeout: time.Second, NewChain: 1})
	if err != nil {
		t.Fatal(err)
	}
	self.Incarnation = 1
	now := Time(1)
	step := func(in Input) (out Ready) {
		now++
		r.Step(now, in)
		return r.Ready()
	}
	step(Tick{})
	step(CoordRegistered{Member: self.MemberID, Sent: now, Outcome: OutcomeOK})
	from := func(tail Member, m Message) Received {
		return Received{Envelope{Chain: 9, Epoch: r.view.Epoch, From: tail.MemberID, To: self.MemberID, Message: m}}
	}
	entries := []Entry{{Seq: 1, Epoch: 1, Kind: KindBarrier}, {Seq: 2, Epoch: 1, Kind: KindBarrier}}

	step(CoordView{Recorded: Recorded{View{Chain: 9, Epoch: 1, Members: []Member{node(1), node(2)}, Learner: self}, 0}, Session: 1, Outcome: OutcomeOK})
	step(from(node(2), Hello{Link: 1}))
	first := step(from(node(2), Append{Link: 1, Entries: entries}))

	step(CoordView{Recorded: Recorded{View{Chain: 9, Epoch: 2, Members: []Member{node(1)}, Learner: self}, 1}, Session: 1, Outcome: OutcomeOK})
	cut := step(from(node(1), Hello{Link: 1}))
	again := step(from(node(1), Append{Link: 1, Entries: entries}))
	if len(first.Append) != 2 || cut.Truncate == nil || len(again.Append) != 2 {
		t.Fatalf("it logs %d entries, cuts at %v, and logs %d: the test tests nothing", len(first.Append), cut.Truncate, len(again.Append))
	}

	step(Persisted{entries[1].Position(), first.Cuts})
	if r.durable != 0 {
		t.Errorf("%d is durable, when only what stood before the cut is", r.durable)
	}
	step(Persisted{entries[1].Position(), again.Cuts})
	if r.durable != 2 {
		t.Errorf("%d is durable, want 2", r.durable)
	}
}
