package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/local"
	"github.com/chaintable/chaintable/coord/zookeeper"
	"github.com/chaintable/chaintable/internal/version"
	"github.com/chaintable/chaintable/table"
)

// leaveTimeout is how long a server that was told to end may take to leave its chain.
const leaveTimeout = 10 * time.Second

// lookEvery is how often to look whether a server still serves.
const lookEvery = 100 * time.Millisecond

// maxLists is the most lists that a table may begin with; it may grow beyond.
const maxLists = 1 << 30

// serveOptions are the flags of a server of its own.
type serveOptions struct {
	options
	listen    string
	advertise string
	insecure  bool
	chain     string
	replicas  int
	abandon   uint64
	dataDir   string
	sync      string
	segment   string
}

func newRoot() *cobra.Command {
	var o serveOptions
	root := &cobra.Command{
		Use:   "table-server <port> <n_lists> [<zookeeper>]",
		Short: "Serve a replicated table of keys and values",
		Long: `Table-server serves a table of keys and values on one port, to clients of Redis (redis-cli, any library),
of gRPC (chaintable.v1, with reflection; table-client and package client use it), of the seed protocol, and of HTTP (/status,
/metrics, /healthz, /readyz).

<port> is where it listens, 0 for any that is free; <n_lists> is how many lists its hash table begins with. Everything is kept in
memory and, with --data-dir, on disk. <zookeeper> is where ZooKeeper is, as host:port[,host:port...][/chroot]: all servers that are given the same one (and the
same --chain) are a chain, in which each has all the data. Without it the server is a chain of one.

SIGTERM and SIGINT take the server out of the chain before it ends; clients of the other servers notice nothing.`,
		Example: `  table-server 7001 1024                      then: redis-cli -p 7001 SET greeting hello
  table-server 7001 1024 127.0.0.1:2181       a server of a chain; start another on port 7002
  table-server 7001 1024 zk1:2181,zk2:2181,zk3:2181/app
  table-server demo                           a chain of three servers to try, in one process`,
		Version:           version.String(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		Args:              serveArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return serve(c, args, &o)
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetVersionTemplate(fmt.Sprintf("table-server {{.Version}} (%s %s/%s)\n", runtime.Version(), runtime.GOOS, runtime.GOARCH))
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	f := root.Flags()
	f.SortFlags = false
	f.StringVar(&o.listen, "listen", "127.0.0.1", "address to listen on")
	f.StringVar(&o.advertise, "advertise", "", "address under which others reach this server, as HOST or HOST:PORT (default: where it listens)")
	f.BoolVar(&o.insecure, "insecure", false, "listen beyond this machine, although there are no permissions and no TLS yet")
	f.StringVar(&o.chain, "chain", zookeeper.DefaultChain, "name of the chain, where one ZooKeeper has several")
	f.IntVar(&o.replicas, "replicas", 0, "how many members the chain wants, if this server makes it; more are spares (0: all are members)")
	f.Uint64Var(&o.abandon, "abandon", 0, "begin anew, empty, although members of the chain's view of this `epoch` are silent and may hold its data")
	f.StringVar(&o.dataDir, "data-dir", "", "directory in which this server keeps everything, also when it ends (default: in memory only)")
	f.StringVar(&o.sync, "sync", "always", "always: a write is acknowledged when it is on the disks of all members. interval: when it is written there, and each "+
		"second it is brought to disk; who loses power then takes a new copy from the chain")
	f.StringVar(&o.segment, "segment-size", "", "bytes of each file of the log (default: 64MiB, less on a small disk)")
	o.flags(root, "info")
	root.AddCommand(newDemo(), newRestore(), newRecover())
	return root
}

func serveArgs(_ *cobra.Command, args []string) error {
	switch {
	case len(args) < 2:
		return usagef("want a port and the number of lists: table-server 7001 1024. Or try table-server demo")
	case len(args) > 3:
		return usagef("%q: only a port, the number of lists and ZooKeeper are wanted", strings.Join(args[3:], " "))
	}
	return nil
}

func parseLists(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxLists {
		return 0, usagef("number of lists %q: want one between 1 and %d", s, maxLists)
	}
	return n, nil
}

// serve runs one server until a signal ends ctx, or until it cannot go on.
func serve(c *cobra.Command, args []string, o *serveOptions) error {
	ctx := c.Context()
	port, err := parsePort("port", args[0])
	if err != nil {
		return err
	}
	lists, err := parseLists(args[1])
	if err != nil {
		return err
	}
	if err := o.check(1); err != nil {
		return err
	}
	segment, err := o.disk(c.Flags().Changed)
	if err != nil {
		return err
	}
	if err := checkListen(ctx, o.listen, o.insecure); err != nil {
		return err
	}
	if _, err := advertised(o.advertise, o.listen, max(port, 1)); err != nil {
		return err
	}
	log := o.logger(c.ErrOrStderr())
	stopProfiles, err := o.profiles(ctx, log)
	if err != nil {
		return err
	}
	defer stopProfiles()
	coordinator, err := o.coordinator(args[2:], c.Flags().Changed, log)
	if err != nil {
		return err
	}
	l, err := listen(ctx, o.listen, port)
	if err != nil {
		coordinator.Close()
		return err
	}
	name, err := advertised(o.advertise, o.listen, l.Addr().(*net.TCPAddr).Port)
	address := name
	if err == nil {
		address, err = literal(ctx, name)
	}
	if err != nil {
		l.Close()
		coordinator.Close()
		return err
	}
	var kept *data
	if o.dataDir != "" {
		kept, err = openData(ctx, dataConfig{
			path: o.dataDir, segment: segment, interval: o.sync == "interval", alone: len(args) == 2, table: table.Config{Lists: lists, Seed: random()},
		}, log)
		if err != nil {
			l.Close()
			coordinator.Close()
			if ctx.Err() != nil {
				err = nil // it was told to end before it had begun
			}
			return err
		}
		defer kept.close()
	}
	news := make(chan struct{}, 1)
	n, err := startNode(nodeConfig{
		Data:     kept,
		Listener: l, Address: address, Name: name, Lists: lists, Coordinator: coordinator, Target: o.replicas, Abandon: chain.Epoch(o.abandon),
		SessionTimeout: o.sessionTimeout, NoLeases: o.leases == "off", RequestTimeout: o.requestTimeout, MaxClients: o.maxClients, MaxMemory: o.memory, JoinBandwidth: o.join, SlowRequests: o.slowLog, Logger: log,
		OnNews: func(chain.News) {
			select {
			case news <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		return err
	}
	log.Info("listening", "listen", l.Addr().String(), "advertise", address, "lists", lists, "max_memory", memoryText(o.memory),
		"version", version.String())
	checking, stop := context.WithCancel(ctx)
	checked := make(chan struct{})
	go func() {
		defer close(checked)
		checkReach(checking, n, address, log)
	}()
	err = attend(ctx, n, news, log)
	stop()
	<-checked
	return err
}

// disk checks the flags that say how things are kept, and returns the size of a segment in bytes.
func (o *serveOptions) disk(changed func(flag string) bool) (segment int64, err error) {
	for _, flag := range []string{"sync", "segment-size"} {
		if changed(flag) && o.dataDir == "" {
			return 0, usagef("--%s is for a server that keeps what it holds: say where, with --data-dir", flag)
		}
	}
	if o.sync != "always" && o.sync != "interval" {
		return 0, usagef("--sync %q: want always or interval", o.sync)
	}
	if o.segment == "" {
		return 0, nil
	}
	if segment, err = parseMemory(o.segment, 0); err != nil || segment < minSegmentSize || segment > maxSegmentSize {
		return 0, usagef("--segment-size %q: want something between 64KiB and 1GiB", o.segment)
	}
	return segment, nil
}

// The bounds of a segment: each costs a few syncs, and is written as a whole for a log that may be short.
const (
	minSegmentSize = 64 << 10
	maxSegmentSize = 1 << 30
)

// coordinator is ZooKeeper, if the command line names it, or one of this server's own.
func (o *serveOptions) coordinator(args []string, changed func(flag string) bool, log *slog.Logger) (coord.Client, error) {
	if o.replicas < 0 || o.replicas > coord.MaxMembers {
		return nil, usagef("--replicas %d: want something between 1 and %d, or 0", o.replicas, coord.MaxMembers)
	}
	if err := zookeeper.CheckChain(o.chain); err != nil {
		return nil, usagef("--chain: %w", err)
	}
	if len(args) == 0 {
		for _, flag := range []string{"chain", "replicas", "abandon"} {
			if changed(flag) {
				return nil, usagef("--%s is for a chain that ZooKeeper keeps: say where that is, behind the number of lists", flag)
			}
		}
		return local.NewClient(local.NewStore(), local.Faults{}), nil
	}
	connect, err := zookeeper.Parse(args[0])
	if err != nil {
		return nil, usagef("ZooKeeper %q: %w", args[0], err)
	}
	return zookeeper.Open(zookeeper.Config{Connect: connect, Chain: o.chain, SessionTimeout: o.sessionTimeout, Logger: log})
}

// checkReach warns if others cannot reach the server by the address that they are told: they would take it for dead, or another for it.
func checkReach(ctx context.Context, n *node, address string, log *slog.Logger) {
	s, err := askStatus(ctx, address)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		log.Warn("this server cannot be reached by the address that the others are told: is --advertise right?", "address", address, "error", err)
	case s.ID != n.ID().String():
		log.Warn("another server answers at the address that the others are told: is --advertise right?", "address", address, "id", s.ID)
	}
}

// attend waits until the server is told to end, or ends by itself. There is news whenever it has got further.
func attend(ctx context.Context, n *node, news <-chan struct{}, log *slog.Logger) error {
	serving := false
	ticker := time.NewTicker(lookEvery) // a server can stop serving without news
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ticker.C:
		case <-news:
		case <-n.Done():
			err := n.Err()
			n.Close()
			if err == nil {
				err = errors.New("the server has ended")
			}
			return err
		case <-ctx.Done():
			continue
		}
		if serving != n.Serving() {
			s := n.Status()
			if serving = s.Serving; serving {
				log.Info("serving", "role", s.Role, "chain", s.Chain.String(), "epoch", uint64(s.Epoch))
			} else {
				log.Warn("not serving", "state", s.State)
			}
		}
	}
	log.Info("leaving the chain")
	leaving, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	err := n.Leave(leaving)
	if err != nil {
		log.Warn("ended without having left the chain: the others notice within the session timeout", "cause", err)
	}
	n.Close()
	log.Info("ended")
	return nil
}

func memoryText(n int64) string {
	if n == 0 {
		return "none"
	}
	return formatBytes(n)
}

func isAddressInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

func isPermission(err error) bool { return errors.Is(err, syscall.EACCES) }
