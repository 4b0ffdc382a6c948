package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/local"
	"github.com/chaintable/chaintable/internal/freeze"
)

// testNode is a configuration that works, and a channel that tells of its server's news.
func testNode(t *testing.T, store *local.Store) (nodeConfig, <-chan chain.News) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	news := make(chan chain.News, 100)
	return nodeConfig{
		Listener: l, Address: l.Addr().String(), Lists: 16, Coordinator: local.NewClient(store, local.Faults{}),
		SessionTimeout: time.Second, RequestTimeout: patience, MaxClients: 10, Logger: slog.New(slog.DiscardHandler),
		OnNews: func(n chain.News) { news <- n },
	}, news
}

func awaitServing(t *testing.T, n *node, news <-chan chain.News) {
	t.Helper()
	for !n.Serving() {
		select {
		case <-news:
		case <-time.After(patience):
			t.Fatal("the server joins no chain")
		}
	}
}

// TestNodeEnds shows that a server that ends leaves nothing behind, however it ends.
func TestNodeEnds(t *testing.T) {
	for name, c := range map[string]struct {
		frozen bool
		end    func(*testing.T, *node)
	}{
		"close":         {false, func(*testing.T, *node) {}},
		"close, frozen": {true, func(*testing.T, *node) {}},
		"close, paused": {true, func(_ *testing.T, n *node) { n.freeze.Pause() }},
		"leave": {false, func(t *testing.T, n *node) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := n.Leave(ctx); err != nil {
				t.Error(err)
			}
			<-n.Done()
		}},
		"its listener fails": {false, func(t *testing.T, n *node) {
			<-n.Done()
			if err := n.Err(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("ended because of %v", err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			config, news := testNode(t, local.NewStore())
			if c.frozen {
				config.Freeze = new(freeze.Freezer)
			}
			n, err := startNode(config)
			if err != nil {
				t.Fatal(err)
			}
			awaitServing(t, n, news)
			client := dialRESP(t, config.Address)
			client.must(t, "OK", "SET", "k", "v")
			if name == "its listener fails" {
				config.Listener.Close()
			}
			c.end(t, n)
			n.Close()
			if err := n.Err(); err != nil && name != "its listener fails" {
				t.Errorf("ended because of %v", err)
			}
			if _, err := client.do("GET", "k"); err == nil {
				t.Error("a server that has ended answers")
			}
			if conn, err := net.Dial("tcp", config.Address); err == nil {
				conn.Close()
				t.Error("a server that has ended listens")
			}
			client.conn.Close()
		})
	}
}

// TestNodeFails shows that a server that cannot start leaves nothing behind.
func TestNodeFails(t *testing.T) {
	for name, spoil := range map[string]func(*nodeConfig){
		"address":         func(c *nodeConfig) { c.Address = "nowhere" },
		"session timeout": func(c *nodeConfig) { c.SessionTimeout = 1 },
		"clients":         func(c *nodeConfig) { c.MaxClients = -1 },
		"killed before": func(c *nodeConfig) {
			c.Freeze = new(freeze.Freezer)
			c.Freeze.Kill()
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			config, _ := testNode(t, local.NewStore())
			spoil(&config)
			if n, err := startNode(config); err == nil {
				n.Close()
				t.Error("no error")
			}
			if _, err := config.Listener.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the listener is still open: %v", err)
			}
			if _, _, err := config.Coordinator.List(t.Context()); !errors.Is(err, coord.ErrClosed) {
				t.Errorf("the client of the coordinator is still open: %v", err)
			}
		})
	}
}
