package stream

import (
	"net"
	"testing"
	"testing/synctest"
)

// A long reply to a client that does not read is queued a piece at a time: with the memory for unread replies in use, one piece is all
// that another client gets.
func TestLongRepliesWaitInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := NewLimits()
		greedy, endGreedy := unread(limits)
		if _, err := greedy.Write(make([]byte, 4*sharedUnread)); err != nil {
			t.Fatal(err)
		}
		other, endOther := unread(limits)
		done := make(chan error)
		go func() {
			_, err := other.Write(make([]byte, 4*sharedUnread))
			done <- err
		}()
		synctest.Wait()
		if n := other.Unread(); n != pieceBytes {
			t.Errorf("%d bytes are queued, want %d", n, pieceBytes)
		}
		endOther()
		if err := <-done; err == nil {
			t.Error("the reply was sent to nobody")
		}
		endGreedy()
	})
}

// unread is a connection to a client that does not read, and what ends it.
func unread(limits *Limits) (c *Conn, end func()) {
	server, client := net.Pipe()
	c = New(server, nil, limits)
	return c, func() {
		_ = client.Close()
		_ = c.Close()
	}
}

// A large buffer is given back when what is left in it is little.
func TestLargeBuffersAreGivenBack(t *testing.T) {
	limits := NewLimits()
	c, client := pair(t, limits)
	const long = 1 << 20
	go func() { _, _ = client.Write(make([]byte, long+1)) }()
	fillTo(t, c, long+1)
	c.Discard(long)
	c.Release()
	if used := limits.Input.Used(); used != 0 || len(c.Bytes()) != 1 {
		t.Errorf("%d bytes of quota for %d", used, len(c.Bytes()))
	}
}
