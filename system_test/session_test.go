package system_test

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/chaintable/chaintable/internal/needs"
)

// zkSession is what one needs to speak for a session of ZooKeeper.
type zkSession struct {
	id       int64
	password []byte
}

// sessionProxy leads a server to ZooKeeper, and knows its newest session.
type sessionProxy struct {
	*proxy
	mu  sync.Mutex
	now zkSession
}

func startSessionProxy(t *testing.T, zookeeper string) *sessionProxy {
	t.Helper()
	s := new(sessionProxy)
	// The answer to a request to connect: length, version, timeout, session, length of the password, password, read-only.
	note := func(b []byte) {
		if len(b) < 40 || binary.BigEndian.Uint32(b[16+4:]) != 16 {
			return // not one
		}
		id := int64(binary.BigEndian.Uint64(b[12:]))
		if id == 0 {
			return // there is no such session any more
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.now = zkSession{id, append([]byte(nil), b[24:40]...)}
	}
	s.proxy = startProxy(t, zookeeper, func(p *proxy) { p.answered = note })
	return s
}

func (s *sessionProxy) session() zkSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// closeSession ends a session of somebody else's, as a second client that has its id and password may: it connects with them, and closes.
// It fails where the owner, who loses its connection to this one, is back too soon; then it can be done again.
func closeSession(zookeeper string, s zkSession) error {
	conn, err := net.DialTimeout("tcp", zookeeper, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	const requestID, closeOp = 1, -11
	var b []byte
	int32s := func(values ...int32) {
		for _, v := range values {
			b = binary.BigEndian.AppendUint32(b, uint32(v))
		}
	}
	int32s(45, 0, 0, 0, int32(sessionTimeout.Milliseconds())) // length, version, last zxid seen, timeout
	b = binary.BigEndian.AppendUint64(b, uint64(s.id))
	int32s(int32(len(s.password)))
	b = append(append(b, s.password...), 0) // not read-only
	int32s(8, requestID, closeOp)
	if _, err := conn.Write(b); err != nil {
		return err
	}
	_, _ = io.ReadAll(conn) // ZooKeeper closes the connection, whatever it answers
	return nil
}

// expire closes the session of a server, which reaches a ZooKeeper of one server, and waits until it has another.
func (n *network) expire(s *server) {
	n.t.Helper()
	out := n.places[s].out[0]
	old, mark := out.session(), s.mark()
	waitFor(n.t, "another session", func() bool {
		if err := closeSession(n.zookeepers[0], old); err != nil {
			n.t.Fatal(err)
		}
		return out.session().id != old.id
	})
	s.expect(mark, "session with ZooKeeper has expired")
}

// TestSessionClosed closes ZooKeeper sessions of living members, under load. Nobody loses a place, and no client notices.
func TestSessionClosed(t *testing.T) {
	z := needs.AnyZooKeeper(t)
	c := newNetwork(t, []string{z}, 3, nil)
	before := c.view()
	l := startLoad(t, c.addresses, nil)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	longest := time.Duration(0)
	for range 10 {
		l.flow(100)
		s := c.members()[random.IntN(3)]
		begin := time.Now()
		c.expire(s)
		waitFor(t, "all leases", func() bool { st, err := s.status(); return err == nil && st.LeaseLeftMS > 0 })
		c.awaitPublished()
		longest = max(longest, time.Since(begin))
		if after := c.view(); !after.same(before) {
			t.Fatalf("view %+v, was %+v before", after, before)
		}
	}
	gap := l.lap()
	l.end()
	l.noRefusals()
	if broken := l.broken.Load(); broken > 0 {
		t.Errorf("%d connections of clients broke", broken)
	}
	t.Logf("closed 10 sessions: back in /chain within %v, at most %v without an acknowledged write; %v", longest.Round(time.Millisecond), gap.Round(time.Millisecond), l)
}
