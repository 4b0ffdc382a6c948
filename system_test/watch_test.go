package system_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

// viewRecord is the view as anybody can read it in ZooKeeper.
type viewRecord struct {
	V, Protocol, Rules int
	Chain              string
	Epoch              uint64
	Members            []memberRecord
	Learner            *memberRecord
	Target             int
}

type memberRecord struct {
	ID          string
	Incarnation uint64
	Address     string
	Durable     bool
}

// registrationRecord is what a server says of itself in ZooKeeper.
type registrationRecord struct {
	V, Protocol, Rules int
	Address            string
	Durable            bool
	Boot               string
	Last               []uint64
	Silent             []string
	Leaving            bool
}

func (v viewRecord) addresses() []string {
	all := make([]string, len(v.Members))
	for i, m := range v.Members {
		all[i] = m.Address
	}
	return all
}

// index is the place of a member, -1 for none.
func (v viewRecord) index(address string) int { return slices.Index(v.addresses(), address) }

// same tells whether two views are the same, and not only alike.
func (v viewRecord) same(w viewRecord) bool {
	return v.Chain == w.Chain && v.Epoch == w.Epoch && slices.Equal(v.Members, w.Members)
}

// watcher looks at what a cluster keeps in ZooKeeper, all the time, with a session of its own. Whatever /chain lists must be in the order of
// the view: clients take its first for the head, its last for the tail.
type watcher struct {
	t       *testing.T
	servers []string // of ZooKeeper
	chroot  string
	name    string // of the chain

	mu        sync.Mutex
	conn      *zk.Conn
	now       viewRecord        // as last read; epoch 0 for none
	published []string          // what /chain listed when last looked at
	texts     map[string]string // nodes of /chain that were read: they never change
	listings  atomic.Int64
}

// startWatcher watches the chain called name, until the test ends.
func startWatcher(t *testing.T, connect, name string) *watcher {
	t.Helper()
	servers, path, found := strings.Cut(connect, "/")
	if found {
		path = "/" + path
	}
	w := &watcher{t: t, servers: strings.Split(servers, ","), chroot: path, name: name, texts: map[string]string{}}
	if err := w.begin(); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				late := time.AfterFunc(lookPatience, func() {
					if err := w.begin(); err != nil {
						t.Error(err)
					}
				})
				w.look()
				late.Stop()
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		w.zk().Close() // ends calls that wait
		<-stopped
		w.zk().Close() // it may just have been made
		if w.listings.Load() == 0 && w.name == "main" {
			t.Error("the watcher saw nothing of /chain")
		}
	})
	return w
}

// lookPatience is how long one look may take. The library can lose a call when it loses its connection, and wait for ever.
const lookPatience = 5 * time.Second

// begin begins a session, in place of the one that there may be, whose calls end. It is a long one: the watcher outlives the troubles that it watches.
func (w *watcher) begin() error {
	conn, _, err := zk.Connect(w.servers, 10*time.Second, zk.WithLogger(log.New(io.Discard, "", 0)))
	if err != nil {
		return err
	}
	w.mu.Lock()
	old := w.conn
	w.conn = conn
	w.mu.Unlock()
	if old != nil {
		old.Close()
	}
	return nil
}

func (w *watcher) zk() *zk.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.conn
}

// view is the newest that was read.
func (w *watcher) view() viewRecord {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// shown is what /chain listed when last looked at.
func (w *watcher) shown() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.published)
}

// look reads the view, then /chain, then the view again. What it finds must go together.
func (w *watcher) look() {
	before, err := w.readView()
	if err != nil {
		return // ZooKeeper is away, or there is no chain yet
	}
	if w.name != "main" {
		return // /chain shows the chain "main" alone
	}
	shown, err := w.readPublished()
	if err != nil {
		return
	}
	after, err := w.readView()
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.published = shown
	w.listings.Add(1)
	// With two views in between there was another, which nobody here has seen.
	if after.Epoch-before.Epoch < 2 && !within(shown, before.addresses()) && !within(shown, after.addresses()) {
		w.t.Errorf("/chain lists %v, while the view was %v (epoch %d), then %v (epoch %d)",
			shown, before.addresses(), before.Epoch, after.addresses(), after.Epoch)
	}
}

// within tells whether some are of all, in their order.
func within(some, all []string) bool {
	for _, s := range some {
		i := slices.Index(all, s)
		if i < 0 {
			return false
		}
		all = all[i+1:]
	}
	return true
}

func (w *watcher) viewPath() string { return w.chroot + "/chaintable/chains/" + w.name + "/view" }

// readView reads the view, and notes it.
func (w *watcher) readView() (v viewRecord, err error) {
	data, _, err := w.zk().Get(w.viewPath())
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case errors.Is(err, zk.ErrNoNode):
		w.now = viewRecord{}
	case err == nil:
		w.now = v
	}
	return v, err
}

// errMoved: /chain has changed while it was read.
var errMoved = errors.New("/chain has changed")

// readPublished reads what /chain lists: as clients do, but all of it at one moment. The names are those of one moment; what a node
// holds never changes.
func (w *watcher) readPublished() (addresses []string, err error) {
	names, _, err := w.zk().Children(w.chroot + "/chain")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		text, known := w.texts[name]
		if !known {
			data, _, err := w.zk().Get(w.chroot + "/chain/" + name)
			if errors.Is(err, zk.ErrNoNode) {
				return nil, errMoved
			}
			if err != nil {
				return nil, err
			}
			if text, known = strings.CutSuffix(string(data), "\x00"); !known {
				w.t.Errorf("/chain/%s holds %q, without a NUL at the end", name, data)
			}
			w.texts[name] = text
		}
		addresses = append(addresses, text)
	}
	return addresses, nil
}

// registrations are those that servers have made, by name.
func (w *watcher) registrations() (map[string]registrationRecord, error) {
	folder := w.chroot + "/chaintable/chains/" + w.name + "/servers"
	names, _, err := w.zk().Children(folder)
	if err != nil {
		return nil, err
	}
	all := map[string]registrationRecord{}
	for _, name := range names {
		data, _, err := w.zk().Get(folder + "/" + name)
		if errors.Is(err, zk.ErrNoNode) {
			continue
		}
		var r registrationRecord
		if err == nil {
			err = json.Unmarshal(data, &r)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all[name] = r
	}
	return all, nil
}
