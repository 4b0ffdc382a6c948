package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// op is one operation of a client, from its start to its end, over all its tries. It is the history that the checkers
// read.
type op struct {
	id      int // unique in the run, never zero; part of what a write writes, so that its entries can be recognized
	client  *client
	kind    opKind
	keys    []string
	value   string // of a put: begins with the id
	cond    table.Condition
	version chain.Seq      // of table.IfVersion
	txn     *table.Command // of opTxn and opLook
	count   int64          // of an increment by compare-and-set: what it writes
	from    chain.ID       // of such a one: the chain in which it found what it counts on from; zero where only one can be meant
	large   int            // of an opTxn whose result is made to be: how often it reads what it puts
	command []byte         // of a write
	target  *op            // of a verify

	// Program order: of a plain client's connection, or of a client session.
	stream  *stream
	session *clientSession // nil: the server's
	number  uint64         // in session

	// Of a client as in library.go.
	step    bool // it was not asked for: it comes before a write
	bounded bool // it may be given up
	excused bool // it need not be done: there was no room for it, or its session was forgotten
	repeat  bool // it may have happened before, so that a number would name nothing
	givenUp int  // how many operations had begun when it was given up; zero for one that was not

	tries      int           // how often it was sent
	start, end time.Duration // end is zero while it has none
	state      opState
	chain      chain.ID     // of the server that answered
	result     table.Result // of a write that is done
	read       reading      // of a read that is done
	seq        chain.Seq    // of a numbered write; of a write that is done
	fate       table.Fate   // of a verify; of a numbered write that has been verified
}

type opKind uint8

const (
	opGet opKind = iota + 1
	opMany
	opSize
	opLook // a transaction that only reads, without the log
	opVerify
	opPut
	opPutMany
	opDelete
	opIncrement
	opClear
	opTxn
	opNumbered // a put whose number is the answer
	opOpen     // opens a session
)

func (k opKind) reads() bool { return k <= opVerify }

func (k opKind) String() string {
	return [...]string{"", "get", "many", "size", "look", "verify", "put", "mput", "delete", "increment", "clear", "txn", "put&", "open"}[k]
}

// opState is what the client knows.
type opState uint8

const (
	opPending opState = iota
	opDone            // executed, with a result
	opRefused         // not executed, and never will be
	opUnknown         // perhaps
)

func (s opState) String() string { return [...]string{"pending", "done", "refused", "unknown"}[s] }

// stream is what has a program order.
type stream struct {
	ops     []*op
	retried bool // tries may be repeated: later ones may take effect before an earlier read is answered
}

func (o *op) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "op %d %v", o.id, o.kind)
	if len(o.keys) > 0 {
		fmt.Fprintf(&b, " %s", strings.Join(o.keys, ","))
	}
	if o.value != "" {
		fmt.Fprintf(&b, "=%.16s", o.value)
	}
	switch o.cond {
	case table.IfAbsent:
		b.WriteString(" if absent")
	case table.IfPresent:
		b.WriteString(" if present")
	case table.IfVersion:
		fmt.Fprintf(&b, " if version %d", o.version)
	}
	if o.txn != nil {
		fmt.Fprintf(&b, " %d compares, %d then, %d else", len(o.txn.Compares), len(o.txn.Then), len(o.txn.Else))
	}
	if o.target != nil {
		fmt.Fprintf(&b, " seq %d of op %d", o.target.seq, o.target.id)
	}
	if o.session != nil && o.number > 0 {
		fmt.Fprintf(&b, " session %d/%d", o.session.id, o.number)
	}
	return b.String()
}

// outcomeText is what the client was told.
func (o *op) outcomeText() string {
	switch {
	case o.state != opDone:
		return o.state.String()
	case o.kind == opVerify:
		return o.fate.String()
	case o.kind == opNumbered:
		return fmt.Sprintf("number %d", o.seq)
	case o.kind == opSize:
		return fmt.Sprintf("%d keys", o.read.size)
	case o.kind == opLook:
		return txnText(o.read.txn)
	case o.kind == opTxn:
		return txnText(o.result)
	case o.kind.reads():
		var b strings.Builder
		for i, it := range o.read.items {
			fmt.Fprintf(&b, "%s=%.16q@%d ", o.keys[i], it.value, it.version)
		}
		return b.String()
	}
	return fmt.Sprintf("%v seq=%d count=%d", o.result.Code, o.result.Seq, o.result.Count)
}

// marker is a key that no client reads: a delete also deletes it, which tells its entries from those of other deletes.
func (o *op) marker() string { return fmt.Sprintf("#%d", o.id) }

// encode makes the command of a write.
func (o *op) encode() {
	var c table.Command
	switch o.kind {
	case opPut, opPutMany, opNumbered:
		c.Op = table.OpPut
		for _, k := range o.keys {
			c.Pairs = append(c.Pairs, table.Pair{Key: []byte(k), Value: []byte(o.value)})
		}
		c.If, c.Version = o.cond, o.version
	case opDelete:
		c.Op = table.OpDelete
		c.Keys = [][]byte{[]byte(o.keys[0])}
		if o.cond == table.IfAny {
			c.Keys = append(c.Keys, []byte(o.marker()))
		}
		c.If, c.Version = o.cond, o.version
	case opIncrement:
		c.Op, c.Keys, c.Delta = table.OpIncrement, [][]byte{[]byte(o.keys[0])}, int64(o.id)
	case opClear:
		c.Op = table.OpClear
	case opTxn:
		o.sign()
		c = *o.txn
	default:
		return
	}
	o.command = c.Append(nil)
}
