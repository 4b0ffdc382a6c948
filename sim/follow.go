package sim

import (
	"slices"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/client/retry"
)

// patienceForView is how long a client as in library.go waits until it is told a view.
const patienceForView = time.Second

// look follows the view now and then.
func (l *library) look() {
	if !l.dead {
		l.follow()
		l.w.after(l.soon(l.w.Timeout), l.look)
	}
}

// follow asks some server for its status, one at a time: it tells its view at once, and whether it serves.
func (l *library) follow() {
	if l.asking || l.dead {
		return
	}
	w := l.w
	l.asking = true
	l.question++
	n, began := l.question, w.now
	all := l.servers.All()
	address := all[l.IntN(len(all))]
	answer := func(told bool, s chain.Status) {
		if n == l.question && l.asking && !l.dead {
			l.asking = false
			l.told(address, w.now-began, told, s)
		}
	}
	w.after(patienceForView, func() { answer(false, chain.Status{}) })
	w.after(l.between(w.ClientWait), func() {
		p := w.serverAt(address).proc
		if p == nil {
			answer(false, chain.Status{})
			return
		}
		p.later(0, func() {
			s := p.replica.Status()
			w.after(l.between(w.ClientWait), func() { answer(true, s) })
		})
	})
}

// told takes the status of a server. If all that it knows of tell no view, or an old one, the client asks the coordinator.
func (l *library) told(address string, took time.Duration, told bool, s chain.Status) {
	w := l.w
	if told {
		l.servers.Measured(address, took)
	}
	if told && s.Serving {
		l.failing = 0
		l.servers.Answered(address)
		l.adopted(l.servers.Told(address, viewOf(s.View)) || l.servers.Looked())
		return
	}
	l.servers.Failed(address, w.now)
	l.adopted(l.servers.Told(address, retry.View{}) || l.servers.Looked())
	if l.failing++; l.failing < len(l.servers.All()) {
		w.after(l.soon(w.Timeout/10), l.follow)
		return
	}
	l.failing = 0
	w.after(l.between(w.Coord), func() {
		if now := w.coord.now(); now.exists && w.coord.down == 0 && !l.dead {
			l.adopted(l.servers.Adopt(viewOf(now.view.View)))
		}
	})
}

// viewOf is a view in the words of package retry.
func viewOf(v chain.View) retry.View {
	view := retry.View{Chain: uint64(v.Chain), Epoch: uint64(v.Epoch)}
	for _, m := range v.Members {
		view.Members = append(view.Members, m.Address)
	}
	return view
}

// adopted goes on with the view that was adopted, if one was.
func (l *library) adopted(news bool) {
	if !news {
		return
	}
	id := l.servers.View().Chain
	if l.sessions.Follow(id); !slices.Contains(l.met, chain.ID(id)) {
		l.met = append(l.met, chain.ID(id))
	}
	for _, t := range l.tasks {
		if t.request != nil {
			t.request.Renew()
		}
	}
	l.wake()
}

// failsOver counts the changes of the view that take out members while clients as in library.go are counting.
func (w *world) failsOver(was, is chain.View) {
	counting := false
	for _, c := range w.clients {
		counting = counting || c.library != nil && !c.dead && c.library.counting > 0
	}
	if !counting {
		return
	}
	for i, m := range was.Members {
		if is.Index(m.MemberID) < 0 {
			w.stats.Failovers++
			if i == 0 {
				w.stats.HeadFailovers++
			}
			return
		}
	}
}
