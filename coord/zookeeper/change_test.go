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

// TestChangeOfWhatHasGone: a node of /chain that has vanished since it was seen keeps nobody from changing the view, and from taking others
// out of /chain in the same moment.
func TestChangeOfWhatHasGone(t *testing.T) {
	server := needs.StartZooKeeper(t).Address
	where, err := Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(Config{Connect: where, SessionTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	other, _, err := zk.Connect([]string{server}, 30*time.Second, zk.WithLogger(libraryLog{slog.New(slog.DiscardHandler)}))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Create("/chain", nil, 0, all); err != nil {
		t.Fatal(err)
	}
	for from := int64(-1); from < 3; from++ {
		var there string
		if from >= 0 {
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
	server := needs.StartZooKeeper(t).Address
	where, err := Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Open(Config{Connect: where, SessionTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	other, _, err := zk.Connect([]string{server}, 30*time.Second, zk.WithLogger(libraryLog{slog.New(slog.DiscardHandler)}))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
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
