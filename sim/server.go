package sim

import (
	"fmt"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/table"
)

// server is a place: an address and a machine with a clock, and perhaps a disk, where processes live one after another.
type server struct {
	w       *world
	index   int
	address string
	node    chain.NodeID // of a durable server; others have a new one in each life
	disk    *disk        // nil in memory only
	boot    string
	boots   int           // after the first
	offset  time.Duration // of its clock
	rate    float64       // of its clock
	proc    *process      // nil while it is down
	latest  *process      // the last one that began
	cut     int           // from the coordinator, for so many reasons
	lag     time.Duration // that each turn takes more, at most
	gone    bool          // for good
	filled  bool          // its disk has been full

	// What the server is told at its start.
	timeout  time.Duration
	target   int
	noLeases bool
	abandon  chain.Epoch
}

// addServer makes a place. Nothing runs there yet.
func (w *world) addServer() *server {
	i := len(w.servers)
	s := &server{
		w: w, index: i, address: fmt.Sprintf("10.0.0.%d:7001", i+1),
		offset: time.Duration(w.Int64N(int64(1000 * time.Hour))),
		rate:   1 + w.Drift*(2*w.Float64()-1),
	}
	s.timeout = w.Timeout
	if i >= w.Servers && i < w.Servers+w.Joiners && w.chance(w.Odd) {
		s.timeout *= 2
	}
	s.noLeases, s.target = w.chance(w.NoLeases), w.Target
	if w.chance(0.1) {
		s.target = w.IntN(4) // only that of the first one counts
	}
	if w.chance(0.7) {
		s.boot = fmt.Sprintf("boot-%d", i)
	}
	if w.chance(w.Durable) {
		s.node = w.newNode()
		s.disk = newDisk(s)
	}
	w.servers = append(w.servers, s)
	w.net.grow()
	return s
}

func (w *world) newNode() chain.NodeID { return chain.NodeID(w.Uint64() | 1) }

// start begins a new process here: a recovered one where there is a disk, else one that knows nothing.
func (s *server) start() {
	w := s.w
	w.stats.Starts++
	p := &process{w: w, srv: s, serial: int(w.stats.Starts), table: table.New(w.tableConfig())}
	p.id.Node = s.node
	if s.disk == nil {
		p.id.Node = w.newNode()
	}
	cfg := chain.Config{
		Self:           chain.Member{MemberID: p.id, Address: s.address, Durable: s.disk != nil},
		Boot:           s.boot,
		SessionTimeout: s.timeout,
		NewChain:       chain.ID(w.Uint64() | 1),
		Target:         s.target,
		NoLeases:       s.noLeases,
		MaxPending:     w.Pending,
		Abandon:        s.abandon,
		RetainedLog:    w.Retain,
		TransferLog:    w.Trail,
		JoinBandwidth:  w.JoinRate,
		MaxMemory:      w.Memory,
		Touches:        table.Touches,
		Growth:         table.Growth,
		Encode:         func(e *chain.Entry) []byte { return table.AppendEntry(nil, e) },
	}
	if s.disk != nil {
		rec := s.disk.open(p)
		if rec == nil {
			w.faults.revive(s, w.soon(w.Down))
			return
		}
		cfg.Self.Incarnation, cfg.Recovered = rec.Identity.Incarnation, rec.Chain
		p.id, p.table = cfg.Self.MemberID, rec.Table
	}
	if w.failure != nil {
		return
	}
	r, err := chain.New(cfg)
	if err != nil {
		w.fail("%v: %v", p, err)
		return
	}
	p.replica, p.gate, s.proc, s.latest = r, r.Gate(), p, p
	p.session = w.coord.connect()
	w.story.mix(6, uint64(s.index))
	if w.story.on {
		w.tell("%v starts at %s, durable=%t recovered=%t", p, s.address, s.disk != nil, cfg.Recovered != nil)
	}
	w.check.starts(p, cfg.Recovered)
	if s.disk != nil && s.disk.full {
		p.push(chain.DiskSpace{Full: true})
	}
	p.ticks()
	if s.disk != nil {
		s.disk.syncs()
		s.disk.prepare()
	}
}

// reboot gives the machine another boot id, if it has any.
func (s *server) reboot() {
	s.boots++
	if s.boot != "" {
		s.boot = fmt.Sprintf("boot-%d.%d", s.index, s.boots)
	}
}

// crash ends the process here at once, and perhaps the machine with it.
func (s *server) crash() { s.end(s.disk != nil && s.w.chance(s.w.Power)) }

// end ends the process, or with it the machine. A disk keeps what has been synced, and perhaps some more.
func (s *server) end(power bool) {
	p := s.proc
	if p == nil {
		return
	}
	s.proc, p.dead = nil, true
	s.w.story.mix(7, uint64(s.index))
	if s.w.story.on {
		s.w.tell("%v dies", p)
	}
	s.w.net.died(p)
	if s.disk != nil {
		s.disk.end(power)
	}
	for _, t := range p.transfers {
		t.snap.Close()
	}
	for _, ch := range p.channels {
		ch.broke(s.w.between(s.w.ClientWait))
	}
}

// serverAt is the place with this address, nil for none.
func (w *world) serverAt(address string) *server {
	for _, s := range w.servers {
		if s.address == address {
			return s
		}
	}
	return nil
}

// up is the processes that live, paused ones included.
func (w *world) up() (ps []*process) {
	for _, s := range w.servers {
		if s.proc != nil {
			ps = append(ps, s.proc)
		}
	}
	return ps
}

func (w *world) tableConfig() table.Config {
	return table.Config{Lists: 8, Seed: w.Seed, Sessions: w.Session}
}

// named is the process that had this id, as the simulator remembers it.
func (w *world) named(id chain.MemberID) string {
	for _, s := range w.servers {
		if s.proc != nil && s.proc.id.Node == id.Node {
			return fmt.Sprintf("%v.%d", s.proc, id.Incarnation)
		}
	}
	return fmt.Sprintf("(%.4s.%d)", id.Node.String(), id.Incarnation)
}

// showView is a view with the simulator's names.
func (w *world) showView(v chain.View) string {
	text := fmt.Sprintf("chain=%.4s epoch=%d members=", v.Chain.String(), v.Epoch)
	for i, m := range v.Members {
		if i > 0 {
			text += ">"
		}
		text += w.named(m.MemberID)
		if m.Durable {
			text += "d"
		}
	}
	if v.Learner.MemberID != (chain.MemberID{}) {
		text += " learner=" + w.named(v.Learner.MemberID)
	}
	return text
}
