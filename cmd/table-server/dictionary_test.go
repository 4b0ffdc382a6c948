package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/chaintable/chaintable/internal/needs"
)

// TestDictionary sends a dictionary through redis-cli, each word with the number of its line, while servers die, hang and
// return. All of it is acknowledged, and then each server has all of it, also when it is left alone.
func TestDictionary(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	data, err := os.ReadFile(needs.File(t, "/usr/share/dict/american-english"))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Split(strings.TrimSpace(string(data)), "\n")
	p := start(t, "demo", "--port", "0", "--request-timeout", "1m")
	var ports []string
	for i := range 3 {
		ports = append(ports, p.expect(fmt.Sprintf(`^%d +(\d+) +(?:head|middle|tail)$`, i+1))[1])
	}

	var out bytes.Buffer
	pipe := exec.CommandContext(t.Context(), needs.Program(t, "redis-cli"), "-p", ports[1], "--pipe")
	pipe.Stdout, pipe.Stderr = &out, &out
	in, err := pipe.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := pipe.Start(); err != nil {
		t.Fatal(err)
	}
	fed := 0
	at := func(tenth int, what func()) {
		end := len(words) * tenth / 10
		feed(t, in, words, fed, end)
		fed = end
		what()
	}
	at(1, func() { p.say("kill 1") })
	at(3, func() { p.expect(`\(server 1 removed`); p.say("start 1") })
	at(5, func() { p.expect(`\(server 1 joined`); p.say("pause 3") })
	at(7, func() { p.expect(`\(server 3 removed`); p.say("start 3") })
	at(9, func() { p.expect(`\(server 3 joined`); p.say("kill 1") })
	at(10, func() { in.Close() })
	if err := pipe.Wait(); err != nil {
		t.Errorf("redis-cli: %v", err)
	}
	if want := fmt.Sprintf("errors: 0, replies: %d", len(words)); !strings.Contains(out.String(), want) {
		t.Errorf("redis-cli says %q, want %q", out.String(), want)
	}

	p.expect(`\(server 1 removed`)
	p.say("start 1")
	p.expect(`\(server 1 joined`)
	for i := range ports {
		awaitEqual(t, p, ports)
		for other := range ports {
			if other != i {
				p.say("kill %d", other+1)
			}
		}
		p.expect(fmt.Sprintf(`epoch \d+: %d single`, i+1))
		verifyWords(t, ports[i], words)
		for other := range ports {
			if other != i {
				p.say("start %d", other+1)
				p.expect(fmt.Sprintf(`\(server %d joined`, other+1))
			}
		}
	}
	awaitEqual(t, p, ports)
	p.say("quit")
	if code := p.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// feed writes SET commands for the words from begin to end.
func feed(t *testing.T, w io.Writer, words []string, begin, end int) {
	t.Helper()
	var b []byte
	for i, word := range words[begin:end] {
		b = appendCommand(b, "SET", word, strconv.Itoa(begin+i+1))
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
}

// verifyWords compares all words at one server.
func verifyWords(t *testing.T, port string, words []string) {
	t.Helper()
	c := dialRESP(t, "127.0.0.1:"+port)
	if size, err := c.insist("DBSIZE"); err != nil || size != strconv.Itoa(len(words)) {
		t.Errorf("port %s: %s keys, %v, want %d", port, size, err, len(words))
	}
	const batch = 1000
	for begin := 0; begin < len(words); begin += batch {
		chunk := words[begin:min(begin+batch, len(words))]
		var b []byte
		for _, word := range chunk {
			b = appendCommand(b, "GET", word)
		}
		if err := c.send(b); err != nil {
			t.Fatal(err)
		}
		for i, word := range chunk {
			if got, err := c.receive(); err != nil || got != strconv.Itoa(begin+i+1) {
				t.Fatalf("port %s: %q is %q, %v, want %d", port, word, got, err, begin+i+1)
			}
		}
	}
}
