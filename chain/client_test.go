package chain

import (
	"fmt"
	"slices"
	"strings"
)

// reading is a client's read of one key on its way.
type reading struct {
	id   uint64 // of the ReadBarrier; zero while the lease is relied on
	key  string
	term uint64
	need Seq
}

// request gives the replica a client's command and names it in what is printed.
func (s *server) put(q Request, name string) uint64 {
	s.c.answers++
	q.ID = uint64(s.c.answers)
	s.names[q.ID] = name
	s.step(q)
	return q.ID
}

// order gives the replica an operator's order.
func (s *server) order(op Operation) {
	s.c.answers++
	id := uint64(s.c.answers)
	s.names[id] = strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", op), "chain."))
	s.step(Operate{id, op})
}

// request is the name of a request by its id.
func (s *server) request(id uint64) string { return fmt.Sprintf("#%d %s", id, s.names[id]) }

// read does what a connection's goroutine does with a Gate (see Gate).
func (s *server) read(key string) {
	g := s.r.Gate()
	if !g.Leasing() {
		s.barrier(key)
		return
	}
	rd := &reading{key: key, term: g.Term(), need: g.Key(hashOf(key))}
	if key == "*" {
		rd.need = g.All()
	}
	if rd.need > g.Applied() {
		s.c.say("%d: read %s waits for %d", s.number, key, rd.need)
		s.reads = append(s.reads, rd)
		return
	}
	s.finish(rd)
}

// finish reads the table, and then looks whether the lease still holds.
func (s *server) finish(rd *reading) {
	value := s.value(rd.key)
	if !s.r.Gate().Leased(rd.term, s.c.now) {
		s.c.say("%d: read %s: no lease any more", s.number, rd.key)
		s.barrier(rd.key)
		return
	}
	s.c.say("%d: read %s = %s", s.number, rd.key, value)
}

func (s *server) value(key string) string {
	if v, ok := s.table.Values[key]; ok {
		return v
	}
	return "nothing"
}

// barrier reads without a lease.
func (s *server) barrier(key string) {
	s.c.answers++
	id := uint64(s.c.answers)
	s.names[id] = "read " + key
	s.c.say("%d: #%d read %s asks for a barrier", s.number, id, key)
	s.c.checks.barrier(s, id)
	s.reads = append(s.reads, &reading{id: id, key: key})
	s.step(ReadBarrier{id})
}

// wakeReads goes on with reads whose entry has been applied.
func (s *server) wakeReads() {
	for _, rd := range slices.Clone(s.reads) {
		if rd.id == 0 && s.r.Gate().Applied() >= rd.need {
			s.reads = slices.DeleteFunc(s.reads, func(x *reading) bool { return x == rd })
			s.finish(rd)
		}
	}
}

// answered prints an answer of the replica.
func (s *server) answered(a Answer) {
	words := map[AnswerKind]string{
		AnswerNumbered: "numbered", AnswerUnsent: "not executed", AnswerUncertain: "uncertain", AnswerMemory: "not executed: memory", AnswerDisk: "not executed: disk",
		AnswerSession: "not executed: session full", AnswerOutside: "not executed: outside", AnswerForgotten: "session forgotten",
		AnswerDone: "accepted", AnswerRefused: "refused: " + a.Why,
	}
	i := slices.IndexFunc(s.reads, func(rd *reading) bool { return rd.id == a.ID })
	switch {
	case i >= 0:
		rd := s.reads[i]
		s.reads = slices.Delete(s.reads, i, i+1)
		if a.Kind == AnswerRead {
			s.c.checks.barrierPassed(s, a.ID)
			s.c.say("%d: #%d read %s = %s (barrier)", s.number, a.ID, rd.key, s.value(rd.key))
			return
		}
	case a.Kind == AnswerNumbered:
		s.c.checks.told(a.Seq)
		s.c.say("%d: %s numbered seq=%d", s.number, s.request(a.ID), a.Seq)
		return
	}
	s.c.say("%d: %s %s", s.number, s.request(a.ID), words[a.Kind])
}
