package link

import (
	"bytes"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/chaintable/chaintable/chain"
)

// command is a message with n bytes in it.
func command(n int) chain.Envelope {
	return chain.Envelope{Message: chain.Propose{Proposals: []chain.Proposal{{Command: make([]byte, n)}}}}
}

func TestQueueKeepsOrderAndCount(t *testing.T) {
	q := newQueue(1<<30, 1<<20)
	var want []chain.Envelope
	for range 500 {
		e := command(1 + rand.IntN(1<<rand.IntN(18)))
		want = append(want, e)
		q.push(&e)
	}
	var written []byte
	for !q.empty() {
		batch, err := q.take(nil, 200<<10)
		if err != nil || len(batch) == 0 {
			t.Fatalf("took %d chunks, %v", len(batch), err)
		}
		if n := len(bytes.Join(batch, nil)); n > 200<<10 && len(batch) > 1 {
			t.Fatalf("took %d bytes", n)
		}
		for _, b := range batch {
			written = append(written, b...)
		}
		recycle(batch)
	}
	if q.bytes != 0 || q.messages != 0 || len(q.ends) != 0 {
		t.Errorf("empty, and yet %d bytes, %d messages, %d ends", q.bytes, q.messages, len(q.ends))
	}
	got, err := readAll(readerOf(bytes.NewReader(written)))
	if err != io.EOF || !reflect.DeepEqual(got, want) {
		t.Errorf("%d of %d messages came back, %v", len(got), len(want), err)
	}
}

func TestQueueIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		maxBytes, maxMessages, each, fit int
		want                             string
	}{
		"bytes":           {100_000, 1000, 9_900, 10, "queue is full: 99"},
		"messages":        {100_000, 5, 10, 5, "queue is full: 5 messages"},
		"one may be long": {1000, 5, 5000, 1, "queue is full: 50"},
		"frame too long":  {1000, 5, MaxFrameBytes, 0, "over 75497472"},
	} {
		t.Run(name, func(t *testing.T) {
			q, calls := newQueue(c.maxBytes, c.maxMessages), 0
			q.onOverflow(func() { calls++ })
			e := command(c.each)
			for i := range c.fit {
				if q.push(&e); q.messages != i+1 || q.overflow != nil {
					t.Fatalf("message %d did not fit: %v", i, q.overflow)
				}
			}
			q.push(&e)
			q.push(&e)
			if calls != 1 || q.messages != 0 || q.bytes != 0 {
				t.Errorf("after the overflow: told %d times, %d messages, %d bytes", calls, q.messages, q.bytes)
			}
			if _, err := q.take(nil, 1); err == nil || !strings.Contains(err.Error(), c.want) || q.empty() {
				t.Errorf("overflow: %v", err)
			}
			if err := q.reset(); err == nil || !q.empty() {
				t.Errorf("reset: %v", err)
			}
			small := command(1)
			if q.push(&small); q.messages != 1 {
				t.Error("takes nothing after the reset")
			}
		})
	}
}

// What is queued again and again takes no new memory.
func TestSendAllocatesNothing(t *testing.T) {
	q := newQueue(1<<30, 1<<20)
	entries := []chain.Entry{entry(1, make([]byte, 100)), entry(2, make([]byte, 100))}
	e := chain.Envelope{From: alice, To: bob, Message: chain.Append{Entries: entries}}
	batch := make([][]byte, 0, 10)
	if n := testing.AllocsPerRun(1000, func() {
		q.push(&e)
		batch, _ = q.take(batch[:0], maxWrite)
		recycle(batch)
	}); n > 0.1 { // the race detector makes the pool forget
		t.Errorf("%v allocations", n)
	}
}
