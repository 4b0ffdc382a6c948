package chain

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// schedule is a random life of a cluster: small, so that many can be tried, and from one seed, so that each can be repeated.
type schedule struct {
	*cluster
	rng *rand.Rand
	faults
	keys  int
	after func() // is called after every step
}

// faults says what may happen beside requests, messages in any order between servers, and time.
type faults struct {
	crashes      bool // and starts
	pauses       bool
	links        bool // connections break
	coordinators bool // answers late, unknown, carried out or not; servers cut off
	leaves       bool // servers are told to leave, and clients go away
	operators    bool // give orders
	durable      bool // half of the servers have disks, which take their time
}

var everything = faults{crashes: true, pauses: true, links: true, coordinators: true, leaves: true, operators: true}

// schedules plays some schedules of a number of servers, each a subtest named by its seed: -run 'TestX/seed=17$' repeats one.
func schedules(t *testing.T, count, servers, steps int, f faults, begin func(*schedule), end func(*schedule)) {
	for seed := range uint64(count) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			s := &schedule{cluster: newCluster(t), rng: rand.New(rand.NewPCG(seed, 7)), faults: f, keys: 3, after: func() {}}
			s.quiet = true
			s.cfg.RetainedLog = uint64(s.rng.IntN(3)) * 400
			s.chunkBytes, s.reads = 30+s.rng.IntN(100), s.rng.IntN(5)
			for n := 1; n <= servers; n++ {
				s.at(n).durable = f.durable && s.rng.IntN(2) == 0
				s.at(n).start()
				s.tick(20*time.Millisecond, true)
			}
			s.tick(time.Second, true)
			if begin != nil {
				begin(s)
			}
			s.holdDisks = f.durable
			for range steps {
				s.move()
				s.trim()
				s.after()
			}
			if end != nil {
				s.heal()
				end(s)
			}
		})
	}
}

// trim keeps only the end of what has been printed.
func (s *schedule) trim() {
	if s.out.Len() > 1<<16 {
		tail := s.out.String()[1<<15:]
		s.out.Reset()
		s.out.WriteString(tail)
	}
}

// any is a server.
func (s *schedule) any() *server { return s.servers[1+s.rng.IntN(len(s.servers))] }

// move lets one thing happen.
func (s *schedule) move() {
	x := s.any()
	switch p := s.rng.IntN(100); {
	case p < 15:
		s.request(x)
	case p < 20 && x.r != nil && !x.paused:
		x.read(s.key())
	case p < 65:
		for range 1 + s.rng.IntN(6) {
			s.oneMessage()
		}
	case p < 80:
		s.tick(time.Duration(1+s.rng.IntN(60))*time.Millisecond, s.rng.IntN(4) == 0)
	case p < 83:
		for _, n := range s.numbers() {
			if y := s.servers[n]; y.r != nil && s.rng.IntN(2) == 0 {
				y.sync()
			}
		}
		s.rest()
	default:
		s.fault(x)
	}
	s.answerSome()
}

func (s *schedule) key() string { return string(rune('a' + s.rng.IntN(s.keys))) }

func (s *schedule) request(x *server) {
	if x.r == nil || x.paused || x.r.Full() {
		return
	}
	key, value := s.key(), fmt.Sprint(s.rng.IntN(1000))
	x.put(Request{Command: []byte("put " + key + " " + value), Numbered: s.rng.IntN(4) == 0}, key+"="+value)
}

// oneMessage delivers the oldest message of a random connection.
func (s *schedule) oneMessage() {
	if len(s.flying) == 0 {
		return
	}
	e := s.flying[s.rng.IntN(len(s.flying))]
	if to := s.servers[numberOf(e.To.Node)]; to.paused {
		return
	}
	s.deliver(func(x Envelope) bool { return x.From == e.From && x.To == e.To })
}

// fault lets something go wrong, if it may.
func (s *schedule) fault(x *server) {
	y := s.any()
	if x.left {
		x.crash()
	}
	switch p := s.rng.IntN(10); {
	case p < 1 && s.leaves && x.r != nil && !x.paused && s.rng.IntN(8) == 0:
		x.step(Leave{})
	case p < 3 && s.leaves && x.r != nil && !x.paused && s.answers > 0:
		x.step(Cancel{uint64(max(1, s.answers-s.rng.IntN(10)))})
	case p < 2 && s.operators && x.r != nil && !x.paused && s.rng.IntN(2) == 0:
		s.operate(x, y)
	case p < 2 && s.crashes && x.r == nil:
		x.start()
	case p < 1 && s.crashes && s.running() > 1:
		x.crash()
	case p < 4 && s.pauses:
		x.paused = x.r != nil && !x.paused
		if !x.paused && x.r != nil {
			s.rest()
		}
	case p < 7 && s.links && x.r != nil && y.r != nil && x != y:
		s.lose(x.r.self.MemberID, y.r.self.MemberID)
	case p < 9 && s.coordinators:
		kinds := []string{"heartbeat", "view", "list", "change", "delete", "register"}
		kind := kinds[s.rng.IntN(len(kinds))]
		s.coord.hold[kind] = !s.coord.hold[kind]
	case s.coordinators:
		s.coord.cut[x.number] = !s.coord.cut[x.number]
		if s.rng.IntN(5) == 0 {
			s.coord.session++
		}
		s.coord.resume()
	}
}

// operate has an operator order something: most often of the server that can do it.
func (s *schedule) operate(x, y *server) {
	if v := s.coord.view.View; v.Epoch > 0 && s.rng.IntN(4) > 0 {
		if h := s.servers[numberOf(v.Head().Node)]; h.r != nil && !h.paused && s.rng.IntN(3) > 0 {
			x = h
		}
	}
	if y.r == nil {
		return
	}
	switch node := y.r.self.Node; s.rng.IntN(8) {
	case 0:
		x.order(SetTarget{s.rng.IntN(len(s.servers) + 1)})
	case 1, 2, 3:
		x.order(MoveHead{node})
	case 4:
		x.order(Evict{node})
	case 5:
		x.order(Drain{})
	default:
		x.order(Undrain{})
	}
}

func (s *schedule) running() (n int) {
	for _, x := range s.servers {
		if x.r != nil && !x.paused {
			n++
		}
	}
	return n
}

// answerSome lets the coordinator answer a request that it has held back, in one of the ways in which that can go.
func (s *schedule) answerSome() {
	if k := &s.coord; len(k.held) > 0 && s.rng.IntN(3) == 0 {
		h := k.held[s.rng.IntN(len(k.held))]
		how := []string{"won", "won", "won", "unknown", "landed", "early"}[s.rng.IntN(6)]
		if h.early != nil && how != "unknown" {
			how = "won"
		}
		k.decide(h.s.number, kindOf(h.ask), how)
	}
	if k := &s.coord; len(k.late) > 0 && s.rng.IntN(20) == 0 {
		h := k.late[s.rng.IntN(len(k.late))]
		if h.early == nil {
			k.land(h.s.number, kindOf(h.ask))
		}
	}
}

// heal ends all faults and lets the cluster come to rest.
func (s *schedule) heal() {
	k := &s.coord
	clear(k.hold)
	clear(k.cut)
	s.holdDisks = false
	k.resume()
	for _, n := range s.numbers() {
		x := s.servers[n]
		x.paused = false
		if x.left {
			x.crash()
		}
		if x.r == nil {
			x.start()
		}
		x.sync()
		x.order(Undrain{})
	}
	s.rest()
	for range 10 {
		s.tick(3*time.Second, true)
		if h := s.servers[numberOf(s.coord.view.Head().Node)]; h.r != nil && s.coord.view.Target != 0 {
			h.order(SetTarget{})
		}
	}
}
