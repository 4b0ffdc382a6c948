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
	Whole, Ops, Writes, SessionWrites, Reads, Barriers, Verifies, Retries   uint64
	Txns, TxnsTooLarge                                                      uint64
	Checkpoints, Incomplete                                                 uint64 // of disks
	Starts, Left, Halts, Breaks, Panics, Moves, Shrinks, Drains             uint64
	Recalls, NotHeld                                                        uint64 // reads of older log on the disk of a tail
	LibraryOps, LibraryRetries, GivenUp, Settled, Increments, Sum           uint64 // of clients as in library.go
	DiskFull, Compared, Rotten, Differed, Void                              uint64 // tables
	Failovers, HeadFailovers                                                uint64 // while they were counting
	Faults                                                                  Counts
	Virtual                                                                 time.Duration
}

// Missing names something that runs are made for and that never happened, in so many of them; empty for nothing.
func (s *Stats) Missing() string {
	for name, n := range map[string]uint64{
		"snapshots": s.Snapshots, "restarts with nothing": s.Restarts, "writes": s.Writes, "writes in sessions of clients": s.SessionWrites,
		"reads": s.Reads, "reads behind barriers": s.Barriers, "verifies": s.Verifies, "retries": s.Retries, "servers that left": s.Left,
		"servers that ended themselves": s.Halts, "writes refused for a full disk": s.DiskFull, "servers whose table was wrong": s.Differed, "heads that moved": s.Moves, "chains that shrank": s.Shrinks, "servers that were drained": s.Drains,
		"snapshots on disk": s.Checkpoints, "disks that are incomplete": s.Incomplete,
		"histories searched whole": s.Whole, "transactions": s.Txns, "transactions that were too large": s.TxnsTooLarge,
		"reads of older log on disk": s.Recalls, "reads of what a disk does not hold": s.NotHeld,
		"operations of library clients": s.LibraryOps, "retries of library clients": s.LibraryRetries, "operations given up": s.GivenUp,
		"doubts settled apart": s.Settled, "increments by compare-and-set": s.Increments, "failovers amid these": s.HeadFailovers,
	} {
		if n == 0 {
			return name
		}
	}
	return ""
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
