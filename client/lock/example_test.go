package lock_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/client/lock"
	"github.com/chaintable/chaintable/server/servertest"
)

func ExampleMutex() {
	s, err := servertest.Run("127.0.0.1:0", servertest.Options{}) // in place of a server that runs already
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	c, err := client.Open(client.Config{Servers: []string{s.Address}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	m, err := lock.NewMutex(c, "locks/printer", lock.Options{Holder: "host 7"})
	if err != nil {
		log.Fatal(err)
	}
	l, err := m.Lock(ctx)
	if err != nil {
		log.Fatal(err)
	}
	// Whoever prints gets the token, and refuses jobs with a lower one than it has seen. What is in the chain is guarded in the transaction itself:
	r, err := c.Txn(ctx, client.Txn{
		If:   []client.Compare{l.Guard()},
		Then: []client.Step{client.PutStep("printer/job", []byte("42"))},
	})
	fmt.Println(r.Succeeded, err, l.Token() > 0)
	if err := l.Unlock(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: true <nil> true
}
