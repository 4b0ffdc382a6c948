package link

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"github.com/chaintable/chaintable/chain"
)

// counter is a Handler that counts.
type counter struct {
	entries atomic.Int64
	news    chan struct{} // capacity 1
}

func (c *counter) Receive(e chain.Envelope) {
	c.entries.Add(int64(len(e.Message.(chain.Append).Entries)))
	select {
	case c.news <- struct{}{}:
	default:
	}
}

func (c *counter) Reset(peer chain.MemberID) { panic("reset of " + peer.String()) }

// BenchmarkAppend sends Appends over loopback TCP and waits until the receiver has them all. At most 4096 are under
// way.
func BenchmarkAppend(b *testing.B) {
	for _, entries := range []int{1, 64} {
		b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			to, from := NewTCP(TCPConfig{}), NewTCP(TCPConfig{})
			received := &counter{news: make(chan struct{}, 1)}
			to.Start(received)
			from.Start(&counter{})
			defer to.Stop()
			defer from.Stop()
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					go accept(to, conn)
				}
			}()

			m := chain.Append{Link: 1, Stable: 1, Committed: 1}
			size := 0
			for i := range entries {
				e := entry(chain.Seq(i+1), make([]byte, 100))
				m.Entries = append(m.Entries, e)
				size += len(e.Command)
			}
			one := []chain.Envelope{{From: alice, To: bob, Address: l.Addr().String(), Message: m}}
			wait := func(n int64) {
				for received.entries.Load() < n*int64(entries) {
					<-received.news
				}
			}
			from.Send(one)
			wait(1)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			b.ResetTimer()
			for n := range int64(b.N) {
				if n > 4096 {
					wait(n - 4096)
				}
				from.Send(one)
			}
			wait(int64(b.N) + 1)
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
			b.ReportMetric(float64(b.N*entries)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}
