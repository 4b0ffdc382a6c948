package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chaintable/chaintable/server/profile"
)

// options are the flags that every way to run servers has.
type options struct {
	sessionTimeout time.Duration
	requestTimeout time.Duration
	maxClients     int
	maxMemory      string
	joinBandwidth  string
	leases         string
	logLevel       string
	logFormat      string
	slowLog        time.Duration
	pprof          string

	memory int64       // maxMemory in bytes, for each server; zero is no bound
	join   uint64      // joinBandwidth in bytes per second; zero is no bound
	level  slog.Level  // logLevel
	format handlerFunc // logFormat
	port   int         // pprof; meaningless where that is empty
}

// handlerFunc makes a handler of log lines.
type handlerFunc func(io.Writer, *slog.HandlerOptions) slog.Handler

var logFormats = map[string]handlerFunc{
	"text": func(w io.Writer, o *slog.HandlerOptions) slog.Handler { return slog.NewTextHandler(w, o) },
	"json": func(w io.Writer, o *slog.HandlerOptions) slog.Handler {
		return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: o.Level, ReplaceAttr: inSeconds})
	},
}

// Bounds of what can be asked for.
const (
	minTimeout = 20 * time.Millisecond // the least that package chain takes for a session
	maxTimeout = time.Hour
	maxClients = 1_000_000
)

func (o *options) flags(c *cobra.Command, logLevel string) {
	f := c.Flags()
	f.SortFlags = false
	f.DurationVar(&o.sessionTimeout, "session-timeout", time.Second, "how long a server may be silent before the others go on without it; the same for all servers of a chain")
	f.DurationVar(&o.requestTimeout, "request-timeout", 5*time.Second, "how long a request may take before it is answered with an error")
	f.IntVar(&o.maxClients, "max-clients", 10_000, "connections of clients at the same time, for each server")
	f.StringVar(&o.maxMemory, "max-memory", "80%", "bytes of the table beyond which writes are refused: 512MiB, 2GiB, a share of the memory, or none")
	f.StringVar(&o.joinBandwidth, "join-bandwidth", "0", "bytes per second of its table, or of the log on its disk, that the tail sends to a server that joins: 50MiB, or 0 for no limit. "+
		"What is written meanwhile is not limited; when 256 MiB of that have gathered, writes slow down to half this rate, until the copy is complete")
	f.StringVar(&o.leases, "leases", "on", "off: every read asks the chain, and none relies on clocks that run at the same speed")
	f.StringVar(&o.logLevel, "log-level", logLevel, "least level of what is logged on standard error: debug, info, warn, error")
	f.StringVar(&o.logFormat, "log-format", "text", "format of the log: text, or json, where times that something took are in seconds")
	f.DurationVar(&o.slowLog, "slow-log", 100*time.Millisecond, "log requests that take so long, with their keys, of each command one a second (0: none)")
	f.StringVar(&o.pprof, "pprof", "", "`port` of 127.0.0.1 on which to serve profiles of this process (default: none)")
}

// check fills in what follows from the flags. The memory is shared by so many servers.
func (o *options) check(servers int) error {
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{{"session-timeout", o.sessionTimeout}, {"request-timeout", o.requestTimeout}} {
		if d.value < minTimeout || d.value > maxTimeout {
			return usagef("--%s %v: want something between %v and %v", d.flag, d.value, minTimeout, maxTimeout)
		}
	}
	if o.sessionTimeout%time.Millisecond != 0 {
		return usagef("--session-timeout %v: want whole milliseconds", o.sessionTimeout)
	}
	if o.maxClients < 1 || o.maxClients > maxClients {
		return usagef("--max-clients %d: want something between 1 and %d", o.maxClients, maxClients)
	}
	memory, err := parseMemory(o.maxMemory, machineMemory())
	if err != nil {
		return usagef("--max-memory %w", err)
	}
	if o.memory = memory; strings.HasSuffix(strings.TrimSpace(o.maxMemory), "%") {
		o.memory /= int64(servers)
	}
	if o.join, err = parseRate(o.joinBandwidth); err != nil {
		return usagef("--join-bandwidth %w", err)
	}
	if o.leases != "on" && o.leases != "off" {
		return usagef("--leases %q: want on or off", o.leases)
	}
	if err := o.level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return usagef("--log-level %q: want debug, info, warn or error", o.logLevel)
	}
	if o.slowLog < 0 {
		return usagef("--slow-log %v: want something above 0, or 0 for none", o.slowLog)
	}
	if o.pprof != "" {
		if o.port, err = parsePort("--pprof", o.pprof); err != nil {
			return err
		}
	}
	if o.format = logFormats[o.logFormat]; o.format == nil {
		return usagef("--log-format %q: want text or json", o.logFormat)
	}
	return nil
}

// inSeconds writes a time that something took in seconds, as all times of /metrics are. Otherwise JSON would have it in nanoseconds.
func inSeconds(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.Float64Value(a.Value.Duration().Seconds())
	}
	return a
}

func (o *options) logger(w io.Writer) *slog.Logger {
	return slog.New(o.format(w, &slog.HandlerOptions{Level: o.level}))
}

// profiles serves profiles, if that is wanted, until stop is called.
func (o *options) profiles(ctx context.Context, log *slog.Logger) (stop func(), err error) {
	if o.pprof == "" {
		return func() {}, nil
	}
	s, err := profile.Listen(ctx, o.port, log)
	if err != nil {
		return nil, fmt.Errorf("--pprof: %w", err)
	}
	log.Info("serving profiles", "url", "http://"+s.Addr().String()+"/debug/pprof/")
	return func() {
		if err := s.Close(); err != nil {
			log.Warn("profiles: cannot be closed", "error", err)
		}
	}, nil
}

// parsePort reads a port. Zero is any that is free.
func parsePort(what, s string) (int, error) {
	port, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, usagef("%s %q: want a number between 1 and 65535, or 0 for any that is free", what, s)
	}
	return int(port), nil
}

// checkListen refuses an address that other machines can reach, unless insecure.
func checkListen(ctx context.Context, host string, insecure bool) error {
	addresses, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return usagef("--listen %q: want an address of this machine: %w", host, err)
	}
	for _, a := range addresses {
		if !a.IP.IsLoopback() && !insecure {
			return usagef("--listen %s: other machines can reach that address, and whoever reaches the port can read and "+
				"change everything: there are no permissions and no TLS yet. Add --insecure to listen there nevertheless", host)
		}
	}
	return nil
}

// advertised is the address by which others reach a server that listens on host and port.
func advertised(advertise, host string, port int) (string, error) {
	if advertise == "" {
		if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
			return "", usagef("--listen %s: say with --advertise by which address other machines reach this one", host)
		}
		return net.JoinHostPort(host, strconv.Itoa(port)), nil
	}
	name, p, err := net.SplitHostPort(advertise)
	if err != nil {
		name, p = strings.Trim(advertise, "[]"), strconv.Itoa(port)
	}
	if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 || name == "" || strings.ContainsAny(name, " /@") {
		return "", usagef("--advertise %q: want HOST or HOST:PORT", advertise)
	}
	if ip := net.ParseIP(name); ip != nil && ip.IsUnspecified() {
		return "", usagef("--advertise %s: that is every address, and to another machine its own; say which", name)
	}
	return net.JoinHostPort(name, p), nil
}

// literal is the address with its name looked up, once and for all servers: else each might find another address behind it. Clients that
// know nothing but /chain want IPv4.
func literal(ctx context.Context, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || net.ParseIP(host) != nil {
		return address, err
	}
	ips, err := net.DefaultResolver.LookupIP(ctx, "ip4", host)
	if err != nil {
		ips, err = net.DefaultResolver.LookupIP(ctx, "ip", host)
	}
	switch {
	case err != nil:
		return "", usagef("--advertise %s: want a name that can be looked up, or an address: %w", host, err)
	case ips[0].IsLoopback() && host != "localhost":
		return "", usagef("--advertise %s: on this machine that is %v, by which no other reaches it (see /etc/hosts); give the address", host, ips[0])
	}
	return net.JoinHostPort(ips[0].String(), port), nil
}

// lingering is how long a server waits for what another process holds: one that was killed a moment ago lets go of its port and its files only when
// its memory has been taken from it.
const lingering = time.Second

// stillInUse tries something again for a while, as long as the error says that another process has it.
func stillInUse(ctx context.Context, inUse func(error) bool, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, lingering)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := try()
		if err == nil || !inUse(err) {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return err
		}
	}
}

// listen opens the port, and says what can be done if it cannot.
func listen(ctx context.Context, host string, port int) (net.Listener, error) {
	var config net.ListenConfig
	var l net.Listener
	err := stillInUse(ctx, isAddressInUse, func() (err error) {
		l, err = config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		return err
	})
	if err == nil {
		return l, nil
	}
	switch {
	case isAddressInUse(err):
		return nil, fmt.Errorf("port %d of %s is in use: choose another, or stop what listens there (`ss -ltnp` names it)", port, host)
	case isPermission(err):
		return nil, fmt.Errorf("port %d of %s is not for everybody: choose one above 1023", port, host)
	}
	return nil, fmt.Errorf("listen on port %d of %s: %w", port, host, err)
}
