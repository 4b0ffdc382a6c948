package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/chaintable/chaintable/internal/version"
)

const about = `Table-client asks the servers of Chaintable. ADDR is where they are, and comes first; then the command. Without a command it
reads commands from standard input, one a line: at a prompt, if that is a terminal.

ADDR is one of
  HOST:PORT            a server, or ZooKeeper: the client finds out which
  HOST:PORT,HOST:PORT  several servers, or ZooKeeper's: one that answers is enough
  HOST:PORT/CHROOT     ZooKeeper, as servers were started with
  PORT                 of this machine
  NAME                 a connection that has a name: see table-client connections --help

The client finds the other servers, writes at the head, reads at the nearest one, follows when the chain changes, and tries again
until --timeout is over: each write takes effect at most once. It is answered when it has taken effect. Servers of several chains in one
ADDR are refused; for that each command waits 0.2 s at most for those of ADDR, and of their chain, that are slow.

In a session a word that begins with a double quote is a string as Go writes it: for keys with spaces, and for what getkeys prints in
quotes. Lines that begin with # are comments. With -o json a command answers with JSON documents, one a line; what went wrong is in
one, too, if there is no other: {"error":…,"code":…}, code being the exit code.

Exit codes, of several commands the highest:
  0  done
  1  no such key; a condition that does not hold; an operation that is pending, lost or forgotten
  2  wrong usage, or a file that makes no sense
  3  not executed, or no server could be reached: it can be tried again
  4  uncertain: a write that was sent, and may or may not be executed`

const examples = `  table-client 127.0.0.1:7001 put greeting hello, world
  table-client 127.0.0.1:7001 get greeting
  table-client 127.0.0.1:7001                            a prompt
  table-client 127.0.0.1:2181 status                     all servers of a chain that ZooKeeper knows
  table-client 7001,7002,7003 load --rate 1000 words     a file, while servers may come and go
  table-client --chain other zk1:2181,zk2:2181/app getkeys
  table-client help load                                 more about one command`

const usage = `Usage:
  {{.UseLine}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$all := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $all}}{{if (and (eq .GroupID $group.ID) .IsAvailableCommand)}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if not .Groups}}

Commands:{{range $all}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsagesWrapped 130 | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of all commands:
{{.InheritedFlags.FlagUsagesWrapped 130 | trimTrailingWhitespaces}}{{end}}
`

const defaultChain = "main"

// maxSuggestions is how many commands may have been meant by one that is not there.
const maxSuggestions = 3

// Groups of commands, in the list of them.
const (
	groupData  = "data"
	groupChain = "chain"
	groupFiles = "files"
	groupOther = "other"
)

func init() { cobra.EnableCommandSorting = false } // what is used most comes first

// newRoot is the tree of commands. It is made anew for each line of a session, and has the flags that were given so far as defaults.
func newRoot(a *app) *cobra.Command {
	if a.chain == "" {
		a.chain = defaultChain
	}
	root := &cobra.Command{
		Use:                   "table-client [COMMAND [ARG...]]",
		DisableFlagsInUseLine: true,
		Annotations:           map[string]string{cobra.CommandDisplayNameAnnotation: "table-client [FLAGS] ADDR"},
		Short:                 "Ask the servers of Chaintable",
		Long:                  about,
		Example:               examples,
		Version:               version.String(),
		SilenceErrors:         true,
		SilenceUsage:          true,
		DisableAutoGenTag:     true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			if near := c.SuggestionsFor(args[0]); args[0] != "" && len(near) > 0 {
				near = near[:min(len(near), maxSuggestions)]
				return usagef("unknown command %s: did you mean %s?", show(args[0]), strings.Join(near, " or "))
			}
			return usagef("unknown command %s", show(args[0]))
		},
		RunE:              func(*cobra.Command, []string) error { return a.session() },
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return a.begin(c) },
	}
	root.SetIn(a.in)
	root.SetOut(a.out.out)
	root.SetErr(a.out.notes)
	root.SetUsageTemplate(usage)
	root.SetVersionTemplate(fmt.Sprintf("table-client {{.Version}} (%s %s/%s)\n", runtime.Version(), runtime.GOOS, runtime.GOARCH))
	root.SuggestionsMinimumDistance = 2
	root.SetFlagErrorFunc(flagError)
	root.Flags().Bool("version", false, "print the version") // without cobra's -v, which get has
	f := root.PersistentFlags()
	f.SortFlags = false
	f.BoolP("help", "h", false, "tell more about the command")
	f.StringVar(&a.chain, "chain", a.chain, "name of the chain in ZooKeeper")
	f.DurationVar(&a.timeout, "timeout", a.timeout, "how long a command may take, all tries together (default 5s; 1m for a change of members, and for each line of load)")
	f.StringVarP(&a.form, "output", "o", a.form, "form of what is printed: table, plain (cells with a tab between them) or json (default: table on a terminal, else plain)")
	f.StringVar(&a.options.connections, "connections", a.options.connections, "`file` with the connections that have names")
	_ = root.RegisterFlagCompletionFunc("output", words(formTable, formPlain, formJSON)) // the flag is there
	_ = root.RegisterFlagCompletionFunc("chain", cobra.NoFileCompletions)
	_ = root.RegisterFlagCompletionFunc("timeout", cobra.NoFileCompletions)
	root.AddGroup(
		&cobra.Group{ID: groupData, Title: "Keys and values:"}, &cobra.Group{ID: groupChain, Title: "The chain:"},
		&cobra.Group{ID: groupFiles, Title: "Files:"}, &cobra.Group{ID: groupOther, Title: "Besides:"},
	)
	root.AddCommand(
		newPut(a), newGet(a), newDel(a), newCas(a), newSize(a), newGetKeys(a), newVerify(a), newTxn(a),
		newStatus(a), newMembers(a),
		newLoad(a), newDump(a), newBackup(a),
		newBench(a),
		newConnections(a), newCompletion(a), newQuit(a),
	)
	root.SetHelpCommand(newHelp(a))
	root.SetHelpCommandGroupID(groupOther)
	root.CompletionOptions.DisableDefaultCmd = true // there is newCompletion
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		c.DisableFlagsInUseLine = true
		if withoutAddress[c.Name()] {
			c.SetUsageTemplate(strings.ReplaceAll(c.UsageTemplate(), "{{.UseLine}}", "table-client "+c.Use))
		}
	}
	return root
}

// withoutAddress are the commands that ask no server.
var withoutAddress = map[string]bool{"help": true, "completion": true, "connections": true}

// isCommand tells names of commands from those of connections.
func isCommand(name string) bool {
	return slices.ContainsFunc(newRoot(newApp(nil, io.Discard, io.Discard)).Commands(), func(c *cobra.Command) bool { return c.Name() == name })
}

// words completes a flag's value to one of them.
func words(all ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp)
}

// oneOf completes a command's only argument to one of them.
func oneOf(all ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}

// main carries out a command line: [FLAGS] ADDR [COMMAND [ARG...]], or [FLAGS] and one of the commands that need no ADDR.
func (a *app) main(args []string) error {
	root := newRoot(a)
	if len(args) > 1 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		root.SetArgs(a.complete(root, args))
		return root.Execute()
	}
	rest, err := front(root, args)
	switch {
	case err != nil:
		return flagError(root, err)
	case root.PersistentFlags().Lookup("help").Changed || root.Flags().Lookup("version").Changed:
		root.SetArgs(args)
		return root.Execute()
	case len(rest) == 0:
		return usagef("want the address of a server or of ZooKeeper: table-client 127.0.0.1:7001")
	case isCommand(strings.ToLower(rest[0])):
		return a.execute(root, rest)
	}
	a.address = rest[0]
	return a.execute(root, rest[1:])
}

// execute carries out a command, in small or capital letters. An error of wrong usage tells which command that was.
func (a *app) execute(root *cobra.Command, words []string) error {
	words = append([]string{}, words...) // not nil, for which cobra would take the process's
	if len(words) > 0 && isCommand(strings.ToLower(words[0])) {
		words[0] = strings.ToLower(words[0])
	}
	root.SetArgs(words)
	c, err := root.ExecuteC()
	f := failure{}
	if !errors.As(err, &f) || !f.usage {
		return err
	}
	if a.form == "" && wantsJSON(words) { // behind what could not be read
		a.form = formJSON
	}
	if f.about = pathOf(c); f.about == "help" {
		f.about = ""
	}
	if f.about != "" {
		f.error = fmt.Errorf("%s: %w", f.about, f.error)
	}
	return f
}

// pathOf is what a command is called behind ADDR: its name, for members' commands two words, and nothing for the root.
func pathOf(c *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), c.Root().CommandPath()), " ")
}

// front reads the flags before ADDR, and returns what follows.
func front(root *cobra.Command, args []string) (rest []string, err error) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.SetInterspersed(false)
	flags.SetOutput(io.Discard)
	flags.AddFlagSet(root.PersistentFlags())
	flags.AddFlagSet(root.Flags())
	err = flags.Parse(args)
	return flags.Args(), err
}

// begin checks what all commands have in common.
func (a *app) begin(c *cobra.Command) error {
	timeout := c.Root().PersistentFlags().Lookup("timeout")
	a.chainGiven = a.chainGiven || c.Root().PersistentFlags().Changed("chain")
	a.out.form = a.form
	switch {
	case timeout.Changed && (a.timeout < time.Millisecond || a.timeout > 24*time.Hour):
		return usagef("--timeout %v: want something between 1ms and 24h", a.timeout)
	case !slices.Contains([]string{"", formTable, formPlain, formJSON}, a.form):
		return usagef("--output %s: want table, plain or json", show(a.form))
	case strings.HasPrefix(c.Name(), "__"): // a shell asks for completions
	case a.address == "" && !withoutAddress[c.Name()] && c.Name() != "backup": // which looks itself
		return usagef("want the address first: table-client 127.0.0.1:7001 %s", pathOf(c))
	}
	return nil
}

// complete is what cobra is asked for completions with: the command line without ADDR, or if that is to be completed, with it alone.
func (a *app) complete(root *cobra.Command, args []string) []string {
	before, last := args[1:len(args)-1], args[len(args)-1]
	rest, err := front(root, before)
	unquote(root)
	hide := func(address bool) {
		for _, c := range root.Commands() {
			c.Hidden = c.Hidden || withoutAddress[c.Name()] != address
		}
	}
	switch {
	case err != nil || len(rest) > 0 && isCommand(rest[0]):
		return args
	case len(rest) == 0:
		hide(true)
		root.ValidArgsFunction = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			all, err := a.connectionList()
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			var names []cobra.Completion
			for _, c := range all {
				names = append(names, cobra.CompletionWithDesc(c.Name, c.Address))
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		}
		return args
	}
	hide(false)
	root.ValidArgsFunction = cobra.NoFileCompletions
	return slices.Concat(args[:1], rest[1:], []string{last})
}

// unquote takes out of the texts of flags the quotes that help understands, and shells show.
func unquote(c *cobra.Command) {
	bare := func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") }
	c.Flags().VisitAll(bare)
	c.PersistentFlags().VisitAll(bare)
	for _, sub := range c.Commands() {
		unquote(sub)
	}
}

// newHelp shows the list of commands, or tells about one.
func newHelp(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		GroupID: groupOther,
		Short:   "this list, or more about a command",
		Example: "  table-client help load",
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
			for _, other := range c.Root().Commands() {
				if len(args) == 0 && other.Name() != "help" && !strings.HasPrefix(other.Name(), "__") {
					names = append(names, cobra.CompletionWithDesc(other.Name(), other.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			if len(args) == 0 && a.address != "" {
				return a.out.print(commandList(root))
			}
			for i, word := range args {
				args[i] = strings.ToLower(word)
			}
			about, rest, err := root.Find(args)
			switch {
			case err != nil:
				return err
			case about == root && len(rest) > 0:
				return root.Args(root, rest)
			case len(rest) > 0:
				return usagef("%s has no command %s", pathOf(about), show(rest[0]))
			}
			return about.Help()
		},
	}
}

// commandList is a line for each command.
func commandList(root *cobra.Command) string {
	var b strings.Builder
	for _, c := range root.Commands() {
		if c.Hidden || withoutAddress[c.Name()] && c.Name() != "connections" {
			continue
		}
		use := strings.TrimSpace(strings.ReplaceAll(c.Use, "[FLAGS]", ""))
		fmt.Fprintf(&b, "  %-22s %s\n", strings.Join(strings.Fields(use), " "), c.Short)
	}
	b.WriteString("  help COMMAND tells more about it, and its flags\n")
	return b.String()
}

func newQuit(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "quit", GroupID: groupOther, Short: "end the session", Args: none, ValidArgsFunction: cobra.NoFileCompletions,
		Long:    "End the session, as the end of its input does: at a prompt, Ctrl-D.",
		Example: "  printf 'put k v\\nget k\\nquit\\n' | table-client 7001",
		RunE:    func(*cobra.Command, []string) error { a.quit = true; return nil },
	}
}

// none refuses arguments.
func none(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("it takes no arguments")
	}
	return nil
}
