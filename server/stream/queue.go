package stream

import (
	"net"
	"sync"
)

// Queue is a net.Listener that gives out the connections put into it: for a library's server of connections that were accepted before.
// Its methods may be called concurrently.
type Queue struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// NewQueue makes an empty Queue.
func NewQueue() *Queue { return &Queue{conns: make(chan net.Conn), closed: make(chan struct{})} }

// Put waits until somebody accepts the connection, or returns false if the queue is closed.
func (q *Queue) Put(c net.Conn) bool {
	select {
	case q.conns <- c:
		return true
	case <-q.closed:
		return false
	}
}

// Accept waits for a connection. Once the queue is closed, it fails with net.ErrClosed.
func (q *Queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Put and Accept. The connections stay as they are.
func (q *Queue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

// Addr is nobody's.
func (q *Queue) Addr() net.Addr { return &net.TCPAddr{} }
