package chain

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestScripts plays the stories in testdata. `go test -run TestScripts -rewrite ./chain` writes down what happens now: read what has
// changed before you keep it. The commands:
//
//	config [timeout=1s] [durable=(1,2)] [target=3] [leases=off] [retain=BYTES] [chunk=BYTES] [reads=ENTRIES] [memory=BYTES] [disks=held]
//		[boot=on] [digests=shown]
//	start N [abandon=EPOCH]    copy N from=M    crash N    pause N    resume N    leave N    sync N    trim N upto=SEQ
//	disk N full | free
//	corrupt N key=x value=a    behind the protocol's back
//	operate N target=3 | head=2 | evict=3 | drain | undrain
//	view epoch=1 members=(1,2) [learner=3] [at=(1,2)]   the view is this, and those servers (all) read it
//	put N key=x value=a [numbered] [session=S number=1 below=1]    clear N    open N    cancel N id=1
//	read N key=x    barrier N key=x    verify N seq=1
//	deliver TO | deliver FROM->TO [count=1] [type=Append]    settle [only=(1,2)]    lose FROM->TO    isolate N    join N
//	tick 100ms    run 1s        time passes; with run, messages arrive, and only what matters is printed
//	coordinator down | up | cut=(2,3) | watches=off | expire | unregister=(1) | wipe | recover | rewind |
//		forward | hold=(change,heartbeat,...)
//	answer N KIND won|lost|missing|unknown|landed|early    land N KIND
//	status [N...]    log N    network    registrations    forget session=S
//
// Each takes quiet: print neither messages nor commits.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		c := newCluster(t)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			c.t = t
			return c.command(&directive{t, d})
		})
	})
}

// directive is one command of a script.
type directive struct {
	t *testing.T
	d *datadriven.TestData
}

// word is the i-th argument.
func (d *directive) word(i int) string {
	if i >= len(d.d.CmdArgs) {
		d.d.Fatalf(d.t, "%s needs more", d.d.Cmd)
	}
	return d.d.CmdArgs[i].Key
}

// number is the i-th argument as a number.
func (d *directive) number(i int) int {
	n, err := strconv.Atoi(d.word(i))
	if err != nil {
		d.d.Fatalf(d.t, "%v", err)
	}
	return n
}

// text is the value of a key, or "".
func (d *directive) text(key string) string {
	if a, ok := d.d.Arg(key); ok && len(a.Vals) > 0 {
		return a.Vals[0]
	}
	return ""
}

// value is the number of a key, or zero.
func (d *directive) value(key string) uint64 {
	s := d.text(key)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		d.d.Fatalf(d.t, "%v", err)
	}
	return n
}

// list is the numbers of a key.
func (d *directive) list(key string) (ns []int) {
	a, _ := d.d.Arg(key)
	for _, v := range a.Vals {
		if n, err := strconv.Atoi(v); err == nil {
			ns = append(ns, n)
		} else if v != "" {
			d.d.Fatalf(d.t, "%v", err)
		}
	}
	return ns
}

func (d *directive) duration(i int) time.Duration {
	v, err := time.ParseDuration(d.word(i))
	if err != nil {
		d.d.Fatalf(d.t, "%v", err)
	}
	return v
}

// command carries out one command, and returns what it printed.
func (c *cluster) command(d *directive) string {
	c.out.Reset()
	c.quiet = d.d.HasArg("quiet") || d.d.Cmd == "run"
	switch d.d.Cmd {
	case "config":
		c.config(d)
	case "view":
		c.setView(d)
	case "put", "clear", "open", "read", "barrier", "verify", "cancel", "sync", "leave", "operate", "log", "corrupt", "disk":
		c.at(d.number(0)).command(d)
	case "start":
		s := c.at(d.number(0))
		s.abandon = Epoch(d.value("abandon"))
		s.start()
	case "crash":
		c.at(d.number(0)).crash()
	case "copy":
		c.at(d.number(0)).copyDisk(c.at(int(d.value("from"))))
	case "trim":
		c.at(d.number(0)).disk.kept = Seq(d.value("upto"))
	case "pause":
		c.at(d.number(0)).paused = true
	case "resume":
		c.at(d.number(0)).paused = false
		c.rest()
	case "deliver":
		c.deliverCommand(d)
	case "settle":
		c.settle(d.list("only")...)
	case "lose":
		from, to, _ := strings.Cut(d.word(0), "->")
		c.lose(c.member(from), c.member(to))
	case "isolate", "join":
		c.isolated = map[int]bool{d.number(0): d.d.Cmd == "isolate"}
	case "tick", "run":
		c.tick(d.duration(0), d.d.Cmd == "run")
	case "coordinator":
		c.coord.command(d)
	case "answer":
		c.coord.decide(d.number(0), d.word(1), d.word(2))
	case "land":
		c.coord.land(d.number(0), d.word(1))
	case "forget":
		for _, s := range c.servers {
			delete(s.table.Sessions, SessionID(d.value("session")))
		}
	case "status":
		var only []int
		for i := range d.d.CmdArgs {
			only = append(only, d.number(i))
		}
		c.status(only)
	case "network":
		for _, env := range c.flying {
			c.say("%s", c.show(env))
		}
	case "registrations":
		c.out.WriteString(c.coord.String())
	default:
		d.d.Fatalf(d.t, "unknown command %q", d.d.Cmd)
	}
	return c.out.String()
}

func (c *cluster) config(d *directive) {
	if s := d.text("timeout"); s != "" {
		c.cfg.SessionTimeout, _ = time.ParseDuration(s)
	}
	for _, n := range d.list("durable") {
		c.at(n).durable = true
	}
	c.cfg.Target = int(d.value("target"))
	c.cfg.NoLeases = d.text("leases") == "off"
	c.cfg.RetainedLog = d.value("retain")
	if d.text("boot") == "on" {
		c.cfg.Boot = "one machine"
	}
	c.cfg.MaxMemory = int64(d.value("memory"))
	if n := d.value("chunk"); n > 0 {
		c.chunkBytes = int(n)
	}
	c.reads = int(d.value("reads"))
	c.holdDisks = d.text("disks") == "held"
	c.showDigests = d.text("digests") == "shown"
}

// setView makes a view the truth, as if the servers had agreed on it, and lets them read it.
func (c *cluster) setView(d *directive) {
	v := View{Chain: c.coord.view.Chain, Epoch: Epoch(d.value("epoch")), Target: c.cfg.Target, Rules: Rules}
	quiet := c.quiet
	c.quiet = true
	member := func(n int) Member {
		s := c.at(n)
		if s.r == nil && c.coord.view.Index(MemberID{NodeID(n), 1}) < 0 {
			hold := c.coord.hold
			c.coord.hold = map[string]bool{"view": true, "change": true} // it registers; what it is to know comes now
			s.start()
			c.coord.hold, c.coord.held = hold, nil
			s.r.watch.viewBusy = false
		}
		if s.r == nil {
			i := slices.IndexFunc(c.coord.view.Members, func(m Member) bool { return numberOf(m.Node) == n })
			return c.coord.view.Members[i]
		}
		return s.r.self
	}
	for _, n := range d.list("members") {
		v.Members = append(v.Members, member(n))
	}
	for _, n := range d.list("learner") {
		v.Learner = member(n)
	}
	if v.Chain == 0 {
		head := c.servers[numberOf(v.Head().Node)].r
		head.made = head.cfg.NewChain
		v.Chain = head.made
	}
	old := c.coord.view.View
	gone := func(m MemberID) bool {
		_, was := old.Find(m)
		_, is := v.Find(m)
		return was && !is
	}
	c.coord.regs = slices.DeleteFunc(c.coord.regs, func(r Registered) bool { return gone(r.MemberID) })
	c.out.Reset()
	c.coord.exists, c.coord.view = true, Recorded{v, c.coord.view.Version + 1}
	c.quiet = quiet
	who := d.list("at")
	if len(who) == 0 {
		who = c.numbers()
	}
	for _, n := range who {
		if s := c.servers[n]; s.r != nil {
			s.step(CoordList{Registered: slices.Clone(c.coord.regs), Session: c.coord.session, Outcome: OutcomeOK})
			maps.DeleteFunc(s.r.watch.seen, func(m MemberID, _ *sighting) bool { return gone(m) }) // they all know
			s.step(CoordView{Recorded: c.coord.view, Session: c.coord.session, Outcome: OutcomeOK})
		}
	}
}

// member is who runs at a server now.
func (c *cluster) member(number string) MemberID {
	n, err := strconv.Atoi(number)
	if err != nil || c.servers[n] == nil {
		c.t.Fatalf("no server %q", number)
	}
	if s := c.servers[n]; s.r != nil {
		return s.r.self.MemberID
	}
	return MemberID{NodeID(n), 1}
}

// deliverCommand hands over what is on its way now, or the first count messages of it, not what follows from that.
func (c *cluster) deliverCommand(d *directive) {
	from, to, both := strings.Cut(d.word(0), "->")
	if !both {
		from, to = "", from
	}
	fits := func(e Envelope) bool {
		return strconv.Itoa(numberOf(e.To.Node)) == to && (from == "" || strconv.Itoa(numberOf(e.From.Node)) == from) &&
			strings.HasSuffix(fmt.Sprintf("%T", e.Message), d.text("type"))
	}
	count := 0
	for _, e := range c.flying {
		if fits(e) {
			count++
		}
	}
	if n := int(d.value("count")); n > 0 {
		count = min(count, n)
	}
	for range count {
		c.deliver(fits)
	}
}

// command is what a client, or an operator, does at one server.
func (s *server) command(d *directive) {
	if s.r == nil {
		d.d.Fatalf(d.t, "server %d is down", s.number)
	}
	switch d.d.Cmd {
	case "put":
		s.put(Request{
			Command: []byte("put " + d.text("key") + " " + d.text("value")), Numbered: d.d.HasArg("numbered"),
			Chain: s.r.view.Chain, Session: SessionID(d.value("session")), Number: d.value("number"), DoneBelow: d.value("below"),
		}, d.text("key")+"="+d.text("value"))
	case "clear":
		s.put(Request{Command: []byte("clear")}, "clear")
	case "open":
		s.put(Request{Open: true}, "open")
	case "read":
		s.read(d.text("key"))
	case "barrier":
		s.barrier(d.text("key"))
	case "verify":
		s.c.say("%d: seq %d %s", s.number, d.value("seq"), s.table.fate(Seq(d.value("seq"))))
	case "cancel":
		s.step(Cancel{d.value("id")})
	case "sync":
		s.sync()
		s.c.rest()
	case "leave":
		s.step(Leave{})
		s.step(Tick{})
	case "operate":
		s.operate(d)
	case "disk":
		s.step(DiskSpace{Full: d.word(1) == "full"})
	case "corrupt":
		s.table.Values[d.text("key")], s.corrupt = d.text("value"), true
	case "log":
		for _, e := range s.r.Log(0) {
			s.c.say("%s", strings.ReplaceAll(e.String(), e.Tag.By.String(), s.c.name(e.Tag.By)))
		}
	}
}

// operate gives the server an operator's order.
func (s *server) operate(d *directive) {
	node := func(key string) NodeID {
		n := int(d.value(key))
		if x := s.c.servers[n]; x != nil && x.r != nil {
			return x.r.self.Node
		}
		return NodeID(n)
	}
	var op Operation
	switch what := d.d.CmdArgs[1]; what.Key {
	case "target":
		op = SetTarget{int(d.value("target"))}
	case "head":
		op = MoveHead{node("head")}
	case "evict":
		op = Evict{node("evict")}
	case "drain":
		op = Drain{}
	case "undrain":
		op = Undrain{}
	default:
		d.d.Fatalf(d.t, "unknown order %q", what.Key)
	}
	s.order(op)
}

func (k *truth) command(d *directive) {
	switch d.word(0) {
	case "down", "cut":
		k.down = d.word(0) == "down"
		clear(k.cut)
		for _, n := range d.list("cut") {
			k.cut[n] = true
		}
		k.resume()
	case "up":
		k.down = false
		clear(k.cut)
		k.resume()
	case "expire":
		k.session++
	case "unregister":
		for _, n := range d.list("unregister") {
			k.regs = slices.DeleteFunc(k.regs, func(r Registered) bool { return numberOf(r.Node) == n })
		}
	case "wipe":
		k.exists, k.now, k.view, k.regs = false, k.view, Recorded{Version: -1}, nil
	case "recover":
		k.exists, k.view = true, Recorded{View: k.now.View}
	case "rewind":
		k.now = k.view
		k.view.Epoch--
	case "forward":
		k.view = k.now
	case "watches":
		k.watches = d.text("watches") != "off"
	case "hold":
		k.hold = map[string]bool{}
		a, _ := d.d.Arg("hold")
		for _, v := range a.Vals {
			k.hold[v] = true
		}
	}
}

// resume carries out what the coordinator was asked while it was away.
func (k *truth) resume() {
	for _, h := range slices.Clone(k.held) {
		if !k.hold[kindOf(h.ask)] && !k.away(h.s) {
			k.held = slices.DeleteFunc(k.held, func(x *heldAsk) bool { return x == h })
			k.answer(h, k.execute(h))
		}
	}
	k.c.rest()
}
