package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sort"
	"strconv"
	"time"

	"github.com/chaintable/chaintable/client"
	"github.com/chaintable/chaintable/server/servertest"
)

// exampleServer is where the examples' server listens. It takes the place of one that runs already.
func exampleServer() (address string, stop func()) {
	s, err := servertest.Run("127.0.0.1:0", servertest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	return s.Address, func() { s.Close() }
}

func Example() {
	address, stop := exampleServer()
	defer stop()

	c, err := client.Open(client.Config{Servers: []string{address}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	seq, err := c.Put(ctx, "greeting", []byte("hello"))
	if err != nil {
		log.Fatal(err)
	}
	e, err := c.Get(ctx, "greeting")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, of the write that was acknowledged: %v\n", e.Value, e.Version == seq)
	_, err = c.Get(ctx, "nothing")
	fmt.Println(errors.Is(err, client.ErrNotFound))
	// Output:
	// hello, of the write that was acknowledged: true
	// true
}

// A counter that is exact, whatever happens to servers: if another client was faster, the write does not happen, and it is tried with what is there now.
func ExampleIfVersion() {
	address, stop := exampleServer()
	defer stop()
	c, err := client.Open(client.Config{Servers: []string{address}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	add := func(key string, delta int) error {
		for {
			e, err := c.Get(ctx, key)
			if err != nil && !errors.Is(err, client.ErrNotFound) {
				return err
			}
			n, _ := strconv.Atoi(string(e.Value)) // no such key: 0, at version 0
			_, err = c.Put(ctx, key, []byte(strconv.Itoa(n+delta)), client.IfVersion(e.Version))
			if !errors.Is(err, client.ErrCondition) {
				return err
			}
		}
	}
	for _, delta := range []int{3, 4, -2} {
		if err := add("visits", delta); err != nil {
			log.Fatal(err)
		}
	}
	e, err := c.Get(ctx, "visits")
	fmt.Printf("%s %v\n", e.Value, err)
	// Output: 5 <nil>
}

func ExampleClient_Txn() {
	address, stop := exampleServer()
	defer stop()
	c, err := client.Open(client.Config{Servers: []string{address}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	// Two keys change together, or not at all.
	r, err := c.Txn(ctx, client.Txn{
		If:   []client.Compare{client.Absent("user/7"), client.Absent("name/ann")},
		Then: []client.Step{client.PutStep("user/7", []byte("ann")), client.PutStep("name/ann", []byte("7"))},
		Else: []client.Step{client.GetStep("name/ann")},
	})
	fmt.Println(r.Succeeded, err)
	// Output: true <nil>
}

func ExampleClient_Entries() {
	address, stop := exampleServer()
	defer stop()
	c, err := client.Open(client.Config{Servers: []string{address}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, key := range []string{"fruit/apple", "fruit/pear", "tree/oak"} {
		if _, err := c.Put(ctx, key, []byte("1")); err != nil {
			log.Fatal(err)
		}
	}

	var keys []string
	for e, err := range c.Entries(ctx, "fruit/") {
		if err != nil {
			log.Fatal(err) // some may be missing
		}
		keys = append(keys, e.Key)
	}
	sort.Strings(keys)
	fmt.Println(keys)
	// Output: [fruit/apple fruit/pear]
}

// Hooks count tries and calls; a tracer would begin a span in Begin, put its context into the metadata of the call, and end it in End.
func ExampleHooks() {
	address, stop := exampleServer()
	defer stop()
	type callKey struct{}
	c, err := client.Open(client.Config{Servers: []string{address}, Hooks: client.Hooks{
		Begin: func(ctx context.Context, call client.Call) context.Context {
			return context.WithValue(ctx, callKey{}, time.Now())
		},
		End: func(ctx context.Context, call client.Call, end client.End) {
			_, begun := ctx.Value(callKey{}).(time.Time)
			fmt.Println(call.Op, call.Key, client.OutcomeOf(end.Err), begun)
		},
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := c.Put(ctx, "k", nil); err != nil {
		log.Fatal(err)
	}
	// Output: put k executed true
}

// What is known of a call that failed decides what may be done next.
func ExampleOutcomeOf() {
	c, err := client.Open(client.Config{Servers: []string{"127.0.0.1:1"}}) // nobody is there
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err = c.Put(ctx, "k", []byte("v"))
	switch client.OutcomeOf(err) {
	case client.Happened:
		fmt.Println("done")
	case client.DidNotHappen:
		fmt.Println("nothing has happened, nor will it")
	case client.MayHaveHappened:
		fmt.Println("look, before you do something else")
	}
	// Output: nothing has happened, nor will it
}
