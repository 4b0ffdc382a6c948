package client

import (
	"context"
	"slices"
	"sync"
	"time"

	pb "github.com/chaintable/chaintable/api/chaintable/v1"
	"github.com/chaintable/chaintable/client/retry"
)

// Server is a server of the chain, and how it is.
type Server struct {
	Address string
	// Status is what it says of itself, nil if it does not answer: then Err says why.
	Status *pb.StatusResponse
	Err    error
}

// Servers asks all servers that the Client knows how they are, at the same time: the members in the order of the chain, the learner, and then others that the
// Client was given, or that ZooKeeper knows. If none answers it returns them all the same, and an error. Servers that answer may
// all know of no chain: then they are in the order in which they were given.
func (c *Client) Servers(ctx context.Context) ([]Server, error) {
	c.active.Store(true)
	known := c.known()
	if c.zookeeper != nil { // where those outside the chain are registered, too
		within, cancel := context.WithTimeout(ctx, lookTimeout)
		defer cancel()
		registered, _, err := c.zookeeper.List(within)
		if err != nil {
			c.config.Logger.Debug("the registered servers cannot be read", "error", err)
		}
		for _, r := range registered {
			if !slices.Contains(known, r.Address) {
				known = append(known, r.Address)
			}
		}
	}
	first := c.statusOf(ctx, known)
	// Those may know of others.
	var newest *pb.View
	for _, s := range first {
		if v := s.Status.GetView(); len(v.GetMembers()) > 0 && (newest == nil || s.Status.Serving && v.Epoch > newest.Epoch) {
			newest = v
		}
	}
	if newest == nil {
		failed := &Error{Op: "status", Outcome: DidNotHappen, Err: errNoServer}
		for _, s := range first {
			if s.Err == nil {
				return first, nil
			}
			failed.Server, failed.Err = s.Address, s.Err
		}
		return first, failed
	}
	var order []string
	for _, m := range append(newest.Members, newest.Learner) {
		if m != nil {
			order = append(order, m.Address)
		}
	}
	byAddress := make(map[string]Server)
	for _, s := range first {
		byAddress[s.Address] = s
	}
	var missing []string
	for _, a := range order {
		if _, ok := byAddress[a]; !ok {
			missing = append(missing, a)
		}
	}
	for _, s := range c.statusOf(ctx, missing) {
		byAddress[s.Address] = s
	}
	var all []Server
	for _, a := range order {
		all = append(all, byAddress[a])
		delete(byAddress, a)
	}
	for _, s := range first {
		if _, left := byAddress[s.Address]; left {
			all = append(all, s)
		}
	}
	return all, nil
}

// known are the addresses of the servers that are known.
func (c *Client) known() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.servers.All()
}

// statusOf asks the servers at the addresses how they are. One may answer under another name than it was asked by: it is listed under its own.
func (c *Client) statusOf(ctx context.Context, addresses []string) []Server {
	servers := make([]Server, min(len(addresses), maxLooks))
	var asked sync.WaitGroup
	for i := range servers {
		asked.Go(func() {
			servers[i] = Server{Address: addresses[i]}
			within, cancel := context.WithTimeout(ctx, lookTimeout)
			defer cancel()
			conn, err := c.conns.At(addresses[i])
			if err == nil {
				servers[i].Status, err = pb.NewClusterClient(conn).Status(within, &pb.StatusRequest{})
			}
			if err != nil {
				_, servers[i].Err = report(err, true)
				servers[i].Status = nil
				return
			}
			if own := servers[i].Status.Address; own != "" {
				servers[i].Address = own
			}
		})
	}
	asked.Wait()
	return servers
}

// AddServer takes a server in again that was drained, and returns when it is a member. A server is named by its address or id.
func (c *Client) AddServer(ctx context.Context, server string) error {
	return c.members(ctx, &pb.MembersRequest{Change: &pb.MembersRequest_Add{Add: server}})
}

// DrainServer takes a server out of the chain as when it is told to end: nobody's request fails. It goes on outside, until it is added, or started anew.
func (c *Client) DrainServer(ctx context.Context, server string) error {
	return c.members(ctx, &pb.MembersRequest{Change: &pb.MembersRequest_Drain{Drain: server}})
}

// RemoveServer takes a server out of the chain that is stuck or cut off. A member that lives comes back by itself after ten seconds, another server at
// once.
func (c *Client) RemoveServer(ctx context.Context, server string) error {
	return c.members(ctx, &pb.MembersRequest{Change: &pb.MembersRequest_Remove{Remove: server}})
}

// SetTarget sets how many members the chain wants, 0 for all servers that register. If it has more, those at the tail become spares.
func (c *Client) SetTarget(ctx context.Context, n uint64) error {
	return c.members(ctx, &pb.MembersRequest{Change: &pb.MembersRequest_Target{Target: n}})
}

// MoveHead makes a member the head. The others keep their order.
func (c *Client) MoveHead(ctx context.Context, server string) error {
	return c.members(ctx, &pb.MembersRequest{Change: &pb.MembersRequest_Head{Head: server}})
}

// members asks for a change of the chain until it has been made. It can be asked for again at any time. A server may take long
// over it.
func (c *Client) members(ctx context.Context, r *pb.MembersRequest) error {
	call := Call{Op: "members"}
	began := time.Now()
	ctx = c.config.Hooks.begin(ctx, call)
	a := &attempt{client: c, call: call, request: retry.NewRequest(true), patient: true}
	_, err := a.run(ctx, func(ctx context.Context, to server) (uint64, error) {
		answer, err := to.Members(ctx, r)
		return answer.GetView().GetEpoch(), err
	})
	c.config.Hooks.end(ctx, call, End{Took: time.Since(began), Tries: a.tries, Err: err})
	return err
}
