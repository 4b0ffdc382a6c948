package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/chaintable/chaintable/server/wire"
	"github.com/chaintable/chaintable/table"
)

const commandList = `  put KEY DATA   store data, which may hold spaces; prints the number of the operation
  get KEY        print what is stored
  del KEY        remove it; prints the number of the operation
  size           how many keys there are
  getkeys        all keys, one a line, in quotes if they hold what is not printable
  verify NUMBER  what became of an operation: executed, pending or lost
  status         a table of all servers
  help           this list
  quit           end
`

// commands are the names, and what a server is asked; 0 for what is none of the seed's.
var commands = map[string]wire.Op{
	"put": wire.Put, "get": wire.Get, "del": wire.Del, "size": wire.Size, "getkeys": wire.GetKeys, "verify": wire.Verify,
	"status": 0, "help": 0, "quit": 0,
}

const commandNames = "put, get, del, size, getkeys, verify, status, help or quit"

// request is a command with its arguments.
type request struct {
	name string
	question
}

// local tells that no server is needed.
func (r request) local() bool { return r.name == "help" || r.name == "quit" }

// parseWords reads a command whose arguments are apart; put's data may be several, and is joined with spaces.
func parseWords(words []string) (request, error) {
	r := request{name: strings.ToLower(words[0])}
	op, known := commands[r.name]
	r.op = op
	args := words[1:]
	switch {
	case !known:
		return r, usagef("unknown command %s: %s", show(words[0]), commandNames)
	case op == wire.Put && len(args) < 2:
		return r, usagef("want put KEY DATA; for no data, put KEY and a space, or \"\" in a shell")
	case op == wire.Put:
		r.key, r.data = args[0], strings.Join(args[1:], " ")
	case (op == wire.Get || op == wire.Del || op == wire.Verify) && len(args) != 1:
		return r, usagef("want %s and one word behind it: a key with spaces needs quotes, in a shell", r.name)
	case op == wire.Verify:
		n, err := strconv.ParseInt(args[0], 10, 32)
		if err != nil || n < 1 {
			return r, usagef("verify %s: want the number that a put or del was answered with", show(args[0]))
		}
		r.number = int32(n)
	case op == wire.Get || op == wire.Del:
		r.key = args[0]
	case len(args) > 0:
		return r, usagef("%s takes no arguments", r.name)
	}
	switch {
	case len(r.key) > table.MaxKeyBytes:
		return r, usagef("a key of %d bytes is too long: at most %d", len(r.key), table.MaxKeyBytes)
	case len(r.data) > table.MaxValueBytes:
		return r, usagef("data of %d bytes is too long: at most %d", len(r.data), table.MaxValueBytes)
	}
	return r, nil
}

// parseLine reads a command from a line. Put's data is all that follows the key and one space.
func parseLine(line string) (request, error) {
	line = strings.TrimLeft(line, " ")
	name, rest, _ := strings.Cut(line, " ")
	if strings.EqualFold(name, "put") {
		if key, data, found := strings.Cut(rest, " "); found && key != "" {
			return parseWords([]string{name, key, data})
		}
		return parseWords([]string{name})
	}
	return parseWords(strings.FieldsFunc(line, func(r rune) bool { return r == ' ' }))
}

// execute carries out a command and prints its result. With quit no other is to follow.
func execute(c *client, r request, out *output) (quit bool, err error) {
	switch r.name {
	case "quit":
		return true, nil
	case "help":
		return false, out.print(commandList)
	}
	ctx, stop := interruptible(c.timeout)
	defer stop()
	if r.name == "status" {
		text, err := status(ctx, c.servers)
		if err != nil {
			return interrupted(ctx), err
		}
		return false, out.print(text)
	}
	reply, err := c.ask(ctx, r.question)
	if err != nil {
		return interrupted(ctx), err
	}
	switch r.op {
	case wire.Put, wire.Del:
		err = out.print(fmt.Sprintf("operation %d\n", reply.Result))
	case wire.Get:
		err = out.value(reply.Data)
	case wire.Size:
		err = out.print(fmt.Sprintf("%d\n", reply.Result))
	case wire.GetKeys:
		err = out.keys(reply.Keys)
	case wire.Verify:
		fate := map[int32]string{1: "executed", 0: "pending", -1: "lost"}[reply.Result]
		if err = out.print(fate + "\n"); err == nil && reply.Result != 1 {
			err = failf(codeNo, "") // the answer is printed
		}
	}
	return false, err
}

// output is where results and notes go.
type output struct {
	out, notes io.Writer
	terminal   bool // out is one
}

func (o *output) note(format string, args ...any) {
	fmt.Fprintf(o.notes, "table-client: "+format+"\n", args...)
}

func (o *output) print(text string) error { return o.write([]byte(text)) }

func (o *output) write(b []byte) error {
	if _, err := o.out.Write(b); err != nil {
		return failf(codeFailed, "cannot print the result: %w", err)
	}
	return nil
}

// value prints a value as it is. The C client stores a final NUL, which a terminal need not see.
func (o *output) value(v []byte) error {
	if n := len(v); o.terminal && n > 0 && v[n-1] == 0 {
		v = v[:n-1]
	}
	return o.write(append(v, '\n'))
}

// keys prints keys, of which there may be many.
func (o *output) keys(keys []string) error {
	slices.Sort(keys)
	var b []byte
	for _, k := range keys {
		if b = append(append(b, show(k)...), '\n'); len(b) >= 64<<10 {
			if err := o.write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	return o.write(b)
}

// show is a key as people read it: in quotes if it would not be one line of text, or looks as if it were in quotes.
func show(key string) string {
	if strings.HasPrefix(key, `"`) || slices.ContainsFunc([]rune(key), func(r rune) bool { return !strconv.IsPrint(r) }) ||
		strings.ToValidUTF8(key, "") != key {
		return strconv.Quote(key)
	}
	return key
}

// clean is what others have said, in one line of at most so many characters.
func clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
