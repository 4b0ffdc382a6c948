package resp

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/chaintable/chaintable/replica"
)

func serverCommands() []*command {
	about := &command{
		name: "command", arity: -1, flags: "loading stale", group: "server", since: "2.8.13",
		about: "Returns detailed information about all commands.", run: commandAll,
	}
	about.sub = subcommands(about, []*command{
		{name: "count", arity: 2, since: "2.8.13", about: "Returns how many commands there are.", run: commandCount},
		{name: "docs", arity: -2, since: "7.0.0", about: "Returns documentary information about commands.", run: commandDocs},
		{name: "info", arity: -2, since: "2.8.13", about: "Returns information about some or all commands.", run: commandInfo},
		{name: "list", arity: -2, since: "7.0.0", about: "Returns the names of all commands.", run: commandList},
	})
	config := &command{
		name: "config", arity: -2, flags: "admin noscript loading stale", group: "server", since: "2.0.0",
		about: "A container for server configuration commands.",
	}
	config.sub = subcommands(config, []*command{
		{name: "get", arity: -3, since: "2.0.0", about: "Returns configuration parameters.", run: configGet},
	})
	return []*command{
		about,
		config,
		{
			name: "info", arity: -1, flags: "loading stale", group: "server", since: "1.0.0",
			about: "Returns information and statistics about the server.", run: info,
		},
		{
			name: "role", arity: 1, flags: "noscript loading stale fast", group: "server", since: "2.8.12",
			about: "Returns master, as every server takes writes, what has committed, the other members, and the place in the chain.",
			run:   role,
		},
		{
			name: "time", arity: 1, flags: "loading stale fast", group: "server", since: "2.6.0",
			about: "Returns the server's time.", run: timeNow,
		},
		{
			name: "wait", arity: 3, flags: "noscript", group: "generic", since: "3.0.0",
			about: "Returns at once how many other members hold the connection's writes: all.", run: wait,
		},
	}
}

func timeNow(c *client, _ context.Context, _ [][]byte) {
	now := time.Now()
	c.w.array(2)
	c.w.text(strconv.FormatInt(now.Unix(), 10))
	c.w.text(strconv.Itoa(now.Nanosecond() / 1000))
}

// wait need not wait: the connection's writes have been answered, so every member holds them.
func wait(c *client, _ context.Context, args [][]byte) {
	if _, ok := parseInt(args[1]); !ok {
		c.w.error(errNotInt)
		return
	}
	switch timeout, ok := parseInt(args[2]); {
	case !ok:
		c.w.error("ERR timeout is not an integer or out of range")
	case timeout < 0:
		c.w.error("ERR timeout is negative")
	default:
		c.w.int(int64(len(others(c.front.config.Backend.Status()))))
	}
}

// role says master at every server, since each takes writes; the chain's word stands behind what Redis has. Every member
// holds what has committed, so that is how far the others are at least.
func role(c *client, _ context.Context, _ [][]byte) {
	s := c.front.config.Backend.Status()
	c.w.array(4)
	c.w.text("master")
	c.w.int(int64(s.Committed))
	others := others(s)
	c.w.array(len(others))
	for _, m := range others {
		c.w.texts([]string{m.host, m.port, strconv.FormatUint(uint64(s.Committed), 10)})
	}
	c.w.text("chain_role:" + s.Role)
}

// place is where a member is reached.
type place struct{ host, port string }

// others are the members beside this server, which need not be one.
func others(s replica.Status) []place {
	var list []place
	for _, m := range s.View.Members {
		if m.Node == s.ID {
			continue
		}
		host, port, err := net.SplitHostPort(m.Address)
		if err != nil {
			host, port = m.Address, "0"
		}
		list = append(list, place{host, port})
	}
	return list
}

// configGet answers with the few parameters that mean here what they mean in Redis.
func configGet(c *client, _ context.Context, args [][]byte) {
	parameters := [][2]string{
		{"appendonly", "no"},
		{"databases", "1"},
		{"maxclients", strconv.Itoa(c.front.config.MaxClients)},
		{"proto-max-bulk-len", strconv.Itoa(maxBulk)},
		{"save", ""},
		{"timeout", "0"},
	}
	var found [][2]string
	for _, p := range parameters {
		for _, pattern := range args[2:] {
			if len(pattern) <= maxPattern && glob([]byte(strings.ToLower(string(pattern))), []byte(p[0])) {
				found = append(found, p)
				break
			}
		}
	}
	c.w.mapping(len(found))
	for _, p := range found {
		c.w.text(p[0])
		c.w.text(p[1])
	}
}

// infoSections are those of INFO, in order.
var infoSections = []struct {
	name  string
	lines func(f *Front) []string
}{
	{"Server", infoServer},
	{"Clients", infoClients},
	{"Memory", infoMemory},
	{"Stats", infoStats},
	{"Replication", infoReplication},
	{"Chain", infoChain},
	{"Keyspace", infoKeyspace},
}

// info answers INFO [section ...]. What is not measured is absent.
func info(c *client, _ context.Context, args [][]byte) {
	wanted := func(section string) bool {
		if len(args) == 1 {
			return true
		}
		for _, a := range args[1:] {
			if is(a, section) || is(a, "ALL") || is(a, "DEFAULT") || is(a, "EVERYTHING") {
				return true
			}
		}
		return false
	}
	var b strings.Builder
	for _, section := range infoSections {
		if !wanted(section.name) {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString("# " + section.name + "\r\n")
		for _, line := range section.lines(c.front) {
			b.WriteString(line + "\r\n")
		}
	}
	c.w.verbatim(b.String())
}

func infoServer(f *Front) []string {
	uptime := int64(time.Since(f.began).Seconds())
	_, port, _ := net.SplitHostPort(f.config.Backend.Status().Address)
	return []string{
		"redis_version:" + compatible,
		"redis_mode:standalone",
		"chaintable_version:" + f.config.Version,
		"tcp_port:" + port,
		fmt.Sprintf("uptime_in_seconds:%d", uptime),
		fmt.Sprintf("uptime_in_days:%d", uptime/86400),
	}
}

func infoClients(f *Front) []string {
	return []string{
		fmt.Sprintf("connected_clients:%d", f.config.Clients()),
		fmt.Sprintf("maxclients:%d", f.config.MaxClients),
	}
}

func infoMemory(f *Front) []string {
	return []string{fmt.Sprintf("used_memory_dataset:%d", f.config.Backend.Status().Bytes)}
}

func infoStats(f *Front) []string {
	return []string{
		fmt.Sprintf("total_connections_received:%d", f.connections.Load()),
		fmt.Sprintf("total_commands_processed:%d", f.requests.Total()),
	}
}

func infoReplication(f *Front) []string {
	s := f.config.Backend.Status()
	others := others(s)
	lines := []string{
		"role:master",
		"chain_role:" + s.Role,
		fmt.Sprintf("connected_slaves:%d", len(others)),
	}
	for n, m := range others {
		lines = append(lines, fmt.Sprintf("slave%d:ip=%s,port=%s,state=online,offset=%d", n, m.host, m.port, s.Committed))
	}
	return append(lines, fmt.Sprintf("master_repl_offset:%d", s.Committed))
}

func infoChain(f *Front) []string {
	s := f.config.Backend.Status()
	return []string{
		fmt.Sprintf("chain_id:%v", s.Chain),
		fmt.Sprintf("chain_node:%v", s.ID),
		"chain_state:" + s.State,
		fmt.Sprintf("chain_epoch:%d", s.Epoch),
		fmt.Sprintf("chain_last:%d", s.Last),
		fmt.Sprintf("chain_stable:%d", s.Stable),
		fmt.Sprintf("chain_committed:%d", s.Committed),
		fmt.Sprintf("chain_applied:%d", s.Applied),
		fmt.Sprintf("chain_lease_left_ms:%d", s.LeaseLeft.Milliseconds()),
	}
}

func infoKeyspace(f *Front) []string {
	if n := f.config.Backend.Status().Keys; n > 0 {
		return []string{fmt.Sprintf("db0:keys=%d,expires=0", n)}
	}
	return nil
}
