package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/zookeeper"
)

const (
	// answerTimeout is how long a server may take to answer PING.
	answerTimeout = time.Second
	// tryZooKeeper is how long to try ZooKeeper where something listens that is no server of ours.
	tryZooKeeper = 2 * time.Second
	// zooKeeperSession is the timeout of a session with ZooKeeper, which keeps nothing that would go with it.
	zooKeeperSession = 10 * time.Second
	// maxAddresses is how many ADDR may have.
	maxAddresses = 64
)

// normalize checks the form of ADDR, and completes ports alone: each part is then host:port, but for the last one's chroot.
func normalize(address string) (parts []string, chroot string, err error) {
	if scheme, rest, found := strings.Cut(address, "://"); found {
		return nil, "", failf(codeUsage, "%q is no address: leave out %s://, as in %s", address, scheme, rest)
	}
	address, chroot, rooted := strings.Cut(address, "/")
	if rooted {
		chroot = "/" + chroot
	}
	for part := range strings.SplitSeq(address, ",") {
		host, port, err := net.SplitHostPort(part)
		if err != nil && isPort(part) {
			host, port, err = "", part, nil
		}
		if err != nil || !isPort(port) || strings.ContainsAny(host, " @") || len(parts) == maxAddresses {
			return nil, "", failf(codeUsage, "%q is no address: want HOST:PORT of a server or of ZooKeeper, several with commas, a port of this machine, "+
				"or a name that `table-client connections` lists", part)
		}
		if host == "" {
			host = "127.0.0.1"
		}
		parts = append(parts, net.JoinHostPort(host, port))
	}
	return parts, chroot, nil
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// locate finds out what is at the address: servers, or ZooKeeper, which knows the servers.
func (a *app) locate(ctx context.Context) (client.Config, error) {
	address, chain, err := a.resolve()
	if err != nil {
		return client.Config{}, err
	}
	parts, chroot, err := normalize(address)
	if err != nil {
		return client.Config{}, err
	}
	joined := strings.Join(parts, ",")
	if chroot != "" { // no server has one
		config, err := fromZooKeeper(ctx, joined+chroot, chain)
		if err != nil && !interrupted(ctx) {
			if server, _ := ping(context.WithoutCancel(ctx), parts); server { // for answerTimeout
				err = failf(codeUsage, "%s is a server, which has no %s", joined, chroot)
			}
		}
		return config, err
	}
	server, err := ping(ctx, parts)
	switch {
	case interrupted(ctx):
		return client.Config{}, failf(codeFailed, "interrupted")
	case errors.As(err, new(failure)):
		return client.Config{}, err
	case errors.As(err, new(*net.DNSError)):
		return client.Config{}, failf(codeFailed, "%s: %s", joined, why(err))
	case err != nil:
		return client.Config{}, failf(codeFailed, "%s: %s: is a server or ZooKeeper running there?", joined, why(err))
	case server && a.chainGiven:
		return client.Config{}, failf(codeUsage, "--chain is for ZooKeeper, which knows several, and %s is a server", joined)
	case server:
		return client.Config{Servers: parts}, nil
	}
	within, cancel := context.WithTimeout(ctx, tryZooKeeper)
	defer cancel()
	config, err := fromZooKeeper(within, joined, chain)
	if err != nil && errors.Is(within.Err(), context.DeadlineExceeded) {
		return client.Config{}, failf(codeFailed, "%s: who listens there answers neither as a server of Chaintable nor as ZooKeeper: it hangs, or is something else", joined)
	}
	return config, err
}

// ping asks all addresses at the same time whether servers of ours are there. One is enough; an error is that nobody could be asked, or that
// who answered is neither a server of ours nor ZooKeeper.
func ping(ctx context.Context, addresses []string) (server bool, err error) {
	type reply struct {
		address, line string
		err           error
	}
	replies := make(chan reply, len(addresses))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, address := range addresses {
		go func() { // ends with ctx
			line, err := askLine(ctx, address, "PING\r\n")
			replies <- reply{address, line, err}
		}()
	}
	silent := false
	for range addresses {
		r := <-replies
		switch {
		case strings.HasPrefix(r.line, "+"), strings.HasPrefix(r.line, "-"):
			server = true
			cancel() // the others need not answer any more
		case r.err != nil:
			err = r.err
		case r.line != "":
			err = failf(codeFailed, "%s is neither a server of Chaintable nor ZooKeeper: it answers %q to PING", r.address, clean(r.line, 40))
		default:
			silent = true
		}
	}
	if server || silent {
		return server, nil
	}
	return false, err
}

// maxLine is the most that is read of an answer in text, in bytes.
const maxLine = 1024

// askLine sends a line on a connection of its own, and returns what it can of the answer's first line: nothing, if the other
// side is silent for answerTimeout or closes the connection. An error is that nobody could be asked.
func askLine(ctx context.Context, address, what string) (string, error) {
	c, err := (&net.Dialer{Timeout: answerTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return "", errors.Join(context.Cause(ctx), err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return "", err
	}
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	var line []byte
	if _, err := io.WriteString(c, what); err == nil {
		b := make([]byte, maxLine)
		for len(line) < maxLine && !strings.Contains(string(line), "\n") {
			n, err := c.Read(b[len(line):])
			line = b[:len(line)+n]
			if err != nil {
				break
			}
		}
	}
	if len(line) == 0 {
		return "", ctx.Err()
	}
	first, _, _ := strings.Cut(string(line), "\n")
	return strings.TrimSuffix(first, "\r"), nil
}

// fromZooKeeper reads the view, so that it can be said what is wrong; and the servers are known from then on if ZooKeeper goes away.
func fromZooKeeper(ctx context.Context, address, chain string) (client.Config, error) {
	connect, err := zookeeper.Parse(address)
	if err != nil {
		return client.Config{}, failf(codeUsage, "%w", err)
	}
	c, err := zookeeper.Open(zookeeper.Config{
		Connect: connect, Chain: chain, SessionTimeout: zooKeeperSession, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return client.Config{}, failf(codeUsage, "%w", err)
	}
	defer c.Close()
	view, _, err := c.View(ctx, true)
	switch {
	case interrupted(ctx):
		return client.Config{}, failf(codeFailed, "interrupted")
	case errors.Is(err, coord.ErrMissing):
		return client.Config{}, failf(codeFailed, "ZooKeeper at %s knows no chain named %q: start its servers, or name another with --chain. If its servers run, ZooKeeper "+
			"has lost it: table-server recover --help", address, chain)
	case errors.Is(err, coord.ErrUnknown):
		return client.Config{}, failf(codeFailed, "ZooKeeper at %s gives no answer: is it running there?", address)
	case err != nil:
		return client.Config{}, failf(codeFailed, "the view of chain %q cannot be read: %w", chain, err)
	case len(view.Members) == 0:
		return client.Config{}, failf(codeFailed, "the view of chain %q has no members", chain)
	}
	config := client.Config{ZooKeeper: address, Chain: chain}
	for _, m := range view.Members {
		config.Servers = append(config.Servers, m.Address)
	}
	return config, nil
}
