package workload

import (
	"math/rand/v2"
	"testing"
	"time"
)

// The correction is HdrHistogram's own, which corrects each latency as it is recorded.
func TestCorrectIsHdrHistograms(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	const interval = 2 * time.Millisecond
	measured, twin := newHistogram(), newHistogram()
	for range 2000 {
		took := time.Duration(random.ExpFloat64() * float64(3*time.Millisecond))
		note(measured, took, 1)
		if err := twin.RecordCorrectedValue(int64(took), int64(interval)); err != nil {
			t.Fatal(err)
		}
	}
	note(measured, time.Second, 1)
	if err := twin.RecordCorrectedValue(int64(time.Second), int64(interval)); err != nil {
		t.Fatal(err)
	}
	corrected := correct(measured, interval)
	if a, b := corrected.TotalCount(), twin.TotalCount(); a < b-b/100 || a > b+b/100 {
		t.Errorf("%d latencies, HdrHistogram has %d", a, b)
	}
	for _, p := range []float64{10, 50, 90, 99, 99.9, 100} {
		a, b := corrected.ValueAtPercentile(p), twin.ValueAtPercentile(p)
		if a < b-b/50 || a > b+b/50 {
			t.Errorf("p%v is %v, HdrHistogram's %v", p, time.Duration(a), time.Duration(b))
		}
	}
	if none := correct(measured, 0); !none.Equals(measured) {
		t.Error("without an interval something is corrected")
	}
}

// A billion latencies are spread in bounded time, and as evenly as a few.
func TestSpread(t *testing.T) {
	few, many := newHistogram(), newHistogram()
	spread(few, time.Second, time.Millisecond, 1000, 3)
	spread(many, time.Second, time.Nanosecond, 1_000_000_000, 3)
	if few.TotalCount() != 3000 || many.TotalCount() != 3_000_000_000 {
		t.Errorf("%d and %d latencies", few.TotalCount(), many.TotalCount())
	}
	for _, p := range []float64{1, 50, 99} {
		want := p / 100 * float64(time.Second)
		near(t, "few", float64(few.ValueAtPercentile(p)), want)
		near(t, "many", float64(many.ValueAtPercentile(p)), want)
	}
	spread(few, time.Second, time.Millisecond, 0, 1)
	if few.TotalCount() != 3000 {
		t.Error("nothing was spread, and something noted")
	}
}

func TestNoteTakesAnything(t *testing.T) {
	h := newHistogram()
	for _, d := range []time.Duration{-1, 0, 1, time.Hour, MaxTime, 100 * MaxTime} {
		note(h, d, 1)
	}
	if h.TotalCount() != 6 || time.Duration(h.Max()) < 2*MaxTime {
		t.Errorf("%d noted, the longest %v", h.TotalCount(), time.Duration(h.Max()))
	}
}
