package chain

import (
	"bytes"
	"fmt"
	"strings"
)

// checks are what must hold across all servers, after every step.
type checks struct {
	chains  map[ID]*history
	checked map[*Replica]Seq // committed up to here has been compared
	epochs  map[*Replica]View
	tables  map[tableAt]string
	asked   map[*server]map[uint64]Seq // reads through barriers: what had been acknowledged when they were asked
	views   int
}

type tableAt struct {
	chain ID
	seq   Seq
}

// history is what has happened in one chain.
type history struct {
	committed map[Seq]*Entry
	last      Seq               // highest committed anywhere
	acked     map[string]Seq    // by key: newest write whose client has its answer
	ackedAll  Seq               // newest of all
	told      map[Seq]bool      // numbers that clients were told
	effects   map[RequestID]Seq // where a request took effect
}

func (k *checks) init() {
	k.chains, k.checked, k.epochs = map[ID]*history{}, map[*Replica]Seq{}, map[*Replica]View{}
	k.tables, k.asked = map[tableAt]string{}, map[*server]map[uint64]Seq{}
}

func (k *checks) of(id ID) *history {
	h := k.chains[id]
	if h == nil {
		h = &history{
			committed: map[Seq]*Entry{}, acked: map[string]Seq{}, told: map[Seq]bool{}, effects: map[RequestID]Seq{},
		}
		k.chains[id] = h
	}
	return h
}

// check looks at the server that has just made a step.
func (k *checks) check(c *cluster, s *server) error {
	r := s.r
	if before := k.epochs[r]; before.Chain == r.view.Chain && before.Epoch > r.view.Epoch {
		return fmt.Errorf("epoch went back from %d to %d", before.Epoch, r.view.Epoch)
	} else if before.Chain != r.view.Chain {
		k.checked[r] = 0
	}
	k.epochs[r] = r.view.View
	if r.view.Chain == 0 {
		return nil
	}
	h := k.of(r.view.Chain)
	if err := k.agree(h, c, r); err != nil {
		return err
	}
	return k.fresh(h, s)
}

// agree: what is committed is the same everywhere, and was logged by every member of the epoch that committed it.
func (k *checks) agree(h *history, c *cluster, r *Replica) error {
	for _, e := range r.Log(max(k.checked[r], r.log.base.Seq)) {
		if e.Seq > r.committed {
			break
		}
		known := h.committed[e.Seq]
		switch {
		case known == nil:
			h.committed[e.Seq] = &e
			if e.Kind != KindCommand && h.told[e.Seq] {
				return fmt.Errorf("seq %d was told to a client, and is %v", e.Seq, &e)
			}
		case known.Epoch != e.Epoch || known.Kind != e.Kind || !bytes.Equal(known.Command, e.Command) || known.Request != e.Request:
			return fmt.Errorf("committed %v here and %v elsewhere", &e, known)
		}
	}
	k.checked[r] = r.committed
	if r.committed > h.last {
		h.last = r.committed
		for _, m := range r.view.Members {
			s := c.servers[numberOf(m.Node)]
			if s.r != nil && s.r.self.MemberID == m.MemberID && s.r.view.Chain == r.view.Chain && s.r.durable < h.last {
				return fmt.Errorf("committed %d, but member %s holds only %d", h.last, c.name(m.MemberID), s.r.durable)
			}
		}
	}
	return nil
}

// fresh: whoever could answer a read now would wait for every write that has been acknowledged.
func (k *checks) fresh(h *history, s *server) error {
	g := s.r.Gate()
	if !g.Leased(g.Term(), s.c.now) {
		return nil
	}
	if s.c.coord.view.Chain == s.r.view.Chain && s.c.coord.view.Index(s.r.self.MemberID) < 0 {
		return fmt.Errorf("may answer reads, but is in the view no more")
	}
	for key, seq := range h.acked {
		if got := max(g.Key(hashOf(key)), g.Applied()); got < seq {
			return fmt.Errorf("would read %s as of %d, but %d has been acknowledged", key, got, seq)
		}
	}
	return nil
}

// changed: a view follows from the one before, leaves nobody behind who may still answer reads, and has only members that hold
// everything committed.
func (k *checks) changed(c *cluster, old, v View) {
	k.views++
	if v.Chain != old.Chain {
		if old.Epoch != 0 && v.Epoch != old.Epoch+1 {
			c.t.Fatalf("epoch %d after %d", v.Epoch, old.Epoch)
		}
		return
	}
	h := k.of(v.Chain)
	if v.Epoch != old.Epoch+1 {
		c.t.Fatalf("epoch %d after %d", v.Epoch, old.Epoch)
	}
	for _, s := range c.servers {
		if s.r == nil {
			continue
		}
		g := s.r.Gate()
		if old.Index(s.r.self.MemberID) >= 0 && v.Index(s.r.self.MemberID) < 0 && g.Leased(g.Term(), c.now) {
			c.t.Fatalf("server %d is removed while it has a lease\n%s", s.number, c.out.String())
		}
		if v.Index(s.r.self.MemberID) >= 0 && s.r.log.last().Seq < h.last {
			c.t.Fatalf("server %d becomes a member and lacks %d\n%s", s.number, h.last, c.out.String())
		}
	}
}

// acknowledged notes that a client has its answer.
func (k *checks) acknowledged(e *Entry) {
	for id, h := range k.chains {
		if known := h.committed[e.Seq]; known == nil || known.Epoch != e.Epoch || known.Request != e.Request {
			continue
		}
		h.ackedAll = max(h.ackedAll, e.Seq)
		if f := strings.Fields(string(e.Command)); len(f) > 1 {
			h.acked[f[1]] = max(h.acked[f[1]], e.Seq)
		}
		_ = id
	}
}

// told notes that a client was told a number.
func (k *checks) told(seq Seq) {
	for _, h := range k.chains {
		h.told[seq] = true
	}
}

// applied: the same log makes the same table, and a request takes effect once.
func (k *checks) applied(s *server, e *Entry, t *twin) {
	h := k.of(s.r.view.Chain)
	at := tableAt{s.r.view.Chain, e.Seq}
	if now := t.String(); k.tables[at] == "" {
		k.tables[at] = now
	} else if k.tables[at] != now {
		s.c.t.Fatalf("server %d: the table at %d is\n%s\nand elsewhere\n%s", s.number, e.Seq, now, k.tables[at])
	}
	if e.Kind != KindCommand || t.Refused[e.Seq] {
		return
	}
	if first, ok := h.effects[e.Request]; ok && first != e.Seq {
		s.c.t.Fatalf("request %v took effect at %d and %d", e.Request, first, e.Seq)
	}
	h.effects[e.Request] = e.Seq
}

// barrier notes what a read through a barrier must see.
func (k *checks) barrier(s *server, id uint64) {
	if k.asked[s] == nil {
		k.asked[s] = map[uint64]Seq{}
	}
	k.asked[s][id] = k.of(s.r.view.Chain).ackedAll
}

// barrierPassed: it sees that.
func (k *checks) barrierPassed(s *server, id uint64) {
	if need := k.asked[s][id]; s.table.Seq < need {
		s.c.t.Fatalf("server %d: a barrier let a read pass at %d, but %d was acknowledged before it was asked for", s.number, s.table.Seq, need)
	}
}
