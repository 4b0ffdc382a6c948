package zookeeper

import (
	"context"
	"testing"
	"time"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/internal/needs"
)

// TestChangeOfWhatHasGone: a node of /chain that has vanished since it was seen keeps nobody from changing the view.
func TestChangeOfWhatHasGone(t *testing.T) {
	where, err := Parse(needs.StartZooKeeper(t).Address)
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
	for from := int64(-1); from < 3; from++ {
		c.mu.Lock()
		c.mu.shown = []node{{"node0000000000", "127.0.0.1:7009", 1}, {"node0000000001", "127.0.0.1:7010", 1}}
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
	}
}
