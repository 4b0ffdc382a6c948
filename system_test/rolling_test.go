package system_test

import (
	"bufio"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	chaintable "github.com/chaintable/chaintable/client"
)

// TestRollingRestart starts three durable servers anew, one after the other, under load: told to end, and killed. The Go client gets no error; each server comes
// back with what it has missed, and nobody sends a whole copy.
// At the end one misses what the others have on their disks alone.
func TestRollingRestart(t *testing.T) {
	d := newDurable(t, 3)
	by, err := chaintable.Open(chaintable.Config{Servers: d.addresses()})
	if err != nil {
		t.Fatal(err)
	}
	defer by.Close()
	l := startLoad(t, d.addresses, func(l *load) { l.by, l.pad = by, strings.Repeat(" ", 1000) })
	for _, how := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		for range *rollsFlag {
			for i := range d.running {
				l.flow(50)
				d.roll(i, how, l)
			}
		}
		t.Logf("%v: longest time without a write %v", how, l.lap().Round(time.Millisecond))
	}
	d.rejoinFromDisk(l)
	l.end()
	l.noRefusals()
	for _, s := range d.running {
		l.verify(s)
	}
	t.Log(l)
}

// roll ends the server of a place, has the others go on, and starts it again.
func (d *durable) roll(i int, how syscall.Signal, l *load) {
	d.t.Helper()
	s := d.running[i]
	port := s.port()
	d.retire(s)
	s.signal(how)
	if code := s.exit(); how == syscall.SIGTERM && code != 0 {
		d.t.Errorf("%s, told to end, ends with %d", s.address, code)
	}
	d.awaitGone(s)
	l.flow(30) // what it misses
	copies := d.copies(i)
	d.again(i, port)
	d.admit(d.running[i])
	if n := d.copies(i); n != copies {
		d.t.Errorf("%s, back after %v, was sent %v whole copies", s.address, how, n-copies)
	}
}

// rejoinFromDisk has the first server miss what the others know only from their disks, since they were killed meanwhile.
func (d *durable) rejoinFromDisk(l *load) {
	d.t.Helper()
	away := d.running[0]
	d.retire(away)
	away.signal(syscall.SIGTERM)
	away.exit()
	d.running[0] = nil
	l.flow(30)
	ports := make([]string, len(d.running))
	for i, s := range d.running[1:] {
		ports[i+1] = s.port()
	}
	d.killAll()
	for i := range d.running[1:] {
		d.again(i+1, ports[i+1])
	}
	for _, s := range d.running[1:] {
		d.admit(s)
	}
	l.flow(10)
	d.begin(0)
	d.admit(d.running[0])
	recalls := 0.0
	for _, s := range d.running[1:] {
		recalls += s.metric("chaintable_log_recalls_total")
	}
	if n := d.copies(0); n != 0 || recalls == 0 {
		d.t.Errorf("%s was sent %v whole copies, and log from the disk %v times", d.running[0].address, n, recalls)
	}
}

// copies is how many whole copies the servers of the other places have begun to send.
func (d *durable) copies(i int) (n float64) {
	d.t.Helper()
	for j, s := range d.running {
		if j != i {
			n += s.metric("chaintable_snapshots_total")
		}
	}
	return n
}

// port is where the server listens.
func (s *server) port() string { return s.listens[strings.LastIndexByte(s.listens, ':')+1:] }

// metric is one that the server shows, without labels.
func (s *server) metric(name string) float64 {
	s.t.Helper()
	answer, err := httpClient.Get("http://" + s.listens + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("/metrics answers %s", answer.Status)
	}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), name+" "); found {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				s.t.Fatalf("%s: %v", name, err)
			}
			return value
		}
	}
	s.t.Fatalf("%s does not show %s", s.address, name)
	return 0
}

// put has one writer write its counters in turn, with the Go client.
func (l *load) put(own []*counter) {
	i := 0
	l.paced(func() {
		k := own[i]
		n := k.acked.Load() + 1
		k.sent.Store(n)
		if _, err := l.by.Put(l.t.Context(), k.key, []byte(l.text(n))); err != nil {
			l.refused("put "+k.key, err)
			return
		}
		l.acknowledged(k, n)
		i = (i + 1) % len(own)
	})
}

// gets has one reader read any counters, with the Go client.
func (l *load) gets() {
	l.paced(func() {
		k := l.any()
		floor := k.known.Load()
		e, err := l.by.Get(l.t.Context(), k.key)
		if err != nil && !errors.Is(err, chaintable.ErrNotFound) {
			l.refused("get "+k.key, err)
			return
		}
		l.check(k, "the Go client", floor, string(e.Value))
		l.read.Add(1)
	})
}

// paced calls f at a client's pace, until the load ends.
func (l *load) paced(f func()) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			f()
		case <-l.stop:
			return
		}
	}
}
