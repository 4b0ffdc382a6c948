package sim

import (
	"cmp"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// world is one simulated cluster with everything around it.
type world struct {
	Options
	dice                // of all that has none of its own
	now   time.Duration // since the start of the run
	queue eventHeap
	order uint64 // of events made so far: breaks ties of time
	steps uint64 // inputs that replicas have taken
	story story

	net      network
	coord    *coordinator
	servers  []*server
	clients  []*client
	check    checker
	faults   faults
	healedAt time.Duration
	healed   bool          // nothing goes wrong any more; the cluster must come to rest
	giveUp   time.Duration // how long a request may wait at a server
	failure  error
	checker  string // that found it: checker_*.go without that, or the file of the simulator that stumbled
	stuck    bool   // the failure is that it does not come to rest
	void     bool   // the run says nothing any more: nobody can know what is right
	given    bool   // up: nobody can bring the chain back, and nobody is to blame
	stats    Stats
}

// event is something that happens at a time.
type event struct {
	at    time.Duration
	order uint64
	run   func()
}

func newWorld(o Options, lines int) *world {
	w := &world{Options: o, dice: newDice(o.Seed)}
	w.giveUp = cmp.Or(o.GiveUp, 4*o.Patience)
	w.story.on, w.story.keep = lines > 0, lines
	w.net.w = w
	w.coord = newCoordinator(w)
	w.check.init(w)
	w.faults.w = w
	return w
}

// after lets run happen when d has passed.
func (w *world) after(d time.Duration, run func()) {
	w.order++
	w.queue.push(event{w.now + max(d, 0), w.order, run})
}

// until lifts a fault when d has passed, unless everything has been healed before.
func (w *world) until(d time.Duration, lift func()) {
	w.after(d, func() {
		if !w.healed {
			lift()
		}
	})
}

// runUntil lets everything happen that is due until then, or until done says so, or the run has failed.
func (w *world) runUntil(then time.Duration, done func() bool) {
	for w.failure == nil && !w.void && len(w.queue) > 0 && w.queue[0].at <= then {
		if done != nil && done() {
			return
		}
		e := w.queue.pop()
		w.now = e.at
		w.story.mix(uint64(e.at), e.order)
		e.run()
	}
	if w.failure == nil && done == nil {
		w.now = then
	}
}

// fail ends the run. The first failure counts.
func (w *world) fail(format string, args ...any) {
	if w.failure != nil {
		return
	}
	_, file, _, _ := runtime.Caller(1)
	w.checker = strings.TrimPrefix(strings.TrimSuffix(filepath.Base(file), ".go"), "checker_")
	w.failure = fmt.Errorf("sim: at %v: "+format, append([]any{w.now}, args...)...)
	w.tell("FAILED: %v", w.failure)
}

// tell adds a line to the story. Callers on hot paths ask w.story.on first.
func (w *world) tell(format string, args ...any) {
	w.story.add(w.now, format, args...)
}

// eventHeap is a binary heap, the next event first.
type eventHeap []event

func (h eventHeap) less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}

func (h *eventHeap) push(e event) {
	*h = append(*h, e)
	s := *h
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if !s.less(i, up) {
			return
		}
		s[i], s[up] = s[up], s[i]
		i = up
	}
}

func (h *eventHeap) pop() event {
	s := *h
	top, n := s[0], len(s)-1
	s[0] = s[n]
	s[n] = event{}
	s = s[:n]
	*h = s
	for i := 0; ; {
		least := i
		for _, c := range [2]int{2*i + 1, 2*i + 2} {
			if c < n && s.less(c, least) {
				least = c
			}
		}
		if least == i {
			return top
		}
		s[i], s[least] = s[least], s[i]
		i = least
	}
}
