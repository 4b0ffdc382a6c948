package system_test

import (
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/chaintable/chaintable/internal/linear"
)

// says is a server that says the same to whatever it is asked, and its address.
func says(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 1<<16)
				for {
					if _, err := c.Read(b); err != nil {
						return
					}
					if answer == "" {
						return
					}
					if _, err := io.WriteString(c, answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

func userOf(t *testing.T, answer string) user {
	t.Helper()
	address := says(t, answer)
	h := newHistory()
	h.mostDoubts = longDoubts
	return user{t: t, history: h, random: rand.New(rand.NewPCG(0, 0)), name: "a", servers: func() []string { return []string{address} }}
}

// TestNonsense has an answer that no server may give be an error, and not one more thing that nobody knows; and what a server may say, and a
// broken connection, be none.
func TestNonsense(t *testing.T) {
	value := strings.Repeat("x", 3)
	for _, c := range []struct {
		words, answer string
		wrong         bool
	}{
		{"SET k v", "+OK\r\n", false},
		{"SET k v", "+QUEUED\r\n", true},
		{"SET k v", "$-1\r\n", true},
		{"SET k v NX", "$-1\r\n", false},
		{"SET k v", "", false},
		{"SET k v", "\r\n", true},
		{"SET k v", "+OK\n", true},
		{"SET k v", "-UNCERTAIN may have been executed: x\r\n", false},
		{"SET k v", "-TRYAGAIN not executed: x\r\n", false},
		{"SET k v", "-ERR what?\r\n", true},
		{"INCR n", ":7\r\n", false},
		{"INCR n", ":seven\r\n", true},
		{"INCR n", "$-1\r\n", true},
		{"GET k", "$3\r\n" + value + "\r\n", false},
		{"GET k", "$3\r\n" + value + "xx", true},
		{"GET k", "$x\r\n", true},
		{"GET k", "*1\r\n", true},
		{"GET k", "", false},
		{"MGET k l", "*2\r\n$-1\r\n$3\r\n" + value + "\r\n", false},
		{"MGET k l", "*1\r\n$-1\r\n", true},
		{"MGET k l", "+QUEUED\r\n", true},
		{"MGET k l", "*2\r\n$-1\r\n!\r\n", true},
		{"MGET k l", "", false},
	} {
		words := strings.Fields(c.words)
		o := linear.Operation{Keys: []string{"k"}, Kind: map[string]linear.Kind{
			"SET": linear.Put, "INCR": linear.Increment, "GET": linear.Get, "MGET": linear.Get,
		}[words[0]]}
		if len(words) > 3 {
			o.If = linear.IfAbsent
		}
		u := newRESPUser(userOf(t, c.answer))
		if !u.connected() {
			t.Fatal("no connection")
		}
		if err := u.record(o, words); (err != nil) != c.wrong {
			t.Errorf("%s answered %q: %v", c.words, c.answer, err)
		}
		u.close()
	}
}

// TestSeedNonsense is the same for the seed protocol.
func TestSeedNonsense(t *testing.T) {
	reply := func(opcode uint64, result int64) string {
		return string(seedMessage{opcode: opcode, kind: seedTypeResult, result: result}.encode())
	}
	for _, c := range []struct {
		opcode uint64
		answer string
		wrong  bool
	}{
		{seedPut, reply(seedPut+1, 7), false},
		{seedPut, reply(seedPut+1, 0), true},
		{seedPut, reply(seedDel+1, 7), true},
		{seedPut, reply(seedError, -1), false},
		{seedPut, "", false},
		{seedPut, "+OK\r\n", true},
		{seedPut, "\xff", true},
		{seedDel, reply(seedPut+1, 7), true},
		{seedGet, reply(seedError, -1), false},
		{seedGet, reply(seedSize+1, 1), true},
		{seedVerify, reply(seedVerify+1, -1), false},
		{seedVerify, reply(seedVerify+1, 2), true},
		{seedVerify, reply(seedPut+1, 1), true},
		{seedSize, reply(seedSize+1, 0), false},
		{seedSize, reply(seedSize+1, -1), true},
		{seedSize, reply(seedSize, 1), true},
	} {
		u := &seedUser{user: userOf(t, c.answer)}
		if _, _, err := u.ask(seedMessage{opcode: c.opcode, kind: seedTypeKey, key: "k"}); (err != nil) != c.wrong {
			t.Errorf("%d answered %q: %v", c.opcode, c.answer, err)
		}
		u.close()
	}
}

// TestFull has writes count whose fate is not known yet.
func TestFull(t *testing.T) {
	answer := seedMessage{opcode: seedPut + 1, kind: seedTypeResult, result: 7}.encode()
	u := &seedUser{user: userOf(t, string(answer))}
	defer u.close()
	u.history.most = 1
	o := linear.Operation{Kind: linear.Put, Keys: []string{"k"}, Value: "v"}
	_ = u.write(o, seedMessage{opcode: seedPut, kind: seedTypeEntry, key: "k", data: []byte("v")}) // verify may get nonsense
	if len(u.unproven) != 1 || !u.history.full() {
		t.Errorf("%d unproven, full: %v", len(u.unproven), u.history.full())
	}
}

// TestLacks has runs of which none is short be a failure, if they are many.
func TestLacks(t *testing.T) {
	for _, c := range []struct {
		runs, whole int
		want        bool
	}{{1, 0, false}, {19, 0, false}, {20, 0, true}, {20, 1, false}} {
		y := &tally{runs: c.runs, whole: c.whole}
		if got := y.lacks(); (got != "") != c.want {
			t.Errorf("%d runs, %d short: %q", c.runs, c.whole, got)
		}
	}
}
