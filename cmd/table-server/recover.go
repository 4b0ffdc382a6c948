package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/zookeeper"
	"github.com/chaintable/chaintable/server/web"
)

// Bounds of what recover waits for and reads.
const (
	askTimeout     = 5 * time.Second
	recoverTimeout = 10 * time.Second
	maxStatus      = 1 << 20
)

// recoverEpochs is by how much the epoch of the view that is brought back lies above what the servers knew: a server that is not named
// may have known a few more, and no epoch may be there twice.
const recoverEpochs = 1000

// recovery is what `table-server recover` was told.
type recovery struct {
	chain   string
	yes     bool
	dataDir string
	asNew   bool
}

func newRecover() *cobra.Command {
	var o recovery
	c := &cobra.Command{
		Use:   "recover <zookeeper> <server>... | recover --data-dir <dir> --as-new-chain",
		Short: "Save a chain whose ZooKeeper has lost it, or what a damaged data directory holds",
		Long: `There are two forms. Both only tell what they would do, until --yes is given.

table-server recover <zookeeper> <server>...
brings the view of a chain that still runs back to ZooKeeper. When ZooKeeper has lost what it held (somebody has deleted it, or set ZooKeeper up
anew), servers without a data directory stop serving, and wait with all the data that they hold in memory. This asks them, each by its
host:port, for the view that they knew, and writes the newest one to ZooKeeper. Then the servers register anew, and the one with the longest log
restarts the chain; that takes about ten seconds and two session timeouts. Name every server of the chain that still runs. What only servers
hold that are not named, or do not run any more, is lost. ZooKeeper must have no view of the chain: a server that was started since has
made a new, empty one. End that server, and delete /chaintable/chains/<chain> with zkCli, before you recover.

table-server recover --data-dir <dir> --as-new-chain
makes the data directory of a server that has ended a chain of its own: because ZooKeeper has lost the chain and its servers have ended, or
because the directory is damaged and there is no other copy. It tells what the directory holds, what is damaged, and where. With --yes all
that can be read becomes the beginning of a new chain, with a new id: the newest snapshot that is whole and the log behind it as far as that goes, also
entries that are not known to have committed. While the chain still lives elsewhere do not do that: start the server, and it takes a copy.
Where several servers have ended, run it on each without --yes, and choose the directory with the highest operation; the other servers then
start with empty directories.`,
		Example: `  table-server recover 127.0.0.1:2181 127.0.0.1:7001 127.0.0.1:7002 127.0.0.1:7003
  table-server recover --data-dir /var/lib/chaintable --as-new-chain`,
		DisableAutoGenTag: true,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case o.asNew && (o.dataDir == "" || len(args) > 0 || c.Flags().Changed("chain")):
				return usagef("--as-new-chain is of a data directory, and of no running chain: table-server recover --data-dir DIR --as-new-chain")
			case o.dataDir != "" && !o.asNew:
				return usagef("a data directory is recovered as a new chain only: add --as-new-chain, if you want that")
			case len(args) < 2 && !o.asNew:
				return usagef("want ZooKeeper and the servers that still run: table-server recover 127.0.0.1:2181 127.0.0.1:7001 127.0.0.1:7002. " +
					"Or a data directory: table-server recover --data-dir DIR --as-new-chain")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if o.asNew {
				log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
				return o.asNewChain(c.Context(), c.OutOrStdout(), log)
			}
			return o.run(c.Context(), c.OutOrStdout(), args[0], args[1:])
		},
	}
	c.Flags().StringVar(&o.chain, "chain", zookeeper.DefaultChain, "name of the chain, where one ZooKeeper has several")
	c.Flags().BoolVar(&o.yes, "yes", false, "do it, instead of only telling what would be done")
	c.Flags().StringVar(&o.dataDir, "data-dir", "", "data directory of a server that has ended")
	c.Flags().BoolVar(&o.asNew, "as-new-chain", false, "make what the data directory holds a chain of its own")
	return c
}

// run brings the view back that the servers know.
func (o *recovery) run(ctx context.Context, out io.Writer, where string, servers []string) error {
	connect, err := zookeeper.Parse(where)
	if err != nil {
		return usagef("ZooKeeper %q: %w", where, err)
	}
	if err := zookeeper.CheckChain(o.chain); err != nil {
		return usagef("--chain: %w", err)
	}
	view, asked, err := newestView(ctx, out, servers)
	if err != nil {
		return err
	}
	for _, m := range view.Members {
		if !slices.Contains(asked, m.Node) {
			fmt.Fprintf(out, "%s was a member and is not named: what only it holds is lost\n", m.Address)
		}
	}
	view.Epoch += recoverEpochs
	client, err := zookeeper.Open(zookeeper.Config{Connect: connect, Chain: o.chain, SessionTimeout: askTimeout})
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, recoverTimeout)
	defer cancel()
	switch present, _, err := client.View(ctx, true); {
	case err == nil:
		return fmt.Errorf("ZooKeeper has a view of chain %q: chain %v, epoch %d, head %s; `table-server recover --help` says what to do if that is an "+
			"empty one, made since", o.chain, present.Chain, present.Epoch, present.Head().Address)
	case errors.Is(err, coord.ErrInvalid):
		return fmt.Errorf("ZooKeeper has a view of chain %q that cannot be read: delete it with zkCli, if nobody can mend it, and recover again: %w", o.chain, err)
	case !errors.Is(err, coord.ErrMissing):
		return fmt.Errorf("ZooKeeper at %s does not answer (is it the right address?), so nobody can tell whether it has a view of chain %q: %w", connect, o.chain, err)
	}
	if !o.yes {
		return fmt.Errorf("nothing is done yet: with --yes, epoch %d of chain %v is written to ZooKeeper at %s", view.Epoch, view.Chain, connect)
	}
	err = client.Change(ctx, chain.AskChange{From: -1, View: view})
	if errors.Is(err, coord.ErrConflict) {
		return fmt.Errorf("somebody else has just written a view of chain %q: nothing is done", o.chain)
	}
	if err != nil {
		return fmt.Errorf("write the view: %w", err)
	}
	fmt.Fprintf(out, "epoch %d of chain %v is back; its servers restart the chain within some ten seconds (/status of each tells)\n", view.Epoch, view.Chain)
	return nil
}

// newestView asks the servers for the views they know, and tells of each. It also returns who they are.
func newestView(ctx context.Context, out io.Writer, servers []string) (newest chain.View, asked []chain.NodeID, err error) {
	for _, address := range servers {
		s, err := askStatus(ctx, address)
		switch {
		case err != nil:
			return newest, nil, fmt.Errorf("%s does not answer, and only those are to be named that still run: %w", address, err)
		case s.Serving:
			return newest, nil, fmt.Errorf("%s serves: its chain is not lost. If ZooKeeper has just lost it, try again in some seconds", address)
		}
		v, err := knownView(s)
		if err != nil {
			return newest, nil, fmt.Errorf("%s knows no view that could be written: %w", address, err)
		}
		id, err := chain.ParseNodeID(s.ID)
		if err != nil {
			return newest, nil, fmt.Errorf("%s: %w", address, err)
		}
		asked = append(asked, id)
		fmt.Fprintf(out, "%s knows epoch %d of chain %v, and holds its entries up to %d: %s\n", address, v.Epoch, v.Chain, s.Last, s.State)
		switch {
		case newest.Epoch != 0 && newest.Chain != v.Chain:
			return newest, nil, fmt.Errorf("%s was in chain %v, and %s in chain %v: these are two chains", servers[0], newest.Chain, address, v.Chain)
		case newest.Epoch == v.Epoch && !slices.Equal(newest.Members, v.Members):
			return newest, nil, fmt.Errorf("%s knows other members in epoch %d than the servers before it: these are two histories; name the servers of one", address, v.Epoch)
		case v.Epoch > newest.Epoch:
			newest = v
		}
	}
	return newest, asked, nil
}

// direct asks without proxies, and goes where it is told and nowhere else.
var direct = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// askStatus asks a server how it is.
func askStatus(ctx context.Context, address string) (s web.Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/status", nil)
	if err != nil {
		return s, err
	}
	answer, err := direct.Do(request)
	if err != nil {
		return s, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return s, fmt.Errorf("answers %s to GET /status", answer.Status)
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxStatus)).Decode(&s); err != nil {
		return s, fmt.Errorf("answers GET /status with something else: %w", err)
	}
	return s, nil
}

// knownView is the view that a server knows.
func knownView(s web.Status) (v chain.View, err error) {
	if v.Chain, err = chain.ParseID(s.Chain); err != nil {
		return v, err
	}
	v.Epoch, v.Target, v.Rules = chain.Epoch(s.Epoch), s.Target, s.Rules
	for _, m := range s.Members {
		id, err := chain.ParseNodeID(m.ID)
		if err != nil {
			return v, err
		}
		v.Members = append(v.Members, chain.Member{
			MemberID: chain.MemberID{Node: id, Incarnation: chain.Incarnation(m.Incarnation)}, Address: m.Address, Durable: m.Durable,
		})
	}
	_, err = coord.EncodeView(v) // the learner is not kept: it is taken in anew
	return v, err
}
