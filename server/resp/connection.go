package resp

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// compatible is the version of Redis whose commands and answers these are; clients look at it.
const compatible = "7.0.15"

// maxClientName bounds what a client may call itself or its library, in bytes.
const maxClientName = 256

func connectionCommands() []*command {
	client := &command{
		name: "client", arity: -2, flags: "loading stale", group: "connection", since: "2.4.0",
		about: "A container for client connection commands.",
	}
	client.sub = subcommands(client, []*command{
		{name: "id", arity: 2, since: "5.0.0", about: "Returns the number of the connection.", run: clientID},
		{name: "info", arity: 2, since: "6.2.0", about: "Returns information about the connection.", run: clientInfo},
		{name: "list", arity: -2, since: "2.4.0", about: "Lists the open connections of this server.", run: clientList},
		{name: "getname", arity: 2, since: "2.6.9", about: "Returns the name of the connection.", run: clientGetName},
		{name: "setname", arity: 3, since: "2.6.9", about: "Sets the name of the connection.", run: clientSetName},
		{name: "setinfo", arity: 4, since: "7.2.0", about: "Sets the name or version of the client's library.", run: clientSetInfo},
	})
	return []*command{
		{
			name: "ping", arity: -1, flags: "fast loading stale", group: "connection", since: "1.0.0",
			about: "Returns the given message, or PONG.", run: ping,
		},
		{
			name: "echo", arity: 2, flags: "fast loading stale", group: "connection", since: "1.0.0",
			about: "Returns the given string.", run: echo,
		},
		{
			name: "hello", arity: -1, flags: "noscript fast loading stale no_auth", group: "connection", since: "6.0.0",
			about: "Handshakes with the server.", run: hello,
		},
		{
			name: "auth", arity: -2, flags: "noscript fast loading stale no_auth", group: "connection", since: "1.0.0",
			about: "Authenticates the connection; refused, as there are no users.", run: auth,
		},
		{
			name: "select", arity: 2, flags: "fast loading stale", group: "connection", since: "1.0.0",
			about: "Changes the selected database: only 0 exists.", run: selectDB,
		},
		{
			name: "reset", arity: 1, flags: "noscript fast loading stale no_auth", group: "connection", since: "6.2.0",
			about: "Resets the connection.", run: reset,
		},
		{
			name: "quit", arity: -1, flags: "noscript fast loading stale no_auth", group: "connection", since: "1.0.0",
			about: "Closes the connection.", run: quit,
		},
		client,
	}
}

// subcommands completes the rows of a container's subcommands, HELP among them, and gives them by name.
func subcommands(of *command, list []*command) map[string]*command {
	m := make(map[string]*command, len(list)+1)
	for _, c := range append(list, &command{
		name: "help", arity: 2, since: "5.0.0", about: "Returns what the subcommands do.",
		run: func(c *client, _ context.Context, _ [][]byte) { c.w.help(of) },
	}) {
		m[c.name] = c
		c.name = of.name + "|" + c.name
		c.flags, c.group = of.flags, of.group
	}
	return m
}

func ping(c *client, _ context.Context, args [][]byte) {
	switch len(args) {
	case 1:
		c.w.simple("PONG")
	case 2:
		c.w.copied(args[1])
	default:
		c.w.error(wrongArity(commands["ping"]))
	}
}

func echo(c *client, _ context.Context, args [][]byte) { c.w.copied(args[1]) }

// Redis' words for a server without passwords, and for one that does not know the user.
const (
	errNoPassword = "ERR AUTH <password> called without any password configured for the default user. " +
		"Are you sure your configuration is correct?"
	errWrongPass = "WRONGPASS invalid username-password pair or user is disabled."
)

func auth(c *client, _ context.Context, args [][]byte) {
	switch len(args) {
	case 2:
		c.w.error(errNoPassword)
	case 3:
		c.w.error(errWrongPass)
	default:
		c.w.error(errSyntax)
	}
}

func selectDB(c *client, _ context.Context, args [][]byte) {
	switch n, ok := parseInt(args[1]); {
	case !ok:
		c.w.error(errNotInt)
	case n != 0:
		c.w.error("ERR DB index is out of range")
	default:
		c.w.ok()
	}
}

func quit(c *client, _ context.Context, _ [][]byte) {
	c.w.ok()
	c.ending = true
}

func reset(c *client, _ context.Context, _ [][]byte) {
	c.setProtocol(2)
	c.mu.Lock()
	c.mu.name = ""
	c.mu.Unlock()
	c.w.simple("RESET")
}

func (c *client) setProtocol(version int64) {
	c.w.resp3 = version == 3
	c.protocol.Store(int32(version))
}

// hello answers HELLO [version [AUTH user password] [SETNAME name]]. Nothing changes if it fails.
func hello(c *client, _ context.Context, args [][]byte) {
	version := int64(c.protocol.Load())
	if len(args) > 1 {
		n, ok := parseInt(args[1])
		if !ok {
			c.w.error("ERR Protocol version is not an integer or out of range")
			return
		}
		if n != 2 && n != 3 {
			c.w.error("NOPROTO unsupported protocol version")
			return
		}
		version = n
	}
	var name []byte
	named := false
	for rest := args[min(2, len(args)):]; len(rest) > 0; {
		switch {
		case is(rest[0], "AUTH") && len(rest) > 2:
			c.w.error(errWrongPass)
			return
		case is(rest[0], "SETNAME") && len(rest) > 1:
			if problem := checkName(rest[1]); problem != "" {
				c.w.error(problem)
				return
			}
			name, named = rest[1], true
			rest = rest[2:]
		default:
			c.w.error(fmt.Sprintf("ERR Syntax error in HELLO option '%.128s'", rest[0]))
			return
		}
	}
	if named {
		c.setName(name)
	}
	c.setProtocol(version)
	c.w.mapping(7)
	c.w.text("server")
	c.w.text("redis")
	c.w.text("version")
	c.w.text(compatible)
	c.w.text("proto")
	c.w.int(version)
	c.w.text("id")
	c.w.int(c.id)
	c.w.text("mode")
	c.w.text("standalone")
	c.w.text("role")
	c.w.text("master")
	c.w.text("modules")
	c.w.array(0)
}

// checkName refuses names that would break the lines of CLIENT LIST, or are long.
func checkName(name []byte) string {
	if len(name) > maxClientName {
		return fmt.Sprintf("ERR a client's name of %d bytes is longer than %d", len(name), maxClientName)
	}
	if !plain(name) {
		return "ERR Client names cannot contain spaces, newlines or special characters."
	}
	return ""
}

// plain tells whether b is printable ASCII without blanks.
func plain(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool { return c < '!' || c > '~' })
}

func (c *client) setName(name []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.name = string(name)
}

func clientSetName(c *client, _ context.Context, args [][]byte) {
	if problem := checkName(args[2]); problem != "" {
		c.w.error(problem)
		return
	}
	c.setName(args[2])
	c.w.ok()
}

func clientGetName(c *client, _ context.Context, _ [][]byte) {
	c.mu.Lock()
	name := c.mu.name
	c.mu.Unlock()
	if name == "" {
		c.w.null()
	} else {
		c.w.text(name)
	}
}

func clientSetInfo(c *client, _ context.Context, args [][]byte) {
	attribute, value := args[2], args[3]
	name, version := is(attribute, "LIB-NAME"), is(attribute, "LIB-VER")
	switch {
	case !name && !version:
		c.w.error(fmt.Sprintf("ERR Unrecognized option '%.128s'", attribute))
		return
	case len(value) > maxClientName:
		c.w.error(fmt.Sprintf("ERR %s of %d bytes is longer than %d", attribute, len(value), maxClientName))
		return
	case !plain(value):
		c.w.error(fmt.Sprintf("ERR %s cannot contain spaces, newlines or special characters.", attribute))
		return
	}
	c.mu.Lock()
	if name {
		c.mu.library = string(value)
	} else {
		c.mu.libraryVersion = string(value)
	}
	c.mu.Unlock()
	c.w.ok()
}

func clientID(c *client, _ context.Context, _ [][]byte) { c.w.int(c.id) }

func clientInfo(c *client, _ context.Context, _ [][]byte) { c.w.verbatim(c.describe() + "\n") }

// clientList answers CLIENT LIST [TYPE normal] [ID id ...].
func clientList(c *client, _ context.Context, args [][]byte) {
	list := c.front.all()
	switch rest := args[2:]; {
	case len(rest) == 0:
	case len(rest) == 2 && is(rest[0], "TYPE"):
		switch {
		case is(rest[1], "NORMAL"):
		case is(rest[1], "MASTER"), is(rest[1], "REPLICA"), is(rest[1], "SLAVE"), is(rest[1], "PUBSUB"):
			list = nil
		default:
			c.w.error(fmt.Sprintf("ERR Unknown client type '%.128s'", rest[1]))
			return
		}
	case len(rest) > 1 && is(rest[0], "ID"):
		ids := make(map[int64]bool)
		for _, arg := range rest[1:] {
			id, ok := parseInt(arg)
			if !ok {
				c.w.error("ERR Invalid client ID")
				return
			}
			ids[id] = true
		}
		list = slices.DeleteFunc(list, func(x *client) bool { return !ids[x.id] })
	default:
		c.w.error(errSyntax)
		return
	}
	slices.SortFunc(list, func(a, b *client) int { return int(a.id - b.id) })
	var text strings.Builder
	for _, x := range list {
		text.WriteString(x.describe())
		text.WriteByte('\n')
	}
	c.w.verbatim(text.String())
}

// describe is the client's line in CLIENT LIST. Any goroutine may call it.
func (c *client) describe() string {
	c.mu.Lock()
	name, library, libraryVersion := c.mu.name, c.mu.library, c.mu.libraryVersion
	c.mu.Unlock()
	last := "NULL"
	if cmd := c.last.Load(); cmd != nil {
		last = cmd.name
	}
	now := time.Now()
	fields := []struct{ key, value string }{
		{"id", strconv.FormatInt(c.id, 10)},
		{"addr", c.conn.RemoteAddr().String()},
		{"laddr", c.conn.LocalAddr().String()},
		{"name", name},
		{"age", strconv.FormatInt(int64(now.Sub(c.began).Seconds()), 10)},
		{"idle", strconv.FormatInt(int64((time.Since(c.front.began) - time.Duration(c.lastActive.Load())).Seconds()), 10)},
		{"flags", "N"},
		{"db", "0"},
		{"sub", "0"},
		{"psub", "0"},
		{"multi", "-1"},
		{"cmd", last},
		{"user", "default"},
		{"lib-name", library},
		{"lib-ver", libraryVersion},
		{"resp", strconv.Itoa(int(c.protocol.Load()))},
	}
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.key + "=" + f.value)
	}
	return b.String()
}
