package chain

import "time"

// Teaching is how a learner is being brought level.
type Teaching uint8

// The ways.
const (
	TeachNone     Teaching = iota
	TeachSnapshot          // by a copy of the table
	TeachPlacing           // that is whole, and being put in the place of what the learner had
	TeachDisk              // by older log, which its tail reads from disk
	TeachLog               // by the log that is in memory: all that follows on the others
)

func (t Teaching) String() string {
	return [...]string{"", "snapshot", "putting the snapshot in place", "log from disk", "log"}[t]
}

// LearnerProgress is how far the learner is, as its tail or the learner itself knows.
type LearnerProgress struct {
	How     Teaching
	Chunks  uint64 // of the snapshot that have arrived
	Bytes   uint64 // of the snapshot, or of older log since the link was opened, that have arrived
	Total   uint64 // about how many bytes the snapshot has; zero where that is not known
	Entries uint64 // that it lacks behind what it has, at most: a range of numbers that a head skipped counts too
	Behind  uint64 // bytes of log in memory that it does not hold durably, for the tail
	Rate    uint64 // bytes that have lately arrived in a second, for the tail
}

// Receiving tells whether a snapshot is under way, or being put in place.
func (p *LearnerProgress) Receiving() bool { return p.How == TeachSnapshot || p.How == TeachPlacing }

// learnerProgress is for those who look at us; it decides nothing.
func (r *Replica) learnerProgress() (p LearnerProgress) {
	switch s := r.learn.staging; {
	case r.learning && s != nil:
		p = LearnerProgress{How: TeachSnapshot, Chunks: s.next, Bytes: s.bytes}
		if s.whole {
			p.How = TeachPlacing
		}
	case r.learning && r.up.link != 0:
		p = LearnerProgress{How: TeachLog, Entries: uint64(r.up.told - min(r.up.told, r.log.last().Seq))}
	case r.isTail() && r.view.Learner.MemberID != (MemberID{}):
		p = r.teach.learnerProgress(r)
	}
	return p
}

func (t *teacher) learnerProgress(r *Replica) LearnerProgress {
	d, last := &r.down, r.log.last().Seq
	p := LearnerProgress{Behind: r.log.bytesAfter(d.durable), Rate: t.arrival.rate(r.now)}
	switch x := t.transfer; {
	case x != nil:
		p.How, p.Chunks, p.Bytes, p.Total = TeachSnapshot, x.acked, x.bytes, x.total
	case !d.up:
		return p // what it has, it has yet to say
	case d.recall != nil:
		p.How, p.Bytes = TeachDisk, d.recall.bytes
	case d.durable < t.base && t.size > 0:
		p.How, p.Bytes, p.Total = TeachPlacing, t.size, t.size
	default:
		p.How = TeachLog
	}
	p.Entries = uint64(last - min(d.received, last))
	return p
}

// meterSpan is the time over which a meter measures, at least.
const meterSpan = 2 * time.Second

// meter measures how many bytes come in a second.
type meter struct {
	bytes uint64
	since Time // zero: nothing has come yet
	last  uint64
}

// add counts bytes that have come now.
func (m *meter) add(bytes uint64, now Time) {
	if bytes == 0 {
		return
	}
	if m.since == 0 {
		m.since = now
	}
	if now.Sub(m.since) >= meterSpan {
		m.last, m.bytes, m.since = m.rate(now), 0, now
	}
	m.bytes += bytes
}

// rate is that of the last span, or of what has passed of this one if that is longer.
func (m *meter) rate(now Time) uint64 {
	d := now.Sub(m.since)
	if d < meterSpan {
		if m.last == 0 && d > 0 {
			return uint64(float64(m.bytes) / max(d, time.Second/4).Seconds())
		}
		return m.last
	}
	return uint64(float64(m.bytes) / d.Seconds())
}
