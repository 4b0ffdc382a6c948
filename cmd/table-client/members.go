package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/server/web"
)

// changeTimeout is the default for changes of the chain: a server that is added learns everything first.
const changeTimeout = time.Minute

// membership is who is in the chain, in JSON.
type membership struct {
	Chain   string       `json:"chain"`
	Epoch   uint64       `json:"epoch"`
	Target  uint64       `json:"target"` // 0: all servers that register
	Members []web.Member `json:"members"`
	Learner *web.Member  `json:"learner"`
}

func newMembers(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "members [CHANGE]",
		GroupID: groupChain,
		Short:   "who is in the chain; add, drain, remove, head and target change it",
		Long: `Show the members of the chain, the head first, and a server that is learning.

With add, drain, remove, head or target it changes the chain, waits until that has happened (--timeout, 1m by default), and shows the members then.
SERVER is the address of a server as it is shown, a port of this machine, or a server's id. A change can be asked for again at any time.`,
		Example: "  table-client 7001 members\n  table-client 7001 members drain 10.0.0.2:7001",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("want add, drain, remove, head or target, not %s", show(args[0]))
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			return a.do(a.showMembers)
		},
	}
	named := func(name, short, long, example string, change func(*client.Client) func(context.Context, string) error) {
		c.AddCommand(&cobra.Command{
			Use: name + " SERVER", Short: short, Long: long, Example: "  table-client 7001 members " + name + " " + example,
			ValidArgsFunction: cobra.NoFileCompletions, DisableFlagsInUseLine: true,
			Args: func(_ *cobra.Command, args []string) error {
				if len(args) != 1 || args[0] == "" {
					return usagef("want the address or the id of one server")
				}
				return nil
			},
			RunE: func(_ *cobra.Command, args []string) error {
				server := args[0]
				if isPort(server) {
					server = "127.0.0.1:" + server
				}
				return a.change(func(ctx context.Context, c *client.Client) error { return change(c)(ctx, server) })
			},
		})
	}
	named("add", "take a server in again that was drained",
		"Take a server in again that was drained. It learns everything that it has missed, and becomes the tail.", "10.0.0.2:7001",
		func(c *client.Client) func(context.Context, string) error { return c.AddServer })
	named("drain", "take a server out, as when it is told to end; nobody's request fails",
		"Take a server out of the chain as when it is told to end: nobody's request fails. Its process goes on outside the chain, until it is added or started anew.", "10.0.0.2:7001",
		func(c *client.Client) func(context.Context, string) error { return c.DrainServer })
	named("remove", "take a server out that is stuck or cut off",
		"Take a server out of the chain that is stuck or cut off. A member that lives comes back by itself after ten seconds, another server at once.", "10.0.0.2:7001",
		func(c *client.Client) func(context.Context, string) error { return c.RemoveServer })
	named("head", "make a member the head; the others keep their order",
		"Make a member the head, which takes all writes. The others keep their order. Writes pause for some milliseconds.", "e31f9d3e7db58b1a",
		func(c *client.Client) func(context.Context, string) error { return c.MoveHead })
	c.AddCommand(&cobra.Command{
		Use: "target N", Short: "how many members the chain wants; 0 for all servers that register",
		Long:              "Set how many members the chain wants, 0 for all servers that register. If it has more, those at the tail become spares.",
		Example:           "  table-client 7001 members target 3",
		ValidArgsFunction: cobra.NoFileCompletions, DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("want a number")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			n, err := strconv.ParseUint(args[0], 10, 31)
			if err != nil {
				return usagef("want a number from 0 to %d, not %s; 0 is all servers that register", math.MaxInt32, show(args[0]))
			}
			return a.change(func(ctx context.Context, c *client.Client) error { return c.SetTarget(ctx, n) })
		},
	})
	return c
}

// change changes the chain, and shows who is in it then.
func (a *app) change(change func(context.Context, *client.Client) error) error {
	ctx, stop := interruptible()
	defer stop()
	return a.until(ctx, a.within(changeTimeout), func(ctx context.Context, c *client.Client) error {
		if err := change(ctx, c); err != nil {
			return err
		}
		return a.showMembers(ctx, c)
	})
}

func (a *app) showMembers(ctx context.Context, c *client.Client) error {
	servers, err := c.Servers(ctx)
	if err == nil {
		err = inChain(servers)
	}
	if err != nil {
		return err
	}
	m := newMembership(newestView(servers))
	return a.out.result(a.out.membership(m), m)
}

// inChain is an error if no server that answers knows a chain.
func inChain(servers []client.Server) error {
	if len(newestView(servers).GetMembers()) > 0 {
		return nil
	}
	for _, s := range servers {
		if s.Err == nil {
			return failf(codeFailed, "%s is in no chain: %s", s.Address, clean(s.Status.GetState(), 160))
		}
	}
	return failf(codeFailed, "no server answers")
}

// newestView is that of the servers which serve, or if none does, of any. A server that has just left knows the newest, too.
func newestView(servers []client.Server) (newest *pb.View) {
	for _, s := range servers {
		if v := s.Status.GetView(); v != nil && (newest == nil || s.Status.Serving) {
			newest = v
		}
	}
	for _, s := range servers {
		if v := s.Status.GetView(); v.GetChain() == newest.GetChain() && v.GetEpoch() > newest.GetEpoch() {
			newest = v
		}
	}
	return newest
}

func newMembership(v *pb.View) membership {
	m := membership{Chain: v.GetChain(), Epoch: v.GetEpoch(), Target: v.GetTarget(), Members: []web.Member{}}
	for _, x := range v.GetMembers() {
		m.Members = append(m.Members, newMember(x))
	}
	if l := v.GetLearner(); l != nil {
		learner := newMember(l)
		m.Learner = &learner
	}
	return m
}

// membership is a table with a line about the chain above it.
func (o *output) membership(m membership) string {
	rows := [][]string{{"ADDRESS", "ROLE", "ID", "INCARNATION", "DATA"}}
	add := func(x web.Member, role string) {
		data := "in memory"
		if x.Durable {
			data = "on disk"
		}
		rows = append(rows, []string{clean(x.Address, 40), role, clean(x.ID, 16), fmt.Sprint(x.Incarnation), data})
	}
	for i, x := range m.Members {
		role := "middle"
		switch {
		case len(m.Members) == 1:
			role = "single"
		case i == 0:
			role = "head"
		case i == len(m.Members)-1:
			role = "tail"
		}
		add(x, role)
	}
	if m.Learner != nil {
		add(*m.Learner, "learner")
	}
	return o.heading(m.Chain, m.Epoch, m.Target) + o.draw(rows)
}
