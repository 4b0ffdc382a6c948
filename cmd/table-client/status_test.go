package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/chaintable/chaintable/chain"
	"github.com/chaintable/chaintable/coord/local"
)

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 5 << 20: "5.0 MiB", 1 << 62: "4194304.0 TiB", -1: "-1 B"} {
		if got := size(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

// statusAt is the address of a server that answers /status with this.
func statusAt(t *testing.T, answer string) string {
	t.Helper()
	return act(t, func(c net.Conn) {
		b := make([]byte, 4096)
		n, err := c.Read(b)
		switch {
		case err != nil:
		case b[0] == 'P':
			io.WriteString(c, "+PONG\r\n")
		case !strings.HasPrefix(string(b[:n]), "GET /status HTTP/1.1\r\nHost: localhost\r\n"):
			t.Errorf("asked %q", b[:n])
		default:
			io.WriteString(c, answer)
		}
	})
}

func ok(body string) string { return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body }

// rows are the lines of a table, each with one space between its words.
func (o outcome) rows() (rows []string) {
	for line := range strings.Lines(o.out) {
		rows = append(rows, strings.Join(strings.Fields(line), " "))
	}
	return rows
}

// The table holds all members, the learner, and all other servers that are registered, whatever they answer.
func TestStatusOfAll(t *testing.T) {
	middle := `{"address":"?","role":"middle","state":"member","epoch":7,"last":45,"applied":42,"lease_left_ms":800,"keys":3,"bytes":2048,"clients":1}`
	v := view(7,
		statusAt(t, ok(`{"role":"head","state":"member","epoch":7,"last":1234567,"applied":1234567,"keys":100000,"bytes":123456789,"clients":1000}`)),
		statusAt(t, ok(middle)), nobody(t), statusAt(t, ok(`{"role":7}`)), statusAt(t, ok(strings.Repeat(" ", 2<<20)+"{}")),
		statusAt(t, "HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\n\r\n"),
		statusAt(t, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"), statusAt(t, "nonsense\r\n\r\n"), statusAt(t, ""),
	)
	v.Learner = chain.Member{Address: statusAt(t, ok(`{"role":"learner","state":"learning\u001b[2J from\n127.0.0.1:7003","epoch":6}`))}
	store := local.NewStore()
	spare := statusAt(t, ok(`{"role":"spare","state":"waiting to be taken in","epoch":7}`))
	for i, address := range []string{v.Members[0].Address, spare} {
		id := chain.MemberID{Node: chain.NodeID(i + 1), Incarnation: 1}
		if err := store.Register(chain.Registration{Member: chain.Member{MemberID: id, Address: address}, Protocol: 1, Rules: 1}); err != nil {
			t.Fatal(err)
		}
	}
	o := call(func(string, string) (coordinator, error) {
		return &keeper{Client: local.NewClient(store, local.Faults{}), views: []chain.View{v}}, nil
	}, "", "zk:2181/", "status")
	want := []string{
		"chain 0000000000c0ffee epoch 7 target 3",
		"ADDRESS ROLE EPOCH APPLIED PENDING KEYS MEMORY LEASE CLIENTS STATE",
		"head 7 1234567 0 100000 117.7 MiB none 1000 member",
		"middle 7 42 3 3 2.0 KiB 800ms 1 member",
		"unreachable: connection refused",
		"unreachable: it answers something else",
		"unreachable: it answers something else",
		"unreachable: it answers 421",
		"unreachable: it answers 302",
		"unreachable: ",
		"unreachable: the connection broke",
		"learner 6 0 0 0 0 B none 0 learning?[2J from?127.0.0.1:7003",
		"spare 7 0 0 0 0 B none 0 waiting to be taken in",
	}
	rows := o.rows()
	if o.code != 0 || o.err != "" || len(rows) != len(want) {
		t.Fatalf("%+v", o)
	}
	for i, row := range rows {
		if i >= 2 {
			_, row, _ = strings.Cut(row, " ") // the address
		}
		if !strings.HasPrefix(row, want[i]) {
			t.Errorf("row %d is %q, want %q", i, row, want[i])
		}
	}
	for line := range strings.Lines(o.out) {
		if len(line) > 100 && !strings.Contains(line, "learner") {
			t.Errorf("too wide: %s", line)
		}
	}
}

// One server tells of the others, and real ones do.
func TestStatusOfChain(t *testing.T) {
	store, addresses, ends := startChain(t, 4, 3)
	check := func(name, first string, o outcome, roles ...string) {
		t.Helper()
		rows := o.rows()
		if o.code != 0 || o.err != "" || len(rows) != len(roles)+2 || !strings.HasPrefix(rows[0], "chain 0000000000c0ffee epoch ") || !strings.HasSuffix(rows[0], first) {
			t.Errorf("%s: %+v", name, o)
			return
		}
		for i, role := range roles {
			if want := addresses[i] + " " + role; !strings.HasPrefix(rows[i+2], want) {
				t.Errorf("%s: row %q, want %q", name, rows[i+2], want)
			}
		}
	}
	check("all", "target 3", call(inStore(store), "", "zk:2181/", "status"), "head", "middle", "tail", "spare")
	for _, address := range addresses[:3] {
		check("at "+address, "target 3", call(noZooKeeper, "", address, "status"), "head", "middle", "tail")
	}
	ends[3]()
	check("a dead spare", "target 3", call(inStore(store), "status\n", "zk:2181/"), "head", "middle", "tail", "unreachable")
	var sized string
	if _, err := fmt.Sscan(call(noZooKeeper, "", addresses[0], "size").out, &sized); err != nil || sized != "0" {
		t.Error(sized, err)
	}
}
