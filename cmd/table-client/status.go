package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/server/web"
)

// followEvery is the time between two looks of status --follow.
const followEvery = time.Second

// cluster is how a chain is, in JSON.
type cluster struct {
	Chain   string   `json:"chain"`
	Epoch   uint64   `json:"epoch"`
	Target  uint64   `json:"target"`
	Servers []member `json:"servers"`
}

// member is a server, as /status tells it, or why it is not known.
type member struct {
	*web.Status
	Asked string `json:"asked"` // the address
	Error string `json:"error,omitempty"`
}

func newStatus(a *app) *cobra.Command {
	var follow bool
	c := &cobra.Command{
		Use:     "status [FLAGS]",
		GroupID: groupChain,
		Short:   "a table of all servers",
		Long: `Show all servers: the members in the order of the chain, a learner, and others that ZooKeeper knows or ADDR names.

  EPOCH    of the view that the server knows: it rises with each change of the chain
  APPLIED  the last operation that its table holds
  PENDING  operations that it has and that are not applied yet
  KEYS     and the MEMORY that they take
  LEASE    for how long it may answer reads without asking the chain
  STATE    member, or what the server is doing instead

A line about the chain stands above the table, and one about how far a learner is; not in the form plain.

In JSON: one document, with all that each server tells of itself (as http://HOST:PORT/status does) in "servers".`,
		Example:           "  table-client 7001 status\n  table-client zk1:2181,zk2:2181 status --follow\n  table-client 7001 status -o json | jq .epoch",
		Args:              none,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			if follow {
				return a.follow()
			}
			return a.do(func(ctx context.Context, c *client.Client) error {
				servers, err := c.Servers(ctx)
				if len(servers) == 0 {
					return err
				}
				chain := newCluster(servers)
				return cmp.Or(a.out.result(a.out.status(chain), chain), err) // also if none answers: it tells why
			})
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "show it again each second, or where that is no terminal, when it has changed; until Ctrl-C")
	return c
}

// follow shows the status until a signal.
func (a *app) follow() error {
	ctx, stop := interruptible()
	defer stop()
	defer func() { a.cut = a.cut || interrupted(ctx) }() // it may have come between two looks
	ticks := time.NewTicker(followEvery)
	defer ticks.Stop()
	shown := ""
	for {
		if a.out.unread() {
			return nil
		}
		var chain cluster
		err := a.until(ctx, a.within(defaultTimeout), func(ctx context.Context, c *client.Client) error {
			servers, err := c.Servers(ctx)
			if chain = newCluster(servers); len(servers) > 0 {
				return nil // it shows who does not answer
			}
			return err
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && shown == "":
			return err // there was nothing to begin with
		case err != nil:
			a.out.note("%v", err)
		default:
			if shown, err = a.showAgain(chain, shown); err != nil {
				return err
			}
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// showAgain shows how the chain is, in place of what was shown, or where that cannot be, if it has changed.
func (a *app) showAgain(chain cluster, shown string) (now string, err error) {
	now = chain.essence()
	switch {
	case a.out.terminal && !a.out.json():
		return now, a.out.print("\x1b[H\x1b[2J" + a.out.status(chain) + "\nCtrl-C ends this.\n")
	case now != shown:
		return now, a.out.result(a.out.status(chain), chain)
	}
	return now, nil
}

// essence is what counts as a change: not what goes up and down at all times.
func (c cluster) essence() string {
	var b strings.Builder
	for _, s := range c.Servers {
		fmt.Fprintf(&b, "%s %s ", s.Asked, s.Error)
		if s.Status != nil {
			fmt.Fprintf(&b, "%s %d %d %s %t %d %d", s.ID, s.Incarnation, s.Epoch, s.Role+s.State, s.DiskFull, s.Applied, s.Keys)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// newCluster is what the servers tell.
func newCluster(servers []client.Server) cluster {
	v := newestView(servers)
	c := cluster{Chain: v.GetChain(), Epoch: v.GetEpoch(), Target: v.GetTarget()}
	for _, s := range servers {
		m := member{Asked: s.Address}
		if s.Err != nil {
			m.Error = why(s.Err)
		} else {
			m.Status = newStatusOf(s.Status)
		}
		c.Servers = append(c.Servers, m)
	}
	return c
}

func newStatusOf(s *pb.StatusResponse) *web.Status {
	v := s.GetView()
	out := &web.Status{
		ID: s.Id, Incarnation: s.Incarnation, Address: s.Address, Version: s.Version, Role: s.Role, State: s.State, Serving: s.Serving,
		Chain: v.GetChain(), Epoch: v.GetEpoch(), Members: []web.Member{}, Target: int(v.GetTarget()), Rules: int(v.GetRules()),
		Last: s.Last, Stable: s.Stable, Committed: s.Committed, Applied: s.Applied,
		LeaseLeftMS: int64(s.LeaseLeftMs), Keys: int(s.Keys), Bytes: int64(s.Bytes), Clients: int(s.Clients), DiskFull: s.DiskFull,
		Digest: web.Digest{Seq: s.GetDigest().GetSeq(), Sum: fmt.Sprintf("%016x", s.GetDigest().GetSum())},
	}
	for _, m := range v.GetMembers() {
		out.Members = append(out.Members, newMember(m))
	}
	if h := s.GetHop(); h != nil {
		out.Hop = web.Hop{
			Successor: h.Successor, PingMS: h.PingMs, ReceivedMS: h.ReceivedMs, DurableMS: h.DurableMs, CommittedMS: h.CommittedMs, AppliedMS: h.AppliedMs,
			PingWorstMS: h.PingWorstMs, DurableWorstMS: h.DurableWorstMs, CommittedWorstMS: h.CommittedWorstMs,
		}
	}
	if l := v.GetLearner(); l != nil {
		p := s.GetLearnerProgress()
		out.Learner = &web.Learner{
			Member: newMember(l), How: p.GetHow(), Receiving: p.GetReceiving(), Chunks: p.GetChunks(), Bytes: p.GetBytes(), TotalBytes: p.GetTotalBytes(),
			BytesPerSecond: p.GetBytesPerSecond(), BehindEntries: p.GetBehindEntries(), BehindBytes: p.GetBehindBytes(),
		}
	}
	return out
}

func newMember(m *pb.Member) web.Member {
	return web.Member{ID: m.Id, Incarnation: m.Incarnation, Address: m.Address, Durable: m.Durable}
}

// status is a table with a line about the chain above it.
func (o *output) status(c cluster) string {
	longestState := 50
	if o.plain() {
		longestState = 1000
	}
	rows := [][]string{{"ADDRESS", "ROLE", "EPOCH", "APPLIED", "PENDING", "KEYS", "MEMORY", "LEASE", "CLIENTS", "STATE"}}
	for _, m := range c.Servers {
		if m.Status == nil {
			rows = append(rows, []string{clean(m.Asked, 40), "unreachable: " + clean(m.Error, 60)})
			continue
		}
		lease := "none"
		if m.LeaseLeftMS > 0 {
			lease = fmt.Sprintf("%dms", m.LeaseLeftMS)
		}
		state := m.State
		if m.DiskFull {
			state += "; disk full"
		}
		rows = append(rows, []string{
			clean(m.Asked, 40), clean(m.Role, 8), fmt.Sprint(m.Epoch), fmt.Sprint(m.Applied), fmt.Sprint(m.Last - min(m.Applied, m.Last)),
			fmt.Sprint(m.Keys), size(m.Bytes), lease, fmt.Sprint(m.Clients), clean(state, longestState),
		})
	}
	return o.heading(c.Chain, c.Epoch, c.Target) + o.learning(c) + o.draw(rows)
}

// learning is a line about how far the learner is, for people: as its tail tells it, which knows most, or it itself.
func (o *output) learning(c cluster) string {
	var l *web.Learner
	for _, m := range c.Servers {
		if m.Status == nil || m.Epoch != c.Epoch || m.Learner == nil || m.Learner.How == "" {
			continue
		}
		if l == nil || m.ID != m.Learner.ID {
			l = m.Learner
		}
	}
	if o.plain() || l == nil {
		return ""
	}
	text := fmt.Sprintf("learner %s  %s", clean(l.Address, 40), clean(l.How, 40))
	if l.Bytes > 0 {
		text += "  " + size(l.Bytes)
		if l.TotalBytes > l.Bytes {
			text += " of about " + size(l.TotalBytes)
		}
	}
	if l.BytesPerSecond > 0 {
		text += "  " + size(l.BytesPerSecond) + "/s"
	}
	if l.BehindEntries > 0 {
		text += fmt.Sprintf("  %d operations behind", l.BehindEntries)
	}
	return text + "\n"
}

// heading is a line about the chain, for people: scripts have rows of one kind, and JSON.
func (o *output) heading(chain string, epoch, target uint64) string {
	if o.plain() || epoch == 0 { // as of servers that know of no chain
		return ""
	}
	wants := "every server"
	if target > 0 {
		wants = fmt.Sprint(target)
	}
	return fmt.Sprintf("chain %s  epoch %d  target %s\n", clean(chain, 16), epoch, wants)
}

// size is a number of bytes for people.
func size[N int64 | uint64](n N) string {
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
