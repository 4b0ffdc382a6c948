package chain

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"strings"
)

// twin is a table as simple as can be: enough to see what a command did, that it did it once, and what became of a number.
// Commands are "put KEY VALUE" and "clear".
type twin struct {
	Seq      Seq
	Values   map[string]string
	Sessions map[SessionID]*twinSession
	Skipped  [][2]Seq     // numbers that a takeover skipped, first and last
	Refused  map[Seq]bool // committed, and changed nothing
}

type twinSession struct {
	Results map[uint64]Seq // by number: the entry that took effect
	Below   uint64
}

func newTwin() *twin {
	return &twin{Values: map[string]string{}, Sessions: map[SessionID]*twinSession{}, Refused: map[Seq]bool{}}
}

// apply executes an entry and tells what became of it, in words, and whether its session is unknown.
func (t *twin) apply(e *Entry) (what string, forgotten bool) {
	if e.Seq <= t.Seq {
		panic(fmt.Sprintf("applied %d after %d", e.Seq, t.Seq))
	}
	t.Seq = e.Seq
	switch e.Kind {
	case KindTakeover:
		if e.Skipped < e.Seq {
			t.Skipped = append(t.Skipped, [2]Seq{e.Skipped, e.Seq - 1})
		}
		return "takeover", false
	case KindBarrier:
		return "barrier", false
	case KindSession:
		t.Sessions[SessionID(e.Seq)] = &twinSession{Results: map[uint64]Seq{}}
		return "session", false
	}
	s := t.Sessions[e.Request.Session]
	if s == nil {
		t.Refused[e.Seq] = true
		return "forgotten", true
	}
	if e.DoneBelow > s.Below {
		s.Below = e.DoneBelow
		maps.DeleteFunc(s.Results, func(n uint64, _ Seq) bool { return n < s.Below })
	}
	if e.Request.Number < s.Below {
		t.Refused[e.Seq] = true
		return "stale", false
	}
	if first, ok := s.Results[e.Request.Number]; ok {
		t.Refused[e.Seq] = true
		return fmt.Sprintf("repeat of %d", first), false
	}
	for n := range s.Results {
		if n > e.Request.Number {
			t.Refused[e.Seq] = true
			return "overtaken", false
		}
	}
	s.Results[e.Request.Number] = e.Seq
	t.execute(string(e.Command))
	return string(e.Command), false
}

func (t *twin) execute(command string) {
	f := strings.Fields(command)
	switch f[0] {
	case "put":
		t.Values[f[1]] = f[2]
	case "clear":
		clear(t.Values)
	default:
		panic("unknown command " + command)
	}
}

// fate is what verify answers.
func (t *twin) fate(seq Seq) string {
	for _, s := range t.Skipped {
		if seq >= s[0] && seq <= s[1] {
			return "lost"
		}
	}
	switch {
	case t.Refused[seq]:
		return "lost"
	case seq > t.Seq:
		return "pending"
	}
	return "executed"
}

func (t *twin) bytes() (n int64) {
	for k, v := range t.Values {
		n += int64(len(k) + len(v))
	}
	return n
}

// chunks is the whole table in pieces.
func (t *twin) chunks(size int) (all [][]byte) {
	b, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	for len(b) > size {
		all, b = append(all, b[:size]), b[size:]
	}
	return append(all, b)
}

func (t *twin) String() string { return string(t.chunks(1 << 30)[0]) }

// twinOf puts a table together again.
func twinOf(chunks []byte) (*twin, error) {
	t := newTwin()
	err := json.Unmarshal(chunks, t)
	return t, err
}

func hashOf(key string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(key))
	return h.Sum64()
}

// touches is Config.Touches for the commands of a twin.
func touches(command []byte, hashes []uint64) ([]uint64, bool) {
	f := strings.Fields(string(command))
	if f[0] == "clear" {
		return hashes, true
	}
	return append(hashes, hashOf(f[1])), false
}

// growthBytes is Config.Growth for the commands of a twin.
func growthBytes(command []byte) int64 {
	if f := strings.Fields(string(command)); f[0] == "put" {
		return int64(len(f[1]) + len(f[2]))
	}
	return 0
}
