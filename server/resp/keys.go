package resp

import (
	"context"
	"fmt"
	"strconv"

	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/stream"
	"github.com/chaintable/chaintable/table"
)

func keyCommands() []*command {
	return []*command{
		{
			name: "del", arity: -2, flags: "write", keys: many, group: "generic", since: "1.0.0",
			about: "Atomically deletes one or more keys.", write: del, reply: replyCount,
		},
		{
			name: "unlink", arity: -2, flags: "write fast", keys: many, group: "generic", since: "4.0.0",
			about: "Atomically deletes one or more keys.", write: del, reply: replyCount,
		},
		{
			name: "exists", arity: -2, flags: "readonly fast", keys: many, group: "generic", since: "1.0.0",
			about: "Tells how many of the keys exist.", run: exists,
		},
		{
			name: "type", arity: 2, flags: "readonly fast", keys: one, group: "generic", since: "1.0.0",
			about: "Tells the type of the value at a key: string, or none.", run: typeOf,
		},
		{
			name: "keys", arity: 2, flags: "readonly", group: "generic", since: "1.0.0",
			about: "Returns all keys that match a pattern, as they are at one moment.", run: keysMatching,
		},
		{
			name: "scan", arity: -2, flags: "readonly", group: "generic", since: "2.8.0",
			about: "Iterates over the keys.", run: scan,
		},
		{
			name: "dbsize", arity: 1, flags: "readonly fast", group: "server", since: "1.0.0",
			about: "Returns the number of keys.", run: dbsize,
		},
		{
			name: "flushall", arity: -1, flags: "write", group: "server", since: "1.0.0",
			about: "Removes all keys.", write: flushall, reply: replyOK,
		},
		{
			name: "flushdb", arity: -1, flags: "write", group: "server", since: "1.0.0",
			about: "Removes all keys.", write: flushall, reply: replyOK,
		},
	}
}

func del(args [][]byte, change *table.Command) string {
	change.Op = table.OpDelete
	change.Keys = args[1:]
	return ""
}

func exists(c *client, ctx context.Context, args [][]byte) {
	values, ok := c.getMany(ctx, args[1:])
	if !ok {
		return
	}
	n := int64(0)
	for _, v := range values {
		if v != nil {
			n++
		}
	}
	c.w.int(n)
}

func typeOf(c *client, ctx context.Context, args [][]byte) {
	if c.getKey(ctx, args[1]) {
		if c.get.value == nil {
			c.w.simple("none")
		} else {
			c.w.simple("string")
		}
	}
	c.get.value = nil
}

func dbsize(c *client, ctx context.Context, _ [][]byte) {
	n := 0
	if c.read(ctx, replica.All, func(t *table.Table) { n = t.Len() }) {
		c.w.int(int64(n))
	}
}

// flushall takes Redis' options: the keys are gone when it is answered, and their memory is given back afterwards, so
// both of them are kept to.
func flushall(args [][]byte, change *table.Command) string {
	if len(args) > 2 || len(args) == 2 && !is(args[1], "SYNC") && !is(args[1], "ASYNC") {
		return errSyntax
	}
	change.Op = table.OpClear
	return ""
}

func checkPattern(pattern []byte) string {
	if len(pattern) > maxPattern {
		return fmt.Sprintf("ERR a pattern of %d bytes is longer than %d", len(pattern), maxPattern)
	}
	return ""
}

// keysMatching answers KEYS. The keys are those of a snapshot, so that the table is not held up, and the reply is built
// in pieces, because how many there are comes first and is known last.
func keysMatching(c *client, ctx context.Context, args [][]byte) {
	pattern := args[1]
	if problem := checkPattern(pattern); problem != "" {
		c.w.error(problem)
		return
	}
	select {
	case c.front.listings <- struct{}{}:
		defer func() { <-c.front.listings }()
	case <-c.context(ctx).Done():
		c.w.error("TRYAGAIN not executed: too many KEYS are under way")
		return
	}
	var snapshot *table.Snapshot
	defer func() {
		if snapshot != nil {
			snapshot.Close()
		}
	}()
	if !c.read(ctx, replica.All, func(t *table.Table) {
		if snapshot != nil {
			snapshot.Close()
		}
		snapshot = t.Snapshot()
	}) {
		return
	}
	pieces, n, problem := listKeys(c.context(ctx), snapshot, pattern)
	if problem != "" {
		c.w.error(problem)
		return
	}
	c.w.array(n)
	for i, p := range pieces {
		pieces[i] = nil
		c.w.bytes(p)
		c.pace() // with the listing still ours: so few of them are unread at a time
	}
}

// deadlineKeys is how many keys are looked at between looks at the deadline.
const deadlineKeys = 64

// listKeys encodes the keys that match, in pieces.
func listKeys(ctx context.Context, snapshot *table.Snapshot, pattern []byte) (pieces [][]byte, n int, problem string) {
	var w writer
	size, looked := 0, 0
	for key := range snapshot.All() {
		if looked++; looked%deadlineKeys == 0 && ctx.Err() != nil {
			return nil, 0, "TRYAGAIN not executed: the pattern took too long; use SCAN"
		}
		if !glob(pattern, key) {
			continue
		}
		if size += bulkBytes(len(key)); size > stream.MaxUnread {
			return nil, 0, tooLarge(size) + "; use SCAN"
		}
		n++
		w.number('$', int64(len(key)))
		w.buf = append(append(w.buf, key...), '\r', '\n')
		if len(w.buf) >= 2*sharedBytes { // long enough not to be copied again
			pieces = append(pieces, w.buf)
			w.buf = make([]byte, 0, cap(w.buf))
		}
	}
	return append(pieces, w.buf), n, ""
}

// Bounds of one SCAN: what it returns in bytes, and how many keys it asks the table for at a time and altogether.
const (
	scanBytes = 1 << 20
	scanStep  = 128
	scanMost  = 100_000
)

// scanOptions are those of SCAN.
type scanOptions struct {
	cursor  uint64
	count   int
	pattern []byte // nil for all
	nothing bool   // a TYPE that no key has
}

func parseScan(args [][]byte) (o scanOptions, problem string) {
	o.count = 10
	cursor, err := strconv.ParseUint(string(args[1][:min(len(args[1]), 32)]), 10, 64)
	if err != nil {
		return o, "ERR invalid cursor"
	}
	o.cursor = cursor
	for rest := args[2:]; len(rest) > 0; rest = rest[2:] {
		switch {
		case len(rest) == 1:
			return o, errSyntax
		case is(rest[0], "COUNT"):
			n, ok := parseInt(rest[1])
			if !ok {
				return o, errNotInt
			}
			if n < 1 {
				return o, errSyntax
			}
			o.count = int(min(n, scanMost))
		case is(rest[0], "MATCH"):
			if problem := checkPattern(rest[1]); problem != "" {
				return o, problem
			}
			if o.pattern = rest[1]; len(o.pattern) == 1 && o.pattern[0] == '*' {
				o.pattern = nil
			}
		case is(rest[0], "TYPE"):
			o.nothing = !is(rest[1], "STRING")
		default:
			return o, errSyntax
		}
	}
	return o, ""
}

// scan answers SCAN. COUNT is how many keys are looked at, as in Redis; a reply longer than scanBytes ends sooner.
func scan(c *client, ctx context.Context, args [][]byte) {
	o, problem := parseScan(args)
	if problem != "" {
		c.w.error(problem)
		return
	}
	var found [][]byte
	var next uint64
	if !c.read(ctx, replica.All, func(t *table.Table) { found, next = o.scan(t) }) {
		return
	}
	c.w.array(2)
	c.w.text(strconv.FormatUint(next, 10))
	c.w.array(len(found))
	for _, key := range found {
		c.w.bulk(key)
	}
}

func (o *scanOptions) scan(t *table.Table) (found [][]byte, next uint64) {
	next = o.cursor
	size := 0
	for left := o.count; ; {
		var keys [][]byte
		keys, next = t.Scan(next, min(left, scanStep))
		for _, key := range keys {
			if o.nothing || o.pattern != nil && !glob(o.pattern, key) {
				continue
			}
			found = append(found, key)
			size += bulkBytes(len(key))
		}
		left -= max(1, len(keys))
		if next == 0 || left <= 0 || size >= scanBytes {
			return found, next
		}
	}
}
