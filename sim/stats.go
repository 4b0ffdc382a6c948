package sim

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Stats is what happened in one or more runs.
type Stats struct {
	Runs, Steps, Messages, Lost, Syncs, Commits, Views, Snapshots, Restarts uint64
	Ops, Writes, Reads, Barriers, Verifies, Retries                         uint64
	Starts, Left, Halts, Breaks, Panics                                     uint64
	Faults                                                                  Counts
	Virtual                                                                 time.Duration
}

// Add sums up runs.
func (s *Stats) Add(o Stats) {
	add(reflect.ValueOf(s).Elem(), reflect.ValueOf(o))
}

func add(to, from reflect.Value) {
	switch to.Kind() {
	case reflect.Struct:
		for i := range to.NumField() {
			add(to.Field(i), from.Field(i))
		}
	case reflect.Array:
		for i := range to.Len() {
			add(to.Index(i), from.Index(i))
		}
	case reflect.Uint64:
		to.SetUint(to.Uint() + from.Uint())
	default:
		to.SetInt(to.Int() + from.Int())
	}
}

// String is every count with its name, and the mean for one run.
func (s Stats) String() string {
	var b strings.Builder
	line := func(name string, n uint64) {
		fmt.Fprintf(&b, "  %-16s %12d %11.2f\n", name, n, float64(n)/float64(max(s.Runs, 1)))
	}
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		if f := v.Field(i); f.CanUint() {
			line(v.Type().Field(i).Name, f.Uint())
		}
	}
	for f, n := range s.Faults {
		line(Fault(f).String(), n)
	}
	fmt.Fprintf(&b, "  %-16s %v\n", "virtual time", s.Virtual.Round(time.Second))
	return b.String()
}
