package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/internal/workload"
)

const (
	// benchDuration is how long requests are begun if nothing else is said.
	benchDuration = 10 * time.Second
	// maxSockets is the most connections to each server.
	maxSockets = 64
	// progressEvery is how often a terminal is told how far the bench is.
	progressEvery = time.Second
)

var benchAbout = `Put load on the chain and measure how it answers.

Workloads:
` + workload.List() + `
The last six are those of YCSB (Cooper et al., SoCC '10). Keys are numbers behind --prefix; ycsb-d and ycsb-e insert further ones. Chaintable has no
order of keys, so ycsb-e's scans are transactions that read 1 to 100 neighbouring numbers at one moment (in several, one after the other, where the values are
so large that one would find more than 1 MiB). ycsb-f's writes are compare-and-set, tried again until no other has come between.

Without --rate the loop is closed: each of the --clients asks when it has its answer. If the chain stands still they ask less, and the percentiles hide it
(coordinated omission); so they are shown as measured, and corrected as HdrHistogram does it. With --rate the loop is open: requests are due at that
rate whatever the answers do, and latency counts from when a request was due. At most --clients are under way. One that is due beyond that waits, which
is part of its latency, and is counted as late; what could not even begin before the end is counted, too. The service rows then count from when a
request began, and so leave out such waits, and the up to a millisecond that a sleeping client wakes late.

--timeout is for each request. One that fails is not among the latencies, but counted: as one that did not happen, or one that may have happened. Ctrl-C ends early and prints
what was measured. The bench writes to the table: its keys are left there unless --cleanup is given.

Exit codes: 0 done, also if requests failed; 2 wrong usage; 3 no request was answered, or the keys could not be loaded or deleted.`

const benchExamples = `  table-client 127.0.0.1:7001 bench set
  table-client 127.0.0.1:7001 bench get --load --clients 16 --value-size 1000
  table-client 127.0.0.1:7001 bench ycsb-a --load --cleanup --keys 100000 --duration 1m --warmup 10s
  table-client 127.0.0.1:7001 bench mixed --reads 0.9 --load --rate 2000 --clients 256
  table-client 127.0.0.1:7001 bench ycsb-b --load --requests 100000 --value-size 64-1024 -o json > result.json`

// benchOptions are the flags of bench.
type benchOptions struct {
	workload.Config
	valueSize     string
	sockets       int
	load, cleanup bool
}

func newBench(a *app) *cobra.Command {
	b := &bench{out: a.out}
	o := &b.options
	c := &cobra.Command{
		Use:               "bench [FLAGS] WORKLOAD",
		GroupID:           groupChain,
		Short:             "measure how fast the chain is",
		Long:              benchAbout,
		Example:           benchExamples,
		ValidArgsFunction: oneOf(workload.Names()...),
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("want one workload: %s", strings.Join(workload.Names(), ", "))
			}
			return given(c, "requests", "duration", "interval")
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.Workload, o.Timeout = strings.ToLower(args[0]), a.within(defaultTimeout)
			if c.Flags().Changed("reads") && o.Workload != workload.Mixed {
				return usagef("--reads is for the workload %s", workload.Mixed)
			}
			if err := o.complete(c.Flags().Changed("seed")); err != nil {
				return err
			}
			ctx, stop := interruptible()
			defer stop()
			config, err := a.locate(ctx)
			if err == nil {
				err = b.run(ctx, stop, config)
			}
			a.cut = a.cut || interrupted(ctx)
			return err
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.IntVar(&o.Clients, "clients", 64, "goroutines that ask: the most requests under way")
	f.IntVar(&o.sockets, "sockets", 1, "connections to each server; each finds the nearest server for its reads")
	f.Uint64Var(&o.Requests, "requests", 0, "how many requests, after the warm-up")
	f.DurationVar(&o.Duration, "duration", 0, "how long requests are begun, after the warm-up (default 10s unless --requests is given)")
	f.DurationVar(&o.Warmup, "warmup", time.Second, "how long to ask before measuring")
	f.Float64Var(&o.Rate, "rate", 0, "open loop: requests due each second, of all clients together; 0 is the closed loop")
	f.DurationVar(&o.Interval, "interval", 0, "closed loop: how often a client would ask, for the correction (default the median latency)")
	f.Uint64Var(&o.Keys, "keys", 10_000, "how many keys")
	f.StringVar(&o.Prefix, "prefix", "bench:", "what all keys begin with")
	f.StringVar(&o.valueSize, "value-size", "100", "bytes of a value: a number, or MIN-MAX")
	f.Float64Var(&o.Reads, "reads", 0.5, "share of reads in mixed, from 0 to 1")
	f.BoolVar(&o.load, "load", false, "set all keys first")
	f.BoolVar(&o.cleanup, "cleanup", false, "delete the keys at the end")
	f.Uint64Var(&o.Seed, "seed", 0, "what decides which keys and values are asked for (default random, and printed)")
	return c
}

// complete checks the flags.
func (o *benchOptions) complete(seeded bool) error {
	least, longest, between := strings.Cut(o.valueSize, "-")
	if !between {
		longest = least
	}
	var err, other error
	o.LeastValue, err = strconv.Atoi(least)
	o.LongestValue, other = strconv.Atoi(longest)
	if err != nil || other != nil {
		return usagef("--value-size %q: want a number of bytes, or MIN-MAX", o.valueSize)
	}
	if o.Requests == 0 && o.Duration == 0 {
		o.Duration = benchDuration
	}
	if !seeded {
		o.Seed = rand.Uint64()
	}
	if o.sockets < 1 || o.sockets > maxSockets {
		return usagef("--sockets %d: want 1 to %d", o.sockets, maxSockets)
	}
	if err := o.Validate(); err != nil {
		return usagef("%s", ofWorkload(err))
	}
	return nil
}

// bench is one run of the command.
type bench struct {
	options benchOptions
	out     *output
}

// run measures until ctx ends. stop gives signals back to the process.
func (b *bench) run(ctx context.Context, stop context.CancelFunc, config client.Config) error {
	config.Writes = (b.options.Clients + b.options.sockets - 1) / b.options.sockets
	target := newBenchTarget(b.options.LongestValue)
	defer target.close()
	for range b.options.sockets {
		c, err := client.Open(config)
		if err != nil {
			return failf(codeUsage, "%w", err)
		}
		target.clients = append(target.clients, c)
	}
	within, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	servers, err := target.clients[0].Servers(within)
	if err == nil {
		err = cmp.Or(sameChain(servers), inChain(servers))
	}
	if err != nil {
		return explain(err)
	}
	runner, err := workload.New(b.options.Config, target)
	if err != nil {
		return failf(codeUsage, "%s", ofWorkload(err))
	}
	r, err := b.measure(ctx, runner)
	stop() // the next signal ends the process, or the deleting
	if r != nil {
		if err := b.print(r, servers); err != nil {
			return err
		}
	}
	if b.options.cleanup {
		if e := b.clean(runner); err == nil {
			err = e
		} else if e != nil {
			b.out.note("%s", ofWorkload(e))
		}
	}
	switch {
	case err != nil:
		return failf(codeFailed, "%s", ofWorkload(err))
	case r.Answered == 0:
		return failf(codeFailed, "no request was answered")
	}
	return nil
}

// ofWorkload is what package workload says, for a person, who knows of none.
func ofWorkload(err error) string { return strings.TrimPrefix(err.Error(), "workload: ") }

// measure loads the keys and runs the workload.
func (b *bench) measure(ctx context.Context, r *workload.Runner) (*workload.Result, error) {
	defer b.watch(r)()
	if b.options.load {
		if err := r.Load(ctx); err != nil {
			return nil, err
		}
	}
	return r.Run(ctx), nil
}

// clean deletes the keys.
func (b *bench) clean(r *workload.Runner) error {
	ctx, stop := interruptible()
	defer stop()
	defer b.watch(r)()
	return r.Clean(ctx)
}

// watch tells a terminal each second how far the bench is, until it is stopped.
func (b *bench) watch(r *workload.Runner) (stop func()) {
	if !b.out.watched {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		var last workload.Progress
		for {
			select {
			case <-end:
				fmt.Fprint(b.out.notes, "\r\x1b[K")
				return
			case <-ticker.C:
			}
			now := r.Progress()
			if now.Phase != last.Phase {
				last = workload.Progress{}
			}
			fmt.Fprintf(b.out.notes, "\r\x1b[K%s: %d requests, %d in the last second, %d failed", now.Phase, now.Done, now.Done-min(last.Done, now.Done), now.Failed)
			last = now
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}
