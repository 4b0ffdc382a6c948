package zookeeper

import (
	"context"
	"fmt"
	"log/slog"
	"path"
	"slices"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/internal/needs"
)

// twoClients are one of ours and one of the library's, of a ZooKeeper of their own, and a context for what the test does.
func twoClients(t *testing.T) (c *Client, other *zk.Conn, ctx context.Context) {
	t.Helper()
	server := needs.StartZooKeeper(t).Address
	where, err := Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = Open(Config{Connect: where, SessionTimeout: time.Second}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	other, _, err = zk.Connect([]string{server}, 30*time.Second, zk.WithLogger(libraryLog{slog.New(slog.DiscardHandler)}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return c, other, ctx
}

// TestChangeOfWhatHasGone: a node of /chain that has vanished since it was seen keeps nobody from changing the view, and from taking others
// out of /chain in the same moment.
func TestChangeOfWhatHasGone(t *testing.T) {
	c, other, ctx := twoClients(t)
	if _, err := other.Create("/chain", nil, 0, all); err != nil {
		t.Fatal(err)
	}
	for from := int64(-1); from < 3; from++ {
		var there string
		if from >= 0 {
			var err error
			if there, err = other.Create("/chain/node", []byte("127.0.0.1:7011\x00"), zk.FlagEphemeral|zk.FlagSequence, all); err != nil {
				t.Fatal(err)
			}
		}
		c.mu.Lock()
		c.mu.shown = nil
		for i := range 2 * maxTries {
			c.mu.shown = append(c.mu.shown, node{fmt.Sprintf("node000000900%d", i), "127.0.0.1:7009", 1})
		}
		if there != "" {
			c.mu.shown = slices.Insert(c.mu.shown, 1, node{path.Base(there), "127.0.0.1:7011", 2})
		}
		c.mu.Unlock()
		view := chain.View{Chain: 1, Epoch: chain.Epoch(from + 2), Members: []chain.Member{
			{MemberID: chain.MemberID{Node: 1, Incarnation: 1}, Address: "127.0.0.1:7001"},
		}}
		if err := c.Change(ctx, chain.AskChange{From: from, View: view}); err != nil {
			t.Fatalf("from version %d: %v", from, err)
		}
		if got, _, err := c.View(ctx, true); err != nil || got.Version != from+1 {
			t.Fatalf("from version %d: the view has version %d, %v", from, got.Version, err)
		}
		if there != "" {
			if exists, _, err := other.Exists(there); exists || err != nil {
				t.Errorf("from version %d: %s of a server that was removed is still there (%v)", from, there, err)
			}
		}
	}
}

// TestChangeOfWhatNobodyHasSeen: a node of /chain that was published since this client looked goes with the change of the view as well.
func TestChangeOfWhatNobodyHasSeen(t *testing.T) {
	c, other, ctx := twoClients(t)
	view := chain.View{Chain: 1, Epoch: 1, Members: []chain.Member{{MemberID: chain.MemberID{Node: 1, Incarnation: 1}, Address: "127.0.0.1:7001"}}}
	if err := c.Change(ctx, chain.AskChange{From: -1, View: view}); err != nil {
		t.Fatal(err)
	}
	published, err := other.Multi(
		&zk.SetDataRequest{Path: "/chain", Data: []byte{}, Version: -1},
		&zk.CreateRequest{Path: "/chain/node", Data: []byte("127.0.0.1:7011\x00"), Acl: all, Flags: zk.FlagEphemeral | zk.FlagSequence},
	)
	if err != nil {
		t.Fatal(err)
	}
	view.Epoch++
	if err := c.Change(ctx, chain.AskChange{From: 0, View: view}); err != nil {
		t.Fatal(err)
	}
	if exists, _, err := other.Exists(published[1].String); exists || err != nil {
		t.Errorf("%s is still there (%v)", published[1].String, err)
	}
}
