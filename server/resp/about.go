package resp

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What COMMAND says of the table of commands.

// maxNames bounds how many commands one may ask about at once: the answers are much longer than the names.
const maxNames = 1000

var errNames = fmt.Sprintf("ERR at most %d names", maxNames)

func commandAll(c *client, _ context.Context, _ [][]byte) {
	c.w.array(len(rows))
	for _, cmd := range rows {
		c.w.command(cmd)
	}
}

func commandCount(c *client, _ context.Context, _ [][]byte) { c.w.int(int64(len(rows))) }

func commandInfo(c *client, ctx context.Context, args [][]byte) {
	if len(args) == 2 {
		commandAll(c, ctx, args)
		return
	}
	if len(args)-2 > maxNames {
		c.w.error(errNames)
		return
	}
	c.w.array(len(args) - 2)
	for _, name := range args[2:] {
		if cmd := named(name); cmd != nil {
			c.w.command(cmd)
		} else {
			c.w.null()
		}
	}
}

// commandList answers COMMAND LIST, whose filters we do not have.
func commandList(c *client, _ context.Context, args [][]byte) {
	if len(args) > 2 {
		c.w.error(errSyntax)
		return
	}
	names := make([]string, len(rows))
	for i, cmd := range rows {
		names[i] = cmd.name
	}
	c.w.texts(names)
}

func commandDocs(c *client, _ context.Context, args [][]byte) {
	list := rows
	if len(args)-2 > maxNames {
		c.w.error(errNames)
		return
	}
	if len(args) > 2 {
		list = nil
		for _, name := range args[2:] {
			if cmd := named(name); cmd != nil {
				list = append(list, cmd)
			}
		}
	}
	c.w.docs(list)
}

// named finds a command, or a subcommand by its full name "client|id".
func named(name []byte) *command {
	cmd := lookup(commands, name)
	if cmd == nil {
		container, sub, ok := strings.Cut(string(name), "|")
		if parent := lookup(commands, []byte(container)); ok && parent != nil {
			cmd = lookup(parent.sub, []byte(sub))
		}
	}
	if cmd == attack {
		return nil
	}
	return cmd
}

// children are the subcommands in the order of their names.
func (cmd *command) children() []*command {
	list := make([]*command, 0, len(cmd.sub))
	for _, name := range slices.Sorted(maps.Keys(cmd.sub)) {
		list = append(list, cmd.sub[name])
	}
	return list
}

// command writes the ten elements of COMMAND INFO.
func (w *writer) command(cmd *command) {
	flags := strings.Fields(cmd.flags)
	w.array(10)
	w.text(cmd.name)
	w.int(int64(cmd.arity))
	w.set(len(flags))
	for _, f := range flags {
		w.simple(f)
	}
	w.int(int64(cmd.keys.first))
	w.int(int64(cmd.keys.last))
	w.int(int64(cmd.keys.step))
	w.set(0)   // categories of access control
	w.array(0) // tips
	w.keySpecs(cmd)
	children := cmd.children()
	w.array(len(children))
	for _, sub := range children {
		w.command(sub)
	}
}

// keySpecs writes where the keys are, in the form that Redis 7 has for it.
func (w *writer) keySpecs(cmd *command) {
	if cmd.keys.step == 0 {
		w.array(0)
		return
	}
	w.array(1)
	w.mapping(3)
	w.text("flags")
	if strings.Contains(cmd.flags, "readonly") {
		w.set(1)
		w.simple("RO")
	} else {
		w.set(1)
		w.simple("RW")
	}
	w.text("begin_search")
	w.mapping(2)
	w.text("type")
	w.text("index")
	w.text("spec")
	w.mapping(1)
	w.text("index")
	w.int(int64(cmd.keys.first))
	w.text("find_keys")
	w.mapping(2)
	w.text("type")
	w.text("range")
	w.text("spec")
	w.mapping(3)
	w.text("lastkey")
	if cmd.keys.last < 0 {
		w.int(int64(cmd.keys.last))
	} else {
		w.int(int64(cmd.keys.last - cmd.keys.first)) // relative to the first key
	}
	w.text("keystep")
	w.int(int64(cmd.keys.step))
	w.text("limit")
	w.int(0)
}

// help writes what a container's subcommands do, for people: lines as Redis has them.
func (w *writer) help(of *command) {
	children := of.children()
	w.array(1 + 2*len(children))
	w.simple(strings.ToUpper(of.name) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
	for _, sub := range children {
		_, name, _ := strings.Cut(sub.name, "|")
		w.simple(strings.ToUpper(name))
		w.simple("    " + sub.about)
	}
}

// docs writes what COMMAND DOCS says of commands.
func (w *writer) docs(list []*command) {
	w.mapping(len(list))
	for _, cmd := range list {
		children := cmd.children()
		w.text(cmd.name)
		if len(children) > 0 {
			w.mapping(4)
		} else {
			w.mapping(3)
		}
		for _, field := range [][2]string{{"summary", cmd.about}, {"since", cmd.since}, {"group", cmd.group}} {
			w.text(field[0])
			w.text(field[1])
		}
		if len(children) > 0 {
			w.text("subcommands")
			w.docs(children)
		}
	}
}
