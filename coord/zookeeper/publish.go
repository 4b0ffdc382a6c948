package zookeeper

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/chaintable/chaintable/chain"
)

// node is one child of /chain.
type node struct {
	name    string
	address string // as published, without the NUL byte
	owner   int64  // session
}

// plan is what the member at place self of order, which are the addresses of all members, must do so that /chain lists them
// in that order: which nodes are to be removed and which created instead, by the session, in one Multi. nodes are in the order of
// their numbers. self is -1 for a server that is no member.
//
// Nodes get rising numbers, and vanish with the session of their owner. A member whose node has vanished could only come back behind all others. So it
// takes away the nodes behind its place and creates them anew behind its own; they are its session's then, and their members, who
// see that, do the same in turn. Thus /chain shows the members in order at every moment. A member waits for those before it.
func plan(nodes []node, order []string, self int, session int64) (remove, create []string) {
	if self < 0 {
		for _, n := range nodes {
			if n.owner == session {
				remove = append(remove, n.name)
			}
		}
		return remove, nil
	}
	for i, address := range order[:self] {
		if i >= len(nodes) || nodes[i].address != address {
			return nil, nil
		}
	}
	rest := nodes[self:]
	tail := self == len(order)-1
	if len(rest) > 0 && rest[0].address == order[self] && rest[0].owner == session && (len(rest) == 1 || !tail) {
		return nil, nil
	}
	create = []string{order[self]}
	for _, n := range rest {
		remove = append(remove, n.name)
	}
	for _, address := range order[self+1:] {
		if slices.ContainsFunc(rest, func(n node) bool { return n.address == address }) {
			create = append(create, address)
		}
	}
	return remove, create
}

// note remembers the view as it was read or made, nil for none.
func (c *Client) note(v *chain.Recorded) {
	if v != nil {
		v = &chain.Recorded{View: v.View, Version: v.Version}
		v.Members = slices.Clone(v.Members)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if before := c.mu.view; before == nil && v == nil || before != nil && v != nil && before.Version == v.Version && before.Chain == v.Chain {
		return
	}
	c.mu.view = v
	poke(c.publish)
}

// gone are the names of nodes in /chain, as it was when last looked at, of all but those members of the next view that are members already. So
// a chain that restarts in another order does not show the old one. The version is that of /chain then, which publishers raise.
func (c *Client) gone(next chain.View) (names []string, version int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.mu.shown {
		stays := slices.ContainsFunc(next.Members, func(m chain.Member) bool {
			return m.Address == n.address && c.mu.view != nil && c.mu.view.Index(m.MemberID) >= 0
		})
		if !stays {
			names = append(names, n.name)
		}
	}
	return names, c.mu.shownAt
}

// restPublishing is how long to rest after a look at /chain, so that members who cannot agree, by a slip in their addresses, do not keep
// ZooKeeper busy.
const restPublishing = 5 * time.Millisecond

// publishAll keeps /chain as it should be, until the client is closed. It looks whenever something may have changed, and now and then
// besides: a watch can be lost.
func (c *Client) publishAll() {
	ticker := time.NewTicker(c.config.SessionTimeout)
	defer ticker.Stop()
	for {
		select {
		case <-c.publish:
		case <-ticker.C:
		case <-c.closing.Done():
			return
		}
		for range maxTries {
			ctx, cancel := context.WithTimeout(c.closing, c.config.SessionTimeout)
			_, _, err := call(ctx, c, "publish", c.publishOnce)
			cancel()
			if !errors.Is(err, zk.ErrNoNode) && !errors.Is(err, zk.ErrBadVersion) {
				if err != nil && c.closing.Err() == nil {
					c.config.Logger.Debug("could not publish the chain", "error", err)
				}
				break
			}
		}
		rest := time.NewTimer(restPublishing)
		select {
		case <-rest.C:
		case <-c.closing.Done():
			rest.Stop()
		}
	}
}

// publishOnce looks at /chain, and does what plan says. ErrNoNode and ErrBadVersion: another came in between.
func (c *Client) publishOnce(s *session) (struct{}, error) {
	c.mu.Lock()
	me, view := c.mu.self, c.mu.view
	c.mu.Unlock()
	if me.Address == "" {
		return struct{}{}, nil // a client of ours that is no server
	}
	nodes, version, err := c.published(s)
	if err != nil {
		return struct{}{}, err
	}
	var order []string
	self := -1
	if view != nil {
		for i, m := range view.Members {
			order = append(order, m.Address)
			if m.MemberID == me.MemberID {
				self = i // a former life of this server is none of its business
			}
		}
	}
	remove, create := plan(nodes, order, self, s.conn.SessionID())
	if len(remove)+len(create) == 0 {
		return struct{}{}, nil
	}
	// The data of /chain is empty; its version counts changes by publishers, who so exclude each other.
	ops := []any{&zk.SetDataRequest{Path: c.paths.published, Data: []byte{}, Version: version}}
	if view != nil {
		ops = append(ops, &zk.CheckVersionRequest{Path: c.paths.view, Version: int32(view.Version)})
	}
	for _, name := range remove {
		ops = append(ops, &zk.DeleteRequest{Path: c.paths.published + "/" + name, Version: -1})
	}
	for _, address := range create {
		ops = append(ops, &zk.CreateRequest{
			Path: c.paths.published + "/node", Data: []byte(address + "\x00"), Acl: all, Flags: zk.FlagEphemeral | zk.FlagSequence,
		})
	}
	_, err = s.conn.Multi(ops...)
	return struct{}{}, err
}

// published reads /chain, and notes it: its nodes in the order of their numbers, and the version of its data.
func (c *Client) published(s *session) (nodes []node, version int32, err error) {
	_, stat, err := s.conn.Get(c.paths.published) // before its nodes, so that a change in between shows
	if errors.Is(err, zk.ErrNoNode) {
		if err = s.folders(c.paths.published + "/"); err == nil {
			_, stat, err = s.conn.Get(c.paths.published)
		}
	}
	if err != nil {
		return nil, 0, err
	}
	names, err := s.children(c.paths.published)
	if err != nil {
		return nil, 0, err
	}
	slices.Sort(names) // the numbers have ten digits each
	for _, name := range names {
		data, owned, err := s.conn.Get(c.paths.published + "/" + name)
		if errors.Is(err, zk.ErrNoNode) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		nodes = append(nodes, node{name, strings.TrimRight(string(data), "\x00"), owned.EphemeralOwner})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.shown, c.mu.shownAt = nodes, stat.Version
	return nodes, stat.Version, nil
}
