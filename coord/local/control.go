package local

// SetFaults changes what goes wrong by chance, but for the seed, from the next call on.
func (c *Client) SetFaults(f Faults) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.faults = f
}

// SetReach begins or ends an outage. Unless calls are to wait now, those under way fail. When the store is within
// reach again there is news. An outage moves the session's number only with Expire.
func (c *Client) SetReach(r Reach) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r == c.mu.reach {
		return
	}
	c.mu.reach = r
	switch r {
	case Everywhere:
		c.mu.pinned = nil
		c.disconnect()
		c.poke()
	case Refused:
		c.disconnect()
	case CutOff:
		c.mu.pinned = c.store.at(newest)
	}
}

// Pin makes reads without sync show what the store holds now, until Unpin; or what the session has seen, if that is newer.
func (c *Client) Pin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.pinned = c.store.at(newest)
}

// Unpin ends Pin.
func (c *Client) Unpin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.reach != CutOff {
		c.mu.pinned = nil
	}
}

// Expire ends the session. The calls under way fail, and the next session may read what is older than what this one has
// seen. A client that is CutOff is Silent from now on: a session begins only with the whole coordinator.
func (c *Client) Expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
}

// NextFates says what becomes of the coming changes, in the order in which they are called for; afterwards Faults
// decides again.
func (c *Client) NextFates(fates ...Fate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.fates = append(c.mu.fates, fates...)
}

// Release carries out the changes that are Held, in the order they came, and returns how each went.
func (c *Client) Release() []error {
	c.mu.Lock()
	held := c.mu.held
	c.mu.held = nil
	c.mu.Unlock()
	results := make([]error, len(held))
	for i, change := range held {
		_, results[i] = change()
	}
	return results
}

// LoseNews loses the next n pieces of news from the store.
func (c *Client) LoseNews(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.lose = n
}

// expire and those below are called with c.mu locked.
func (c *Client) expire() {
	c.mu.session++
	c.mu.seen = 0
	if c.mu.reach == CutOff {
		c.mu.reach = Silent
	}
	c.disconnect()
	c.poke()
}

// disconnect fails the calls under way.
func (c *Client) disconnect() {
	if !c.mu.closed {
		close(c.mu.broken)
		c.mu.broken = make(chan struct{})
	}
}

// poke delivers news, unless there is some already.
func (c *Client) poke() {
	select {
	case c.news <- struct{}{}:
	default:
	}
}
