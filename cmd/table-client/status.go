package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/server/web"
)

const (
	// statusTimeout is how long a server may take to tell how it is.
	statusTimeout = 2 * time.Second
	// maxStatus is the most that is read of its answer, in bytes: more than a view of 1,000 members.
	maxStatus = 1 << 20
)

// report is what a server says of itself, or why nothing is known.
type report struct {
	address string
	web.Status
	err error
}

// status is a table of all servers: of one chain's view and all others that are registered, or of the view that one server knows.
func status(ctx context.Context, s *servers) (string, error) {
	if s.coordinator != nil {
		return chainStatus(ctx, s)
	}
	first := fetch(ctx, s.address)
	if first.err != nil {
		return "", failf(codeFailed, "%s does not tell its status: %s", s.address, why(first.err))
	}
	var others []string
	for _, m := range first.Members {
		others = append(others, m.Address)
	}
	if first.Learner != nil {
		others = append(others, first.Learner.Address)
	}
	rows := fetchAll(ctx, slices.DeleteFunc(slices.Clone(others), func(a string) bool { return a == first.Address }))
	first.address = first.Address
	at := max(slices.Index(others, first.Address), 0)
	rows = slices.Insert(rows, min(at, len(rows)), first)
	return heading(first.Chain, first.Epoch, first.Target) + draw(rows), nil
}

func chainStatus(ctx context.Context, s *servers) (string, error) {
	if err := s.refresh(ctx); err != nil {
		return "", err
	}
	registered, _, err := s.coordinator.List(ctx)
	if err != nil {
		return "", failf(codeFailed, "the registered servers cannot be read: %w", err)
	}
	var addresses []string
	for _, m := range append(slices.Clone(s.view.Members), s.view.Learner) {
		addresses = append(addresses, m.Address)
	}
	for _, r := range registered {
		addresses = append(addresses, r.Address)
	}
	return heading(s.view.Chain.String(), uint64(s.view.Epoch), s.view.Target) + draw(fetchAll(ctx, addresses)), nil
}

func heading(chain string, epoch uint64, target int) string {
	wants := "every server"
	if target > 0 {
		wants = fmt.Sprint(target)
	}
	return fmt.Sprintf("chain %s  epoch %d  target %s\n", clean(chain, 16), epoch, wants)
}

// fetchAll asks the servers at the addresses, all at the same time, each once.
func fetchAll(ctx context.Context, addresses []string) []report {
	var unique []string
	for _, a := range addresses {
		if a != "" && !slices.Contains(unique, a) && len(unique) < 2*coord.MaxMembers {
			unique = append(unique, a)
		}
	}
	rows := make([]report, len(unique))
	var all sync.WaitGroup
	for i, a := range unique {
		all.Go(func() { rows[i] = fetch(ctx, a) })
	}
	all.Wait()
	return rows
}

// fetch asks a server how it is.
func fetch(ctx context.Context, address string) report {
	r := report{address: address}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/status", nil)
	if err != nil {
		r.err = err
		return r
	}
	// So that no web page can ask it, a server answers only to names that it knows; this one always.
	request.Host = "localhost"
	c := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := c.Do(request)
	if err != nil {
		r.err = errors.Unwrap(err) // without the URL
		return r
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxStatus))
	switch {
	case err != nil:
		r.err = err
	case answer.StatusCode != http.StatusOK:
		r.err = fmt.Errorf("it answers %d", answer.StatusCode)
	case json.Unmarshal(body, &r.Status) != nil:
		r.err = errors.New("it answers something else")
	}
	return r
}

// draw makes the table.
func draw(rows []report) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ADDRESS\tROLE\tEPOCH\tAPPLIED\tPENDING\tKEYS\tMEMORY\tLEASE\tCLIENTS\tSTATE")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t", clean(r.address, 40))
		if r.err != nil {
			fmt.Fprintf(w, "unreachable: %s\n", clean(why(r.err), 60))
			continue
		}
		lease := "none"
		if r.LeaseLeftMS > 0 {
			lease = fmt.Sprintf("%dms", r.LeaseLeftMS)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\t%s\t%d\t%s\n", clean(r.Role, 8), r.Epoch, r.Applied, r.Last-min(r.Applied, r.Last), r.Keys,
			size(r.Bytes), lease, r.Clients, clean(r.State, 50))
	}
	w.Flush()
	return b.String()
}

// size is a number of bytes for people.
func size(n int64) string {
	value, unit := float64(n), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
