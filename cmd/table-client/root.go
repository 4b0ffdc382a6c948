package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chaintable/chaintable/internal/version"
)

const about = `Table-client asks a server of Chaintable, or all servers of a chain that ZooKeeper knows. Without a command it reads
commands from standard input, one a line: at a prompt, if that is a terminal.

ADDR is HOST:PORT of a server, or of ZooKeeper: the client finds out which. With a comma or a slash it is ZooKeeper:
HOST:PORT,HOST:PORT/CHROOT. A port alone is one of this machine. Through ZooKeeper, writes go to the head of the chain and reads to
the tail, and the client follows when they change.

Commands:
` + commandList + `
A put or del is answered with the number of an operation before it has taken effect; verify tells what became of it. A read
sees the writes of the same session that came before it.

Exit codes, of several commands the highest:
  0  done
  1  no such key; an operation that is pending or lost
  2  wrong usage
  3  not executed, or no server could be reached: it can be tried again
  4  uncertain: a put or del that was sent, and may or may not be executed`

const examples = `  table-client 127.0.0.1:7001 put greeting hello, world
  table-client 127.0.0.1:7001 get greeting
  table-client 127.0.0.1:7001                            a prompt
  table-client 127.0.0.1:2181 status                     all servers of a chain that ZooKeeper knows
  table-client --chain other zk1:2181,zk2:2181/app getkeys`

// options are the flags.
type options struct {
	chain   string
	timeout time.Duration
}

func newRoot(open openFunc) *cobra.Command {
	var o options
	root := &cobra.Command{
		Use:                   "table-client [FLAGS] ADDR [COMMAND [ARG...]]",
		Short:                 "Ask servers of Chaintable",
		Long:                  about,
		Example:               examples,
		Version:               version.String(),
		SilenceErrors:         true,
		SilenceUsage:          true,
		DisableAutoGenTag:     true,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("want the address of a server or of ZooKeeper: table-client 127.0.0.1:7001")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return start(c, args, &o, open) },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetVersionTemplate(fmt.Sprintf("table-client {{.Version}} (%s %s/%s)\n", runtime.Version(), runtime.GOOS, runtime.GOARCH))
	f := root.Flags()
	f.SortFlags = false
	f.SetInterspersed(false) // data may look like a flag
	f.StringVar(&o.chain, "chain", "main", "name of the chain in ZooKeeper")
	f.DurationVar(&o.timeout, "timeout", 5*time.Second, "how long a command may take, all tries together")
	return root
}

// start finds the servers and carries out the command, or all that are read.
func start(c *cobra.Command, args []string, o *options, open openFunc) error {
	if o.timeout < time.Millisecond || o.timeout > 24*time.Hour {
		return usagef("--timeout %v: want something between 1ms and 24h", o.timeout)
	}
	var only *request
	if len(args) > 1 {
		if strings.HasPrefix(args[1], "-") {
			return usagef("%s: flags come before the address", show(args[1]))
		}
		r, err := parseWords(args[1:])
		if err != nil {
			return err
		}
		only = &r
	}
	address, err := normalize(args[0])
	if err != nil {
		return err
	}
	out := &output{out: c.OutOrStdout(), notes: c.ErrOrStderr(), terminal: isTerminal(c.OutOrStdout())}
	if only != nil && only.local() {
		_, err := execute(nil, *only, out)
		return err
	}
	found, err := locate(address, o, open)
	if err != nil {
		return err
	}
	defer found.close()
	client := newClient(found, o.timeout, out)
	defer client.close()
	if only == nil {
		return session(client, c.InOrStdin(), out)
	}
	_, err = execute(client, *only, out)
	return err
}
