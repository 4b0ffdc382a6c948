package zookeeper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Lengths of a packet that ZooKeeper sends, without the four bytes that say so: the header of an answer, and what
// ZooKeeper itself takes at most (jute.maxbuffer).
const (
	minPacket = 16
	maxPacket = 1 << 20
)

// Numbers of requests whose answers hold lengths that zk.Conn believes.
const (
	opGetData     = 4
	opGetChildren = 12
	opMulti       = 14
)

// minGranted is the shortest session that is taken: two ticks of the fastest ZooKeeper that makes sense.
const minGranted = 20 * time.Millisecond

var errPacket = errors.New("malformed packet")

// packets is a connection to ZooKeeper that hands on whole packets only, none that zk.Conn could not bear. It is read by one goroutine and
// written by another.
type packets struct {
	net.Conn
	handshake time.Duration // how long the answer to the first request may take
	opened    func(timeout time.Duration, err error)

	packet  []byte // length and content, of which so much has been read:
	read    int
	first   bool     // the next packet is the answer to the first
	watched []string // paths whose watches are still to be told that they are over
	ended   error    // why nothing more comes; told after that

	lives    func()       // called with each answer to a request
	answered atomic.Int64 // when the last answer to a request came, or the connection began; Unix nanoseconds

	mu    sync.Mutex
	asked map[int32]int32 // requests under way that are of interest, by number; at most maxCalls
}

// newPackets wraps a new connection. opened is called with the session timeout that ZooKeeper grants, zero for a session that has expired; or
// with what is wrong with the answer to the first request. watched are the paths that may have watches, all of which end with
// the connection.
func newPackets(conn net.Conn, watched []string, handshake time.Duration, opened func(timeout time.Duration, err error)) *packets {
	p := &packets{Conn: conn, watched: watched, handshake: handshake, opened: opened, first: true, asked: map[int32]int32{}}
	p.lives = func() {}
	p.answered.Store(time.Now().UnixNano())
	return p
}

// silence is how long no request has been answered. Pings do not count: a server that is cut off from its leader answers those.
func (p *packets) silence() time.Duration { return time.Since(time.Unix(0, p.answered.Load())) }

// SetReadDeadline keeps zk.Conn from waiting ten times too long for the answer to its first request.
func (p *packets) SetReadDeadline(t time.Time) error {
	if soon := time.Now().Add(p.handshake); p.first && t.After(soon) {
		t = soon
	}
	return p.Conn.SetReadDeadline(t)
}

// Write notes what is asked. zk.Conn writes one packet at a time.
func (p *packets) Write(b []byte) (int, error) {
	if len(b) >= 12 {
		switch number, op := int32(binary.BigEndian.Uint32(b[4:])), int32(binary.BigEndian.Uint32(b[8:])); op {
		case opGetData, opGetChildren, opMulti:
			p.mu.Lock()
			p.asked[number] = op
			p.mu.Unlock()
		}
	}
	return p.Conn.Write(b)
}

func (p *packets) Read(b []byte) (int, error) {
	if p.read == len(p.packet) {
		if p.ended == nil {
			p.ended = p.next()
			if p.ended != nil && p.first {
				p.opened(0, p.ended)
				p.watched = nil
			}
		}
		if p.ended != nil {
			if len(p.watched) == 0 {
				return 0, p.ended
			}
			p.packet, p.read = lapsed(p.watched[0]), 0
			p.watched = p.watched[1:]
		}
	}
	n := copy(b, p.packet[p.read:])
	p.read += n
	return n, nil
}

// next reads a packet and checks it.
func (p *packets) next() error {
	p.packet, p.read = append(p.packet[:0], 0, 0, 0, 0), 4
	if _, err := io.ReadFull(p.Conn, p.packet); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(p.packet)
	if n < minPacket || n > maxPacket {
		return fmt.Errorf("%w: %d bytes, want %d to %d", errPacket, n, minPacket, maxPacket)
	}
	p.packet = append(p.packet, make([]byte, n)...)
	if _, err := io.ReadFull(p.Conn, p.packet[4:]); err != nil {
		return err
	}
	if err := p.check(p.packet[4:]); err != nil {
		return err
	}
	p.first, p.read = false, 0
	return nil
}

// lapsed is the packet that tells of the end of a node, with which all its watches end. zk.Conn gets it when a connection ends: else
// it would set them anew on the next one, at a moment when it reads without a lock what another of its goroutines writes.
func lapsed(path string) []byte {
	const event, deleted, connected = 0xFFFFFFFF, 2, 3
	b := make([]byte, 4, 64)
	for _, field := range []uint32{event, 0, 0, 0, deleted, connected, uint32(len(path))} {
		b = binary.BigEndian.AppendUint32(b, field)
	}
	b = append(b, path...)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// check refuses a packet whose inner lengths are wrong.
func (p *packets) check(packet []byte) error {
	f := fields{rest: packet}
	if p.first {
		f.skip(4) // version
		timeout := time.Duration(f.int32()) * time.Millisecond
		high, low := f.int32(), f.int32() // of the session
		f.bytes()                         // password
		switch {
		case f.bad:
			return errPacket
		case high|low == 0:
			timeout = 0
		case timeout < minGranted:
			return fmt.Errorf("%w: a session of %v", errPacket, timeout) // zk.Conn panics at zero, and spins just above it
		}
		p.opened(timeout, nil)
		return nil
	}
	number := f.int32()
	if number >= 0 {
		p.answered.Store(time.Now().UnixNano())
		p.lives()
	}
	f.skip(8) // zxid
	failed := f.int32() != 0
	p.mu.Lock()
	op := p.asked[number]
	delete(p.asked, number)
	p.mu.Unlock()
	if failed {
		return nil
	}
	switch op {
	case opGetData:
		f.bytes()
	case opGetChildren:
		f.list()
	case opMulti:
		f.results()
	}
	if f.bad {
		return fmt.Errorf("%w: answer to request %d of type %d", errPacket, number, op)
	}
	return nil
}

// fields reads a packet from the front. Once something is missing it is bad, and reads zeros.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) skip(n int) {
	if n < 0 || n > len(f.rest) {
		f.rest, f.bad = nil, true
		return
	}
	f.rest = f.rest[n:]
}

func (f *fields) int32() int32 {
	if len(f.rest) < 4 {
		f.rest, f.bad = nil, true
		return 0
	}
	n := int32(binary.BigEndian.Uint32(f.rest))
	f.rest = f.rest[4:]
	return n
}

// bytes are a length, -1 for none, and as many bytes.
func (f *fields) bytes() {
	if n := f.int32(); n != -1 {
		f.skip(int(n))
	}
}

// list is a number of strings, and these.
func (f *fields) list() {
	n := f.int32()
	if n < 0 || int(n) > len(f.rest)/4 {
		f.bad = true
	}
	for range n {
		if f.bad {
			return
		}
		f.bytes()
	}
}

// results are those of a Multi: for each a type, whether it is only the end, an error, and what the type has.
func (f *fields) results() {
	const (
		create, remove, set, check, failed = 1, 2, 5, 13, -1
		stat                               = 68 // bytes
	)
	for !f.bad {
		what := f.int32()
		end := f.rest
		f.skip(1)
		f.skip(4)
		switch {
		case f.bad || end[0] != 0:
			return
		case what == create:
			f.bytes()
		case what == set:
			f.skip(stat)
		case what == failed:
			f.skip(4)
		case what != remove && what != check:
			f.bad = true
		}
	}
}
