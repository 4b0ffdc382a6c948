package resp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/metrics"
	"github.com/chaintable/chaintable/server/stream"
	"github.com/chaintable/chaintable/table"
)

// Bounds of a batch: the writes of one connection that are in flight together.
const (
	batchWrites = 1024
	batchBytes  = 1 << 20
)

// contextAge is how long a context serves further requests before they get one with a new deadline.
const contextAge = 50 * time.Millisecond

// errAttack is an HTTP request on a connection that spoke RESP: perhaps a web page that wants to reach us.
var errAttack = errors.New("resp: an HTTP request on a connection that speaks RESP")

// client is one connection. Its own goroutine has everything but what is atomic or in mu.
type client struct {
	front  *Front
	conn   *stream.Conn
	w      writer
	parser parser
	id     int64
	exit   *stream.Exit
	ending bool // QUIT: close when all is said
	doubt  bool // it was told of a write that nobody knows the outcome of
	multi  bool // within a transaction that was refused

	// pending are the writes of the batch, of which the first came at pendingSince; asked says of each what the client asked for.
	pending      []*replica.Call
	asked        []*command
	pendingBytes int
	pendingSince time.Duration

	// clock is when the newest input came, or the request before the present one was answered: looked at once a request, and once a
	// batch. Like all times here it counts from front.began.
	clock    time.Duration
	recorder metrics.Recorder

	requestContext struct {
		context.Context
		cancel context.CancelFunc
		since  time.Duration
	}

	// get is what a read of one key needs; getOne reads it. As fields, so that a read allocates nothing.
	get struct {
		key, value []byte
	}
	getOne func(*table.Table)

	began      time.Time
	last       atomic.Pointer[command]
	lastActive atomic.Int64 // a time.Duration
	protocol   atomic.Int32
	mu         struct {
		sync.Mutex
		name, library, libraryVersion string
	}
}

func (c *client) init() {
	c.began = time.Now()
	c.tick()
	c.lastActive.Store(int64(c.clock))
	c.protocol.Store(2)
	c.w.conn = c.conn
	c.getOne = func(t *table.Table) { c.get.value, _, _ = t.Get(c.get.key) }
}

// serve answers requests until the connection ends. It returns why, nil for a client that has ended it.
func (c *client) serve(ctx context.Context) error {
	for {
		err := c.requests(ctx)
		if errors.Is(err, errTaken) {
			return nil
		}
		c.complete(ctx)
		if err != nil {
			return c.fail(err)
		}
		c.parser.shrink()
		c.w.flush()
		c.w.rest()
		if c.ending {
			c.conn.Finish()
			return nil
		}
		if c.w.err != nil {
			return c.w.err
		}
		if err := c.conn.Pace(); err != nil {
			return err
		}
		if err := c.conn.Fill(); errors.Is(err, io.EOF) {
			c.conn.Finish() // it may have ended only its half
			return nil
		} else if err != nil {
			return c.fail(err)
		}
		c.tick()
		c.lastActive.Store(int64(c.clock))
	}
}

// turnRequests is how many requests of one connection are executed before others get their turn: a thousand pipelines, each
// preempted only after its ten milliseconds, would hold everybody else up for seconds.
const turnRequests = 16

// requests executes all whole requests that have come, but for the writes at the end, which are left in pending.
func (c *client) requests(ctx context.Context) error {
	for n := 1; !c.ending && c.w.err == nil; n++ {
		if n%turnRequests == 0 {
			runtime.Gosched()
		}
		if c.exit.IsOpen() && c.leave(ctx) {
			return errTaken
		}
		n, whole, err := c.parser.next(c.conn.Bytes())
		if err == nil && whole && len(c.parser.args) > 0 {
			err = c.execute(ctx, c.parser.args)
		} else if err != nil && whole {
			c.complete(ctx)
			c.refuse(nil, "ERR "+err.Error())
			err = nil
		}
		c.conn.Discard(n)
		if err != nil {
			return err
		}
		if !whole {
			c.conn.Release()
			return nil
		}
		if c.conn.Unread() > 0 {
			c.conn.Shrink() // it may be long until there is more to do
		}
		c.pace()
	}
	return nil
}

// errTaken: another server has served the connection to its end.
var errTaken = errors.New("resp: taken by another server")

// leave has another server take the connection, with the request that has come, if nothing stands between: all before it is answered and read. A
// client that was left in doubt about a write stays, because what it sends next must not overtake that one.
func (c *client) leave(ctx context.Context) bool {
	if len(c.conn.Bytes()) == 0 || c.multi || c.parser.refused != nil {
		return false
	}
	c.complete(ctx)
	c.w.flush()
	return !c.doubt && c.w.err == nil && c.exit.Leave(c.conn, int(c.protocol.Load()))
}

// pace sends replies when they are many or the client is behind, and then waits for it, as stream.Conn.Pace does.
func (c *client) pace() {
	if len(c.w.buf) < flushBytes && c.conn.Unread() == 0 {
		return
	}
	c.w.flush()
	if c.conn.Unread() > 0 {
		c.w.rest()
	}
	if err := c.conn.Pace(); c.w.err == nil {
		c.w.err = err
	}
	c.tick() // the client's time, not that of its next request
}

// fail tells the client of a breach of the protocol or of a limit, if that is what err is, and returns err.
func (c *client) fail(err error) error {
	var breach protocolError
	switch {
	case errors.As(err, &breach):
		c.w.error("ERR " + breach.Error())
	case errors.Is(err, stream.ErrInput):
		c.w.error("ERR " + "input of all connections together is at its limit of 1 GiB")
	default:
		return err
	}
	c.w.flush()
	c.conn.Finish()
	return err
}

// execute carries out one request, or adds it to the batch. Args are valid until it returns. An error ends the connection.
func (c *client) execute(ctx context.Context, args [][]byte) error {
	cmd, problem := find(args, c.parser.inlined)
	if refused := c.transaction(args[0]); refused != "" {
		cmd, problem = nil, refused
	}
	switch {
	case cmd == attack:
		return errAttack
	case problem != "":
		c.complete(ctx)
		c.refuse(cmd, problem)
		return nil
	}
	c.last.Store(cmd)
	if cmd.write != nil {
		var change table.Command
		if problem = cmd.write(args, &change); problem == "" {
			c.add(ctx, cmd, &change)
			return nil
		}
	}
	c.complete(ctx)
	if problem != "" {
		c.refuse(cmd, problem)
		return nil
	}
	c.w.outcome = metrics.OK
	cmd.run(c, ctx, args)
	c.answered(cmd, args)
	return nil
}

// refuse answers a request that has not been carried out. It may be none of a known command (nil).
func (c *client) refuse(cmd *command, problem string) {
	c.w.error(problem)
	c.answered(cmd, nil)
}

// transaction refuses MULTI, and then everything up to its end: a client that sends a transaction in one pipeline must not have half of it
// carried out.
func (c *client) transaction(name []byte) (refused string) {
	const why = "ERR transactions (MULTI) are not supported"
	switch {
	case bytes.EqualFold(name, []byte("MULTI")):
		c.multi = true
		return why
	case !c.multi:
		return ""
	case bytes.EqualFold(name, []byte("EXEC")), bytes.EqualFold(name, []byte("DISCARD")):
		c.multi = false
		return why
	case bytes.EqualFold(name, []byte("RESET")), bytes.EqualFold(name, []byte("QUIT")):
		c.multi = false
		return ""
	}
	return "ERR not executed: " + why[len("ERR "):]
}

// add puts a write into the batch, and has the batch executed if it is full. What it takes counts as input until the chain has
// answered: else clients of a chain that is held up would fill the memory.
func (c *client) add(ctx context.Context, cmd *command, change *table.Command) {
	encoded := change.Append(nil)
	if len(c.pending) >= batchWrites || c.pendingBytes+len(encoded) > batchBytes {
		c.complete(ctx)
	}
	if !c.conn.Take(len(encoded)) {
		c.complete(ctx)
		c.refuse(cmd, "TRYAGAIN not executed: commands of all connections that wait for the chain are at their limit of 1 GiB")
		return
	}
	if len(c.pending) == 0 {
		c.pendingSince = c.clock
	}
	c.pending = append(c.pending, &replica.Call{Command: encoded})
	c.asked = append(c.asked, cmd)
	c.pendingBytes += len(encoded)
}

// complete has the writes of the batch executed, all in flight together, and writes their replies in order.
func (c *client) complete(ctx context.Context) {
	if len(c.pending) == 0 {
		return
	}
	c.front.config.Backend.Write(c.context(ctx), c.pending)
	c.tick()
	took := c.clock - c.pendingSince
	for i, call := range c.pending {
		c.w.outcome = metrics.OK
		if call.Err != nil {
			c.doubt = c.doubt || errors.Is(call.Err, replica.ErrUncertain) || errors.Is(call.Err, replica.ErrForgotten)
			c.w.error(explain(call.Err))
		} else if problem := refusal(call.Result.Code); problem != "" {
			c.w.error(problem)
		} else {
			c.asked[i].reply(&c.w, call.Result)
		}
		c.recordWrite(i, took)
	}
	clear(c.pending)
	c.conn.Give(c.pendingBytes)
	if cap(c.pending) > 64 {
		c.pending, c.asked = nil, nil
	}
	c.pending, c.asked, c.pendingBytes = c.pending[:0], c.asked[:0], 0
}

// context is for a request that begins now. Requests that follow closely share one.
func (c *client) context(ctx context.Context) context.Context {
	r := &c.requestContext
	if r.cancel != nil && c.clock-r.since < contextAge && r.Err() == nil {
		return r.Context
	}
	if r.cancel != nil {
		r.cancel()
	}
	r.since = c.clock
	r.Context, r.cancel = context.WithTimeout(ctx, c.front.config.RequestTimeout)
	return r.Context
}

// read reads the table, or writes an error and returns false.
func (c *client) read(ctx context.Context, scope replica.Scope, read func(*table.Table)) bool {
	err := c.front.config.Backend.Read(c.context(ctx), scope, read)
	if err != nil {
		c.w.error(explain(err))
	}
	return err == nil
}
