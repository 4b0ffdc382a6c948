package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chaintable/chaintable/server/web"
)

// TestNewestView asks servers that know different views which one is to be brought back.
func TestNewestView(t *testing.T) {
	const chainA, chainB = "00000000000000aa", "00000000000000bb"
	one := web.Member{ID: "0000000000000001", Incarnation: 1, Address: "127.0.0.1:7001"}
	two := web.Member{ID: "0000000000000002", Incarnation: 1, Address: "127.0.0.1:7002"}
	knows := func(id, chain string, epoch uint64, members ...web.Member) web.Status {
		return web.Status{ID: id, Chain: chain, Epoch: epoch, Members: members, Rules: 1}
	}
	for _, c := range []struct {
		name    string
		servers []web.Status
		epoch   uint64 // 0 for an error
		members int
		says    string
	}{
		{"one server", []web.Status{knows(one.ID, chainA, 3, one, two)}, 3, 2, ""},
		{"an older one before", []web.Status{knows(one.ID, chainA, 3, one, two), knows(two.ID, chainA, 4, two)}, 4, 1, ""},
		{"an older one behind", []web.Status{knows(two.ID, chainA, 4, two), knows(one.ID, chainA, 3, one, two)}, 4, 1, ""},
		{"two chains", []web.Status{knows(one.ID, chainA, 3, one), knows(two.ID, chainB, 3, two)}, 0, 0, "two chains"},
		{"two histories", []web.Status{knows(one.ID, chainA, 3, one), knows(two.ID, chainA, 3, two)}, 0, 0, "two histories"},
		{"one that serves", []web.Status{{ID: one.ID, Chain: chainA, Epoch: 3, Members: []web.Member{one}, Serving: true}}, 0, 0, "serves"},
		{"one that knows nothing", []web.Status{{ID: one.ID, Chain: "0000000000000000"}}, 0, 0, "knows no view"},
		{"one that is none of ours", []web.Status{{}}, 0, 0, "knows no view"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var addresses []string
			for _, status := range c.servers {
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path != "/status" {
						t.Errorf("asked for %s", r.URL)
					}
					_ = json.NewEncoder(w).Encode(status)
				}))
				defer s.Close()
				addresses = append(addresses, strings.TrimPrefix(s.URL, "http://"))
			}
			view, asked, err := newestView(t.Context(), io.Discard, addresses)
			if c.epoch == 0 {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("got %v and error %v", view, err)
				}
				return
			}
			if err != nil || uint64(view.Epoch) != c.epoch || len(view.Members) != c.members || len(asked) != len(c.servers) {
				t.Errorf("got %v of %v, %v", view, asked, err)
			}
		})
	}
}
