package storage_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/storage"
	"github.com/chaintable/chaintable/storage/diskmodel"
	"github.com/chaintable/chaintable/table"
)

var (
	livesSeed = flag.Uint64("lives", 1, "the first seed of TestLives")
	livesMany = flag.Uint64("livesmany", 60, "how many seeds TestLives runs")
)

// server is a data directory through many lives, and what must be in it.
type server struct {
	*rand.Rand
	disk     *diskmodel.Disk
	store    *storage.Store
	boot     int
	lived    int // the boot under which the directory was last in use
	interval bool

	states  [][]chain.Entry // whole logs, one for each step since the log was last looked at; the last is the present one
	written int             // the first that the end of the process may bring back
	known   int             // the first that a loss of power may bring back
	epoch   chain.Epoch     // of the next entry

	adopted, adopting  chain.Epoch // zero: no chain
	reg, registering   chain.Incarnation
	committed          int // entries
	learned            int // entries that have committed elsewhere, synced here or not
	checkpointed       int
	staged             []chain.Entry
	behind             []chain.Entry // what the disk held when power was lost and nothing can be relied on
	recovered, damaged int
	reads              int  // that found something
	rots, rotten       bool // bytes change; one has
	dark               bool // power was lost since the last look: with it, what shows how much was there
	spoiled            bool // and nothing could make up for it
}

func newServer(seed uint64, interval bool) *server {
	rng := rand.New(rand.NewPCG(seed, 0x11fe))
	s := &server{Rand: rng, disk: diskmodel.New(rng), interval: interval, states: [][]chain.Entry{nil}, epoch: 1}
	s.disk.Subsets = seed%2 == 0
	return s
}

func (s *server) config() storage.Config {
	return storage.Config{
		FS: s.disk, Random: s.Uint64, Node: 7, Boot: fmt.Sprintf("boot-%d", s.boot), Interval: s.interval,
		SegmentBytes: 8 << 10, RetainBytes: 12 << 10,
	}
}

func (s *server) now() []chain.Entry { return s.states[len(s.states)-1] }

func (s *server) become(entries []chain.Entry) { s.states = append(s.states, entries) }

func endOf(entries []chain.Entry) chain.Position {
	if n := len(entries); n > 0 {
		return entries[n-1].Position()
	}
	return chain.Position{}
}

// made is more entries, which follow those.
func (s *server) made(behind []chain.Entry, n int) []chain.Entry {
	all := behind[:len(behind):len(behind)]
	for range n {
		size := []int{10, 100, 700, 3000, 20_000}[min(s.IntN(12), s.IntN(5))]
		value := make([]byte, size)
		for i := range value {
			value[i] = byte(s.Uint32())
		}
		seq := endOf(all).Seq + 1
		if s.IntN(20) == 0 {
			seq += 1000
		}
		c := table.Command{Op: table.OpPut, Pairs: []table.Pair{{Key: fmt.Appendf(nil, "k%d", s.IntN(9)), Value: value}}}
		e := chain.Entry{Seq: seq, Epoch: s.epoch, Kind: chain.KindCommand, Command: c.Append(nil)}
		e.Encoded = table.AppendEntry(nil, &e)
		all = append(all, e)
	}
	return all
}

func tableOf(entries []chain.Entry) *table.Table {
	t := table.New(table.Config{})
	for i := range entries {
		t.Apply(&entries[i])
	}
	return t
}

func (s *server) append(n int) error {
	before := s.now()
	all := s.made(before, n)
	for i := range n {
		s.become(all[:len(before)+i+1])
	}
	return s.store.Append(all[len(before):], endOf(s.now()[:max(s.committed, s.learned)]).Seq)
}

// learn takes in entries that have committed already.
func (s *server) learn(n int) error {
	s.learned = max(s.committed, s.learned) + n
	return s.append(n)
}

func (s *server) synced() {
	s.known, s.written = len(s.states)-1, len(s.states)-1
	s.committed = max(s.committed, s.learned)
}

func (s *server) sync() error {
	err := s.store.Sync()
	if err == nil {
		s.synced()
	}
	return err
}

// commit commits some of what is acknowledged.
func (s *server) commit() {
	from := s.known
	if s.interval {
		from = s.written
	}
	n := len(s.now())
	for _, entries := range s.states[from:] { // what was cut since is not what was acknowledged
		n = min(n, len(entries))
	}
	if n > s.committed {
		s.committed += s.IntN(n - s.committed + 1)
	}
}

// cut forgets some of what has not committed.
func (s *server) cut() {
	now, sure := s.now(), max(s.committed, s.learned)
	if len(now) == sure {
		return
	}
	s.become(now[:sure+s.IntN(len(now)-sure)])
	s.epoch++
	s.store.Truncate(endOf(s.now()), 0)
}

func (s *server) adopt(e chain.Epoch) error {
	s.adopting = e
	if err := s.store.Adopt(5, e); err != nil {
		return err
	}
	s.adopted = e
	return nil
}

func (s *server) checkpoint() error {
	if s.committed <= s.checkpointed {
		return nil
	}
	c := s.store.BeginCheckpoint(tableOf(s.now()[:s.committed]).Snapshot())
	at := s.committed
	if err := c.Write(func(int) error {
		if s.IntN(3) == 0 {
			return s.append(1)
		}
		return nil
	}); err != nil {
		return err
	}
	if s.IntN(3) == 0 {
		if err := s.append(2); err != nil {
			return err
		}
	}
	err := s.store.Publish(c)
	if err == nil {
		s.checkpointed = at
		s.synced()
	}
	return err
}

// stage takes in a table that goes further than what is here; install puts it in place.
func (s *server) stage() error {
	base := s.now()[:s.committed]
	s.staged = s.made(base, 1+s.IntN(4))
	snap := tableOf(s.staged).Snapshot()
	for last, first := false, true; !last; first = false {
		var chunk []byte
		var err error
		if chunk, last, err = snap.Chunk(64 << s.IntN(8)); err != nil {
			return err
		}
		if err := s.store.Stage(snap.Position(), chunk, first); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) install() error {
	s.become(s.staged)
	s.epoch++
	s.staged = nil
	err := s.store.Install()
	if err == nil {
		s.synced()
		s.committed, s.checkpointed, s.learned = len(s.now()), len(s.now()), 0
	}
	return err
}

// read reads what follows some entry that has committed. What has not committed may have been cut.
func (s *server) read() error {
	sure := s.now()[:s.committed]
	from := s.IntN(len(sure) + 1)
	entries, err := s.store.Read(endOf(sure[:from]), 1+s.Int64N(20_000))
	var damage *storage.DamageError
	switch {
	case errors.Is(err, storage.ErrNotHeld), s.rotten && errors.As(err, &damage):
		return nil
	case err != nil:
		return err
	}
	for i := range min(len(entries), len(sure)-from) {
		if got, want := &entries[i], &sure[from+i]; !bytes.Equal(got.Encoded, want.Encoded) {
			return fmt.Errorf("%w: %v follows %v, where %v should", errWrong, got.Position(), endOf(sure[:from+i]), want.Position())
		}
	}
	s.reads++
	return nil
}

var errWrong = errors.New("read")

// step does one thing.
func (s *server) step() error {
	if s.adopted != 0 && s.IntN(15) == 0 {
		return s.read()
	}
	if s.adopted == 0 || s.IntN(30) == 0 {
		return s.adopt(max(s.epoch, s.adopted+1))
	}
	switch n := s.IntN(40); {
	case n < 12:
		return s.append(1 + s.IntN(4))
	case n < 20:
		return s.sync()
	case n < 24:
		err := s.store.Write()
		if err == nil {
			s.written = len(s.states) - 1
		}
		return err
	case n < 29 && s.staged == nil: // a learner that needs a table hears of no commits
		s.commit()
	case n < 31:
		s.cut()
	case n < 32 && s.staged == nil:
		s.become(s.now()[:max(s.committed, s.learned)])
		if s.IntN(2) == 0 {
			s.epoch++
		}
		s.store.Truncate(endOf(s.now()), endOf(s.now()).Seq)
		return s.learn(1 + s.IntN(4))
	case n < 34:
		return s.checkpoint()
	case n < 36:
		return s.store.Prepare()
	case n < 38:
		s.registering = s.reg + 1
		if err := s.store.Register(s.registering); err != nil {
			return err
		}
		s.reg = s.registering
	case n < 39 && s.staged == nil && s.learned <= s.committed:
		return s.stage()
	case s.staged != nil:
		if s.IntN(4) == 0 {
			s.staged = nil
			s.store.Unstage()
			return nil
		}
		return s.install()
	}
	return nil
}

// die ends a life: the process only, or the machine.
func (s *server) die() { s.end(s.IntN(2) == 0) }

func (s *server) end(power bool) {
	s.staged = nil
	if !power || s.rotten { // a loss of power takes what shows that something was there: two faults at once are one too many
		s.disk.Kill()
		s.rot()
		return
	}
	s.disk.PowerLoss()
	s.dark = true
	s.boot++
	s.written = s.known
}

// rot changes a byte, once, where bytes change at all.
func (s *server) rot() {
	if !s.rots || s.rotten || s.dark {
		return
	}
	names, err := s.disk.List()
	if err != nil {
		panic(err)
	}
	for range min(20, 20*len(names)) {
		name := names[s.IntN(len(names))]
		if n := s.disk.Size(name); n > 0 && s.disk.Rot(name, s.Int64N(n), 1<<s.IntN(8)) {
			s.rotten = true
			s.spoiled = spoils(name, names)
			s.written = s.known // nothing says that more was there
			return
		}
	}
}

// spoils tells whether nothing makes up for a byte that changed in a file: behind a snapshot there may be an older one, and the log from there.
func spoils(name string, names []string) bool {
	if !strings.HasPrefix(name, "table-") || strings.HasSuffix(name, ".tmp") {
		return strings.HasPrefix(name, "log-") && !strings.HasSuffix(name, ".tmp")
	}
	generation := name[:len("table-0000000000000000")]
	return !slices.ContainsFunc(names, func(x string) bool {
		return x != name && strings.HasPrefix(x, generation) && !strings.HasSuffix(x, ".tmp")
	})
}

// open recovers, and dies in the middle of that, n times.
func (s *server) open(n int) (*storage.Recovery, error) {
	for range n {
		s.disk.StopAt(1 + s.IntN(20))
		if _, rec, err := storage.Open(s.config()); err == nil {
			if err := s.look(rec); err != nil {
				return nil, err
			}
		} else if !s.disk.Stopped() {
			return nil, err
		}
		s.die()
	}
	s.disk.StopAt(0)
	store, rec, err := storage.Open(s.config())
	if err != nil {
		return nil, err
	}
	s.store = store
	return rec, s.look(rec)
}

// look holds what was recovered against what must be there, and goes on from it.
func (s *server) look(rec *storage.Recovery) error {
	s.dark = false
	id := rec.Identity
	if id.Incarnation < s.reg || id.Incarnation > s.registering {
		return fmt.Errorf("incarnation %d: %d was registered, and at most %d", id.Incarnation, s.reg, s.registering)
	}
	if id.Epoch < s.adopted || id.Epoch > s.adopting {
		return fmt.Errorf("epoch %d: %d was adopted, and at most %d", id.Epoch, s.adopted, s.adopting)
	}
	s.reg, s.registering, s.adopted, s.adopting = id.Incarnation, id.Incarnation, id.Epoch, id.Epoch
	if rec.Chain == nil {
		if s.adopted != 0 {
			return errors.New("the chain is forgotten")
		}
		return nil
	}
	if !rec.Chain.Complete {
		if s.spoiled || s.interval && s.lived != s.boot {
			s.damaged++
			s.behind = s.states[s.written]
			if s.behind == nil {
				s.behind = []chain.Entry{}
			}
			return nil
		}
		return fmt.Errorf("a crash is taken for damage: %w", rec.Doubt)
	}
	s.recovered++
	for i := range rec.Chain.Log {
		rec.Table.Apply(&rec.Chain.Log[i])
	}
	for _, entries := range s.states[s.written:] {
		if endOf(entries) != rec.Table.Position() {
			continue
		}
		if want := tableOf(entries).Digest(); rec.Table.Digest() == want {
			s.states, s.known, s.written = [][]chain.Entry{entries}, 0, 0
			// An install that was not acknowledged may have happened, and then all of it has committed.
			for s.committed < len(entries) && entries[s.committed].Seq <= rec.Chain.Base.Seq {
				s.committed++
			}
			if c := endOf(entries[:min(max(s.committed, s.learned), len(entries))]); rec.Chain.Committed > c.Seq {
				return fmt.Errorf("%d is said to have committed, and %v has", rec.Chain.Committed, c)
			}
			s.learned = 0
			return nil
		}
	}
	return fmt.Errorf("recovered a log that ends at %v: none of the %d since %v was acknowledged", rec.Table.Position(), len(s.states)-s.written, endOf(s.states[s.written]))
}

// teach brings a server whose log is of no use what it lacks.
func (s *server) teach() error {
	if s.behind == nil {
		return nil
	}
	s.states, s.known, s.written = [][]chain.Entry{s.behind}, 0, 0
	s.committed = len(s.behind)
	if err := s.adopt(s.adopted + 1); err != nil {
		return err
	}
	if err := s.stage(); err != nil {
		return err
	}
	if err := s.install(); err != nil {
		return err
	}
	s.behind, s.rotten, s.spoiled = nil, false, false
	return nil
}

// twin is the same server in another world.
func (s *server) twin(seed uint64) *server {
	t := *s
	t.Rand = rand.New(rand.NewPCG(seed, 0x2222))
	t.disk = s.disk.Clone(t.Rand)
	t.states = slices.Clone(s.states)
	return &t
}

// TestLives takes directories through many lives. Each ends in the middle of an operation, by the end of the process or by a loss of power, and so do
// several attempts to start again; nothing that was acknowledged is ever missing, and nothing is there that never was.
func TestLives(t *testing.T) {
	recovered, damaged, reads := 0, 0, 0
	for seed := *livesSeed; seed < *livesSeed+*livesMany; seed++ {
		s := newServer(seed, seed%5 == 4)
		s.rots = seed%7 == 5 && !s.interval
		if seed%3 == 0 {
			s.disk.Fail = func(op diskmodel.Op, _ string) error {
				if s.IntN(200) == 0 {
					return syscall.EIO
				}
				return nil
			}
		}
		for life := range 12 {
			fail := s.disk.Fail
			s.disk.Fail = nil
			_, err := s.open(s.IntN(4))
			if err == nil {
				err = s.teach()
			}
			s.lived = s.boot
			for i := 0; err == nil && s.adopted != 0 && i < 5; i++ {
				err = s.read()
			}
			if err != nil {
				t.Fatalf("seed %d, life %d: %v", seed, life, err)
			}
			s.disk.Fail = fail
			s.disk.StopAt(1 + s.IntN(1+s.IntN(150)))
			for err == nil {
				err = s.step()
			}
			if !errors.Is(err, diskmodel.ErrStopped) && !errors.Is(err, syscall.EIO) {
				t.Fatalf("seed %d, life %d: %v", seed, life, err)
			}
			s.die()
		}
		recovered, damaged, reads = recovered+s.recovered, damaged+s.damaged, reads+s.reads
	}
	if recovered == 0 || damaged == 0 || reads == 0 {
		t.Errorf("%d complete logs, and %d incomplete ones; %d reads", recovered, damaged, reads)
	}
	t.Logf("%d complete logs, and %d incomplete ones; %d reads", recovered, damaged, reads)
}

// TestEveryOperation ends a life in the middle of each of its operations, then each attempt to recover in the middle of each of its own, and then it
// recovers: by the end of the process, and of the machine.
func TestEveryOperation(t *testing.T) {
	for seed := range uint64(1) {
		attempts := 0
		for n := 1; n <= 100; n++ {
			s := newServer(seed, false)
			_, err := s.open(0)
			s.disk.StopAt(n)
			for err == nil {
				err = s.step()
			}
			if !errors.Is(err, diskmodel.ErrStopped) {
				t.Fatalf("seed %d, operation %d: %v", seed, n, err)
			}
			for variant := range 4 {
				dead := s.twin(uint64(variant))
				dead.end(variant%2 == 0)
				for k, over := 1, false; !over; k++ {
					x := dead.twin(uint64(k))
					x.disk.StopAt(k)
					_, _, err := storage.Open(x.config())
					over = err == nil
					if err == nil || x.disk.Stopped() {
						x.end(variant < 2)
						_, err = x.open(0)
					}
					if err != nil {
						t.Fatalf("seed %d, operation %d, variant %d, operation %d of the recovery: %v", seed, n, variant, k, err)
					}
					attempts++
				}
			}
		}
		t.Logf("%d attempts", attempts)
	}
}

// TestAdoptAnotherChain: a server that holds nothing may be in one chain after the other, and still lacks nothing.
func TestAdoptAnotherChain(t *testing.T) {
	for n := 1; ; n++ {
		s := newServer(uint64(n), false)
		if _, err := s.open(0); err != nil {
			t.Fatal(err)
		}
		if err := s.store.Adopt(5, 1); err != nil {
			t.Fatal(err)
		}
		s.disk.StopAt(n)
		over := s.store.Adopt(6, 1) == nil
		s.end(n%2 == 0)
		_, rec, err := storage.Open(s.config())
		if err != nil || !rec.Chain.Complete || rec.Chain.Chain != 5 && rec.Chain.Chain != 6 || over && rec.Chain.Chain != 6 {
			t.Fatalf("operation %d: %+v, %v", n, rec, err)
		}
		if over {
			break
		}
	}
}

// TestIdentityWithOneCopy: where one copy of the identity is damaged, the end of the process in the middle of a write leaves the other one.
func TestIdentityWithOneCopy(t *testing.T) {
	for seed := range uint64(3000) {
		s := newServer(seed, false)
		if _, err := s.open(0); err != nil {
			t.Fatal(err)
		}
		s.disk.Kill()
		if !s.disk.Rot("identity", int64(seed%2)*4096+20, 1) {
			t.Fatal("no byte to change")
		}
		s.disk.StopAt(2) // behind the sync of the directory
		if _, _, err := storage.Open(s.config()); !errors.Is(err, diskmodel.ErrStopped) {
			t.Fatal(err)
		}
		s.end(seed%4 < 2)
		if _, _, err := storage.Open(s.config()); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// TestMarkStays: what shows how much was on disk is there at every moment of a recovery, so that a bad byte in the last frame is never taken for a torn
// end; also where the frame fills its segment.
func TestMarkStays(t *testing.T) {
	const segment = 8 << 10
	for _, size := range []int{100, 20_000} {
		s := newServer(1, false)
		_, err := s.open(0)
		if err == nil {
			err = s.store.Adopt(5, 1)
		}
		c := table.Command{Op: table.OpPut, Pairs: []table.Pair{{Key: []byte("k"), Value: make([]byte, size)}}}
		for seq := chain.Seq(1); err == nil && seq <= 2; seq++ {
			e := chain.Entry{Seq: seq, Epoch: 1, Kind: chain.KindCommand, Command: c.Append(nil)}
			e.Encoded = table.AppendEntry(nil, &e)
			if err = s.store.Append([]chain.Entry{e}, 0); err == nil {
				err = s.store.Sync()
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		s.disk.Kill()
		names, err := s.disk.List()
		if err != nil {
			t.Fatal(err)
		}
		log := ""
		for _, name := range names {
			if strings.HasPrefix(name, "log-") {
				log = name
			}
		}
		offset := int64(4096 + 56) // the seq in the only frame of a segment
		if size < segment {
			offset += 512 // in the second
		}
		looks := 0
		for n, over := 1, false; !over; n++ {
			x := s.twin(uint64(n))
			x.disk.StopAt(n)
			_, _, err := storage.Open(x.config())
			over = err == nil
			x.disk.Kill()
			if !x.disk.Rot(log, offset, 1) {
				continue // it is being written again
			}
			looks++
			_, rec, err := storage.Open(x.config())
			if err != nil {
				t.Fatal(err)
			}
			if rec.Chain.Complete {
				t.Errorf("values of %d bytes, operation %d of the recovery: a bad byte is not noticed", size, n)
			}
			x.end(true)
			if _, rec, err = storage.Open(x.config()); err != nil {
				t.Fatal(err)
			}
			if rec.Chain.Complete {
				t.Errorf("values of %d bytes, operation %d of the recovery: a bad byte is forgotten with the power", size, n)
			}
		}
		if looks < 5 {
			t.Errorf("values of %d bytes: only %d looks", size, looks)
		}
	}
}
