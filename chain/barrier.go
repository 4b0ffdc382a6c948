package chain

// barriers let reads go on without a lease: the head sends a no-op down the chain, and what a replica reads after it has
// applied that very entry is as new as anything acknowledged before the request for it was sent (design.md, section 4).
type barriers struct {
	waiting []uint64 // reads that came after the last request was sent
	asked   []uint64 // reads that the request under way will serve
	number  uint64   // of the last request
	askedAt Time
	passed  bool // its entry is being applied
}

// readBarrier queues a read.
func (r *Replica) readBarrier(id uint64) {
	if !r.isMember() {
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
	if !r.isMember() {
		for _, id := range b.waiting {
			r.out.Answer = append(r.out.Answer, Answer{ID: id, Kind: AnswerOutside})
		}
		b.waiting = nil
	}
}

// tickBarrier asks anew where a request seems lost: the head drops those that it cannot number.
func (r *Replica) tickBarrier() {
	b := &r.barrier
	if len(b.asked) > 0 && !b.passed && r.now.Sub(b.askedAt) > r.timeout()/4 {
		r.restartBarrier()
	}
}

// flushBarrier asks for a barrier if reads wait and none is under way.
func (r *Replica) flushBarrier() {
	b := &r.barrier
	if len(b.waiting) == 0 || len(b.asked) > 0 || !r.isMember() {
		return
	}
	if r.isHead() && !r.room() {
		return
	}
	b.number++
	b.asked, b.waiting, b.askedAt = b.waiting, nil, r.now
	if r.isHead() {
		r.numberBarrier(Tag{r.self.MemberID, b.number})
		return
	}
	r.sendTo(r.view.Head(), Barrier{Number: b.number})
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
	if tag == (Tag{r.self.MemberID, b.number}) && len(b.asked) > 0 {
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
	b.asked, b.passed = nil, false
}
