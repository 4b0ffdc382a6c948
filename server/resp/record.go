package resp

import (
	"time"

	"github.com/chaintable/chaintable/server/metrics"
	"github.com/chaintable/chaintable/table"
)

// tick looks at the clock.
func (c *client) tick() { c.clock = time.Since(c.front.began) }

// counted is what a request counts as; cmd is nil for one that is no command.
func (c *client) counted(cmd *command) metrics.Command {
	if cmd == nil {
		return c.front.counted[len(rows)]
	}
	return c.front.counted[cmd.index]
}

// answered records a request that was answered alone, with the outcome that the writer knows.
func (c *client) answered(cmd *command, args [][]byte) {
	before := c.clock
	c.tick()
	took := c.clock - before
	counted := c.counted(cmd)
	c.recorder.Record(counted, c.w.outcome, 1, took)
	if !c.recorder.Slow(took) {
		return
	}
	slow := metrics.SlowRequest{Command: counted, Outcome: c.w.outcome, Took: took, Client: c.conn.RemoteAddr()}
	if cmd != nil && cmd.keys.step > 0 && len(args) > cmd.keys.first {
		slow.Key = args[cmd.keys.first]
	}
	c.recorder.Log(slow)
}

// recordWrite records the batch's write i, which has been answered.
func (c *client) recordWrite(i int, took time.Duration) {
	counted, call := c.counted(c.asked[i]), c.pending[i]
	if call.Err == nil && call.Result.Code == table.CodeConditionFailed {
		c.w.outcome = metrics.Miss
	}
	c.recorder.Record(counted, c.w.outcome, 1, took)
	if i > 0 || !c.recorder.Slow(took) {
		return // one line for all of a batch: they took their time together
	}
	c.recorder.Log(metrics.SlowRequest{
		Command: counted, Outcome: c.w.outcome, Key: metrics.FirstKey(call.Command), Took: took, Held: call.Held, Write: true, Client: c.conn.RemoteAddr(),
	})
}
