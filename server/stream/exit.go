package stream

// Exit is the way of a connection to another server, which serves it when this one cannot. A nil Exit is never open.
type Exit struct {
	// Open tells, cheaply, whether it is time to go.
	Open func() bool
	// Take passes the connection on, with what has been read of it and not answered, and returns when it has ended; or it is false, if
	// nobody takes it, and nothing has happened. It calls sent when it needs rest no more. The version is that of RESP on which the client
	// has agreed, 2 or 3; that of the seed protocol is 1.
	Take func(rest []byte, sent func(), version int) bool
}

// IsOpen tells whether it is time to go.
func (e *Exit) IsOpen() bool { return e != nil && e.Open() }

// Leave has another server take the connection c with all its Bytes. It is false, and nothing has happened, if the client has replies
// to read, or nobody takes it.
func (e *Exit) Leave(c *Conn, version int) bool {
	if c.Unread() > 0 {
		return false
	}
	c.limits.drained(c) // as Pace would have said
	sent := func() {
		c.Discard(len(c.Bytes()))
		c.Release()
	}
	return e.Take(c.Bytes(), sent, version)
}
