package resp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/chaintable/chaintable/table"
)

// command is one row of the table that drives everything: dispatch, arity, keys and what COMMAND says.
type command struct {
	name  string // lower case; of a subcommand "client|id"
	arity int    // number of args, the name's included; -n for n or more
	flags string // as COMMAND shows them, with blanks between
	keys  keys
	group string
	since string // version of Redis that had it first
	about string

	// A command that changes the table has write and reply, any other run. All run on the connection's goroutine.

	// write builds the change from args, or returns an error of the protocol. The change may alias args.
	write func(args [][]byte, change *table.Command) (problem string)
	// reply answers a change that was executed; the result's code is CodeOK or CodeConditionFailed.
	reply func(w *writer, result table.Result)
	// run answers a request; all writes before it have been applied.
	run func(c *client, ctx context.Context, args [][]byte)

	sub map[string]*command // by name of the subcommand; run, if not nil, is for a request without one

	index int // among the commands that are counted; subcommands count as the command that they are of
}

// keys says where a command's keys are among its args: first, first+step, ... up to last, where -1 is the last arg. The
// zero value is no keys.
type keys struct{ first, last, step int }

var (
	one  = keys{1, 1, 1}
	many = keys{1, -1, 1}
)

// attack is the command whose name is how an HTTP request goes on or begins.
var attack = &command{name: "attack"}

// commands is the table, by name in lower case.
var commands map[string]*command

// rows is the table in the order in which COMMAND lists it. Set by init: the functions refer to the table themselves.
var rows []*command

func init() {
	rows = slices.Concat(stringCommands(), keyCommands(), connectionCommands(), serverCommands())
	commands = make(map[string]*command, len(rows))
	for i, c := range rows {
		commands[c.name], c.index = c, i
		for _, sub := range c.sub {
			sub.index = i
		}
	}
	commands["post"], commands["host:"] = attack, attack
}

// maxName is longer than every command's name.
const maxName = 32

// find is the command that args ask for, its subcommand if it has those, nil if there is none; and the error to be answered.
func find(args [][]byte, inline bool) (cmd *command, problem string) {
	cmd = lookup(commands, args[0])
	if cmd == attack || inline && isHTTP(args) {
		return attack, ""
	}
	if cmd == nil {
		return nil, unknown(args)
	}
	if cmd.sub != nil && len(args) > 1 {
		sub := lookup(cmd.sub, args[1])
		if sub == nil {
			return cmd, fmt.Sprintf("ERR unknown subcommand '%.128s'. Try %s HELP.", args[1], strings.ToUpper(cmd.name))
		}
		cmd = sub
	}
	if len(args) != cmd.arity && (cmd.arity >= 0 || len(args) < -cmd.arity) {
		return cmd, wrongArity(cmd)
	}
	return cmd, cmd.checkKeys(args)
}

func wrongArity(cmd *command) string {
	return "ERR wrong number of arguments for '" + cmd.name + "' command"
}

func lookup(in map[string]*command, name []byte) *command {
	var lower [maxName]byte
	if len(name) > maxName {
		return nil
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return in[string(lower[:len(name)])]
}

// checkKeys refuses keys that are too long.
func (cmd *command) checkKeys(args [][]byte) (problem string) {
	if cmd.keys.step == 0 {
		return ""
	}
	last := cmd.keys.last
	if last < 0 {
		last += len(args)
	}
	for i := cmd.keys.first; i <= last; i += cmd.keys.step {
		if len(args[i]) > table.MaxKeyBytes {
			return fmt.Sprintf("ERR a key of %d bytes is longer than %d", len(args[i]), table.MaxKeyBytes)
		}
	}
	return ""
}

// unknown is Redis' error for a command that does not exist.
func unknown(args [][]byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ERR unknown command '%.128s', with args beginning with: ", args[0])
	const limit = 128
	start := b.Len()
	for _, a := range args[1:] {
		if b.Len()-start >= limit {
			break
		}
		fmt.Fprintf(&b, "'%.*s' ", limit-(b.Len()-start), a)
	}
	return b.String()
}

// isHTTP tells whether an inline request is the first line of an HTTP request.
func isHTTP(args [][]byte) bool {
	last := args[len(args)-1]
	return len(args) == 3 && len(last) == len("HTTP/1.1") && strings.HasPrefix(string(last), "HTTP/1.")
}

// is compares an option's name, in capitals, with an arg.
func is(arg []byte, option string) bool {
	return len(arg) == len(option) && strings.EqualFold(string(arg), option)
}

// isAny compares an arg with several names of options.
func isAny(arg []byte, options ...string) bool {
	return slices.ContainsFunc(options, func(o string) bool { return is(arg, o) })
}

const (
	errSyntax   = "ERR syntax error"
	errNotInt   = "ERR value is not an integer or out of range"
	errOverflow = "ERR decrement would overflow"
)
