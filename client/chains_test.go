package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/server/servertest"
)

// notes is what a Logger was told.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *notes) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(b)
}

// warnings are the lines that warn.
func (n *notes) warnings() (lines []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for line := range strings.Lines(n.text.String()) {
		if strings.Contains(line, "level=WARN") {
			lines = append(lines, line)
		}
	}
	return lines
}

// openNoted opens a client that tells its logger, and its tries.
func openNoted(t *testing.T, tried func(client.Try), servers ...string) (*client.Client, *notes) {
	t.Helper()
	n := new(notes)
	c, err := client.Open(client.Config{
		Servers: servers, Logger: slog.New(slog.NewTextHandler(n, nil)),
		Hooks: client.Hooks{Try: func(_ context.Context, _ client.Call, try client.Try) { tried(try) }},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, n
}

// A client that was given servers of two chains uses those of one only, look after look, also while the servers of that fail one by one, and tells of the
// others. When all of them are gone, it goes over to the other chain.
func TestServersOfTwoChains(t *testing.T) {
	ctx := soon(t)
	first, second := servertest.StartChain(t, 2, nil), servertest.StartChain(t, 2, nil)
	chainOf := make(map[string]int)
	for i, members := range [][]*servertest.Member{first, second} {
		for _, m := range members {
			chainOf[m.Address] = i
		}
	}
	var mu sync.Mutex
	tries := make([]int, 2)
	c, told := openNoted(t, func(try client.Try) {
		mu.Lock()
		defer mu.Unlock()
		tries[chainOf[try.Server]]++
	}, first[0].Address, second[0].Address, first[1].Address, second[1].Address)

	count := 0
	work := func(until func() bool) {
		servertest.WaitFor(t, "it to be so", func() bool {
			if err := increment(ctx, c, "counter"); err != nil {
				t.Fatal(err)
			}
			count++
			return until()
		})
	}
	work(func() bool { return len(told.warnings()) == 2 })
	mu.Lock()
	used := 0
	if tries[1] > 0 {
		used = 1
	}
	mu.Unlock()
	ours := [][]*servertest.Member{first, second}[used]
	looks := time.Now()
	work(func() bool { return time.Since(looks) > 3*time.Second }) // of which there is one a second
	ours[0].Kill(t)
	work(func() bool { return len(ours[1].Status().View.Members) == 1 })
	looks = time.Now()
	work(func() bool { return time.Since(looks) > 2*time.Second })

	if e, err := c.Get(ctx, "counter"); err != nil || string(e.Value) != fmt.Sprint(count) {
		t.Errorf("the counter is %q, %v, after %d increments", e.Value, err, count)
	}
	mu.Lock()
	if tries[1-used] > 0 {
		t.Errorf("%d tries at servers of another chain, %d at its own", tries[1-used], tries[used])
	}
	mu.Unlock()
	warnings := told.warnings()
	for _, m := range [][]*servertest.Member{second, first}[used] {
		want := fmt.Sprintf("address=%s chain=%v ours=%v", m.Address, m.Status().View.Chain, ours[1].Status().View.Chain)
		n := 0
		for _, line := range warnings {
			if strings.Contains(line, want) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d warnings of %s, want one: %s", n, want, warnings)
		}
	}
	if len(warnings) != 2 {
		t.Errorf("warnings: %s", warnings)
	}

	ours[1].Kill(t)
	if _, err := c.Get(ctx, "counter"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("get from the other chain: %v", err)
	}
}

// The first calls of such a client, too, are at one chain: they wait until it has met that.
func TestFirstCallsAtOneChain(t *testing.T) {
	first, second := servertest.StartChain(t, 1, nil)[0], servertest.StartChain(t, 1, nil)[0]
	for range 30 {
		var mu sync.Mutex
		tried := make(map[string]bool)
		c, told := openNoted(t, func(try client.Try) {
			mu.Lock()
			defer mu.Unlock()
			tried[try.Server] = true
		}, first.Address, second.Address)
		servertest.WaitFor(t, "a warning", func() bool {
			if _, err := c.Put(soon(t), "k", nil); err != nil {
				t.Fatal(err)
			}
			return len(told.warnings()) == 1
		})
		mu.Lock()
		for _, m := range []*servertest.Member{first, second} {
			if stranger := strings.Contains(told.warnings()[0], "address="+m.Address); stranger == tried[m.Address] {
				t.Errorf("at %s, stranger %t, it has tried: %t", m.Address, stranger, tried[m.Address])
			}
		}
		mu.Unlock()
	}
}

// A client follows its chain when that begins anew, empty, and another one in its place.
func TestChainBegunAnew(t *testing.T) {
	for _, c := range []struct {
		name  string
		again func(t *testing.T, old []*servertest.Member) *servertest.Member // has one server serve again
	}{
		{"begun anew", nil},
		{"another at the same addresses", func(t *testing.T, old []*servertest.Member) *servertest.Member {
			chain := servertest.NewChain(t, 2, nil)
			m := chain.Start(old[0].Address)
			chain.Start(old[1].Address)
			return m
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx := soon(t)
			chain := servertest.NewChain(t, 2, nil)
			old := []*servertest.Member{chain.Start("127.0.0.1:0"), chain.Start("127.0.0.1:0")}
			servertest.WaitFor(t, "both to be members", func() bool { return old[0].Serving() && old[1].Serving() })
			conn, _ := openNoted(t, func(client.Try) {}, old[0].Address, old[1].Address)
			if _, err := conn.Put(ctx, "k", []byte("v")); err != nil {
				t.Fatal(err)
			}
			for _, m := range old {
				m.Kill(t)
			}
			var m *servertest.Member
			if c.again == nil {
				m = chain.Start(old[1].Address)
			} else {
				m = c.again(t, old)
			}
			servertest.WaitFor(t, "it to serve", m.Serving)
			began := time.Now()
			if _, err := conn.Get(ctx, "k"); !errors.Is(err, client.ErrNotFound) {
				t.Errorf("get from an empty chain: %v", err)
			}
			servertest.WaitFor(t, "a write to succeed", func() bool { // the first may find its session forgotten
				_, err := conn.Put(ctx, "k", []byte("w"))
				if err != nil {
					t.Log(err)
				}
				return err == nil
			})
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("after %v", took)
			} else {
				t.Log("after", took)
			}
			if e, err := conn.Get(ctx, "k"); err != nil || string(e.Value) != "w" {
				t.Errorf("%q, %v", e.Value, err)
			}
		})
	}
}
