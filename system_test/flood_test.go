package system_test

import (
	"math/rand/v2"
	"net"
	"sync"
)

// floodConnections is how many connections a flood has with each server at any time.
const floodConnections = 1000

// floods are what connections of a flood say before they say no more. None is a whole command: nothing of it may ever be executed.
var floods = [][]byte{
	nil,
	[]byte("*3\r\n$3\r\nSET\r\n$2\r\nk0\r\n$5\r\nfloo"),
	[]byte("*1000000\r\n$3\r\nDEL\r\n$2\r\nk1\r\n"),
	[]byte("SET k2 flood"),
	[]byte("GET / HTTP/1.1\r\nHost: x\r\nX: "),
	seedMessage{opcode: seedPut, kind: seedTypeEntry, key: "k3", data: []byte("flood")}.encode()[:6], // within the key
	[]byte("\xCAchain\x01\x00\x00\x00\x40\xDE\xAD\xBE\xEFhalf a frame"),
	[]byte("\xCAchain\x01\xFF\xFF\xFF\xFF\x00\x00\x00\x00a frame that is too long"),
	[]byte("\xCAchain\x02\x02*3\r\n$3\r\nSET\r\n"),
	[]byte("\x16\x03\x01\x02\x00\x01\x00"),
	[]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
}

// flood has many connections made to servers, which say half of something or nonsense, and are closed again when the server has not done so.
func (r *trial) flood(servers []*server) (end func()) {
	var all sync.WaitGroup
	stop := make(chan struct{})
	for i, s := range servers {
		random := rand.New(rand.NewPCG(r.seed, uint64(100+i)))
		all.Go(func() {
			open := make([]net.Conn, floodConnections)
			for i := 0; ; i = (i + 1) % len(open) {
				select {
				case <-stop:
					for _, c := range open {
						if c != nil {
							_ = c.Close()
						}
					}
					return
				default:
				}
				if open[i] != nil {
					_ = open[i].Close()
				}
				var err error
				if open[i], err = net.Dial("tcp", s.listens); err != nil {
					open[i] = nil // it may have been killed
					continue
				}
				r.flooded.Add(1)
				text := floods[random.IntN(len(floods)+1)%len(floods)]
				if random.IntN(len(floods)) == 0 {
					text = make([]byte, 1+random.IntN(200))
					for i := range text {
						text[i] = byte(random.Uint32())
					}
				}
				_, _ = open[i].Write(text) // the server may have closed it
			}
		})
	}
	end = sync.OnceFunc(func() {
		close(stop)
		all.Wait()
	})
	r.t.Cleanup(end)
	return end
}
