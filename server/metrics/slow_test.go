package metrics_test

import (
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chaintable/chaintable/server/metrics"
	"github.com/chaintable/chaintable/table"
)

// One line a second of each command; a key of any bytes and any length cannot break it.
func TestSlowLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		r := metrics.NewRequests("resp", []string{"get", "set"}, metrics.Slow{
			Over: 100 * time.Millisecond,
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			}})),
		})
		c := r.Connect()
		if c.Slow(100*time.Millisecond-1) || !c.Slow(100*time.Millisecond) {
			t.Error("slow is not what Over says")
		}
		client := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 4711}
		say := func(name, key string, took, held time.Duration) {
			s := metrics.SlowRequest{Command: r.Command(name), Outcome: metrics.OK, Took: took, Held: held, Write: held >= 0, Client: client}
			if key != "" {
				s.Key = []byte(key)
			}
			c.Log(s)
		}
		say("set", "a\n\xff", time.Second, 300*time.Millisecond)
		say("set", "left out", time.Second, -1)
		say("get", strings.Repeat("k", 100), 200*time.Millisecond, -1)
		say("ping", "", 200*time.Millisecond, -1)
		time.Sleep(time.Second)
		say("set", "b", 2*time.Second, 0)
		for i, want := range []string{
			`level=WARN msg="slow request" protocol=resp command=set outcome=ok took=1s client=10.0.0.1:4711 key="\"a\\n\\xff\"" queued=700ms chain=300ms`,
			`level=WARN msg="slow request" protocol=resp command=get outcome=ok took=200ms client=10.0.0.1:4711 key="\"` + strings.Repeat("k", 64) + `\"..."`,
			`level=WARN msg="slow request" protocol=resp command=other outcome=ok took=200ms client=10.0.0.1:4711`,
			`level=WARN msg="slow request" protocol=resp command=set outcome=ok took=2s client=10.0.0.1:4711 key="\"b\"" queued=2s chain=0s suppressed=1`,
			``,
		} {
			if got := strings.Split(log.String(), "\n"); i >= len(got) || got[i] != want {
				t.Errorf("line %d: %s\nwant    %s", i, got[min(i, len(got)-1)], want)
			}
		}
	})
}

// Without a bound nothing is slow.
func TestSlowLogOff(t *testing.T) {
	if metrics.NewRequests("resp", nil, metrics.Slow{}).Connect().Slow(time.Hour) {
		t.Error("slow")
	}
}

func TestFirstKey(t *testing.T) {
	for want, c := range map[string]table.Command{
		"p": {Op: table.OpPut, Pairs: []table.Pair{{Key: []byte("p"), Value: []byte("v")}, {Key: []byte("q")}}},
		"d": {Op: table.OpDelete, Keys: [][]byte{[]byte("d"), []byte("e")}},
		"":  {Op: table.OpClear},
	} {
		if got := metrics.FirstKey(c.Append(nil)); string(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := metrics.FirstKey([]byte{0xff}); got != nil {
		t.Errorf("%q of what is no command", got)
	}
}
