// Package replica is the runtime of one server: a loop that owns a chain.Replica and its table and carries out what the
// former decides. It holds no rule of the protocol.
//
// Goroutines: the loop, one for each request to the coordinator or probe under way (at most one of each type), and one that
// passes on the coordinator's news. Close ends them all. Everything else runs on the callers' goroutines: Write hands commands to
// the loop and waits; Read reads the table itself, with what chain.Gate publishes.
package replica
