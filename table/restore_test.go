package table_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	storagev1 "github.com/chaintable/chaintable/api/chaintable/storage/v1"
	"github.com/chaintable/chaintable/table"
)

// whole is the sample as one chunk.
func whole(t *testing.T) *storagev1.Chunk {
	s := sample().Snapshot()
	defer s.Close()
	b, last, err := s.Chunk(1 << 20)
	if err != nil || !last {
		t.Fatal(last, err)
	}
	var c storagev1.Chunk
	if err := proto.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return &c
}

// TestRestoreRefuses: a snapshot is refused that no table can have made, or that has lost something.
func TestRestoreRefuses(t *testing.T) {
	result := func(number, seq uint64) *storagev1.Result {
		return &storagev1.Result{Number: number, Code: storagev1.Code_CODE_OK, Seq: seq}
	}
	stepsOf := func(c *storagev1.Chunk) []*storagev1.Result { return c.Sessions[0].Results }
	for name, spoil := range map[string]func(*storagev1.Chunk){
		"nothing spoiled":            nil,
		"no header":                  func(c *storagev1.Chunk) { c.Header = nil },
		"no end":                     func(c *storagev1.Chunk) { c.End = false },
		"another format":             func(c *storagev1.Chunk) { c.Header.Format = 2 },
		"another sum":                func(c *storagev1.Chunk) { c.Header.Sum++ },
		"more keys announced":        func(c *storagev1.Chunk) { c.Header.Keys++ },
		"fewer keys announced":       func(c *storagev1.Chunk) { c.Header.Keys-- },
		"more sessions announced":    func(c *storagev1.Chunk) { c.Header.Sessions++ },
		"fewer sessions announced":   func(c *storagev1.Chunk) { c.Header.Sessions-- },
		"more ranges announced":      func(c *storagev1.Chunk) { c.Header.Ranges++ },
		"fewer ranges announced":     func(c *storagev1.Chunk) { c.Header.Ranges-- },
		"forgotten above seq":        func(c *storagev1.Chunk) { c.Header.Forgotten = 31 },
		"a range that was forgotten": func(c *storagev1.Chunk) { c.Header.Forgotten = 6 },
		"seq below what it contains": func(c *storagev1.Chunk) { c.Header.Seq = 6 },
		"a key lost":                 func(c *storagev1.Chunk) { c.Items = c.Items[1:] },
		"a key twice":                func(c *storagev1.Chunk) { c.Items[1] = c.Items[0] },
		"a key twice as well":        func(c *storagev1.Chunk) { c.Items = append(c.Items, c.Items[0]) },
		"another value":              func(c *storagev1.Chunk) { c.Items[0].Value = []byte("other") },
		"another version":            func(c *storagev1.Chunk) { c.Items[0].Version++ },
		"no version":                 func(c *storagev1.Chunk) { c.Items[0].Version = 0 },
		"a version to come":          func(c *storagev1.Chunk) { c.Items[0].Version = 31 },
		"a key too long":             func(c *storagev1.Chunk) { c.Items[0].Key = make([]byte, table.MaxKeyBytes+1) },
		"a value too long":           func(c *storagev1.Chunk) { c.Items[0].Value = make([]byte, table.MaxValueBytes+1) },
		"sessions in another order":  func(c *storagev1.Chunk) { c.Sessions[0], c.Sessions[1] = c.Sessions[1], c.Sessions[0] },
		"a session twice":            func(c *storagev1.Chunk) { c.Sessions[1].Id = c.Sessions[0].Id },
		"session 0":                  func(c *storagev1.Chunk) { c.Sessions[0].Id = 0 },
		"used before it was opened":  func(c *storagev1.Chunk) { c.Sessions[0].Id = 6 },
		"used in time to come":       func(c *storagev1.Chunk) { c.Sessions[1].Used = 31 },
		"done below 0":               func(c *storagev1.Chunk) { c.Sessions[0].DoneBelow = 0 },
		"a result that is done":      func(c *storagev1.Chunk) { c.Sessions[0].DoneBelow = 2 },
		"a result twice":             func(c *storagev1.Chunk) { c.Sessions[1].Results = append(c.Sessions[1].Results, result(2, 4)) },
		"a result of no entry":       func(c *storagev1.Chunk) { c.Sessions[1].Results[0].Seq = 0 },
		"a result before its session": func(c *storagev1.Chunk) {
			c.Sessions[1].Results[0].Seq = 1
		},
		"a result to come":      func(c *storagev1.Chunk) { c.Sessions[1].Results[0].Seq = 7 },
		"a refusal as a result": func(c *storagev1.Chunk) { c.Sessions[1].Results[0].Code = 5 },
		"a result without code": func(c *storagev1.Chunk) { c.Sessions[1].Results[0].Code = 0 },
		"too many results": func(c *storagev1.Chunk) {
			for i := range uint64(1024) {
				c.Sessions[1].Results = append(c.Sessions[1].Results, result(3+i, 4))
			}
		},
		"steps of a failure":           func(c *storagev1.Chunk) { stepsOf(c)[0].Code = storagev1.Code_CODE_CONDITION_FAILED },
		"steps of what counted":        func(c *storagev1.Chunk) { stepsOf(c)[0].Count = 2 },
		"a step that found the future": func(c *storagev1.Chunk) { stepsOf(c)[0].Steps[3].Version = 6 },
		"a value that was not found":   func(c *storagev1.Chunk) { stepsOf(c)[0].Steps[3].Found = false },
		"a value without version":      func(c *storagev1.Chunk) { stepsOf(c)[0].Steps[3].Version = 0 },
		"a value larger than all":      func(c *storagev1.Chunk) { stepsOf(c)[0].Steps[3].Value = make([]byte, table.MaxResultBytes) },
		"too many steps": func(c *storagev1.Chunk) {
			stepsOf(c)[0].Steps = slices.Repeat([]*storagev1.StepResult{{}}, table.MaxResultBytes/40)
		},
		"too much in two results": func(c *storagev1.Chunk) {
			c.Sessions[0].Results = append(stepsOf(c), result(2, 5))
			for _, r := range stepsOf(c) {
				r.Steps = slices.Repeat([]*storagev1.StepResult{{}}, table.MaxResultBytes/80)
			}
		},
		"one in a step":        func(c *storagev1.Chunk) { stepsOf(c)[0].Steps[0].ProtoReflect().SetUnknown([]byte("\x78\x01")) },
		"an empty range":       func(c *storagev1.Chunk) { c.Lost[0].Last = 5 },
		"a range twice":        func(c *storagev1.Chunk) { c.Lost[1] = c.Lost[0] },
		"ranges that touch":    func(c *storagev1.Chunk) { c.Lost[1].First = 7 },
		"a range of 0":         func(c *storagev1.Chunk) { c.Lost[0].First = 0 },
		"a range to come":      func(c *storagev1.Chunk) { c.Lost[1].Last = 31 },
		"a range beyond 2^64":  func(c *storagev1.Chunk) { c.Header.Seq, c.Lost[0].Last = 1<<64-1, 1<<64-1 },
		"a field nobody knows": func(c *storagev1.Chunk) { c.ProtoReflect().SetUnknown([]byte("\x78\x01")) },
		"one in the header":    func(c *storagev1.Chunk) { c.Header.ProtoReflect().SetUnknown([]byte("\x78\x01")) },
		"one in an item":       func(c *storagev1.Chunk) { c.Items[0].ProtoReflect().SetUnknown([]byte("\x78\x01")) },
		"one in a session":     func(c *storagev1.Chunk) { c.Sessions[0].ProtoReflect().SetUnknown([]byte("\x78\x01")) },
		"one in a result":      func(c *storagev1.Chunk) { c.Sessions[1].Results[0].ProtoReflect().SetUnknown([]byte("\x78\x01")) },
		"one in a range":       func(c *storagev1.Chunk) { c.Lost[0].ProtoReflect().SetUnknown([]byte("\x78\x01")) },
	} {
		t.Run(name, func(t *testing.T) {
			c := whole(t)
			if spoil != nil {
				spoil(c)
			}
			b, err := proto.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			r := table.NewRestorer(table.Config{})
			added := r.Add(b)
			x, err := r.Finish()
			if (err == nil) != (spoil == nil) || (x == nil) != (err != nil) || added != nil && err == nil {
				t.Fatalf("add: %v; finish: %v", added, err)
			}
			t.Log(err)
		})
	}
}

// TestRestoreKeepsOrder: chunks come in order, whole, and once.
func TestRestoreKeepsOrder(t *testing.T) {
	s := sample().Snapshot()
	var chunks [][]byte
	for last := false; !last; {
		var chunk []byte
		var err error
		if chunk, last, err = s.Chunk(1); err != nil {
			t.Fatal(err)
		}
		chunks = append(chunks, chunk)
	}
	if _, _, err := s.Chunk(1); err == nil {
		t.Error("a chunk behind the last")
	}
	s.Close()
	if _, _, err := s.Chunk(1); err == nil {
		t.Error("a chunk of a closed snapshot")
	}
	for range s.All() {
		t.Error("a closed snapshot has a key")
	}
	if len(chunks) != 1+3+2+2+1 {
		t.Fatalf("%d chunks", len(chunks))
	}
	for i := range chunks {
		for j := range chunks {
			r := table.NewRestorer(table.Config{})
			for k := range chunks { // chunk j in place of chunk i
				if k == i {
					k = j
				}
				r.Add(chunks[k])
			}
			if _, err := r.Finish(); (err == nil) != (i == j) {
				t.Errorf("chunk %d in place of %d: %v", j, i, err)
			}
			if _, err := r.Finish(); err == nil {
				t.Error("finished twice")
			}
		}
	}
}
