package system_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chaintable/chaintable/internal/linear"
)

// How clients of recorded histories do. They wait less long than a server is suspended, and longer than one takes to answer with an error.
const (
	requestTimeout = 1500 * time.Millisecond // of the servers
	userTimeout    = 2500 * time.Millisecond
	userCommands   = 15 // on one connection; then the next server has its turn
)

// The keys of recorded histories: some hold values that are all different, others count.
var (
	valueKeys   = []string{"k0", "k1", "k2", "k3", "k4", "k5", "k6"}
	counterKeys = []string{"n0", "n1", "n2"}
	userKeys    = append(append([]string{}, valueKeys...), counterKeys...)
)

// user is somebody who does one command after the other, with any server, tries nothing twice, and has all of it recorded.
type user struct {
	t       *testing.T
	history *history
	random  *rand.Rand
	name    string
	servers func() []string
	values  int // written
}

// value is one that nobody else writes. Some are long, so that they are most of what is between servers.
func (u *user) value() string {
	u.values++
	return fmt.Sprintf("%s-%d ", u.name, u.values) + strings.Repeat("x", u.random.IntN(2)*u.random.IntN(600))
}

// some is n different keys of those.
func (u *user) some(keys []string, n int) (some []string) {
	for _, i := range u.random.Perm(len(keys))[:n] {
		some = append(some, keys[i])
	}
	return some
}

// respUser speaks Redis's protocol.
type respUser struct {
	user
	*client
	commands int // on this connection
}

func newRESPUser(u user) *respUser {
	r := &respUser{user: u}
	r.client = &client{servers: u.servers, place: u.random.IntN(3), timeout: userTimeout, failed: func([]string, string, error) {}}
	return r
}

// act does the next command. An error is an answer that no server may give.
func (u *respUser) act() error {
	if u.commands++; u.commands > userCommands {
		u.client.close()
	}
	if u.conn == nil {
		u.commands = 1
	}
	if !u.connected() {
		return nil
	}
	o, words := u.invent()
	return u.record(o, words)
}

// record does a command, and notes what it is answered.
func (u *respUser) record(o linear.Operation, words []string) (wrong error) {
	o.Start = u.history.now()
	var err error
	if words[0] == "MGET" {
		o.Read, err = u.list(words...)
	} else {
		var answer string
		answer, err = u.do(words...)
		err = told(&o, answer, err)
	}
	o.End = u.history.now()
	// docs/guarantees.md: what an error says about a write. A read that fails tells nothing.
	r, refused := errors.AsType[refusal](err)
	_, silly := errors.AsType[nonsense](err)
	code, _, _ := strings.Cut(string(r), " ")
	switch {
	case err == nil:
		if o.Outcome == linear.Untold {
			o.Outcome = linear.Done
		}
	case !refused, code == "UNCERTAIN": // where it is nonsense, too, nobody knows
		if silly {
			wrong = fmt.Errorf("%q: %w", words, err)
			u.close() // what comes next would be no better
		}
		o.End = 0
		if o.Kind != linear.Get && o.Kind != linear.Size {
			u.history.doubts.Add(1)
		}
	case code == "TRYAGAIN", code == "LOADING":
		o.Outcome = linear.Refused
	default:
		wrong = fmt.Errorf("%q is answered with %w", words, err)
	}
	if err == nil || o.Kind != linear.Get && o.Kind != linear.Size {
		u.history.add(o)
	}
	return wrong
}

// told takes the answer to anything but MGET.
func told(o *linear.Operation, answer string, err error) error {
	missing := errors.Is(err, errNoKey)
	if err != nil && !missing {
		return err
	}
	switch o.Kind {
	case linear.Get:
		o.Read = []linear.Value{{Found: !missing, Text: answer}}
	case linear.Put, linear.Clear:
		switch {
		case missing && o.If != linear.Always:
			o.Outcome = linear.Failed
		case answer != "OK":
			return nonsensical("%q", answer)
		}
	default:
		if o.Count, err = strconv.ParseInt(answer, 10, 64); err != nil {
			return nonsensical("%q is no number", answer)
		}
	}
	return nil
}

// reads is how many of a thousand commands are.
const reads = 430

// invent makes up a command.
func (u *respUser) invent() (o linear.Operation, words []string) {
	write := func(kind linear.Kind, keys ...string) {
		o.Kind, o.Keys = kind, keys
	}
	key := u.some(valueKeys, 1)[0]
	x := u.random.IntN(1000)
	if u.history.doubtful() {
		x = u.random.IntN(reads)
	}
	switch {
	case x < reads-130:
		write(linear.Get, u.some(userKeys, 1)...)
		return o, []string{"GET", o.Keys[0]}
	case x < reads-30:
		write(linear.Get, u.some(userKeys, 2+u.random.IntN(3))...)
		return o, append([]string{"MGET"}, o.Keys...)
	case x < reads:
		write(linear.Size)
		return o, []string{"DBSIZE"}
	case x < 620:
		write(linear.Put, key)
		o.Value = u.value()
		return o, []string{"SET", key, o.Value}
	case x < 700:
		write(linear.Put, key)
		o.Value, o.If = u.value(), linear.IfAbsent
		words = []string{"SET", key, o.Value, "NX"}
		if u.random.IntN(3) == 0 {
			o.If, words[3] = linear.IfPresent, "XX"
		}
		return o, words
	case x < 790:
		write(linear.Put, u.some(valueKeys, 2+u.random.IntN(2))...)
		o.Value = u.value()
		words = []string{"MSET"}
		for _, k := range o.Keys {
			words = append(words, k, o.Value)
		}
		return o, words
	case x < 898:
		write(linear.Increment, u.some(counterKeys, 1)...)
		o.Delta = 1
		return o, []string{"INCR", o.Keys[0]}
	case x < 998:
		write(linear.Delete, u.some(userKeys, 1+u.random.IntN(2))...)
		return o, append([]string{"DEL"}, o.Keys...)
	default:
		write(linear.Clear)
		return o, []string{"FLUSHALL"}
	}
}

// close ends the connection.
func (u *respUser) close() { u.client.close() }

// seedUser speaks the seed protocol: a write is answered with a number, and verify says what became of it.
type seedUser struct {
	user
	conn     *seedConn
	place    int
	commands int
	unproven []*numbered
}

// numbered is a write whose fate is not known.
type numbered struct {
	linear.Operation
	number int64
}

func (u *seedUser) close() {
	if u.conn != nil {
		_ = u.conn.Close()
		u.conn = nil
	}
}

// ask sends a request to some server. sent tells that it may have arrived; a reply of opcode zero is none. An error is a reply that no server
// may give.
func (u *seedUser) ask(m seedMessage) (reply seedMessage, sent bool, wrong error) {
	if u.commands++; u.commands > userCommands {
		u.close()
	}
	if u.conn == nil {
		u.commands = 1
		servers := u.servers()
		if len(servers) == 0 {
			return reply, false, nil
		}
		u.place++
		var err error
		if u.conn, err = to(nil, servers[u.place%len(servers)]); err != nil {
			u.conn = nil
			return reply, false, nil
		}
	}
	reply, err := u.conn.ask(m, userTimeout)
	if err == nil {
		wrong = m.answered(reply)
	} else if _, silly := errors.AsType[nonsense](err); silly {
		wrong = fmt.Errorf("%v: %w", m, err)
	}
	if err != nil || wrong != nil {
		u.close()
		return seedMessage{}, true, wrong
	}
	return reply, true, nil
}

// answered tells what is wrong with a reply to the request, which may be an error.
func (m seedMessage) answered(reply seedMessage) error {
	right := reply.opcode == m.opcode+1
	switch m.opcode {
	case seedPut, seedDel:
		right = right && reply.result > 0
	case seedVerify:
		right = right && reply.result >= -1 && reply.result <= 1
	case seedSize:
		right = right && reply.result >= 0
	}
	if !right && reply.opcode != seedError {
		return nonsensical("%v to %v", reply, m)
	}
	return nil
}

// act does the next request. An error is a reply that no server may give.
func (u *seedUser) act() (wrong error) {
	o := linear.Operation{Keys: u.some(valueKeys, 1), Start: u.history.now()}
	x := u.random.IntN(100)
	if x < 50 && u.history.doubtful() {
		x += 50
	}
	switch {
	case x < 40:
		o.Kind, o.Value = linear.Put, u.value()
		return u.write(o, seedMessage{opcode: seedPut, kind: seedTypeEntry, key: o.Keys[0], data: []byte(o.Value)})
	case x < 50:
		o.Kind = linear.Delete
		return u.write(o, seedMessage{opcode: seedDel, kind: seedTypeKey, key: o.Keys[0]})
	case x < 70 || x < 95 && len(u.unproven) == 0:
		// That there is no such key cannot be told from a failure.
		var reply seedMessage
		reply, _, wrong = u.ask(seedMessage{opcode: seedGet, kind: seedTypeKey, key: o.Keys[0]})
		if reply.opcode == seedGet+1 && len(reply.data) > 0 {
			o.Kind, o.Outcome, o.Read, o.End = linear.Get, linear.Done, []linear.Value{{Found: true, Text: string(reply.data)}}, u.history.now()
			u.history.add(o)
		}
	case x < 95:
		_, wrong = u.verify(u.random.IntN(len(u.unproven)))
	default:
		var reply seedMessage
		reply, _, wrong = u.ask(seedMessage{opcode: seedSize, kind: seedTypeNone})
		if reply.opcode == seedSize+1 {
			o.Kind, o.Keys, o.Outcome, o.Count, o.End = linear.Size, nil, linear.Done, reply.result, u.history.now()
			u.history.add(o)
		}
	}
	return wrong
}

// write asks for a write. With a number it is known what it was called, and not yet what became of it; without, nothing is known.
func (u *seedUser) write(o linear.Operation, m seedMessage) error {
	reply, sent, wrong := u.ask(m)
	switch {
	case reply.opcode == m.opcode+1:
		u.history.doubts.Add(1)
		o.Seq = uint64(reply.result) // of so few writes the number that is shown is that of the log
		u.unproven = append(u.unproven, &numbered{o, reply.result})
		u.history.opened(1)
		if u.random.IntN(4) > 0 {
			_, wrong = u.verify(len(u.unproven) - 1)
		}
	case sent:
		u.history.doubts.Add(1)
		u.history.add(o)
	}
	return wrong
}

// verify asks what became of a write, and tells whether that is known now.
func (u *seedUser) verify(i int) (known bool, wrong error) {
	o := u.unproven[i]
	reply, _, wrong := u.ask(seedMessage{opcode: seedVerify, kind: seedTypeResult, result: o.number})
	if reply.opcode != seedVerify+1 || reply.result == 0 {
		return false, wrong
	}
	if reply.result > 0 {
		o.End = u.history.now() // with what result was not told: a del may have found nothing
	} else {
		o.Outcome = linear.Refused
	}
	u.history.doubts.Add(-1)
	u.history.add(o.Operation)
	u.history.opened(-1)
	u.unproven = append(u.unproven[:i], u.unproven[i+1:]...)
	return true, nil
}

// settle asks until the fate of every write is known that was given a number.
func (u *seedUser) settle() {
	u.t.Helper()
	for len(u.unproven) > 0 {
		waitFor(u.t, fmt.Sprintf("the fate of %d (%v)", u.unproven[0].number, u.unproven[0].Operation), func() bool {
			known, wrong := u.verify(0)
			if wrong != nil {
				u.t.Fatal(wrong)
			}
			return known
		})
	}
}
