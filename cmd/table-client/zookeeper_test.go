package main

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/zookeeper"
	"github.com/chaintable/chaintable/internal/needs"
)

// A real ZooKeeper is recognized, and what it knows is used.
func TestZooKeeper(t *testing.T) {
	address := needs.AnyZooKeeper(t)
	connect, err := zookeeper.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	name := "client-" + strings.ToLower(rand.Text()[:12])
	call(openZooKeeper, "", "--chain", name, address, "size").check(t, "before", 3, "", "knows no chain named")
	addresses, ends := startServers(t, 3, 3, func() coord.Client {
		c, err := zookeeper.Open(zookeeper.Config{Connect: connect, Chain: name, SessionTimeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
	client := func(stdin string, args ...string) outcome {
		return call(openZooKeeper, stdin, slices.Concat([]string{"--chain", name, "--timeout", "20s"}, args)...)
	}
	client("put k v\nget k\n", address).check(t, "a session", 0, "operation 2\nv\n", "")
	client("", address+"/", "get", "k").check(t, "with a slash", 0, "v\n", "")
	ends[0]()
	if o := client("put k w\nget k\n", address); o.code != 0 || !strings.HasSuffix(o.out, "\nw\n") {
		t.Errorf("after the head's death: %+v", o)
	}
	o := client("", address, "status")
	if rows := o.rows(); len(rows) != 4 || !strings.HasPrefix(rows[2], addresses[1]+" head ") || !strings.HasPrefix(rows[3], addresses[2]+" tail ") {
		t.Errorf("status: %+v", o)
	}
	call(openZooKeeper, "", "--chain", "a/b", address+"/", "size").check(t, "a bad name", 2, "", "a/b")
	call(openZooKeeper, "", address+"/..", "size").check(t, "a bad chroot", 2, "", "chroot")
}
