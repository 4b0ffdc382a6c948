package replica_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/local"
	"github.com/chaintable/chaintable/link"
	"github.com/chaintable/chaintable/replica"
)

// TestHeartbeatsAmongMessages floods a server with messages; each time that it looks at the clock, 20 ms of virtual time have passed.
// It must go on saying in time that it lives, although more messages wait than it can take in within T.
func TestHeartbeatsAmongMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, beats := time.Now(), make(chan time.Time)
		handler := make(chan link.Handler, 1)
		c := newCluster(t)
		r := c.startAs(func(config *replica.Config) {
			config.Clock = func() chain.Time {
				time.Sleep(20 * time.Millisecond)
				return chain.Time(time.Since(begin))
			}
			config.Links = tapped{config.Links, handler}
			if err := config.Coordinator.Close(); err != nil {
				t.Fatal(err)
			}
			config.Coordinator = observed{local.NewClient(c.store, local.Faults{}), beats} // whose answers are on time: the server is slow
		})
		h, stop := <-handler, make(chan struct{})
		for range 4 {
			go func() {
				for {
					select {
					case <-stop:
						return
					default:
						h.Receive(chain.Envelope{Message: chain.Ack{}})
					}
				}
			}()
		}
		last := <-beats
		for range 20 {
			beat := <-beats
			if gap := beat.Sub(last); gap > timeout*3/4 {
				t.Errorf("%v between two heartbeats; T is %v", gap, timeout)
			}
			last = beat
		}
		close(stop)
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

// tapped is a Transport whose handler the test has, too.
type tapped struct {
	link.Transport
	handler chan<- link.Handler
}

func (l tapped) Start(h link.Handler) {
	l.handler <- h
	l.Transport.Start(h)
}

// observed is a coordinator's client whose heartbeats the test sees.
type observed struct {
	coord.Client
	beats chan<- time.Time
}

func (o observed) Heartbeat(ctx context.Context, r chain.Registered) (int64, error) {
	select {
	case o.beats <- time.Now():
	case <-ctx.Done():
	}
	return o.Client.Heartbeat(ctx, r)
}
