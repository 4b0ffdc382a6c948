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
	"github.com/chaintable/chaintable/coord/local"
	"github.com/chaintable/chaintable/internal/version"
)

// leaveTimeout is how long a server that was told to end may take to leave its chain.
const leaveTimeout = 10 * time.Second

// maxLists is the most lists that a table may begin with; it may grow beyond.
const maxLists = 1 << 30

// serveOptions are the flags of a server of its own.
type serveOptions struct {
	options
	listen    string
	advertise string
	insecure  bool
}

func newRoot() *cobra.Command {
	var o serveOptions
	root := &cobra.Command{
		Use:   "table-server <port> <n_lists>",
		Short: "Serve a replicated table of keys and values",
		Long: `Table-server serves a table of keys and values on one port, to clients of Redis (redis-cli, any library),
of the seed protocol and of HTTP (/status, /healthz, /readyz).

<port> is where it listens, 0 for any that is free; <n_lists> is how many lists its hash table begins with. The server is a
chain of one and keeps everything in memory. For a chain of several, all in one process, see table-server demo.`,
		Example: `  table-server 7001 1024        then: redis-cli -p 7001 SET greeting hello
  table-server demo             a chain of three servers to try`,
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
	o.flags(root, "info")
	root.AddCommand(newDemo())
	return root
}

func serveArgs(_ *cobra.Command, args []string) error {
	switch {
	case len(args) < 2:
		return usagef("want a port and the number of lists: table-server 7001 1024. Or try table-server demo")
	case len(args) == 3 && strings.Contains(args[2], ":"):
		return usagef("%q: a chain with ZooKeeper is not there yet; table-server demo runs one in a single process", args[2])
	case len(args) > 2:
		return usagef("%q: only a port and the number of lists are wanted", strings.Join(args[2:], " "))
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
	if err := checkListen(ctx, o.listen, o.insecure); err != nil {
		return err
	}
	if _, err := advertised(o.advertise, o.listen, max(port, 1)); err != nil {
		return err
	}
	log := o.logger(c.ErrOrStderr())
	l, err := listen(ctx, o.listen, port)
	if err != nil {
		return err
	}
	address, err := advertised(o.advertise, o.listen, l.Addr().(*net.TCPAddr).Port)
	if err != nil {
		l.Close()
		return err
	}
	news := make(chan struct{}, 1)
	n, err := startNode(nodeConfig{
		Listener: l, Address: address, Lists: lists, Coordinator: local.NewClient(local.NewStore(), local.Faults{}),
		SessionTimeout: o.sessionTimeout, RequestTimeout: o.requestTimeout, MaxClients: o.maxClients, MaxMemory: o.memory, Logger: log,
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
	return attend(ctx, n, news, log)
}

// attend waits until the server is told to end, or ends by itself. There is news whenever it has got further.
func attend(ctx context.Context, n *node, news <-chan struct{}, log *slog.Logger) error {
	for ctx.Err() == nil {
		select {
		case <-news:
			if s := n.Status(); n.Serving() {
				log.Info("serving", "role", s.Role, "chain", s.Chain.String(), "epoch", uint64(s.Epoch))
				news = nil
			}
		case <-n.Done():
			err := n.Err()
			n.Close()
			if err == nil {
				err = errors.New("the server has ended")
			}
			return err
		case <-ctx.Done():
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
