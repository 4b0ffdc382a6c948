package chain

import "math"

// headship is what the head knows beside its log.
type headship struct {
	takeover Seq  // our no-op; commands are numbered only after it has committed. Zero for the first head of a chain
	ready    bool // it has
	streams  map[MemberID]*stream
	growth   []growth // of entries numbered and not yet applied, in order
	growing  int64    // their sum, in bytes
}

// stream is one server's requests, as far as the head has taken them.
type stream struct {
	number uint64
	next   uint64 // index of the proposal expected next; math.MaxUint64 once one was refused as busy
}

type growth struct {
	seq   Seq
	bytes int64
}

// reset forgets the streams: in a new epoch they start anew.
func (h *headship) reset() { h.streams = make(map[MemberID]*stream) }

// takeOver makes us head: our first entry is a no-op behind every number that the lost head may have handed out, and no command is
// numbered before it has committed (design.md, section 2, Seq).
//
// A lost head has at most MaxUncommitted entries beyond what it knows to be committed, all of which is in our log.
func (r *Replica) takeOver(old View) {
	h := &r.head
	h.growth, h.growing = nil, 0
	last := r.log.last().Seq
	for i := r.log.after(r.applied); i < r.log.count; i++ {
		h.grow(r.log.at(i).Seq, r.growthOf(r.log.at(i).Command))
	}
	if old.Chain != r.view.Chain && r.view.Chain == r.made {
		h.takeover, h.ready = 0, true // we made this chain just now: nobody has numbered anything in it
		return
	}
	h.takeover, h.ready = last+1+MaxUncommitted, false
	r.number(Entry{Kind: KindTakeover, Skipped: last + 1}, h.takeover)
}

// number appends an entry of ours.
func (r *Replica) number(e Entry, seq Seq) Seq {
	e.Seq, e.Epoch = seq, r.view.Epoch
	if r.cfg.Encode != nil {
		e.Encoded = r.cfg.Encode(&e)
	}
	r.push(e)
	return seq
}

// headCommitted notes that the takeover has committed, or perhaps the last entry before the head moves or goes.
func (r *Replica) headCommitted() {
	r.change.due = r.change.due || r.order.moving() || r.leave.ready
	if !r.head.ready && r.committed >= r.head.takeover {
		r.head.ready = true
	}
}

// room tells whether the head may number another entry: it has taken over, stays head, and its window is not full.
func (r *Replica) room() bool {
	return r.isHead() && r.head.ready && !r.leave.holds(r) && !r.order.moving() && r.lost.since == 0 && r.digest.err == nil &&
		r.log.count-r.log.after(r.committed) < MaxUncommitted &&
		r.log.bytesAfter(r.committed) < MaxUncommittedBytes
}

// admit numbers a request, or says why not; where that is for good, it also says where the log ended.
func (r *Replica) admit(p *Proposal) (Seq, Refusal) {
	if !r.room() {
		return 0, RefuseBusy
	}
	if p.Request.Session != 0 && p.Request.Number >= p.DoneBelow && p.Request.Number-p.DoneBelow >= MaxSessionResults {
		return r.log.last().Seq, RefuseSession
	}
	if r.fullDisk() != (MemberID{}) {
		return r.log.last().Seq, RefuseDisk
	}
	grow := r.growthOf(p.Command)
	if r.cfg.MaxMemory > 0 && grow > 0 && r.bytes+r.head.growing+grow > r.cfg.MaxMemory {
		return r.log.last().Seq, RefuseMemory
	}
	seq := r.number(Entry{
		Kind: p.Kind, Request: p.Request, DoneBelow: p.DoneBelow, Command: p.Command, Tag: p.Tag,
	}, r.log.last().Seq+1)
	r.head.grow(seq, grow)
	return seq, RefuseNone
}

func (r *Replica) growthOf(command []byte) int64 {
	if r.cfg.Growth == nil || len(command) == 0 {
		return 0
	}
	return r.cfg.Growth(command)
}

func (h *headship) grow(seq Seq, bytes int64) {
	if bytes > 0 {
		h.growth = append(h.growth, growth{seq, bytes})
		h.growing += bytes
	}
}

// applied forgets growth that the size of the table includes by now.
func (h *headship) applied(seq Seq) {
	n := 0
	for n < len(h.growth) && h.growth[n].seq <= seq {
		h.growing -= h.growth[n].bytes
		n++
	}
	if h.growth = h.growth[n:]; len(h.growth) == 0 {
		h.growth = nil
	}
}

// propose takes requests of another server, in the order of its stream.
func (r *Replica) propose(from MemberID, m Propose) {
	to, ok := r.view.Find(from)
	if !ok || !r.isHead() {
		return
	}
	s := r.head.streams[from]
	if s == nil || m.Stream > s.number {
		s = &stream{number: m.Stream}
		r.head.streams[from] = s
	}
	if m.Stream < s.number || m.First != s.next {
		return
	}
	for i := range m.Proposals {
		p := &m.Proposals[i]
		seq, refuse := r.admit(p)
		if refuse != RefuseNone || p.WantSeq {
			answer := Proposed{Stream: m.Stream, Index: s.next, Seq: seq, Refuse: refuse}
			if refuse == RefuseDisk {
				answer.Full = r.fullDisk()
			}
			r.sendTo(to, answer)
		}
		if refuse == RefuseBusy {
			s.next = math.MaxUint64 // what follows must not overtake it
			return
		}
		s.next++
	}
}

// unsure has a peer begin another stream when refusals may be lost: it would wait for the rest of a stream that we no longer take.
func (r *Replica) unsure(peer MemberID) {
	to, ok := r.view.Find(peer)
	if s := r.head.streams[peer]; ok && s != nil && r.isHead() {
		r.sendTo(to, Proposed{Stream: s.number, Refuse: RefuseUnsure})
	}
}
