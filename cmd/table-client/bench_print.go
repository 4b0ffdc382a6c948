package main

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"

	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/internal/version"
	"github.com/chaintable/chaintable/internal/workload"
)

// benchFormat is raised when a field of the document changes its meaning or goes.
const benchFormat = 1

// benchDocument is what -o json prints.
type benchDocument struct {
	Format     int              `json:"format"`
	Client     string           `json:"client"` // its version
	Go         string           `json:"go"`
	System     string           `json:"system"`
	Processors int              `json:"processors"` // that the client may use
	Sockets    int              `json:"sockets"`
	Servers    []benchServer    `json:"servers"` // before the run, in the order of the chain
	Result     *workload.Result `json:"result"`
}

type benchServer struct {
	Address string `json:"address"`
	Role    string `json:"role,omitempty"`    // empty if it did not answer
	Version string `json:"version,omitempty"` // as role
}

// print prints the result. Scripts get the figures alone, and the rest as a note.
func (b *bench) print(r *workload.Result, servers []client.Server) error {
	if b.out.json() {
		d := benchDocument{
			Format: benchFormat, Client: version.String(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
			Processors: runtime.GOMAXPROCS(0), Sockets: b.options.sockets, Result: r,
		}
		for _, s := range servers {
			d.Servers = append(d.Servers, benchServer{Address: s.Address, Role: s.Status.GetRole(), Version: s.Status.GetVersion()})
		}
		return b.out.result("", d)
	}
	figures := b.out.draw(benchRows(r))
	if b.out.form == formTable || b.out.form == "" && b.out.terminal {
		return b.out.print(benchHeading(r) + figures + benchNotes(r))
	}
	if _, err := io.WriteString(b.out.notes, benchHeading(r)+benchNotes(r)); err != nil {
		return failf(codeFailed, "cannot print the result: %w", err)
	}
	return b.out.print(figures)
}

// benchHeading is what was asked.
func benchHeading(r *workload.Result) string {
	p := r.Parameters
	loop := "closed loop"
	if p.Rate > 0 {
		loop = fmt.Sprintf("open loop of %g requests a second", p.Rate)
	}
	size := strconv.Itoa(p.LongestValue)
	if p.LeastValue != p.LongestValue {
		size = fmt.Sprintf("%d to %d", p.LeastValue, p.LongestValue)
	}
	return fmt.Sprintf("%s, %s, clients: %d, keys: %d, bytes of a value: %s, %.1f s, seed %d\n", p.Workload, loop, p.Clients, p.Keys, size, r.Seconds, p.Seed)
}

// benchRows are the figures under a heading.
func benchRows(r *workload.Result) [][]string {
	rows := [][]string{{"KIND", "ANSWERED", "FAILED", "PER_SECOND", "MEAN_MS", "P50_MS", "P90_MS", "P99_MS", "P99.9_MS", "MAX_MS"}}
	row := func(name string, f *workload.Figures, l *workload.Latency) {
		cells := []string{name, fmt.Sprint(f.Answered), fmt.Sprint(f.Failed.All()), fmt.Sprintf("%.0f", f.PerSecond)}
		for _, us := range []float64{l.MeanUS, l.P50US, l.P90US, l.P99US, l.P999US, l.MaxUS} {
			cells = append(cells, fmt.Sprintf("%.3f", us/1000))
		}
		rows = append(rows, cells)
	}
	for _, f := range r.Kinds {
		row(f.Kind, &f, &f.Latency)
		if f.Service != nil {
			row(f.Kind+"-service", &f, f.Service)
		}
	}
	t := &r.Total
	if len(r.Kinds) != 1 || r.NotBegun > 0 { // otherwise the total is the same
		row(t.Kind, t, &t.Latency)
		if t.Service != nil {
			row(t.Kind+"-service", t, t.Service)
		}
	}
	if t.Corrected != nil {
		row(t.Kind+"-corrected", t, t.Corrected)
	}
	return rows
}

// benchNotes is what else is to be known, if it has happened.
func benchNotes(r *workload.Result) string {
	var b strings.Builder
	if r.Interrupted {
		fmt.Fprintf(&b, "interrupted; requests under way then: %d\n", r.CutOff)
	}
	if r.Late > 0 {
		fmt.Fprintf(&b, "begun late, since as many as may be were under way: %d requests\n", r.Late)
	}
	if r.NotBegun > 0 {
		fmt.Fprintf(&b, "due but not begun at the end: %d requests, in the total with the time they had waited\n", r.NotBegun)
	}
	if c := r.Total.Corrected; c != nil {
		fmt.Fprintf(&b, "total-corrected supposes that a client would have asked every %.3f ms\n", r.Parameters.IntervalUS/1000)
	}
	if r.Total.Missed > 0 {
		fmt.Fprintf(&b, "read but not there: %d keys; --load sets them first\n", r.Total.Missed)
	}
	if r.Total.Conflicts > 0 {
		fmt.Fprintf(&b, "begun again by modify, since another had written: %d times\n", r.Total.Conflicts)
	}
	if f := r.Total.Failed; f.All() > 0 {
		fmt.Fprintf(&b, "failed: %d did not happen, %d may have happened, p99 %.3f ms\n", f.DidNotHappen, f.MayHaveHappened, f.Latency.P99US/1000)
		for _, e := range f.Examples {
			fmt.Fprintf(&b, "  %s\n", clean(e, 200))
		}
	}
	return b.String()
}
