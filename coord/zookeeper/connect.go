package zookeeper

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Connect says where ZooKeeper is.
type Connect struct {
	Servers []string // host:port, at least one
	Chroot  string   // "" or "/path": what everything is kept below
}

// maxServers is the most servers that an ensemble has.
const maxServers = 100

// Parse reads a connect string as ZooKeeper's own tools do: host:port[,host:port…][/chroot].
func Parse(s string) (Connect, error) {
	servers, chroot, found := strings.Cut(s, "/")
	c := Connect{}
	if found {
		c.Chroot = strings.TrimRight("/"+chroot, "/")
	}
	for _, part := range strings.Split(c.Chroot, "/")[1:] {
		if part == "" || part == "." || part == ".." || strings.ContainsFunc(part, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return Connect{}, fmt.Errorf("chroot %q: want a path such as /chaintable", "/"+chroot)
		}
	}
	for _, server := range strings.Split(servers, ",") {
		host, port, err := net.SplitHostPort(server)
		if err != nil {
			return Connect{}, fmt.Errorf("server %q: want host:port", server)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || host == "" || strings.ContainsAny(host, " \t/@") {
			return Connect{}, fmt.Errorf("server %q: want host:port", server)
		}
		c.Servers = append(c.Servers, server)
	}
	if len(c.Servers) > maxServers {
		return Connect{}, fmt.Errorf("%d servers, at most %d", len(c.Servers), maxServers)
	}
	return c, nil
}

// String is what Parse reads.
func (c Connect) String() string { return strings.Join(c.Servers, ",") + c.Chroot }
