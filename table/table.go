package table

import (
	"cmp"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/chaintable/chaintable/chain"
)

// Config is what a Table must know from the start.
type Config struct {
	// Lists is how many lists there are at the start, and at least at any time. Zero is 1024; beyond 2^30 is 2^30.
	// It costs next to nothing until keys come.
	Lists int
	// Seed of the hash that chooses a key's list. A server of strangers takes a random one, so that nobody can aim
	// keys at one list. It changes the order of Scan and of snapshots, and nothing else.
	Seed uint64
	// Sessions is how many sessions are kept; zero is 100,000 (design.md, section 6). It decides results: all replicas must have the
	// same.
	Sessions int
}

const (
	defaultLists = 1024
	maxLists     = 1 << 30 // at the start; a table may grow beyond
)

// Table is the replicated state. Apply is for one goroutine at a time; everything else may be called by any.
type Table struct {
	index *index

	// version is odd while an entry is being applied, and otherwise twice the number of entries applied so far:
	// reads of several keys check that it stands still.
	version atomic.Uint64

	seq    atomic.Uint64
	length atomic.Int64
	bytes  atomic.Int64
	sum    atomic.Uint64

	// mu is held while an entry is applied, so that whoever holds it stands between two entries. Nobody holds it for
	// long, and no read of keys needs it but to begin a snapshot.
	mu         sync.Mutex
	position   chain.Position // of the last entry applied
	entryBytes int64          // the part of bytes that is keys and values
	sessions   *sessions
	lost       lost
}

// New is an empty table, before every entry.
func New(c Config) *Table {
	lists := c.Lists
	if lists <= 0 {
		lists = defaultLists
	}
	return &Table{
		index:    newIndex(c.Seed, min(lists, maxLists)),
		sessions: newSessions(cmp.Or(c.Sessions, maxSessions)),
		lost:     lost{limit: maxSpans},
	}
}

// Apply applies a committed entry: the next of the log, whatever its kind. The result depends on the entry and on the
// entries before it, on nothing else. The table keeps no slice of e. A seq that does not rise is our own broken
// invariant: Apply panics.
func (t *Table) Apply(e *chain.Entry) Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Seq <= t.position.Seq {
		panic(fmt.Sprintf("table: apply: seq %d does not rise above %d", e.Seq, t.position.Seq))
	}
	t.version.Add(1)
	r := t.apply(e)
	t.position = e.Position()
	t.seq.Store(uint64(e.Seq))
	t.length.Store(int64(t.index.length))
	t.version.Add(1)
	return r
}

func (t *Table) apply(e *chain.Entry) Result {
	switch e.Kind {
	case chain.KindCommand:
		r := t.request(e)
		if !r.Code.executed() {
			t.lose(span{e.Seq, e.Seq})
		}
		return r
	case chain.KindSession:
		gone, freed := t.sessions.open(chain.SessionID(e.Seq), e.Seq)
		t.bytes.Add(-freed)
		if !gone {
			t.bytes.Add(sessionBytes)
		}
		return Result{Code: CodeOK, Seq: e.Seq, Count: int64(e.Seq)}
	case chain.KindTakeover:
		if first := max(e.Skipped, t.position.Seq+1); first < e.Seq {
			t.lose(span{first, e.Seq - 1})
		}
	}
	return Result{Code: CodeOK, Seq: e.Seq}
}

func (t *Table) lose(s span) { t.bytes.Add(spanBytes * int64(t.lost.add(s))) }

// request executes a command, once (design.md, section 6).
func (t *Table) request(e *chain.Entry) Result {
	id := e.Request
	if id.Session == 0 {
		return t.execute(e, MaxResultBytes)
	}
	s := t.sessions.use(id.Session, e.Seq)
	if s == nil {
		return Result{Code: CodeForgotten, Seq: e.Seq}
	}
	t.bytes.Add(-s.done(e.DoneBelow))
	if id.Number < s.doneBelow {
		return Result{Code: CodeStale, Seq: e.Seq}
	}
	if r, ok := s.result(id.Number); ok {
		return r
	}
	if n := len(s.results); n > 0 && id.Number < s.results[n-1].number {
		return Result{Code: CodeOvertaken, Seq: e.Seq}
	}
	if len(s.results) >= chain.MaxSessionResults {
		return Result{Code: CodeFull, Seq: e.Seq}
	}
	r := t.execute(e, MaxResultBytes-s.found.size())
	if r.Code.executed() || r.Code == CodeFull {
		// A transaction that was too large is refused for ever, too: a repeat that comes when values are smaller, or when results have
		// arrived, must not take effect behind what its client was told.
		t.bytes.Add(s.store(id.Number, r))
	}
	return r
}
