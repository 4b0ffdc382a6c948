package server_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chaintable/chaintable/server"
)

// TestProgramOrderAcrossFailover has a writer at each server that is left when the head dies: at the one that becomes head, and at one
// that passes its commands on. Every command of their pipelines takes effect once, in order, and is answered; each read sees the
// writes before it; and in the end both servers say the same.
func TestProgramOrderAcrossFailover(t *testing.T) {
	members := startChain(t, 3, func(c *server.Config) { c.RequestTimeout = 30 * time.Second })
	const before, after = 20, 20
	var started, clients sync.WaitGroup
	removed := make(chan struct{})
	for i, m := range members[1:] {
		conn := dial(t, m)
		started.Add(1)
		begun := sync.OnceFunc(started.Done)
		clients.Go(func() {
			defer begun()
			count, rest := 0, -1
			for pipeline := 0; rest != 0; pipeline++ {
				var request, want strings.Builder
				for range 20 {
					count++
					value := fmt.Sprint(count)
					fmt.Fprintf(&request, "SET k%d %s\r\nGET k%d\r\nINCR n%d\r\nSTRLEN k%d\r\nMGET k%d n%d\r\n", i, value, i, i, i, i, i)
					fmt.Fprintf(&want, "+OK\r\n$%d\r\n%s\r\n:%s\r\n", len(value), value, value)
					fmt.Fprintf(&want, ":%d\r\n*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(value), len(value), value, len(value), value)
				}
				if _, err := io.WriteString(conn, request.String()); err != nil {
					t.Errorf("writer %d: %v", i, err)
					return
				}
				got := make([]byte, want.Len())
				if n, err := io.ReadFull(conn, got); err != nil || string(got) != want.String() {
					t.Errorf("writer %d: %v, %q\nwant %q", i, err, got[:n], want.String())
					return
				}
				if pipeline == before {
					begun()
				}
				select {
				case <-removed:
					if rest < 0 {
						rest = after
					}
					rest--
				default:
				}
			}
			t.Logf("writer %d: %d writes", i, 2*count)
		})
	}
	started.Wait()
	head := members[0]
	if err := head.Replica.Close(); err != nil {
		t.Error(err)
	}
	waitFor(t, "the head to be removed", func() bool {
		s := members[1].Status()
		return len(s.View.Members) == 2 && s.Role == "head"
	})
	close(removed)
	clients.Wait()
	for i := range 2 {
		var answers [2]string
		for at, m := range members[1:] {
			conn := dial(t, m)
			if _, err := fmt.Fprintf(conn, "MGET k%d n%d\r\nQUIT\r\n", i, i); err != nil {
				t.Fatal(err)
			}
			answers[at] = expectEnd(t, conn)
		}
		if answers[0] != answers[1] {
			t.Errorf("writer %d: %q at one server, %q at the other", i, answers[0], answers[1])
		}
	}
}
