package system_test

import (
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/chaintable/chaintable/internal/needs"
)

// durable is servers with data directories: place i has its own, whoever runs there.
type durable struct {
	*cluster
	t       *testing.T
	dirs    []string
	running []*server // nil where none runs
	options []string
}

// newDurable starts n servers that keep what they hold.
func newDurable(t *testing.T, n int, options ...string) *durable {
	t.Helper()
	d := &durable{cluster: newCluster(t, needs.AnyZooKeeper(t)+chroot()), t: t, running: make([]*server, n), options: options}
	for i := range n {
		d.dirs = append(d.dirs, filepath.Join(t.TempDir(), "data"))
		d.begin(i)
		d.admit(d.running[i])
	}
	return d
}

// begin starts the server of a place.
func (d *durable) begin(i int) {
	d.t.Helper()
	d.running[i] = d.start(d.flags(i)...)
}

// again starts the server of a place at the port that the one before had.
func (d *durable) again(i int, port string) {
	d.t.Helper()
	d.running[i] = d.startAt(port, d.connect, d.flags(i)...)
}

// flags are those of the server of a place.
func (d *durable) flags(i int) []string {
	return append([]string{"--data-dir", d.dirs[i]}, d.options...)
}

// killAll ends all servers at once.
func (d *durable) killAll() {
	d.t.Helper()
	for _, s := range d.running {
		if s != nil {
			s.signal(syscall.SIGKILL)
		}
	}
	for i, s := range d.running {
		if s != nil {
			d.kill(s)
			d.running[i] = nil
		}
	}
}

// TestAllKilledDurable kills all servers in the same moment, under load, again and again, and starts them in any order, sometimes only one at first. Each
// acknowledged write is there.
func TestAllKilledDurable(t *testing.T) {
	d := newDurable(t, 3)
	l := startLoad(t, d.addresses, nil)
	for round := range *wholeFlag {
		l.flow(200)
		d.killAll()
		order := rand.Perm(3)
		alone := round%2 == 1
		for n, i := range order {
			d.begin(i)
			if alone && n == 0 {
				d.admit(d.running[i])
				l.flow(50)
				l.verify(d.running[i])
			}
		}
		for _, i := range order {
			if !alone || i != order[0] {
				d.admit(d.running[i])
			}
		}
		for _, i := range order {
			l.verify(d.running[i])
		}
		t.Logf("round %d, order %v, one alone at first: %v: longest time without a write %v", round, order, alone, l.lap().Round(time.Millisecond))
	}
	l.end()
	for _, s := range d.running {
		l.verify(s)
	}
	t.Log(l)
}
