package link

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// entry is one with its bytes, as a head makes it.
func entry(seq chain.Seq, command []byte) chain.Entry {
	e := chain.Entry{
		Seq: seq, Epoch: 3, Kind: chain.KindCommand, Request: chain.RequestID{Session: 9, Number: uint64(seq)},
		DoneBelow: 2, Command: command,
	}
	e.Encoded = table.AppendEntry(nil, &e)
	return e
}

func samples() []chain.Envelope {
	barrier := chain.Entry{Seq: 7, Epoch: 3, Kind: chain.KindBarrier, Tag: chain.Tag{By: alice, Number: 4}}
	barrier.Encoded = table.AppendEntry(nil, &barrier)
	position := chain.Position{Seq: math.MaxUint64, Epoch: 1 << 40}
	var all []chain.Envelope
	for _, m := range []chain.Message{
		chain.Hello{},
		chain.Hello{Link: math.MaxUint64},
		chain.Welcome{},
		chain.Welcome{Link: 1, Last: position, Transfer: 300, NextChunk: 4},
		chain.Append{},
		chain.Append{Link: 1, Prev: position, Stable: 128, Committed: 1},
		chain.Append{Link: 1, Entries: []chain.Entry{entry(6, []byte("command")), barrier, entry(8, nil)}},
		chain.Ack{},
		chain.Ack{Link: 1, Committed: 5, Durable: 6, Received: 7, Full: carol},
		chain.Snapshot{},
		chain.Snapshot{Link: 1, Transfer: 2, Base: position, Index: 3, Data: []byte("data"), Last: true},
		chain.SnapshotAck{},
		chain.SnapshotAck{Link: 1, Transfer: 2, Next: 3},
		chain.Propose{},
		chain.Propose{Stream: 1, First: 2, Proposals: []chain.Proposal{
			{},
			{
				Kind: chain.KindCommand, Request: chain.RequestID{Session: 1, Number: 2}, DoneBelow: 1,
				Command: []byte("command"), WantSeq: true,
			},
			{Kind: chain.KindSession, Tag: chain.Tag{By: bob, Number: 1 << 60}},
		}},
		chain.Proposed{},
		chain.Proposed{Stream: 1, Index: 2, Seq: 3, Refuse: chain.RefuseSession},
		chain.Proposed{Stream: 1, Seq: 3, Refuse: chain.RefuseDisk, Full: bob},
		chain.Barrier{},
		chain.Barrier{Number: 4},
		chain.Ping{},
		chain.Ping{Reply: true},
		chain.Stale{},
		chain.Stale{Epoch: 8},
		chain.Digest{},
		chain.Digest{Seq: 640, Sums: []chain.Sum{{Known: true, Sum: math.MaxUint64}, {}, {Known: true, Learned: true}}},
	} {
		all = append(all, chain.Envelope{Chain: 0xfeed, Epoch: 3, From: alice, To: bob, Message: m})
	}
	return append(all, chain.Envelope{Message: chain.Ping{}})
}

var (
	alice = chain.MemberID{Node: 0xa11ce, Incarnation: 1}
	bob   = chain.MemberID{Node: 0xb0b, Incarnation: 2}
	carol = chain.MemberID{Node: 0xca401, Incarnation: 3}
)

// board is what all recorders of a test share, so that the test can wait for something of one or another.
type board struct {
	sync.Mutex
	changed *sync.Cond
}

func newBoard() *board {
	b := &board{}
	b.changed = sync.NewCond(b)
	return b
}

// wait returns once done, called with the lock held, says so.
func (b *board) wait(done func() bool) {
	b.Lock()
	defer b.Unlock()
	for !done() {
		b.changed.Wait()
	}
}

// recorder is a Handler that remembers. It notices when messages of one peer come at the same time. The lock of
// its board guards it.
type recorder struct {
	*board
	got      []chain.Envelope
	resets   []chain.MemberID
	blocked  bool
	within   map[chain.MemberID]int // calls of Receive that have not returned
	overlaps int
	over     bool                 // Stop has returned
	late     int                  // calls after that
	onReset  func(chain.MemberID) // called by Reset, before it returns
}

func newRecorder(b *board) *recorder { return &recorder{board: b, within: map[chain.MemberID]int{}} }

func (r *recorder) Receive(e chain.Envelope) {
	r.Lock()
	defer r.Unlock()
	if r.over {
		r.late++
	}
	if r.within[e.From]++; r.within[e.From] > 1 {
		r.overlaps++
	}
	r.changed.Broadcast()
	for r.blocked {
		r.changed.Wait()
	}
	r.within[e.From]--
	r.got = append(r.got, e)
	r.changed.Broadcast()
}

func (r *recorder) Reset(peer chain.MemberID) {
	if r.onReset != nil {
		r.onReset(peer)
	}
	r.Lock()
	defer r.Unlock()
	if r.over {
		r.late++
	}
	r.resets = append(r.resets, peer)
	r.changed.Broadcast()
}

func (r *recorder) block(b bool) {
	r.Lock()
	defer r.Unlock()
	r.blocked = b
	r.changed.Broadcast()
}

func (r *recorder) waitMessages(n int) []chain.Envelope {
	r.wait(func() bool { return len(r.got) >= n })
	return r.messages()
}

func (r *recorder) waitResets(n int) { r.wait(func() bool { return len(r.resets) >= n }) }

// waitWithin waits until that many calls of Receive are blocked.
func (r *recorder) waitWithin(from chain.MemberID) { r.wait(func() bool { return r.within[from] > 0 }) }

func (r *recorder) messages() []chain.Envelope {
	r.Lock()
	defer r.Unlock()
	return slices.Clone(r.got)
}

func (r *recorder) resetCount() int {
	r.Lock()
	defer r.Unlock()
	return len(r.resets)
}

// newest is the number of the last Barrier received, zero for none. The lock must be held.
func (r *recorder) newest() uint64 {
	if len(r.got) == 0 {
		return 0
	}
	m, _ := r.got[len(r.got)-1].Message.(chain.Barrier)
	return m.Number
}

// gaps is how often the numbers of the Barriers that were received leave some out. They must rise.
func (r *recorder) gaps() (gaps int, err error) {
	next := uint64(1)
	for _, e := range r.messages() {
		n := e.Message.(chain.Barrier).Number
		switch {
		case n < next:
			return gaps, fmt.Errorf("%d came after %d", n, next-1)
		case n > next:
			gaps++
		}
		next = n + 1
	}
	r.Lock()
	defer r.Unlock()
	if r.overlaps > 0 {
		return gaps, fmt.Errorf("%d messages were received while another of their peer was", r.overlaps)
	}
	return gaps, nil
}
