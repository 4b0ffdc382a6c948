package local_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chaintable/chaintable/coord"
	"github.com/chaintable/chaintable/coord/coordtest"
	"github.com/chaintable/chaintable/coord/local"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	coordtest.Run(t, func(*testing.T) func(string) coord.Client {
		store := local.NewStore()
		return func(string) coord.Client { return local.NewClient(store, local.Faults{}) }
	})
}

// TestContractTardy keeps the contract with late and stale answers and late news.
func TestContractTardy(t *testing.T) {
	coordtest.Run(t, func(*testing.T) func(string) coord.Client {
		store, seed := local.NewStore(), uint64(0)
		return func(string) coord.Client {
			seed++
			return local.NewClient(store, local.Tardy(seed, 20*time.Millisecond))
		}
	})
}
