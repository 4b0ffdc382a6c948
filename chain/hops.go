package chain

import "time"

// HopBounds are the upper bounds of the buckets of a Timing.
var HopBounds = [...]time.Duration{
	100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second,
}

// recently and halfMinute are half of how long a Timing's Recent and Worst look back.
const (
	recently   = 5 * time.Second
	halfMinute = 30 * time.Second
)

// Hops is how long it takes, as this server sees it, until what it sends down the chain has got there. One entry and one ping
// at a time are watched: the next begins when the one before has ended.
type Hops struct {
	Ping      Timing // until the successor's answer to a ping: the link, and what waits for the successor's loop
	Received  Timing // from when an entry is appended here until the successor says that it holds it, which it says when something commits
	Durable   Timing // from when it is appended here until it is on this server's own disk; of one that keeps everything in memory, nothing
	Committed Timing // from when it is appended here until it is known here that it has committed: this hop and all behind it
	Applied   Timing // from when it is appended here until it is applied here
}

// Timing is the times of one kind.
type Timing struct {
	Count   uint64
	Sum     time.Duration
	Last    time.Duration
	Buckets [len(HopBounds) + 1]uint64 // the last one has no bound

	recent, minute window
}

// window is what was timed lately: in the present stretch of time, and in the one before.
type window struct {
	since     Time // when now began
	now, then stretch
}

// stretch is what was timed in some seconds.
type stretch struct {
	count      uint64
	sum, worst time.Duration
}

// turn forgets what is too old, where a stretch lasts so long.
func (w *window) turn(now Time, long time.Duration) {
	switch passed := now.Sub(w.since); {
	case passed > 2*long:
		*w = window{since: now}
	case passed > long:
		*w = window{since: now, then: w.now}
	}
}

func (w *window) record(d time.Duration) {
	w.now.count++
	w.now.sum += d
	w.now.worst = max(w.now.worst, d)
}

// record takes in one time.
func (t *Timing) record(d time.Duration, now Time) {
	t.turn(now)
	i := 0
	for i < len(HopBounds) && d > HopBounds[i] {
		i++
	}
	t.Buckets[i]++
	t.Count++
	t.Sum, t.Last = t.Sum+d, d
	t.recent.record(d)
	t.minute.record(d)
}

// turn forgets what is too old for Recent and Worst.
func (t *Timing) turn(now Time) {
	t.recent.turn(now, recently)
	t.minute.turn(now, halfMinute)
}

// Recent is the mean of the last five to ten seconds; ok is false if there was nothing.
func (t *Timing) Recent() (mean time.Duration, ok bool) {
	n := t.recent.now.count + t.recent.then.count
	if n == 0 {
		return 0, false
	}
	return (t.recent.now.sum + t.recent.then.sum) / time.Duration(n), true
}

// Worst is the longest time of the last half to whole minute. Who was held up for a moment has timed few entries meanwhile: no mean shows
// that.
func (t *Timing) Worst() time.Duration { return max(t.minute.now.worst, t.minute.then.worst) }

// hops watches entries and pings. It decides nothing: no other part of the replica looks at it.
type hops struct {
	Hops
	stepped Time // time of the last step

	entry struct {
		seq                          Seq // zero: none is watched
		at                           Time
		received, durable, committed bool
	}
	ping struct {
		at         Time // when the one that is watched was sent; zero: none is
		unanswered int  // pings sent to the successor; answers come in their order
		heard      Time // when the last answer came
	}
}

// pass notes the time of a step. If we were away meanwhile, what is watched would show our own absence as that of
// the successor; whoever is before us sees it.
func (h *hops) pass(r *Replica) {
	if h.stepped != 0 && r.now.Sub(h.stepped) > max(r.timeout()/20, 25*time.Millisecond) { // ticks come much more often
		h.forget()
	}
	h.stepped = r.now
}

// forget watches nothing any more.
func (h *hops) forget() {
	h.entry.seq, h.ping.at = 0, 0
}

// relinked forgets pings that may be lost.
func (h *hops) relinked() {
	h.ping.at, h.ping.unanswered = 0, 0
}

// appended may begin to watch an entry that was just appended here.
func (h *hops) appended(r *Replica, seq Seq) {
	if h.entry.seq == 0 && r.isMember() {
		h.entry.seq, h.entry.at = seq, r.now
		h.entry.received, h.entry.durable, h.entry.committed = false, false, false
	}
}

// received notes what the successor has.
func (h *hops) received(r *Replica) {
	if e := &h.entry; e.seq != 0 && !e.received && r.down.received >= e.seq {
		e.received = true
		h.Received.record(r.now.Sub(e.at), r.now)
	}
}

// durable notes what our own disk has.
func (h *hops) durable(r *Replica) {
	if e := &h.entry; e.seq != 0 && !e.durable && r.durable >= e.seq {
		e.durable = true
		h.Durable.record(r.now.Sub(e.at), r.now)
	}
}

// committed notes what is known to be committed.
func (h *hops) committed(r *Replica) {
	if e := &h.entry; e.seq != 0 && !e.committed && r.committed >= e.seq {
		e.committed = true
		h.Committed.record(r.now.Sub(e.at), r.now)
	}
}

// applied notes what the table holds. With it the entry has come to its end.
func (h *hops) applied(r *Replica) {
	if e := &h.entry; e.seq != 0 && r.applied >= e.seq {
		h.Applied.record(r.now.Sub(e.at), r.now)
		e.seq = 0
	}
}

// pinged notes a ping that is sent to the successor. While another is on its way this one is not watched: nobody could tell their answers
// apart.
func (h *hops) pinged(r *Replica) {
	p := &h.ping
	if p.at == 0 && r.now.Sub(p.heard) > r.timeout() {
		p.unanswered = 0 // what has not come by now is lost
	}
	if p.unanswered == 0 {
		p.at = r.now
	}
	p.unanswered++
}

// answered notes the successor's answer to a ping.
func (h *hops) answered(r *Replica) {
	p := &h.ping
	p.heard, p.unanswered = r.now, max(0, p.unanswered-1)
	if p.at != 0 {
		h.Ping.record(r.now.Sub(p.at), r.now)
		p.at = 0
	}
}

// shown is Hops as of this moment.
func (h *hops) shown(now Time) Hops {
	s := h.Hops
	for _, t := range []*Timing{&s.Ping, &s.Received, &s.Durable, &s.Committed, &s.Applied} {
		t.turn(now)
	}
	return s
}
