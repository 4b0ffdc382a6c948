package zookeeper

import (
	"testing"
	"time"
)

// TestPacing: the first connections to each server come at once, those after them ever slower, until a request is answered.
func TestPacing(t *testing.T) {
	var p pacing
	var got []time.Duration
	for range 9 {
		got = append(got, p.pause(2))
		p.last = p.last.Add(-time.Hour) // long ago
	}
	want := []time.Duration{0, 0, 20, 20, 40, 40, 80, 80, 160}
	for i, d := range got {
		if d != want[i]*time.Millisecond {
			t.Fatalf("pauses %v", got)
		}
	}
	for range 100 {
		p.pause(2)
	}
	if d := p.pause(2); d != maxPause {
		t.Errorf("after many tries %v", d)
	}
	p.answered()
	if d := p.pause(2); d != minPause { // for the last one was just now
		t.Errorf("after an answer %v", d)
	}
}
