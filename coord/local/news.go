package local

import "time"

// changed is called by the store after each change that is news.
func (c *Client) changed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, r := &c.mu.faults, c.mu.random
	switch {
	case c.mu.closed || c.mu.reach != Everywhere:
	case c.mu.lose > 0:
		c.mu.lose--
	case happens(r, f.LoseNews):
	case c.mu.coming:
		// What is under way will come after this change, and so speaks of it too.
	case f.NewsDelay <= 0:
		c.poke()
	default:
		c.mu.coming = true
		time.AfterFunc(draw(r, f.NewsDelay), c.arrived)
	}
}

// arrived is called when late news is there.
func (c *Client) arrived() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.coming = false
	if !c.mu.closed {
		c.poke()
	}
}
