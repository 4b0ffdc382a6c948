package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/chaintable/chaintable/chain"
)

// joinTimeout is how long a demo waits at the start for a server to join before it goes on with the next.
const joinTimeout = 10 * time.Second

// demoOptions are the flags of a demo.
type demoOptions struct {
	options
	servers int
	port    int
}

func newDemo() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run a whole chain in this process, and kill, pause and add servers",
		Long: `Demo runs a chain of servers in one process, in memory, each on a port of its own and joined to the others by TCP.
Commands on standard input kill, pause, start and add servers; each change of the chain is shown. End of input does not
stop it: quit or Ctrl-C does.`,
		Example: "  table-server demo\n  table-server demo --servers 5 --port 9001",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("demo takes no arguments, but was given %q", strings.Join(args, " "))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return runDemo(c, &o) },
	}
	f := c.Flags()
	f.SortFlags = false
	f.IntVar(&o.servers, "servers", 3, fmt.Sprintf("how many servers to begin with, at most %d", maxServers))
	f.IntVar(&o.port, "port", 7001, "port of the first server; the others follow. 0: any that are free")
	o.flags(c, "error")
	return c
}

// demo is a fleet at work, and somebody who watches it.
type demo struct {
	fleet   *fleet
	console *console
	report  reporter
	news    chan chain.News
	port    int // of the first server; 0 for any
}

func runDemo(c *cobra.Command, o *demoOptions) error {
	if o.servers < 1 || o.servers > maxServers {
		return usagef("--servers %d: want something between 1 and %d", o.servers, maxServers)
	}
	if o.port < 0 || o.port > 65535-maxServers {
		return usagef("--port %d: want something between 1 and %d, or 0 for any that are free", o.port, 65535-maxServers)
	}
	if err := o.check(o.servers); err != nil {
		return err
	}
	log := o.logger(c.ErrOrStderr())
	stopProfiles, err := o.profiles(c.Context(), log)
	if err != nil {
		return err
	}
	defer stopProfiles()
	d := &demo{console: newConsole(c.InOrStdin(), c.OutOrStdout()), news: make(chan chain.News, 1024), port: o.port}
	d.fleet = newFleet("127.0.0.1", nodeConfig{
		SessionTimeout: o.sessionTimeout, NoLeases: o.leases == "off", RequestTimeout: o.requestTimeout, MaxClients: o.maxClients,
		MaxMemory: o.memory, JoinBandwidth: o.join, SlowRequests: o.slowLog, Logger: log,
		OnNews: func(n chain.News) {
			select {
			case d.news <- n:
			default: // it is for looking at; nothing depends on it
			}
		},
	})
	d.report.fleet = d.fleet
	defer d.fleet.close()

	begun := time.Now()
	if err := d.begin(c.Context(), o.servers); err != nil {
		return err
	}
	d.console.print(d.welcome(time.Since(begun)))
	d.run(c.Context(), readLines(c.Context(), c.InOrStdin()))
	d.console.end()
	return nil
}

// begin starts the servers one after the other, so that they stand in the chain as they are numbered.
func (d *demo) begin(ctx context.Context, servers int) error {
	for range servers {
		if _, err := d.fleet.add(ctx, d.fleet.nextPort(d.port)); err != nil {
			return err
		}
		d.await(ctx)
	}
	return nil
}

// await waits until all servers are members, for a while.
func (d *demo) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !d.fleet.level() {
		select {
		case n := <-d.news:
			d.report.view = newest(d.report.view, n.View)
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func newest(a, b chain.View) chain.View {
	if b.Chain != a.Chain || b.Epoch > a.Epoch {
		return b
	}
	return a
}

// run does what is asked for and tells what happens, until quit or the end of ctx.
func (d *demo) run(ctx context.Context, lines <-chan string) {
	tick := time.NewTicker(settle / 2)
	defer tick.Stop()
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				lines = nil
				d.console.deaf("End of input. Ctrl-C ends the demo.")
				continue
			}
			answer, quit := d.command(ctx, line)
			if quit {
				return
			}
			d.console.print(answer)
		case n := <-d.news:
			if line := d.report.take(n, time.Now()); line != "" {
				d.tell(line)
			}
		case now := <-tick.C:
			for _, line := range d.report.ripe(now) {
				d.tell(line)
			}
		case e := <-d.fleet.ended:
			if e.member.node == e.node && e.member.state != killed {
				e.member.become(stopped)
				d.tell(fmt.Sprintf("server %d ended by itself: %v", e.member.number, e.node.Err()))
				e.node.Close()
			}
		case <-ctx.Done():
			return
		}
	}
}

func (d *demo) tell(line string) {
	d.console.printf("%s  %s", time.Now().Format("15:04:05.000"), line)
}

// command carries out a line and returns what is to be printed, whole lines.
func (d *demo) command(ctx context.Context, line string) (answer string, quit bool) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return "", false
	}
	name, args := strings.ToLower(words[0]), words[1:]
	switch name {
	case "status", "s":
		return d.status(), false
	case "kill", "pause", "start":
		if len(args) != 1 {
			return fmt.Sprintf("%s which server? For example: %s %d\n", name, name, len(d.fleet.members)), false
		}
		m, err := d.fleet.find(args[0])
		return outcome(m, err, func() (string, error) { return d.change(ctx, name, m) }), false
	case "add":
		then := d.prospect()
		m, err := d.fleet.add(ctx, d.fleet.nextPort(d.port))
		return outcome(m, err, func() (string, error) { return "is running; " + then, nil }), false
	case "help", "h", "?":
		return help, false
	case "quit", "exit", "q":
		return "", true
	case "set", "get", "del", "mget", "mset", "ping", "keys", "info", "incr", "dbsize":
		m := d.fleet.firstRunning()
		if m == nil {
			return "that is for a client, and no server runs that could answer one\n", false
		}
		return fmt.Sprintf("that is for a client. In another terminal: redis-cli -p %d %s\n", m.port, strings.Join(words, " ")), false
	}
	return fmt.Sprintf("unknown command %q: status, kill N, pause N, start N, add, help or quit\n", words[0]), false
}

// change does to a server what a person asked for, and tells what it is now.
func (d *demo) change(ctx context.Context, what string, m *member) (string, error) {
	was := m.state
	switch what {
	case "kill":
		return "is dead, and has lost all it held", d.fleet.kill(m)
	case "pause":
		return "is paused: its connections stay open, but it does nothing", d.fleet.pause(m)
	}
	then := d.prospect()
	err := d.fleet.start(ctx, m)
	if was == paused {
		return "goes on where it was", err
	}
	return "is running, and empty; " + then, err
}

// prospect is what becomes of a server that begins now.
func (d *demo) prospect() string {
	if d.fleet.chained() {
		return "it joins the chain at its end"
	}
	return "no running server is in a chain that it could join"
}

// outcome is the line that answers a command about one server.
func outcome(m *member, err error, do func() (string, error)) string {
	var now string
	if err == nil {
		now, err = do()
	}
	if err != nil {
		return err.Error() + "\n"
	}
	return fmt.Sprintf("server %d (port %d) %s\n", m.number, m.port, now)
}

const help = `  status    what every server is and holds
  kill N    server N crashes; the others notice by its silence and go on without it
  pause N   server N stops in the middle of what it does, as a machine that hangs
  start N   a paused server goes on; a killed one begins anew, empty, and learns everything from the chain
  add       one more server
  quit      ends the demo, and all that it holds
`

// status is a table of what every server is and holds, as it says itself.
func (d *demo) status() string {
	var b, notes strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "SERVER\tPORT\tSTATE\tROLE\tEPOCH\tCOMMITTED\tAPPLIED\tKEYS\tBYTES\tDIGEST\tLEASE")
	for _, m := range d.fleet.members {
		fmt.Fprintf(w, "%d\t%d\t%s\t", m.number, m.port, m.state)
		if m.state != running {
			fmt.Fprintln(w, "-\t-\t-\t-\t-\t-\t-\t-")
			continue
		}
		s := m.node.Status()
		lease := "none"
		if s.LeaseLeft > 0 {
			lease = shortly(s.LeaseLeft)
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\t%016x\t%s\n", s.Role, s.Epoch, s.Committed, s.Applied, s.Keys, formatBytes(s.Bytes),
			s.Digest.Sum, lease)
		if s.View.HasNode(s.ID) {
			continue
		}
		fmt.Fprintf(&notes, "server %d: %s", m.number, d.report.named(s.State))
		if s.Learner.Receiving() {
			fmt.Fprintf(&notes, ", %d chunks so far", s.Learner.Chunks)
		}
		notes.WriteByte('\n')
	}
	w.Flush()
	return b.String() + notes.String()
}

// welcome is what a person sees first.
func (d *demo) welcome(took time.Duration) string {
	var b strings.Builder
	all := d.fleet.members
	plural := "servers"
	if len(all) == 1 {
		plural = "server"
	}
	fmt.Fprintf(&b, "Chaintable: a chain of %d %s in this process, ready in %s. Everything is in memory and ends with it.\n\n",
		len(all), plural, shortly(took))
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "SERVER\tPORT\tROLE")
	for _, m := range all {
		fmt.Fprintf(w, "%d\t%d\t%s\n", m.number, m.port, m.node.Status().Role)
	}
	w.Flush()
	head, tail := all[0].port, all[len(all)-1].port
	fmt.Fprintf(&b, `
Every server takes reads and writes. In another terminal:

  redis-cli -p %d SET greeting hello
  redis-cli -p %d GET greeting
  redis-benchmark -p %d -t set,get -P 16 -c 50 -q
  curl http://127.0.0.1:%d/status

Then let servers die: kill N, pause N, start N, add; also status, help, quit.

`, head, tail, all[len(all)/2].port, head)
	return b.String()
}
