package chain

// barriers let reads go on without a lease: the head sends a no-op down the chain, and what a replica reads after it has
// applied that very entry is as new as anything acknowledged before the request for it was sent (design.md, section 4).
type barriers struct {
	waiting []uint64 // reads that came after the request under way was first sent
	asked   []uint64 // reads that it will serve
	first   uint64   // its number; it is repeated with higher ones, and any of them will do
	number  uint64   // of the last request sent
	askedAt Time
	passed  bool // its entry is being applied
}

// readBarrier queues a read.
func (r *Replica) readBarrier(id uint64) {
	if !r.serving() {
		r.out.Answer = append(r.out.Answer, Answer{ID: id, Kind: AnswerOutside})
		return
	}
	r.barrier.waiting = append(r.barrier.waiting, id)
}

// restartBarrier asks anew: a request of another epoch or link may never be served.
func (r *Replica) restartBarrier() {
	b := &r.barrier
	if b.passed {
		return // its entry is committed: it serves as it is
	}
	b.waiting, b.asked = append(b.asked, b.waiting...), nil
	if !r.serving() {
		for _, id := range b.waiting {
			r.out.Answer = append(r.out.Answer, Answer{ID: id, Kind: AnswerOutside})
		}
		b.waiting = nil
	}
}

// tickBarrier repeats a request that seems lost: the head drops those that it cannot number. The reads that came since wait for
// the next one: else a chain slower than this would serve none.
func (r *Replica) tickBarrier() {
	b := &r.barrier
	if len(b.asked) > 0 && !b.passed && r.now.Sub(b.askedAt) > r.timeout()/4 {
		r.askBarrier()
	}
}

// flushBarrier asks for a barrier if reads wait and none is under way.
func (r *Replica) flushBarrier() {
	b := &r.barrier
	if len(b.waiting) == 0 || len(b.asked) > 0 || !r.isMember() {
		return
	}
	b.asked, b.waiting, b.first = b.waiting, nil, b.number+1
	r.askBarrier()
}

// askBarrier sends a request, or numbers the no-op if we are the head and have room.
func (r *Replica) askBarrier() {
	b := &r.barrier
	b.number++
	b.askedAt = r.now
	switch {
	case !r.isHead():
		r.sendTo(r.view.Head(), Barrier{Number: b.number})
	case r.room():
		r.numberBarrier(Tag{r.self.MemberID, b.number})
	}
}

// barrierAsked numbers a no-op for another member.
func (r *Replica) barrierAsked(from MemberID, m Barrier) {
	if r.room() && r.view.Index(from) > 0 {
		r.numberBarrier(Tag{from, m.Number})
	}
}

func (r *Replica) numberBarrier(tag Tag) {
	r.number(Entry{Kind: KindBarrier, Tag: tag}, r.log.last().Seq+1)
}

// barrierCommitted notes that an entry handed to the table is the barrier that reads wait for.
func (r *Replica) barrierCommitted(tag Tag) {
	b := &r.barrier
	if tag.By == r.self.MemberID && tag.Number >= b.first && tag.Number <= b.number && len(b.asked) > 0 {
		b.passed = true
	}
}

// barrierApplied answers the reads of a barrier that the table has passed.
func (r *Replica) barrierApplied() {
	b := &r.barrier
	if !b.passed {
		return
	}
	for _, id := range b.asked {
		r.out.Answer = append(r.out.Answer, Answer{ID: id, Kind: AnswerRead})
	}
	r.counts.Barriers++
	r.counts.Reads += uint64(len(b.asked))
	b.asked, b.passed = nil, false
}
