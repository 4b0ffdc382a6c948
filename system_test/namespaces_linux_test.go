package system_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/chaintable/chaintable/internal/needs"
)

// inside is set for a run of this test in namespaces of its own: to the table-server that is to be tested.
const inside = "SYSTEM_TEST_NAMESPACE"

// TestNamespaces has servers in network namespaces of their own, and the packets between them lost, in every shape: what a proxy cannot do, which
// always takes a connection, and acknowledges what it does not pass on. It does so in a user namespace, and so needs no root.
func TestNamespaces(t *testing.T) {
	if os.Getenv(inside) != "" {
		inNamespaces(t)
		return
	}
	needs.Program(t, "ip")
	needs.Program(t, "nsenter")
	here, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	again := exec.Command(here, "-test.run=^TestNamespaces$", "-test.v", "-test.timeout=5m", "-history-seed="+strconv.FormatUint(*historySeedFlag, 10), "-server-log-level="+*levelFlag)
	again.Env = append(os.Environ(), inside+"="+program)
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := again.CombinedOutput()
	if err != nil {
		t.Fatalf("%v (where user namespaces are not allowed, .ci/needs says how to allow them)\n%s", err, out)
	}
	t.Logf("within namespaces:\n%s", out)
}

// lan is a network of hosts, each a namespace with an interface. Between them is a router, the namespace of this process, which says what passes. The
// clients are at the router: all that the shapes cut off is between hosts.
type lan struct {
	t         *testing.T
	number    int // in the addresses
	servers   []*host
	zookeeper *host
}

// host is a namespace.
type host struct {
	address string
	pid     int // of a process that keeps it
	link    string
}

// ip runs the program of this name, in the router's namespace.
func (l *lan) ip(words ...string) { l.run(append([]string{"ip"}, words...)...) }

func (l *lan) run(words ...string) {
	l.t.Helper()
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		l.t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
}

// enter is the command that runs another in the namespace.
func (h *host) enter() []string {
	return []string{"nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", h.pid)}
}

// host adds a host, which ends with the test.
func (l *lan) host(i int) *host {
	l.t.Helper()
	keeper := exec.Command("sleep", "infinity")
	keeper.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := keeper.Start(); err != nil {
		l.t.Fatal(err)
	}
	h := &host{address: fmt.Sprintf("10.77.%d.%d", l.number, 4*i+2), pid: keeper.Process.Pid, link: fmt.Sprintf("n%dh%d", l.number, i)}
	l.t.Cleanup(func() {
		_ = keeper.Process.Kill()
		_ = keeper.Wait() // it was killed
	})
	router := fmt.Sprintf("10.77.%d.%d", l.number, 4*i+1)
	l.ip("link", "add", h.link, "type", "veth", "peer", "name", "out", "netns", strconv.Itoa(h.pid))
	l.ip("address", "add", router+"/30", "dev", h.link)
	l.ip("link", "set", h.link, "up")
	for _, words := range [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "address", "add", h.address + "/30", "dev", "out"},
		{"ip", "link", "set", "out", "up"},
		{"ip", "route", "add", "default", "via", router},
	} {
		l.run(append(h.enter(), words...)...)
	}
	return h
}

// lose has all packets from one host to another lost, as if they had never been sent. Until they are not.
func (l *lan) lose(lost bool, from, to *host) {
	l.t.Helper()
	verb := "del"
	if lost {
		verb = "add"
	}
	l.ip("rule", verb, "from", from.address, "to", to.address, "blackhole")
}

// part has packets lost in both directions.
func (l *lan) part(lost bool, a, b *host) {
	l.t.Helper()
	l.lose(lost, a, b)
	l.lose(lost, b, a)
}

// shapes are the partitions of three servers a, b and c, in any order, and ZooKeeper z. Each makes the partition, or ends it. A server must go for
// each of them.
var shapes = []struct {
	name string
	make func(l *lan, lost bool, a, b, c, z *host)
}{
	{"two servers from each other", func(l *lan, lost bool, a, b, _, _ *host) { l.part(lost, a, b) }},
	{"packets from one server to another", func(l *lan, lost bool, a, b, _, _ *host) { l.lose(lost, a, b) }},
	{"a server from ZooKeeper alone", func(l *lan, lost bool, a, _, _, z *host) { l.part(lost, a, z) }},
	{"packets from ZooKeeper to a server", func(l *lan, lost bool, a, _, _, z *host) { l.lose(lost, z, a) }},
	{"packets from a server to ZooKeeper", func(l *lan, lost bool, a, _, _, z *host) { l.lose(lost, a, z) }},
	{"a server from everybody", func(l *lan, lost bool, a, b, c, z *host) {
		for _, other := range []*host{b, c, z} {
			l.part(lost, a, other)
		}
	}},
	{"a server from everybody, clients too", func(l *lan, lost bool, a, _, _, _ *host) {
		state := "up"
		if lost {
			state = "down"
		}
		l.ip("link", "set", a.link, state)
	}},
	{"a server from the others, and packets between those one way", func(l *lan, lost bool, a, b, c, _ *host) {
		l.part(lost, a, b)
		l.part(lost, a, c)
		l.lose(lost, b, c)
	}},
	{"packets in a ring of servers", func(l *lan, lost bool, a, b, c, _ *host) {
		l.lose(lost, a, b)
		l.lose(lost, b, c)
		l.lose(lost, c, a)
	}},
}

// inNamespaces is the test, as root of namespaces of its own.
func inNamespaces(t *testing.T) {
	seed := *historySeedFlag
	if seed == 0 {
		seed = rand.Uint64N(1_000_000)
	}
	t.Logf("seed %d", seed)
	y := &tally{faults: map[string]int{}}
	t.Cleanup(func() { t.Log(y) })
	base := &lan{t: t}
	base.ip("link", "set", "lo", "up")
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	base.zookeeper = base.host(0)
	z := needs.StartZooKeeperWithin(t, base.zookeeper.enter(), base.zookeeper.address, 2181)
	for i, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			r := newTrial(seed + uint64(i))
			r.network = &network{cluster: newCluster(t, z.Address+chroot(), "--request-timeout", requestTimeout.String())}
			l := &lan{t: t, number: i + 1, zookeeper: base.zookeeper}
			for j := range 3 {
				h := l.host(j)
				l.servers = append(l.servers, h)
				r.admit(r.startWithin(h.enter(), "0", r.connect, "--listen", h.address, "--insecure"))
			}
			r.awaitPublished()
			r.live([]*fault{{shape.name, cutTime, 0, func(r *trial) func() {
				before := r.view()
				order := r.random.Perm(3)
				make := func(lost bool) {
					shape.make(l, lost, l.servers[order[0]], l.servers[order[1]], l.servers[order[2]], l.zookeeper)
				}
				make(true)
				return func() {
					waitFor(t, "a server to go", func() bool { return !r.view().same(before) })
					make(false)
				}
			}}}, y)
		})
	}
}
