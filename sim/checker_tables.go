package sim

import "github.com/chaintable/chaintable/chain"

// takes notes a table that was taught, or recovered: from one that was rotten, it is that, too.
func (c *checker) takes(p *process, base chain.Position) {
	p.rot.since = 0
	if h := c.of(p.chainID()); h.truth != nil && base != (chain.Position{}) && h.digests[base.Seq].sum != p.table.Digest().Sum && c.w.stats.Rotten > 0 {
		p.rot.since = base.Seq
		if c.w.story.on {
			c.w.tell("%v has taken a rotten table at %v", p, base)
		}
	}
}

// hears sees that a process is told, by another or by its own list, that it differs, and judges by whom it was found wrong. Where those who are right have become too few, or
// die, nobody can tell any more what is right: the run says nothing from then on.
func (c *checker) hears(p *process, env chain.Envelope) {
	m, ok := env.Message.(chain.Digest)
	if !ok {
		return
	}
	v := p.replica.Status().View
	if env.Epoch != v.Epoch || env.Chain != v.Chain || len(m.Sums) != len(v.Members) || v.Index(p.id) < 0 {
		return
	}
	votes := make(map[uint64]int)
	var right chain.Sum
	for _, all := range []bool{false, true} { // all: who was taught counts, too
		for _, s := range m.Sums {
			if s.Known && (all || !s.Learned) {
				votes[s.Sum]++
			}
		}
		for _, s := range m.Sums {
			if s.Known && (all || !s.Learned) && (!right.Known || votes[s.Sum] > votes[right.Sum]) {
				right = s
			}
		}
		if right.Known {
			break
		}
	}
	c.w.stats.Compared++
	truth, known := c.of(v.Chain).digests[m.Seq]
	switch own := m.Sums[v.Index(p.id)]; {
	case right.Known && known && truth.sum != right.Sum:
		c.w.void = true
	case own.Known && own.Sum != right.Sum:
		p.rot.told = true
	}
}

// tells judges what a client is about to be told.
func (c *checker) tells(p *process, what string) {
	if p.rot.told {
		c.w.fail("%v: %s, although it was told that its table is wrong", p, what)
	}
}
