package system_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	linkv1 "github.com/chaintable/chaintable/api/chaintable/link/v1"
)

// network is a chain in a network that can fail.
type network struct {
	*cluster
	zookeepers []string             // addresses
	latency    func() time.Duration // unless it is nil, how long it takes to a server that is started
	places     map[*server]*place
}

// place is where a server is in the network.
type place struct {
	in  *proxy          // by which others reach it
	out []*sessionProxy // by which it reaches each server of ZooKeeper
	id  string
}

// newNetwork is a chain of n servers. change, unless it is nil, may say more about it first.
func newNetwork(t *testing.T, zookeepers []string, n int, change func(*network)) *network {
	t.Helper()
	c := newCluster(t, strings.Join(zookeepers, ",")+chroot())
	net := &network{cluster: c, zookeepers: zookeepers, places: map[*server]*place{}}
	if change != nil {
		change(net)
	}
	for range n {
		c.admit(net.start())
	}
	c.awaitPublished()
	return net
}

// start runs a server. It need not become a member.
func (n *network) start() *server {
	n.t.Helper()
	p := &place{in: startProxy(n.t, "", func(p *proxy) { p.whose = dialler })}
	if n.latency != nil {
		p.in.trouble("", trouble{delay: n.latency()}, trouble{})
	}
	var connect []string
	for _, z := range n.zookeepers {
		out := startSessionProxy(n.t, z)
		p.out = append(p.out, out)
		connect = append(connect, out.Address)
	}
	s := n.startAt("0", strings.Join(connect, ",")+n.chroot, "--advertise", p.in.Address)
	p.in.aim(s.listens)
	st, err := s.status()
	if err != nil {
		n.t.Fatal(err)
	}
	p.id = st.ID
	n.places[s] = p
	return s
}

// dialler tells which server opens a connection to another, from its first frame (package link), without taking anything. What another
// server passes on for a client does not say who it is from.
func dialler(r *bufio.Reader) (string, error) {
	const preamble, header = "\xCAchain\x01", 8
	first, err := r.Peek(1)
	if err != nil {
		return "", err
	}
	if first[0] != preamble[0] {
		return "no server", nil
	}
	b, err := r.Peek(len(preamble))
	if err != nil {
		return "", err
	}
	if string(b) != preamble {
		return "a client", nil
	}
	b, err = r.Peek(len(preamble) + header)
	if err != nil {
		return "", err
	}
	b, err = r.Peek(len(preamble) + header + int(binary.BigEndian.Uint32(b[len(preamble):])))
	if err != nil {
		return "", err
	}
	var frame linkv1.Frame
	if err := proto.Unmarshal(b[len(preamble)+header:], &frame); err != nil {
		return "", err
	}
	return fmt.Sprintf("%016x", frame.GetFrom().GetNode()), nil
}
