package resp

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/metrics"
	"github.com/chaintable/chaintable/server/stream"
	"github.com/chaintable/chaintable/table"
)

func stringCommands() []*command {
	return []*command{
		{
			name: "get", arity: 2, flags: "readonly fast", keys: one, group: "string", since: "1.0.0",
			about: "Returns the string value of a key.", run: get,
		},
		{
			name: "set", arity: -3, flags: "write denyoom", keys: one, group: "string", since: "1.0.0",
			about: "Sets the string value of a key, with NX or XX only if it does not or does exist.", write: set, reply: replySet,
		},
		{
			name: "mget", arity: -2, flags: "readonly fast", keys: many, group: "string", since: "1.0.0",
			about: "Atomically returns the string values of one or more keys.", run: mget,
		},
		{
			name: "mset", arity: -3, flags: "write denyoom", keys: keys{1, -1, 2}, group: "string", since: "1.0.1",
			about: "Atomically sets the string values of one or more keys.", write: mset, reply: replyOK,
		},
		{
			name: "strlen", arity: 2, flags: "readonly fast", keys: one, group: "string", since: "2.2.0",
			about: "Returns the length of a string value.", run: strlen,
		},
		{
			name: "incr", arity: 2, flags: "write denyoom fast", keys: one, group: "string", since: "1.0.0",
			about: "Increments the integer value of a key by one.", write: incr, reply: replyCount,
		},
		{
			name: "decr", arity: 2, flags: "write denyoom fast", keys: one, group: "string", since: "1.0.0",
			about: "Decrements the integer value of a key by one.", write: decr, reply: replyCount,
		},
		{
			name: "incrby", arity: 3, flags: "write denyoom fast", keys: one, group: "string", since: "1.0.0",
			about: "Increments the integer value of a key by a number.", write: incrby, reply: replyCount,
		},
		{
			name: "decrby", arity: 3, flags: "write denyoom fast", keys: one, group: "string", since: "1.0.0",
			about: "Decrements the integer value of a key by a number.", write: decrby, reply: replyCount,
		},
	}
}

func get(c *client, ctx context.Context, args [][]byte) {
	if c.getKey(ctx, args[1]) {
		c.w.value(c.get.value)
	}
	c.get.value = nil
}

func strlen(c *client, ctx context.Context, args [][]byte) {
	if c.getKey(ctx, args[1]) {
		c.w.int(int64(len(c.get.value)))
	}
	c.get.value = nil
}

// getKey sets c.get.value to the key's value, nil for none, or writes an error and returns false.
func (c *client) getKey(ctx context.Context, key []byte) bool {
	c.get.key = key
	ok := c.read(ctx, replica.Key(key), c.getOne)
	if ok && c.get.value == nil {
		c.w.outcome = metrics.Miss
	}
	c.get.key = nil
	return ok
}

// getMany are the values of keys, nil for those that do not exist, all as they are between two writes. ok is false if an error was
// written instead.
func (c *client) getMany(ctx context.Context, keys [][]byte) (values [][]byte, ok bool) {
	values = make([][]byte, len(keys))
	return values, c.read(ctx, replica.Keys(keys), func(t *table.Table) { t.GetMany(keys, values) })
}

func mget(c *client, ctx context.Context, args [][]byte) {
	values, ok := c.getMany(ctx, args[1:])
	if !ok {
		return
	}
	size := 0
	for _, v := range values {
		size += bulkBytes(len(v))
	}
	if size > stream.MaxUnread {
		c.w.error(tooLarge(size))
		return
	}
	c.w.array(len(values))
	for _, v := range values {
		c.w.value(v)
		c.pace()
	}
}

// tooLarge refuses a reply that its client could not leave unread.
func tooLarge(size int) string {
	return fmt.Sprintf("ERR the reply of %d bytes or more is longer than %d", size, stream.MaxUnread)
}

func set(args [][]byte, change *table.Command) string {
	change.Op = table.OpPut
	change.Pairs = []table.Pair{{Key: args[1], Value: args[2]}}
	for _, option := range args[3:] {
		switch {
		case isAny(option, "EX", "PX", "EXAT", "PXAT", "KEEPTTL", "GET"):
			return "ERR option " + strings.ToUpper(string(option)) + " of 'set' is not supported"
		case change.If != table.IfAny:
			return errSyntax
		case is(option, "NX"):
			change.If = table.IfAbsent
		case is(option, "XX"):
			change.If = table.IfPresent
		default:
			return errSyntax
		}
	}
	return ""
}

func replySet(w *writer, result table.Result) {
	if result.Code == table.CodeConditionFailed {
		w.null()
	} else {
		w.ok()
	}
}

func mset(args [][]byte, change *table.Command) string {
	if len(args)%2 == 0 {
		return wrongArity(commands["mset"])
	}
	change.Op = table.OpPut
	change.Pairs = make([]table.Pair, 0, len(args)/2)
	for i := 1; i < len(args); i += 2 {
		change.Pairs = append(change.Pairs, table.Pair{Key: args[i], Value: args[i+1]})
	}
	return ""
}

func incr(args [][]byte, change *table.Command) string { return increment(args, change, 1) }

func decr(args [][]byte, change *table.Command) string { return increment(args, change, -1) }

func incrby(args [][]byte, change *table.Command) string {
	n, ok := parseInt(args[2])
	if !ok {
		return errNotInt
	}
	return increment(args, change, n)
}

func decrby(args [][]byte, change *table.Command) string {
	n, ok := parseInt(args[2])
	if !ok {
		return errNotInt
	}
	if n == math.MinInt64 {
		return errOverflow
	}
	return increment(args, change, -n)
}

func increment(args [][]byte, change *table.Command, delta int64) string {
	*change = table.Command{Op: table.OpIncrement, Keys: args[1:2], Delta: delta}
	return ""
}

func replyOK(w *writer, _ table.Result) { w.ok() }

func replyCount(w *writer, result table.Result) { w.int(result.Count) }
