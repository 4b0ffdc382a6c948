package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	maxCalls    = 64 // under way in one session, those nobody waits for any more included
	minPause    = 10 * time.Millisecond
	maxPause    = 250 * time.Millisecond
	maxClose    = 10 * time.Second
	minPatience = 50 * time.Millisecond // with connections and handshakes, however short the session timeout is
)

var errOver = errors.New("the session is over")

// session is one session of ZooKeeper with the one zk.Conn that speaks for it. Once it is over nothing that was asked of it can reach
// ZooKeeper any more.
type session struct {
	number uint64 // from 1
	client *Client
	conn   *zk.Conn
	events <-chan zk.Event // closed when the Conn has ended

	ready chan struct{}   // closed when the client knows the session, which does not connect before
	over  context.Context // done when the session has expired, or is to be closed
	end   context.CancelFunc
	slots chan struct{} // one for each call under way

	hosts hosts

	mu      sync.Mutex
	granted time.Duration   // how long ZooKeeper keeps the session without a connection
	lapse   *time.Timer     // ends the session that long after its connection was lost; nil while it has one
	current *packets        // the newest connection
	watches map[string]bool // paths with a watch that has not fired
}

// openSession makes a session, which begins when ready is closed.
func openSession(c *Client, number uint64) (*session, error) {
	s := &session{
		number: number, client: c, slots: make(chan struct{}, maxCalls), watches: map[string]bool{}, ready: make(chan struct{}),
	}
	s.over, s.end = context.WithCancel(context.Background())
	s.hosts.over = s.over
	var err error
	s.conn, s.events, err = zk.Connect(c.config.Connect.Servers, c.config.SessionTimeout,
		zk.WithDialer(s.dial), zk.WithHostProvider(&s.hosts), zk.WithEventCallback(s.event),
		zk.WithLogger(libraryLog{c.config.Logger}), zk.WithMaxBufferSize(maxPacket))
	if err != nil {
		s.end()
		return nil, fmt.Errorf("coord/zookeeper: %w", err)
	}
	return s, nil
}

// close ends the session, if ZooKeeper can be told so, and waits until its goroutines have ended.
func (s *session) close() {
	s.end()
	s.resume()     // no timer is left behind
	s.conn.Close() // waits for an answer, some seconds at most
	s.drop(s.connection())
	ended := time.NewTimer(maxClose)
	defer ended.Stop()
	for {
		select {
		case _, more := <-s.events:
			if !more {
				return
			}
		case <-ended.C:
			s.client.config.Logger.Error("a session of ZooKeeper does not end", "session", s.number)
			return
		}
	}
}

// event is called by the Conn, and must not wait.
func (s *session) event(e zk.Event) {
	switch e.Type {
	case zk.EventSession:
		switch e.State {
		case zk.StateHasSession:
			s.resume()
			s.client.connected(s)
		case zk.StateExpired:
			s.end()
			s.client.disconnected(s)
		case zk.StateDisconnected, zk.StateConnecting:
			s.client.disconnected(s)
			s.expire()
		}
	case zk.EventNodeCreated, zk.EventNodeDeleted, zk.EventNodeDataChanged, zk.EventNodeChildrenChanged:
		s.unwatch(e.Path)
		s.client.changed(e.Path)
	}
}

// expire ends a session that has no connection, once ZooKeeper must have ended it too. To learn that from ZooKeeper takes a connection,
// which one that has lost what it held does not grant: it refuses those who have seen more than it.
func (s *session) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.granted > 0 && s.lapse == nil && s.over.Err() == nil {
		s.lapse = time.AfterFunc(s.granted, s.end)
	}
}

// resume is called when the session has a connection again.
func (s *session) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lapse != nil {
		s.lapse.Stop()
		s.lapse = nil
	}
}

// watch tells whether a read of path is to set a watch. There is one at a time: zk.Conn keeps all that it is told to set until they
// fire, and the version of the view is read all day.
func (s *session) watch(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watches[path] {
		return false
	}
	s.watches[path] = true
	return true
}

// unwatch notes that path has no watch: it fired, or was not set.
func (s *session) unwatch(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watches, path)
}

// connection is the newest one, which may be broken, or nil.
func (s *session) connection() *packets {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// drop closes a connection; the Conn then makes another.
func (s *session) drop(p *packets) {
	if p != nil {
		_ = p.Close()
	}
}

// patience is how long to wait for what a server of ZooKeeper that is well does at once.
func (s *session) patience() time.Duration { return max(s.client.config.SessionTimeout/3, minPatience) }

// dial connects for the Conn, until the session is over.
func (s *session) dial(network, address string, _ time.Duration) (net.Conn, error) {
	timer := time.NewTimer(s.client.pacing.pause(s.hosts.Len()))
	defer timer.Stop()
	<-s.ready
	select {
	case <-timer.C:
	case <-s.over.Done():
		return nil, errOver
	}
	ctx, cancel := context.WithTimeout(s.over, s.patience())
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		s.client.unreachable(err)
		return nil, err
	}
	p := newPackets(conn, s.client.paths.watched(), max(s.client.config.SessionTimeout/2, minPatience), func(granted time.Duration, err error) {
		switch {
		case errors.Is(err, io.EOF):
			s.client.unreachable(fmt.Errorf("%s closes connections: it is no ZooKeeper, or has no leader, or has lost what it held", address))
			return
		case err != nil:
			s.client.unreachable(fmt.Errorf("%s does not answer as ZooKeeper does: %w", address, err))
			return
		case granted == 0:
			return // the session has expired
		}
		s.mu.Lock()
		s.granted = granted
		s.mu.Unlock()
		s.client.config.Logger.Info("connected to ZooKeeper", slog.String("server", address), slog.Duration("zookeeper_session", granted))
	})
	p.lives = s.client.pacing.answered
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over.Err() != nil {
		_ = conn.Close()
		return nil, errOver
	}
	s.current = p
	return p, nil
}

// hosts tells the Conn which server is next, in turn. Only the Conn's goroutine uses it.
type hosts struct {
	over    context.Context
	servers []string
	next    int
}

// Init implements zk.HostProvider.
func (h *hosts) Init(servers []string) error {
	h.servers = servers
	return nil
}

// Len implements zk.HostProvider.
func (h *hosts) Len() int { return len(h.servers) }

// Next implements zk.HostProvider. That all servers have been tried, upon which the Conn fails what it holds and waits for its end, it says
// when the session is over.
func (h *hosts) Next() (server string, retryStart bool) {
	server = h.servers[h.next]
	h.next = (h.next + 1) % len(h.servers)
	return server, h.over.Err() != nil
}

// Connected implements zk.HostProvider.
func (h *hosts) Connected() {}

// pacing spaces out the connections of a client, whatever session they are for.
type pacing struct {
	mu    sync.Mutex
	tried int // since a request was last answered
	last  time.Time
}

// pause is how long to wait before the next connection to one of so many servers: hardly, until all have been tried.
func (p *pacing) pause(servers int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	pause := minPause
	for rounds := p.tried / servers; rounds > 0 && pause < maxPause; rounds-- {
		pause *= 2
	}
	since := time.Since(p.last)
	p.last = time.Now()
	p.tried++
	if p.tried <= servers && since > pause {
		return 0
	}
	return min(pause, maxPause)
}

// answered is called when ZooKeeper has answered a request: to grant a session is not enough.
func (p *pacing) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tried = 0
}

// libraryLog is where zk.Conn says what it does.
type libraryLog struct{ log *slog.Logger }

func (l libraryLog) Printf(format string, args ...any) {
	l.log.Debug("zk: " + fmt.Sprintf(format, args...))
}
