package zookeeper_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/coordtest"
	"github.com/chaintable/chaintable/coord/zookeeper"
	"github.com/chaintable/chaintable/internal/needs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sessionTimeout is that of the tests: the least that ZooKeeper grants at tickTime 500.
const sessionTimeout = time.Second

func TestContract(t *testing.T) {
	contract(t, needs.AnyZooKeeper(t))
}

func TestContractOfAnEnsemble(t *testing.T) {
	var addresses []string
	for _, z := range needs.StartEnsemble(t, 3, nil) {
		addresses = append(addresses, z.Address)
	}
	contract(t, strings.Join(addresses, ","))
}

// contract runs the suite, each test below a chroot of its own.
func contract(t *testing.T, servers string) {
	coordtest.Run(t, func(t *testing.T) func(string) coord.Client {
		connect := servers + chroot()
		return func(string) coord.Client { return open(t, connect) }
	})
}

var chroots atomic.Int64

// chroot is one that no other test uses, nor another process that shares the ZooKeeper.
func chroot() string { return fmt.Sprintf("/test-%x-%d", time.Now().UnixNano(), chroots.Add(1)) }

// open is a client. The test closes it at the latest.
func open(t *testing.T, connect string) *zookeeper.Client {
	t.Helper()
	where, err := zookeeper.Parse(connect)
	if err != nil {
		t.Fatal(err)
	}
	c, err := zookeeper.Open(zookeeper.Config{Connect: where, SessionTimeout: sessionTimeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
