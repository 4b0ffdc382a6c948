package wire

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/metrics"
	"github.com/chaintable/chaintable/server/stream"
	"github.com/chaintable/chaintable/table"
)

// silence is how long a message of whole fields waits for one more.
const silence = 20 * time.Millisecond

// Bounds of the writes of one connection that are numbered together.
const (
	batchWrites = 1024
	batchBytes  = 1 << 20
)

// Backend is the server's replica, as far as this front end uses it. *replica.Replica is one.
type Backend interface {
	Write(ctx context.Context, calls []*replica.Call)
	Read(ctx context.Context, scope replica.Scope, read func(*table.Table)) error
	Await(ctx context.Context, seq chain.Seq) error
	Verify(ctx context.Context, seq chain.Seq) (table.Fate, error)
	Status() replica.Status
}

// Config is what a Front needs. Every field but Slow is required.
type Config struct {
	Backend        Backend
	Limits         *stream.Limits
	Logger         *slog.Logger
	RequestTimeout time.Duration // how long a request may wait for the chain
	Slow           metrics.Slow
}

// Front serves the seed protocol to any number of connections. Its methods may be called concurrently.
type Front struct {
	config   Config
	began    time.Time
	listings chan struct{} // getkeys under way: each keeps a snapshot of the table
	requests *metrics.Requests
	counted  map[int32]metrics.Command // by opcode
	other    metrics.Command
}

// New makes a Front.
func New(config Config) *Front {
	f := &Front{config: config, began: time.Now(), listings: make(chan struct{}, 2), counted: make(map[int32]metrics.Command)}
	f.requests = metrics.NewRequests("seed", slices.Collect(maps.Values(names)), config.Slow)
	for opcode, name := range names {
		f.counted[opcode] = f.requests.Command(name)
	}
	f.other = f.requests.Command(metrics.Other)
	return f
}

// Requests counts what clients ask for.
func (f *Front) Requests() *metrics.Requests { return f.requests }

// Serve serves conn, of which first has been read already, until the client or ctx ends, or another server takes the connection. The caller closes
// conn then, and also to end Serve early; what waits for the chain ends with ctx.
func (f *Front) Serve(ctx context.Context, conn net.Conn, first []byte, exit *stream.Exit) {
	c := &client{front: f, conn: stream.New(conn, first, f.config.Limits), exit: exit, recorder: f.requests.Connect()}
	defer func() {
		c.recorder.Disconnect()
		c.conn.Give(c.pendingBytes)
		_ = c.conn.Close()
	}()
	if err := c.serve(ctx); err != nil {
		f.config.Logger.Debug("client closed", "client", conn.RemoteAddr(), "error", err)
	}
}

// client is one connection.
type client struct {
	front   *Front
	conn    *stream.Conn
	exit    *stream.Exit
	decoder decoder
	last    chain.Seq       // of the connection's writes
	doubt   bool            // it was told of a write that nobody knows the outcome of
	outcome metrics.Outcome // of the request that is being answered

	// pending are writes that have come and have no number yet; the first came at pendingSince.
	pending      []*replica.Call
	opcodes      []int32
	pendingBytes int
	pendingSince time.Duration

	// clock is when the newest input came, or the request before the present one was answered, from front.began on.
	clock    time.Duration
	recorder metrics.Recorder
}

// serve answers requests until the connection ends. It returns why, nil for a client that has ended it.
func (c *client) serve(ctx context.Context) error {
	then := open
	for {
		c.tick()
		err := c.requests(ctx, then)
		if errors.Is(err, errTaken) {
			return nil
		}
		if err == nil {
			err = c.complete(ctx)
		}
		if err != nil {
			return c.fail(err)
		}
		if then == ended {
			c.conn.Finish()
			return nil
		}
		if err := c.conn.Pace(); err != nil {
			return err
		}
		then = open
		if c.decoder.waits(len(c.conn.Bytes())) {
			err = c.conn.FillWithin(silence)
		} else {
			c.conn.Release()
			err = c.conn.Fill()
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			then = silent
		case errors.Is(err, io.EOF):
			then = ended
		case err != nil:
			return c.fail(err)
		}
	}
}

// fail tells the client, as far as its protocol can, that the connection ends because of what it sent, and returns err.
func (c *client) fail(err error) error {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, stream.ErrUnread) {
		return err
	}
	if e := c.complete(context.Background()); e != nil {
		return e
	}
	if e := c.send(replyError()); e != nil {
		return e
	}
	c.conn.Finish()
	return err
}

// requests answers all whole requests that have come, but for the writes at the end, which are left in pending.
func (c *client) requests(ctx context.Context, then behind) error {
	for {
		if c.exit.IsOpen() && then != ended && c.leave(ctx) {
			return errTaken
		}
		n, r, whole, err := c.decoder.next(c.conn.Bytes(), then)
		if err != nil {
			return errors.Join(c.complete(ctx), err)
		}
		if whole {
			err = c.execute(ctx, &r)
		}
		c.conn.Discard(n)
		if err != nil || !whole {
			return err
		}
	}
}

// errTaken: another server has served the connection to its end.
var errTaken = errors.New("wire: taken by another server")

// leave has another server take the connection, with the request that has come, if nothing stands between: all before it is answered and
// read, and the writes whose numbers were told have taken effect, so that reads there see them. A client that was left in doubt about a write stays,
// because what it sends next must not overtake that one.
func (c *client) leave(ctx context.Context) bool {
	if len(c.conn.Bytes()) == 0 || c.complete(ctx) != nil || c.doubt {
		return false
	}
	within, cancel := context.WithTimeout(ctx, c.front.config.RequestTimeout)
	defer cancel()
	if c.front.config.Backend.Await(within, c.last) != nil {
		c.doubt = true // a number was told that is not known here to have taken effect
		return false
	}
	return c.exit.Leave(c.conn, 1)
}

// execute carries out one request, or adds it to the writes that are pending.
func (c *client) execute(ctx context.Context, r *request) error {
	need, ok := opcodes[r.Opcode]
	if ok && need.kind == r.Type {
		switch r.Opcode {
		case opPut:
			return c.add(ctx, opPut, &table.Command{Op: table.OpPut, Pairs: []table.Pair{{Key: r.Key, Value: r.Data}}})
		case opDel:
			return c.add(ctx, opDel, &table.Command{Op: table.OpDelete, Keys: [][]byte{r.Key}})
		}
	}
	if err := c.complete(ctx); err != nil {
		return err
	}
	c.outcome = metrics.OK
	err := c.carryOut(ctx, r, ok && need.kind == r.Type)
	c.answered(r)
	return err
}

// carryOut answers a request that changes nothing, and one that makes no sense.
func (c *client) carryOut(ctx context.Context, r *request, sense bool) error {
	switch {
	case !sense:
		c.outcome = metrics.Invalid
		return c.send(replyError())
	case r.Opcode == opGet:
		return c.get(ctx, r.Key)
	case r.Opcode == opGetKeys:
		return c.keys(ctx)
	}
	answer, err := c.answer(ctx, r)
	if err != nil {
		return c.failed(err)
	}
	return c.send(answer)
}

// failed answers a request that failed.
func (c *client) failed(err error) error {
	c.outcome = metrics.OutcomeOf(err)
	c.front.config.Logger.Debug("request failed", "client", c.conn.RemoteAddr(), "error", err)
	return c.send(replyError())
}

// add puts a write among those pending.
func (c *client) add(ctx context.Context, opcode int32, change *table.Command) error {
	encoded := change.Append(nil)
	if len(c.pending) >= batchWrites || c.pendingBytes+len(encoded) > batchBytes {
		if err := c.complete(ctx); err != nil {
			return err
		}
	}
	// It counts as input until the head has numbered it.
	if !c.conn.Take(len(encoded)) {
		if err := c.complete(ctx); err != nil {
			return err
		}
		c.recorder.Record(c.front.counted[opcode], metrics.NotExecuted, 1, 0)
		return c.send(replyError())
	}
	if len(c.pending) == 0 {
		c.pendingSince = c.clock
	}
	c.pending = append(c.pending, &replica.Call{Command: encoded, Numbered: true})
	c.opcodes = append(c.opcodes, opcode)
	c.pendingBytes += len(encoded)
	return nil
}

// complete has the pending writes numbered and tells the numbers.
func (c *client) complete(ctx context.Context) error {
	if len(c.pending) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.front.config.RequestTimeout)
	defer cancel()
	c.front.config.Backend.Write(ctx, c.pending)
	c.conn.Give(c.pendingBytes)
	pending, codes := c.pending, c.opcodes
	c.pending, c.opcodes, c.pendingBytes = nil, nil, 0
	c.tick()
	c.recordWrites(pending, codes)
	for i, call := range pending {
		answer := replyError()
		c.doubt = c.doubt || errors.Is(call.Err, replica.ErrUncertain) || errors.Is(call.Err, replica.ErrForgotten)
		if call.Err == nil {
			c.last = max(c.last, call.Seq)
			answer = replyResult(codes[i]+1, shown(call.Seq))
		}
		if err := c.send(answer); err != nil {
			return err
		}
	}
	return nil
}

// get answers get. A long value is sent from where it is: a copy for each client that does not read would fill the memory.
func (c *client) get(ctx context.Context, key []byte) error {
	ctx, cancel := context.WithTimeout(ctx, c.front.config.RequestTimeout)
	defer cancel()
	backend := c.front.config.Backend
	if err := backend.Await(ctx, c.last); err != nil {
		return c.failed(err)
	}
	var value []byte
	var ok bool
	err := backend.Read(ctx, replica.Key(key), func(t *table.Table) { value, _, ok = t.Get(key) })
	switch {
	case err != nil:
		return c.failed(err)
	case !ok:
		c.outcome = metrics.Miss
		return c.send(replyError())
	case len(value) < sharedBytes:
		return c.send(append(replyData(len(value)), value...))
	}
	if _, err := c.conn.Write(replyData(len(value))); err != nil {
		return err
	}
	if err := c.conn.WriteShared(value); err != nil {
		return err
	}
	return c.conn.Pace()
}

// answer carries out a short request that changes nothing.
func (c *client) answer(ctx context.Context, r *request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.front.config.RequestTimeout)
	defer cancel()
	backend := c.front.config.Backend
	if err := backend.Await(ctx, c.last); err != nil {
		return nil, err
	}
	switch r.Opcode {
	case opSize:
		n := 0
		err := backend.Read(ctx, replica.All, func(t *table.Table) { n = t.Len() })
		return replyResult(opSize+1, int32(min(n, modulus))), err
	default: // opVerify
		return c.front.verify(ctx, r.Result)
	}
}

// verify answers verify. The number of no operation that can be is refused; one that is still to come is pending.
func (f *Front) verify(ctx context.Context, number int32) ([]byte, error) {
	seq, ok := seqOf(number, f.config.Backend.Status().Last)
	if !ok {
		if number < 1 {
			return replyError(), nil
		}
		seq = chain.Seq(number)
	}
	fate, err := f.config.Backend.Verify(ctx, seq)
	result := int32(0)
	switch fate {
	case table.Executed:
		result = 1
	case table.Lost:
		result = -1
	case table.Unknown: // decided so long ago that nobody remembers: the protocol has no word for it
		return replyError(), err
	}
	return replyResult(opVerify+1, result), err
}

// sharedBytes is the length from which a value is sent from where it is instead of being copied.
const sharedBytes = 32 << 10

// errKeys is a table whose keys are longer than what a connection may leave unread.
var errKeys = errors.New("wire: getkeys: the keys are longer than 256 MiB together")

// keys answers getkeys with the keys of one moment. Few do so at a time, until their replies are on their way.
func (c *client) keys(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, c.front.config.RequestTimeout)
	defer cancel()
	select {
	case c.front.listings <- struct{}{}:
		defer func() { <-c.front.listings }()
	case <-within.Done():
		return c.failed(within.Err())
	}
	b, err := c.listKeys(within)
	if err != nil {
		return c.failed(err)
	}
	return c.send(b)
}

// listKeys is the reply to getkeys.
func (c *client) listKeys(ctx context.Context) ([]byte, error) {
	if err := c.front.config.Backend.Await(ctx, c.last); err != nil {
		return nil, err
	}
	var snapshot *table.Snapshot
	closeSnapshot := func() {
		if snapshot != nil {
			snapshot.Close()
		}
	}
	defer func() { closeSnapshot() }()
	err := c.front.config.Backend.Read(ctx, replica.All, func(t *table.Table) {
		closeSnapshot()
		snapshot = t.Snapshot()
	})
	if err != nil {
		return nil, err
	}
	b := reply(opGetKeys+1, typeKeys)
	for key := range snapshot.All() {
		b = protowire.AppendTag(b, fieldKeys, protowire.BytesType)
		b = protowire.AppendBytes(b, key)
		if len(b) > stream.MaxUnread {
			return nil, errKeys
		}
	}
	return b, nil
}

// send sends one reply in one write.
func (c *client) send(b []byte) error {
	if _, err := c.conn.Write(b); err != nil {
		return err
	}
	if c.conn.Unread() == 0 {
		return nil
	}
	return c.conn.Pace()
}
