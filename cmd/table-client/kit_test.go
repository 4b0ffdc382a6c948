package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/chaintable/chaintable/server"
	"github.com/chaintable/chaintable/server/servertest"
)

func TestMain(m *testing.M) {
	testscript.Main(leakless{m}, map[string]func(){"table-client": main})
}

// leakless are tests that leave no goroutine behind.
type leakless struct{ *testing.M }

func (m leakless) Run() int {
	code := m.M.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// outcome is what a run of table-client came to.
type outcome struct {
	code     int
	out, err string
}

// call runs table-client, with stdin as what is piped into it.
func call(stdin string, args ...string) outcome {
	var out, err bytes.Buffer
	code := run(args, strings.NewReader(stdin), &out, &err)
	return outcome{code, out.String(), err.String()}
}

// check compares: out is to be exact, err to be there in part; empty is nothing at all.
func (o outcome) check(t *testing.T, name string, code int, out, err string) {
	t.Helper()
	if o.code != code || o.out != out || !strings.Contains(o.err, err) || err == "" && o.err != "" {
		t.Errorf("%s: exit code %d, printed %.300q, complained %.300q; want %d, %.300q, %q", name, o.code, o.out, o.err, code, out, err)
	}
}

// rows are the lines of a table, each with one space between its words.
func (o outcome) rows() (rows []string) {
	for line := range strings.Lines(o.out) {
		rows = append(rows, strings.Join(strings.Fields(line), " "))
	}
	return rows
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// nobody is an address that refuses connections.
func nobody(t *testing.T) string {
	t.Helper()
	l := listen(t)
	l.Close()
	return l.Addr().String()
}

// serve runs a server at l until it is ended, or the test is.
func serve(t *testing.T, l net.Listener, config server.Config) (end func()) {
	t.Helper()
	s, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		if err := s.Serve(l); err != nil {
			t.Error(err)
		}
	})
	end = sync.OnceFunc(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		accepting.Wait()
	})
	t.Cleanup(end)
	return end
}

// serving is the address of a server of backend.
func serving(t *testing.T, backend server.Backend) string {
	t.Helper()
	l := listen(t)
	serve(t, l, server.Config{Replica: backend})
	return l.Addr().String()
}

// single is the address of a server that is a chain of its own. change, if not nil, may stand between it and its clients.
func single(t *testing.T, change func(server.Backend) server.Backend) string {
	t.Helper()
	return servertest.StartChain(t, 1, func(c *server.Config) {
		if change != nil {
			c.Replica = change(c.Replica)
		}
	})[0].Address
}

// act is the address of something that answers as play says, in its own goroutine for each connection, which play's return closes.
func act(t *testing.T, play func(net.Conn)) string {
	t.Helper()
	l := listen(t)
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				stop := context.AfterFunc(ctx, func() { c.Close() })
				play(c)
				stop()
				c.Close()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		cancel()
		all.Wait()
	})
	return l.Addr().String()
}

// startChain is three servers that are a chain, and their addresses with commas between them.
func startChain(t *testing.T) (members []*servertest.Member, all string) {
	t.Helper()
	members = servertest.StartChain(t, 3, nil)
	var addresses []string
	for _, m := range members {
		addresses = append(addresses, m.Address)
	}
	return members, strings.Join(addresses, ",")
}
