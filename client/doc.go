// Package client is the Go client of Chaintable.
//
// A Client finds the servers of a chain, from the address of any of them or from ZooKeeper, and follows the chain when it changes. It sends
// writes to the head and reads to the nearest server. What fails it tries again, at other servers too, until the call's context ends: give each
// call a context with a deadline.
//
//	c, err := client.Open(client.Config{Servers: []string{"127.0.0.1:7001"}})
//	...
//	defer c.Close()
//	seq, err := c.Put(ctx, "greeting", []byte("hello"))
//
// # Once
//
// Each write takes effect at most once, however often it was tried: writes are numbered in sessions, which the servers keep. A call that fails tells
// what is known (OutcomeOf): it did not happen, and never will; or it may have happened, and may happen yet. The latter ends at the next write of this
// Client that is answered: what was given up never takes effect behind it.
//
// # Reads
//
// A read sees every write that was acknowledged before it began, whoever wrote it. With Committed it is answered from what the
// nearest server holds, at once.
package client
