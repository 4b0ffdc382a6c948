package main

import (
	"crypto/rand"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord/zookeeper"
	"github.com/chaintable/chaintable/internal/needs"
	"github.com/chaintable/chaintable/link"
	"github.com/chaintable/chaintable/replica"
	"github.com/chaintable/chaintable/server"
	"github.com/chaintable/chaintable/server/servertest"
	"github.com/chaintable/chaintable/table"
)

// A real ZooKeeper is recognized, what it knows is used, and writes and reads go on when the head and then the tail die.
func TestZooKeeper(t *testing.T) {
	t.Parallel()
	address := needs.AnyZooKeeper(t)
	name := "client-" + strings.ToLower(rand.Text()[:12])
	call("", "--chain", name, address, "size").check(t, "before", 3, "", "knows no chain named")
	addresses, ends := startWithZooKeeper(t, address, name)
	client := func(stdin string, args ...string) outcome {
		return call(stdin, slices.Concat([]string{"--chain", name, "--timeout", "20s"}, args)...).unnumbered()
	}
	client("put k v\nget k\n", address).check(t, "a session", 0, "operation N\nv\n", "")
	client("", address+"/", "get", "k").check(t, "with a slash", 0, "v\n", "")
	client("", nobody(t)+","+address, "get", "k").check(t, "with a comma, and one that is dead", 0, "v\n", "")
	ends[0]()
	client("put k w\nget k\n", address).check(t, "after the head's death", 0, "operation N\nw\n", "")
	o := client("", address, "status")
	if rows := o.rows(); len(rows) < 3 || !strings.HasPrefix(rows[1], addresses[1]+" head ") || !strings.HasPrefix(rows[2], addresses[2]+" tail ") {
		t.Errorf("status: %+v", o)
	}
	ends[2]()
	client("get k\n", address).check(t, "after the tail's death", 0, "w\n", "")
	call("", "--chain", "a/b", address+"/", "size").check(t, "a bad name", 2, "", "a/b")
}

// startWithZooKeeper starts three servers that make a chain of that name.
func startWithZooKeeper(t *testing.T, zk, name string) (addresses []string, ends []func()) {
	t.Helper()
	connect, err := zookeeper.Parse(zk)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	for i := range 3 {
		l := listen(t)
		address := l.Addr().String()
		c, err := zookeeper.Open(zookeeper.Config{Connect: connect, Chain: name, SessionTimeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		var self atomic.Pointer[replica.Replica]
		links := link.NewTCP(link.TCPConfig{Logger: logger, Identity: func() chain.MemberID {
			if r := self.Load(); r != nil {
				return r.ID()
			}
			return chain.MemberID{}
		}})
		r, err := replica.Start(replica.Config{
			Chain: chain.Config{
				Self:           chain.Member{MemberID: chain.MemberID{Node: chain.NodeID(i + 1)}, Address: address},
				SessionTimeout: 2 * time.Second, NewChain: 0xC0FFEE,
			},
			Table: table.Config{Seed: 1}, Coordinator: c, Links: links, Logger: logger,
		})
		if err != nil {
			t.Fatal(err)
		}
		self.Store(r)
		stop := serve(t, l, server.Config{Replica: r, Links: links.Serve})
		end := sync.OnceFunc(func() {
			stop()
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(end)
		addresses, ends = append(addresses, address), append(ends, end)
		servertest.WaitFor(t, "it to be a member", func() bool { return r.Serving() && len(r.Status().View.Members) == i+1 })
	}
	return addresses, ends
}
