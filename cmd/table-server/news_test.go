package main

import (
	"strings"
	"testing"
	"time"

	"github.com/chaintable/chaintable/chain"
)

// serverNo is a Member as a fleet's server would be.
func serverNo(number int) chain.Member {
	return chain.Member{
		MemberID: chain.MemberID{Node: chain.NodeID(number), Incarnation: 1},
		Address:  []string{"", "127.0.0.1:7001", "127.0.0.1:7002", "127.0.0.1:7003"}[number],
	}
}

func viewOf(epoch chain.Epoch, numbers ...int) chain.View {
	v := chain.View{Chain: 1, Epoch: epoch}
	for _, n := range numbers {
		v.Members = append(v.Members, serverNo(n))
	}
	return v
}

func changed(v chain.View, cause string, took time.Duration) chain.News {
	return chain.News{Text: chain.ViewChanged, Cause: cause, View: v, Took: took}
}

func TestReporter(t *testing.T) {
	begin := time.Unix(1000, 0)
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	learning := viewOf(4, 1, 2)
	learning.Learner = serverNo(3)
	reborn := viewOf(4, 1, 2)
	reborn.Learner = serverNo(1)
	reborn.Learner.Node += 10
	anew := viewOf(4, 2)
	anew.Chain = 2

	type told struct {
		ms int
		chain.News
	}
	for name, c := range map[string]struct {
		killed int // server that was killed at the beginning
		paused int
		reborn int // server that was started again under another id
		told   []told
		want   string
	}{
		"killed": {
			1, 0, 0,
			[]told{{1020, changed(viewOf(4, 2, 3), "127.0.0.1:7001 removed", time.Second)}},
			"epoch 4: 2 head, 3 tail  (server 1 removed, 1.02s after it was killed)",
		},
		"paused": {
			0, 3, 0,
			[]told{{1500, changed(viewOf(4, 1, 2), "127.0.0.1:7003 removed", time.Second)}},
			"epoch 4: 1 head, 2 tail  (server 3 removed, 1.5s after it was paused)",
		},
		"nobody did it": {
			0, 0, 0,
			[]told{{0, changed(viewOf(4, 1, 2), "127.0.0.1:7003 removed", 1234567*time.Microsecond)}},
			"epoch 4: 1 head, 2 tail  (server 3 removed, took 1.23s)",
		},
		"learner": {
			0, 0, 0,
			[]told{{0, changed(learning, "127.0.0.1:7003 begins to learn", 0)}},
			"epoch 4: 1 head, 2 tail, 3 learner  (server 3 begins to learn)",
		},
		"single": {0, 0, 0, []told{{0, changed(viewOf(4, 2), "settings changed", 0)}}, "epoch 4: 2 single  (settings changed)"},
		"each change once": {0, 0, 0, []told{
			{0, changed(viewOf(4, 1, 2), "x", 0)},
			{5, changed(viewOf(4, 1, 2), "x", 0)},
			{500, changed(viewOf(4, 1, 2), "x", 0)},
			{900, changed(viewOf(2, 1, 2), "late", 0)},
		}, "epoch 4: 1 head, 2 tail  (x)"},
		"the best account": {0, 0, 0, []told{
			{0, changed(viewOf(5, 1, 2), "epochs 2 to 5", time.Hour)},
			{5, changed(viewOf(5, 1, 2), "x", time.Millisecond)},
			{6, changed(viewOf(5, 1, 2), "x", time.Second)},
			{7, changed(viewOf(5, 1, 2), "x", 0)},
		}, "epoch 5: 1 head, 2 tail  (x, took 1s)"},
		"in order": {0, 0, 0, []told{
			{0, changed(viewOf(5, 1, 2), "second", 0)},
			{5, changed(viewOf(4, 1, 2, 3), "first", 0)},
		}, "epoch 4: 1 head, 2 middle, 3 tail  (first)\nepoch 5: 1 head, 2 tail  (second)"},
		"begins anew": {
			1, 0, 0,
			[]told{{50, changed(anew, "the chain began anew, empty", 0)}},
			"epoch 4: 2 single  (the chain began anew, empty)",
		},
		"other news": {0, 0, 0, []told{
			{0, chain.News{Text: "evicting 127.0.0.1:7002", Cause: "other members cannot reach it"}},
			{1, chain.News{Text: "evicting 127.0.0.1:7002", Cause: "other members cannot reach it"}},
			{2, chain.News{Text: "waiting"}},
		}, "evicting server 2: other members cannot reach it\nwaiting"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fleet{lives: map[chain.NodeID]*life{}}
			for n := 1; n <= 3; n++ {
				m := &member{number: n, port: 7000 + n, address: serverNo(n).Address, life: &life{of: n, state: running}}
				f.lives[serverNo(n).Node] = m.life
				switch n {
				case c.killed:
					m.state, m.since = killed, begin
				case c.paused:
					m.state, m.since = paused, begin
				}
				if n == c.reborn {
					m.life = &life{of: n, state: running}
					f.lives[serverNo(n).Node+10] = m.life
				}
				f.members = append(f.members, m)
			}
			r := reporter{fleet: f, view: viewOf(3, 1, 2, 3)}
			var lines []string
			ms, last := 0, c.told[len(c.told)-1].ms+1000
			for ; ms < last; ms++ {
				for _, n := range c.told {
					if n.ms != ms {
						continue
					}
					if line := r.take(n.News, at(ms)); line != "" {
						lines = append(lines, line)
					}
				}
				lines = append(lines, r.ripe(at(ms))...)
			}
			if got := strings.Join(lines, "\n"); got != c.want {
				t.Errorf("said\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestShortly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 1234 * time.Microsecond: "1ms", 999 * time.Millisecond: "999ms", 1234 * time.Millisecond: "1.23s",
		12345 * time.Millisecond: "12.3s",
	} {
		if got := shortly(d); got != want {
			t.Errorf("shortly(%v) = %q, want %q", d, got, want)
		}
	}
}
