package chain

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// cluster is several replicas with their tables, disks, links and coordinator, in one goroutine. Nothing happens unless it is
// told to: messages wait in flying until they are delivered, time stands still until it is moved.
type cluster struct {
	t   testing.TB
	now Time
	cfg Config // what all servers share

	servers map[int]*server // by number
	flying  []Envelope      // on their way, in the order sent
	coord   truth
	checks  checks

	chunkBytes int // of snapshots
	reads      int // entries that one read of a log on disk brings, at most; zero for all
	answers    int // ids handed out
	holdDisks  bool
	isolated   map[int]bool // what they send, or is sent to them, does not arrive

	out   strings.Builder
	quiet bool            // print neither messages nor commits
	said  map[string]bool // news already printed

	showDigests bool // print these messages, too
}

// server is a place for a process: its number, its address, and its disk.
type server struct {
	c       *cluster
	number  int
	life    int // of servers that keep nothing: each start is a new node
	durable bool
	abandon Epoch
	disk    disk

	r       *Replica // nil: not running
	paused  bool
	halted  error
	left    bool
	table   *twin
	corrupt bool    // the table was changed behind the protocol's back
	inbox   []Input // completions that are due
	iter    map[uint64][][]byte
	coming  []byte // chunks of a snapshot being restored
	reads   []*reading
	names   map[uint64]string // of requests without an answer
	told    struct {
		role      string
		committed Seq
	}
}

// disk is what a durable server has after a crash.
type disk struct {
	member MemberID
	chain  ID
	epoch  Epoch
	base   Position
	table  []byte // at base
	log    []Entry
	synced int // entries of log that are safe
	commit Seq // a lower bound of what is committed, written with some of them
	cuts   uint64
	cut    bool     // the log was cut since it was last synced
	kept   Seq      // entries up to here are there no more, for others than a server that starts
	asked  *ReadLog // not answered yet
}

func newCluster(t testing.TB) *cluster {
	c := &cluster{t: t, now: Time(time.Hour), servers: map[int]*server{}, chunkBytes: 1 << 20, said: map[string]bool{}}
	c.cfg = Config{SessionTimeout: time.Second, Touches: touches, Growth: growthBytes}
	c.coord.init(c)
	c.checks.init()
	return c
}

// numbers is all servers, in order.
func (c *cluster) numbers() []int {
	var ns []int
	for n := range c.servers {
		ns = append(ns, n)
	}
	slices.Sort(ns)
	return ns
}

// at is the server with this number, made where there is none.
func (c *cluster) at(n int) *server {
	s := c.servers[n]
	if s == nil {
		s = &server{c: c, number: n}
		c.servers[n] = s
	}
	return s
}

// address is where server n listens.
func address(n int) string { return fmt.Sprintf("s%d", n) }

// start starts the server's process; it registers at its first tick, which comes at once.
func (s *server) start() {
	if s.r != nil {
		s.c.t.Fatalf("server %d is running", s.number)
	}
	cfg := s.c.cfg
	cfg.NewChain = ID(0x1000*(s.life+1) + s.number)
	cfg.Abandon = s.abandon
	cfg.Self = Member{Address: address(s.number), Durable: s.durable}
	s.corrupt = false
	s.table, s.names, s.inbox, s.iter, s.reads = newTwin(), map[uint64]string{}, nil, map[uint64][][]byte{}, nil
	d := &s.disk
	switch {
	case s.durable && d.member.Node != 0:
		cfg.Self.MemberID = d.member
		if d.table != nil {
			s.table, _ = twinOf(d.table)
		}
		cfg.Recovered = &Recovered{
			Chain: d.chain, Epoch: d.epoch, Base: d.base, Log: slices.Clone(d.log), Complete: true, Table: s.table.bytes(),
			Committed: max(d.base.Seq, d.commit),
		}
		if d.chain == 0 {
			cfg.Recovered = nil
		}
	default:
		cfg.Self.Node = NodeID(100*s.life + s.number)
		s.life++
	}
	r, err := New(cfg)
	if err != nil {
		s.c.t.Fatal(err)
	}
	s.r, s.paused, s.halted, s.left = r, false, nil, false
	s.told.role, s.told.committed = "", r.committed
	s.step(Tick{})
}

// copyDisk gives a server that does not run what another one has on disk.
func (s *server) copyDisk(of *server) {
	s.durable, s.disk = true, of.disk
	if of.r != nil {
		s.disk.member, s.disk.chain, s.disk.epoch = of.r.self.MemberID, of.r.view.Chain, of.r.view.Epoch
	}
	s.disk.log = slices.Clone(of.disk.log[:of.disk.synced])
}

// crash ends the process. What it has sent stays on its way.
func (s *server) crash() {
	if s.durable && s.r != nil {
		d := &s.disk
		d.member, d.chain, d.epoch = s.r.self.MemberID, s.r.view.Chain, s.r.view.Epoch
		d.log = d.log[:d.synced]
	}
	s.r, s.inbox, s.disk.asked = nil, nil, nil
	s.c.coord.forget(s)
}

// step gives the replica one input, carries out all that follows from it, and checks everything.
func (s *server) step(in Input) {
	s.inbox = append(s.inbox, in)
	if s.paused {
		return
	}
	for range 100_000 {
		if s.r == nil || s.halted != nil || s.left {
			s.inbox = nil
			return
		}
		if len(s.inbox) > 0 {
			in := s.inbox[0]
			s.inbox = s.inbox[1:]
			s.r.Step(s.c.now, in)
			s.check()
		}
		out := s.r.Ready()
		s.check()
		s.tell()
		if out.Empty() && len(s.inbox) == 0 {
			return
		}
		s.carryOut(&out)
	}
	s.c.t.Fatalf("server %d never comes to rest: %+v\n%s", s.number, s.r.Status(), s.c.out.String())
}

func (s *server) check() {
	if err := errors.Join(s.r.Check(), s.c.checks.check(s.c, s)); err != nil {
		s.c.t.Fatalf("server %d: %v\n%s", s.number, err, s.c.out.String())
	}
}

// carryOut does what a Ready wants, in the order of its fields.
func (s *server) carryOut(out *Ready) {
	if p := out.Truncate; p != nil && s.durable {
		d := &s.disk
		for len(d.log) > 0 && d.log[len(d.log)-1].Seq > p.Seq {
			d.log = d.log[:len(d.log)-1]
		}
		d.synced, d.cut = min(d.synced, len(d.log)), true
	}
	s.disk.log = append(s.disk.log, out.Append...)
	s.disk.cuts = out.Cuts
	if q := out.ReadLog; q != nil {
		if s.disk.asked != nil {
			s.c.t.Fatalf("server %d reads its log behind %v, while it does behind %v", s.number, q.After, s.disk.asked.After)
		}
		s.disk.asked = q
	}
	if s.durable && !s.c.holdDisks {
		s.sync()
	}
	s.apply(out.Apply)
	s.snapshots(out)
	for _, env := range out.Send {
		s.c.send(env)
	}
	for _, peer := range out.Close {
		s.c.say("%d closes the connection from %s", s.number, s.c.name(peer))
		s.c.lose(peer, s.r.self.MemberID)
	}
	for _, a := range out.Ask {
		s.c.coord.ask(s, a)
	}
	for _, a := range out.Answer {
		s.answered(a)
	}
	for _, m := range out.Probe {
		s.inbox = append(s.inbox, ProbeDone{m.MemberID, s.c.dead(m)})
	}
	for _, n := range out.News {
		s.c.news(s, n)
	}
	if out.Halt != nil {
		s.halted = out.Halt
		s.c.say("%d halts: %v", s.number, out.Halt)
	}
	if out.Left {
		s.left = true
		s.c.say("%d has left", s.number)
	}
}

// sync makes the log durable, and answers who reads it.
func (s *server) sync() {
	d := &s.disk
	if d.asked != nil {
		s.inbox = append(s.inbox, s.readLog(d.asked))
		d.asked = nil
	}
	if d.synced < len(d.log) || d.cut {
		last := d.base
		if n := len(d.log); n > 0 {
			last = d.log[n-1].Position()
		}
		d.synced, d.cut = len(d.log), false
		d.commit = max(d.commit, min(s.r.applied, last.Seq))
		s.inbox = append(s.inbox, Persisted{last, d.cuts})
	}
}

// readLog is what the disk holds behind a position.
func (s *server) readLog(q *ReadLog) LogRead {
	d := &s.disk
	from := 0
	if q.After != d.base {
		from = 1 + slices.IndexFunc(d.log, func(e Entry) bool { return e.Position() == q.After })
	}
	if q.After.Seq < d.kept || from == 0 && q.After != d.base || from == len(d.log) {
		s.c.say("%d: its disk does not hold what follows %v", s.number, q.After)
		return LogRead{Number: q.Number}
	}
	entries := slices.Clone(d.log[from:])
	if n := s.c.reads; n > 0 && n < len(entries) {
		entries = entries[:n]
	}
	s.c.say("%d: reads seq=%s on its disk", s.number, seqs(entries))
	return LogRead{Number: q.Number, Entries: entries, Held: true}
}

// apply executes entries, and tells so before the next Ready is taken.
func (s *server) apply(all []Apply) {
	if len(all) == 0 {
		return
	}
	var forgotten []Seq
	var sums []uint64
	for i := range all {
		e := &all[i].Entry
		what, unknown := s.table.apply(e)
		if !s.corrupt {
			s.c.checks.applied(s, e, s.table)
		}
		if all[i].Sum {
			sums = append(sums, hashOf(s.table.String()))
		}
		switch id := all[i].ID; {
		case unknown:
			forgotten = append(forgotten, e.Seq)
		case id != 0:
			s.c.checks.acknowledged(e)
			s.c.say("%d: %s done, seq=%d (%s)", s.number, s.request(id), e.Seq, what)
		}
	}
	last := all[len(all)-1].Entry.Seq
	s.r.Step(s.c.now, Applied{Through: last, Bytes: s.table.bytes(), Forgotten: forgotten, Sums: sums})
	s.check()
	s.wakeReads()
}

// snapshots reads or restores the table.
func (s *server) snapshots(out *Ready) {
	delete(s.iter, out.Stop)
	if out.Start != 0 {
		s.iter[out.Start] = s.table.chunks(s.c.chunkBytes)
	}
	if id := out.Read; id != 0 {
		it := s.iter[id]
		s.inbox = append(s.inbox, Chunk{Transfer: id, Data: it[0], Last: len(it) == 1})
		s.iter[id] = it[1:]
	}
	for _, m := range out.Restore {
		if m.Index == 0 {
			s.coming = nil
		}
		s.coming = append(s.coming, m.Data...)
		if !m.Last {
			continue
		}
		t, err := twinOf(s.coming)
		if err == nil {
			s.table = t
			s.disk.base, s.disk.table, s.disk.log, s.disk.synced = m.Base, s.coming, nil, 0
			s.wakeReads()
		}
		// The table is in place before the replica hears of it, so it must hear before anything else.
		s.inbox = slices.Insert(s.inbox, 0, Input(Restored{Transfer: m.Transfer, Bytes: t.bytes(), Err: err}))
	}
}

// send puts a message on its way.
func (c *cluster) send(env Envelope) {
	if !c.quiet && c.shows(env.Message) {
		c.say("%s", c.show(env))
	}
	if c.isolated[numberOf(env.From.Node)] || c.isolated[numberOf(env.To.Node)] {
		return
	}
	c.flying = append(c.flying, env)
}

// deliver hands over the first message that fits; false for none.
func (c *cluster) deliver(fits func(Envelope) bool) bool {
	i := slices.IndexFunc(c.flying, fits)
	if i < 0 {
		return false
	}
	env := c.flying[i]
	c.flying = slices.Delete(c.flying, i, i+1)
	c.receive(env)
	return true
}

func (c *cluster) receive(env Envelope) {
	s := c.servers[numberOf(env.To.Node)]
	silent := c.quiet || !c.shows(env.Message)
	switch {
	case s == nil || s.r == nil || s.halted != nil || s.left:
		if !silent {
			c.say("lost: %s (%d is down)", c.show(env), numberOf(env.To.Node))
		}
		return
	case env.To != s.r.self.MemberID && !silent:
		c.say("dropped: %s (it is %s now)", c.show(env), c.name(s.r.self.MemberID))
	case env.Epoch != s.r.view.Epoch && !silent:
		word := "dropped"
		if _, stale := env.Message.(Stale); !stale && env.Epoch > s.r.view.Epoch {
			word = "early" // kept for the epoch to come
		}
		c.say("%s: %s (%d is in epoch %d)", word, c.show(env), s.number, s.r.view.Epoch)
	}
	s.step(Received{env})
}

// settle delivers messages until none is left that can be, between those servers only or between all.
func (c *cluster) settle(only ...int) {
	among := func(n NodeID) bool { return len(only) == 0 || slices.Contains(only, numberOf(n)) }
	for range 200_000 {
		if !c.deliver(func(e Envelope) bool {
			s := c.servers[numberOf(e.To.Node)]
			return (s == nil || !s.paused) && among(e.From.Node) && among(e.To.Node)
		}) {
			return
		}
	}
	c.t.Fatalf("the network never comes to rest\n%s", c.out.String())
}

// lose breaks the connection from one server to another: what is on its way is lost, and the sender hears of it.
func (c *cluster) lose(from, to MemberID) {
	c.flying = slices.DeleteFunc(c.flying, func(e Envelope) bool { return e.From == from && e.To == to })
	if s := c.servers[numberOf(from.Node)]; s != nil && s.r != nil && s.r.self.MemberID == from {
		s.step(LinkReset{to})
	}
}

// tick lets time pass in small steps; with network, everything that is sent arrives within the step.
func (c *cluster) tick(d time.Duration, network bool) {
	const small = 10 * time.Millisecond
	for d > 0 {
		passed := min(d, small)
		d -= passed
		c.now = c.now.Add(passed)
		c.coord.tick()
		for _, n := range c.numbers() {
			if s := c.servers[n]; s.r != nil && !s.paused {
				s.step(Tick{})
			}
		}
		if network {
			c.settle()
		}
	}
}

// dead is what a probe of a member's address finds.
func (c *cluster) dead(m Member) bool {
	s := c.servers[numberOf(m.Node)]
	switch {
	case s == nil || s.r == nil || s.left || s.halted != nil:
		return true
	case s.paused:
		return false // it is silent
	}
	return s.r.self.Node != m.Node // the same node under another incarnation is the same process, with all it held
}
