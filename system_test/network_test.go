package system_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	linkv1 "github.com/chaintable/chaintable/api/chaintable/link/v1"
)

// network is a chain in a network that can fail.
type network struct {
	*cluster
	zookeepers []string // addresses
	places     map[*server]*place
}

// place is where a server is in the network.
type place struct {
	in  *proxy          // by which others reach it
	out []*sessionProxy // by which it reaches each server of ZooKeeper
	id  string
}

// newNetwork is a chain of n servers. options are for each of them.
func newNetwork(t *testing.T, zookeepers []string, n int, options ...string) *network {
	t.Helper()
	c := newCluster(t, strings.Join(zookeepers, ",")+chroot(), options...)
	net := &network{cluster: c, zookeepers: zookeepers, places: map[*server]*place{}}
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
