package chain

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrDiffers is why a server halts whose table is not what the chain's entries make. What it has kept must not be used again: its next life
// takes everything from the chain.
var ErrDiffers = errors.New("the table differs from the chain's")

const (
	// markEvery is how far marks are apart: the first entry at or beyond each multiple of it is one, at every replica the same.
	markEvery = 64
	// maxMarks is how many marks are remembered: twice as many as lie between two members, whatever they have not committed.
	maxMarks = 2 * MaxUncommitted / markEvery
	// digestEvery is how often the head has the tables compared, if there is a new mark.
	digestEvery = time.Second
)

// mark is the sum of the table right after an entry.
type mark struct {
	seq Seq
	sum uint64
}

// digests has the members compare their tables: all apply the same entries, so at equal seqs their sums are equal. The head says what its sum
// was at its newest mark, each member adds its own, and the tail, which then knows all, tells everybody.
//
// A member that differs leaves: it serves nothing from the moment that it knows, and does not wait for its own clients.
type digests struct {
	wanted  []Seq   // marks on their way to the table
	marks   []mark  // the newest, in order
	asked   Time    // head: when it last asked
	settled Seq     // of the newest list that came whole, in this epoch
	waits   *Digest // the newest that came before its entry was applied here; nil for none
	told    bool    // that somebody differs, in this epoch
	learned bool    // our table was not begun here, and has agreed in no comparison since

	err   error // we differ: ErrDiffers, with an explanation
	since Time  // when that was found
}

// restart begins a new epoch: lists name members by their place.
func (d *digests) restart() { d.settled, d.waits, d.told = 0, nil, false }

// learn drops the marks of a table that is ours no more: another one has come.
func (d *digests) learn() { d.wanted, d.marks, d.learned = nil, nil, true }

// handOut tells whether the entry e, which goes to the table behind prev, is a mark.
func (d *digests) handOut(prev Seq, e *Entry) bool {
	if prev/markEvery == e.Seq/markEvery {
		return false
	}
	d.wanted = append(d.wanted, e.Seq)
	return true
}

// applied remembers the sums of what was handed out.
func (d *digests) applied(sums []uint64) {
	if len(sums) != len(d.wanted) {
		panic("chain: applied: not the sums that were asked for")
	}
	for i, sum := range sums {
		d.marks = append(d.marks, mark{d.wanted[i], sum})
	}
	d.marks = d.marks[max(0, len(d.marks)-maxMarks):]
	d.wanted = d.wanted[:0]
}

// sum is ours at a mark. It is unknown where our table began behind it, and where it is long past.
func (d *digests) sum(seq Seq) Sum {
	i, ok := slices.BinarySearchFunc(d.marks, seq, func(m mark, seq Seq) int { return cmp.Compare(m.seq, seq) })
	if !ok {
		return Sum{}
	}
	return Sum{Known: true, Sum: d.marks[i].sum, Learned: d.learned}
}

// flushDigest begins a comparison, if we are head, or goes on with one.
func (r *Replica) flushDigest() {
	d := &r.digest
	switch {
	case d.err != nil || !r.isMember():
	case r.isHead():
		n := len(d.marks)
		if len(r.view.Members) > 1 && r.down.up && n > 0 && d.marks[n-1].seq > d.settled && (d.asked == 0 || r.now.Sub(d.asked) >= digestEvery) {
			d.asked = max(r.now, 1)
			m := d.marks[n-1]
			r.sendTo(r.view.Members[1], Digest{Seq: m.seq, Sums: []Sum{d.sum(m.seq)}})
		}
	case d.waits != nil && d.waits.Seq <= r.applied:
		m := *d.waits
		d.waits = nil
		m.Sums = append(slices.Clone(m.Sums), d.sum(m.Seq))
		if !r.isTail() {
			r.sendTo(r.view.Members[r.index+1], m)
			return
		}
		for _, to := range r.view.Members[:r.index] {
			r.sendTo(to, m)
		}
		r.compare(m)
	}
}

// digested takes a list: from our predecessor, to which we add, or the whole one from the tail.
func (r *Replica) digested(from MemberID, m Digest) {
	switch n := len(m.Sums); {
	case !r.isMember() || r.digest.err != nil || n == 0:
	case n == len(r.view.Members) && from == r.view.Tail().MemberID:
		r.compare(m)
	case n == r.index && from == r.view.Members[r.index-1].MemberID:
		r.digest.waits = &m
	}
}

// compare looks who differs, in a list of all members.
func (r *Replica) compare(m Digest) {
	d := &r.digest
	d.settled = max(d.settled, min(m.Seq, r.applied))
	r.counts.Digests++
	right, own := mostHeld(m.Sums), m.Sums[r.index]
	d.learned = d.learned && !(own.Known && own.Sum == right)
	var agree, differ []string
	for i, s := range m.Sums {
		switch {
		case !s.Known:
		case s.Sum == right:
			agree = append(agree, r.view.Members[i].Address)
		default:
			differ = append(differ, r.view.Members[i].Address)
		}
	}
	if len(differ) == 0 {
		return
	}
	if !d.told {
		d.told = true
		r.counts.Differing += uint64(len(differ))
		r.out.News = append(r.out.News, News{
			Text:  strings.Join(differ, ", ") + " differs from the chain, and leaves it",
			Cause: fmt.Sprintf("at seq %d the sum of its table is not %016x, as at %s", m.Seq, right, strings.Join(agree, ", ")),
			View:  r.view.View,
		})
	}
	if own.Known && own.Sum != right {
		r.differ(fmt.Errorf("%w: at seq %d its sum is %016x here and %016x at %s: the memory or the disk of this machine may be faulty; "+
			"its data directory is not to be trusted, and it has to take a whole copy from the chain", ErrDiffers, m.Seq, own.Sum, right, strings.Join(agree, ", ")))
	}
}

// mostHeld is the sum that most members hold; where several are held by as many, the one among them that stands first in the chain.
//
// Who has none has no say. Nor has who only learned its table, unless all have: it holds whatever its teacher held, right or wrong, and a tail
// whose table is wrong must not make itself a majority.
func mostHeld(sums []Sum) uint64 {
	held := make(map[uint64]int)
	heard := func(s Sum) bool { return s.Known && !s.Learned }
	if !slices.ContainsFunc(sums, heard) {
		heard = func(s Sum) bool { return s.Known }
	}
	most := 0
	for _, s := range sums {
		if heard(s) {
			held[s.Sum]++
			most = max(most, held[s.Sum])
		}
	}
	i := slices.IndexFunc(sums, func(s Sum) bool { return heard(s) && held[s.Sum] == most })
	return sums[max(i, 0)].Sum
}

// differ ends this server. It answers nothing from here on, numbers nothing, teaches nobody; it goes on to pass on and acknowledge entries,
// which are the chain's own bytes, until it is out of the view. If that takes longer than T the others notice by its silence.
func (r *Replica) differ(err error) {
	d := &r.digest
	d.err, d.since = err, r.now
	for _, q := range slices.Clone(r.req.queue) {
		r.giveUp(q)
	}
	b := &r.barrier
	for _, id := range append(b.asked, b.waiting...) {
		r.out.Answer = append(r.out.Answer, Answer{ID: id, Kind: AnswerOutside})
	}
	b.asked, b.waiting, b.passed = nil, nil, false
	r.endTransfer()
	r.stepForth()
	r.leave.begin(r, toEnd)
	r.leave.leaseGiven, r.leave.ready = true, true
	r.change.due = true
	r.publishLease()
}

// tickDigest does not wait for the coordinator for ever.
func (r *Replica) tickDigest() {
	if d := &r.digest; d.err != nil && !r.leave.done && r.now.Sub(d.since) > r.timeout() {
		r.leave.end(r)
	}
}
