package system_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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

// floodPause is how long a flood waits for a server to which there is no way: it may have been killed.
const floodPause = 50 * time.Millisecond

// flood has many connections made to servers, which say half of something or nonsense, and are closed again when the server has not done so.
func (r *trial) flood(servers []*server) (end func()) {
	var all sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	for i, s := range servers {
		random := rand.New(rand.NewPCG(r.seed, uint64(100+i)))
		dial := func() (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", s.listens) // a server that is suspended may take none
		}
		all.Go(func() { pour(ctx, dial, random, &r.flooded) })
	}
	end = sync.OnceFunc(func() {
		stop()
		all.Wait()
	})
	r.t.Cleanup(end)
	return end
}

// pour floods one server until ctx ends, and counts the connections.
func pour(ctx context.Context, dial func() (net.Conn, error), random *rand.Rand, made *atomic.Int64) {
	open := make([]net.Conn, floodConnections)
	defer func() {
		for _, c := range open {
			if c != nil {
				_ = c.Close()
			}
		}
	}()
	pause := time.NewTicker(floodPause)
	defer pause.Stop()
	for i := 0; ctx.Err() == nil; i = (i + 1) % len(open) {
		if open[i] != nil {
			_ = open[i].Close()
		}
		var err error
		if open[i], err = dial(); err != nil {
			open[i] = nil
			select {
			case <-pause.C:
			case <-ctx.Done():
			}
			continue
		}
		made.Add(1)
		text := floods[random.IntN(len(floods)+1)%len(floods)]
		if random.IntN(len(floods)) == 0 {
			text = make([]byte, 1+random.IntN(200))
			for i := range text {
				text[i] = byte(random.Uint32())
			}
		}
		_, _ = open[i].Write(text) // the server may have closed it
	}
}

// TestFloodPauses has a flood not spin where there is no server.
func TestFloodPauses(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 10*floodPause)
	defer stop()
	var tried, made atomic.Int64
	dial := func() (net.Conn, error) {
		tried.Add(1)
		return nil, errors.New("nobody is there")
	}
	pour(ctx, dial, rand.New(rand.NewPCG(0, 0)), &made)
	if n := tried.Load(); n < 1 || n > 15 || made.Load() > 0 {
		t.Errorf("tried %d times, %d connections", n, made.Load())
	}
}
