package system_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/chaintable/chaintable/internal/needs"
)

// seedMessage is a message of the seed protocol (design.md, section 8).
type seedMessage struct {
	opcode, kind uint64
	key          string
	data         []byte
	result       int64
	keys         []string
}

// Requests of the seed protocol, and the opcode of an error.
const (
	seedSize, seedDel, seedGet, seedPut, seedGetKeys, seedVerify, seedError = 10, 20, 30, 40, 50, 60, 99

	seedTypeKey, seedTypeEntry, seedTypeResult, seedTypeNone = 10, 30, 50, 60
)

func (m seedMessage) encode() []byte {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), m.opcode)
	b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), m.kind)
	if m.key != "" {
		b = protowire.AppendString(protowire.AppendTag(b, 3, protowire.BytesType), m.key)
	}
	if m.data != nil {
		b = protowire.AppendBytes(protowire.AppendTag(b, 5, protowire.BytesType), m.data)
	}
	if m.result != 0 {
		b = protowire.AppendVarint(protowire.AppendTag(b, 6, protowire.VarintType), protowire.EncodeZigZag(m.result))
	}
	return b
}

func decodeSeed(b []byte) (m seedMessage, err error) {
	for len(b) > 0 {
		tag, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return m, protowire.ParseError(n)
		}
		b = b[n:]
		var v uint64
		var data []byte
		switch kind {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(b)
		default:
			return m, fmt.Errorf("field %d of type %d", tag, kind)
		}
		if n < 0 {
			return m, protowire.ParseError(n)
		}
		b = b[n:]
		switch tag {
		case 1:
			m.opcode = v
		case 2:
			m.kind = v
		case 5:
			m.data = data
		case 6:
			m.result = protowire.DecodeZigZag(v)
		case 7:
			m.keys = append(m.keys, string(data))
		}
	}
	return m, nil
}

// seedClient does as the C client of the course project: it knows nothing but /chain, writes at the first that is listed there, reads at
// the last, and takes a reply to be what one read returns, 2,048 bytes at most. It is told of changes by a watch. After a failure it
// asks again, and it asks by verify whether a write has happened.
type seedClient struct {
	t      *testing.T
	conn   *zk.Conn
	folder string

	mu         sync.Mutex
	head, tail string

	atHead, atTail *seedConn
	again          int // puts and dels that were lost, or had to be asked for anew
}

type seedConn struct {
	net.Conn
	address string
}

func startSeedClient(t *testing.T, connect string) *seedClient {
	t.Helper()
	server, path, _ := strings.Cut(connect, "/")
	conn, _, err := zk.Connect([]string{server}, 10*time.Second, zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	c := &seedClient{t: t, conn: conn, folder: "/" + path + "/chain"}
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		c.watch()
	}()
	t.Cleanup(func() {
		conn.Close()
		<-watching
		c.drop()
	})
	return c
}

// quiet is a log that nobody reads.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

// watch follows /chain until the test ends.
func (c *seedClient) watch() {
	for {
		names, _, changed, err := c.conn.ChildrenW(c.folder)
		if err != nil {
			if c.t.Context().Err() == nil {
				c.t.Errorf("watch %s: %v", c.folder, err)
			}
			return
		}
		slices.Sort(names)
		if len(names) > 0 {
			head, headErr := c.address(names[0])
			tail, tailErr := c.address(names[len(names)-1])
			if headErr == nil && tailErr == nil { // else one of them has just gone, of which the watch tells
				c.mu.Lock()
				c.head, c.tail = head, tail
				c.mu.Unlock()
			}
		}
		if e := <-changed; e.Err != nil {
			return
		}
	}
}

// address is what a node holds: up to the NUL, as C reads it.
func (c *seedClient) address(name string) (string, error) {
	data, _, err := c.conn.Get(c.folder + "/" + name)
	address, _, _ := strings.Cut(string(data), "\x00")
	return address, err
}

func (c *seedClient) drop() {
	for _, conn := range []*seedConn{c.atHead, c.atTail} {
		if conn != nil {
			_ = conn.Close()
		}
	}
	c.atHead, c.atTail = nil, nil
}

// to is a connection to an address, the one at hand if it is that.
func to(conn *seedConn, address string) (*seedConn, error) {
	if conn != nil && conn.address == address {
		return conn, nil
	}
	if conn != nil {
		_ = conn.Close()
	}
	if address == "" {
		return nil, errors.New("nothing in /chain")
	}
	made, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &seedConn{made, address}, nil
}

// maxReply is what the C client reads of a reply.
const maxReply = 2048

// ask sends one request to the head or to the tail, and reads the reply.
func (c *seedClient) ask(m seedMessage) (reply seedMessage, err error) {
	c.mu.Lock()
	head, tail := c.head, c.tail
	c.mu.Unlock()
	place, address := &c.atTail, tail
	if m.opcode == seedPut || m.opcode == seedDel {
		place, address = &c.atHead, head
	}
	if *place, err = to(*place, address); err != nil {
		*place = nil
		return reply, err
	}
	if reply, err = (*place).ask(m, clientTimeout); err != nil {
		_ = (*place).Close()
		*place = nil
	}
	return reply, err
}

// ask sends one request, and reads the reply.
func (c *seedConn) ask(m seedMessage, timeout time.Duration) (reply seedMessage, err error) {
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return reply, err
	}
	if _, err := c.Write(m.encode()); err != nil {
		return reply, err
	}
	b := make([]byte, maxReply)
	n, err := c.Read(b)
	if err != nil {
		return reply, err
	}
	if reply, err = decodeSeed(b[:n]); err != nil {
		return reply, nonsensical("%x: %v", b[:n], err)
	}
	return reply, nil
}

// insist asks until the reply is one to the request, and not an error.
func (c *seedClient) insist(m seedMessage) (reply seedMessage) {
	c.t.Helper()
	waitFor(c.t, fmt.Sprintf("a reply to %d %q", m.opcode, m.key), func() bool {
		var err error
		reply, err = c.ask(m)
		return err == nil && reply.opcode == m.opcode+1
	})
	return reply
}

// settle asks by verify until a put or del has happened; when it is lost, it is asked for anew.
func (c *seedClient) settle(m seedMessage, number int64) {
	c.t.Helper()
	waitFor(c.t, fmt.Sprintf("%d %q to be executed", m.opcode, m.key), func() bool {
		switch c.insist(seedMessage{opcode: seedVerify, kind: seedTypeResult, result: number}).result {
		case 1:
			return true
		case -1:
			c.again++
			number = c.insist(m).result
		}
		return false
	})
}

// get is a value, nil for none: an error of the tail is asked again.
func (c *seedClient) get(key string) (data []byte) {
	c.t.Helper()
	waitFor(c.t, "a reply to get "+key, func() bool {
		reply, err := c.ask(seedMessage{opcode: seedGet, kind: seedTypeKey, key: key})
		data = reply.data
		return err == nil && (reply.opcode == seedGet+1 || reply.opcode == seedError)
	})
	return data
}

// TestSeedClient has the C client of the course project use a chain whose head and tail are killed, and to which new servers come.
func TestSeedClient(t *testing.T) {
	z := needs.AnyZooKeeper(t)
	c := newChain(t, z, 3)
	c.awaitPublished()
	client := startSeedClient(t, c.connect)
	want := map[string]string{}
	key := func(i int) string { return fmt.Sprintf("key-%02d", i%keys) }
	round := 0
	work := func(n int, between func()) {
		t.Helper()
		for range n {
			round++
			k, value := key(round), fmt.Sprintf("value %d\x00", round)
			m := seedMessage{opcode: seedPut, kind: seedTypeEntry, key: k, data: []byte(value)}
			if want[k] != "" && round%3 == 0 {
				m = seedMessage{opcode: seedDel, kind: seedTypeKey, key: k}
				delete(want, k)
			} else {
				want[k] = value
			}
			number := client.insist(m).result
			if between != nil {
				between()
			}
			client.settle(m, number)
			if got := string(client.get(k)); got != want[k] {
				t.Errorf("get %s: %q, want %q", k, got, want[k])
			}
		}
		if n := client.insist(seedMessage{opcode: seedSize, kind: seedTypeNone}).result; int(n) != len(want) {
			t.Errorf("size %d, want %d", n, len(want))
		}
		var wantKeys []string
		for k := range want {
			wantKeys = append(wantKeys, k)
		}
		got := client.insist(seedMessage{opcode: seedGetKeys, kind: seedTypeNone}).keys
		slices.Sort(wantKeys)
		slices.Sort(got)
		if !slices.Equal(got, wantKeys) {
			t.Errorf("getkeys %v, want %v", got, wantKeys)
		}
	}
	work(2*keys, nil)
	for _, role := range []int{0, 2} {
		victim := c.members()[role]
		begin := time.Now()
		work(1, func() { c.kill(victim) }) // after the put has its number
		t.Logf("killed the %s %s: the write under way was verified after %v", roles[role], victim.address, time.Since(begin).Round(time.Millisecond))
		c.awaitGone(victim)
		work(keys, nil)
		c.join()
		work(keys, nil)
		c.awaitPublished()
		work(keys, nil)
	}
	t.Logf("%d writes, %d of them asked for again", round, client.again)
}

// TestSeedWriteLost has a head die with a put that it has numbered and nobody else has heard of. verify says so, and the client puts again.
func TestSeedWriteLost(t *testing.T) {
	c := newNetwork(t, []string{needs.AnyZooKeeper(t)}, 3, nil)
	client := startSeedClient(t, c.connect)
	put := func(value string) seedMessage {
		return seedMessage{opcode: seedPut, kind: seedTypeEntry, key: "k", data: []byte(value)}
	}
	client.settle(put("old"), client.insist(put("old")).result)
	head, next := c.members()[0], c.members()[1]
	c.places[next].in.silence(c.places[head].id)
	number := client.insist(put("new")).result
	verify := seedMessage{opcode: seedVerify, kind: seedTypeResult, result: number}
	if state := client.insist(verify).result; state != 0 {
		t.Errorf("verify of a put that is on the way: %d, want 0, pending", state)
	}
	c.kill(head)
	c.places[next].in.cut() // what it sent is gone with it
	c.places[next].in.heal(c.places[head].id)
	client.settle(put("new"), number)
	if client.again != 1 {
		t.Errorf("the put was asked for again %d times, want once", client.again)
	}
	if got := client.get("k"); string(got) != "new" {
		t.Errorf("get k: %q, want %q", got, "new")
	}
	if state := client.insist(verify).result; state != -1 {
		t.Errorf("verify of the put that was lost: %d, want -1", state)
	}
}

// keys is how many keys the client has: few enough that their names fit into one reply.
const keys = 30
