package wire

import (
	"time"

	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server/metrics"
)

// names are what requests are counted as; any other is metrics.Other.
var names = map[int32]string{
	opSize: "size", opDel: "del", opGet: "get", opPut: "put", opGetKeys: "getkeys", opVerify: "verify",
}

// tick looks at the clock.
func (c *client) tick() { c.clock = time.Since(c.front.began) }

// counted is what a request counts as.
func (c *client) counted(opcode int32) metrics.Command {
	if command, ok := c.front.counted[opcode]; ok {
		return command
	}
	return c.front.other
}

// answered records a request that was answered alone.
func (c *client) answered(r *request) {
	before := c.clock
	c.tick()
	c.record(metrics.SlowRequest{Command: c.counted(r.Opcode), Outcome: c.outcome, Key: r.Key, Took: c.clock - before}, 0)
}

// recordWrites records writes that were numbered together.
func (c *client) recordWrites(calls []*replica.Call, opcodes []int32) {
	took := c.clock - c.pendingSince
	for i, call := range calls {
		s := metrics.SlowRequest{Command: c.counted(opcodes[i]), Outcome: metrics.OutcomeOf(call.Err), Took: took, Held: call.Held, Write: true}
		if i == 0 && c.recorder.Slow(took) {
			s.Key = metrics.FirstKey(call.Command)
		}
		c.record(s, i)
	}
}

// record counts a request, the one of this index among those that were in flight together; the first may be worth a line.
func (c *client) record(s metrics.SlowRequest, index int) {
	c.recorder.Record(s.Command, s.Outcome, 1, s.Took)
	if index == 0 && c.recorder.Slow(s.Took) {
		s.Client = c.conn.RemoteAddr()
		c.recorder.Log(s)
	}
}
