// Package sim runs whole clusters of Chaintable from one seed: many servers, their clients, the network between them, their
// disks and the coordinator, in one goroutine on virtual time. The protocol (chain) and the state (table) in it are
// the real ones; everything around them is modelled, and misbehaves as the seed says.
//
//	options.go      what a seed switches on (a swarm: each run has its own mix); kinds.go names the faults
//	themes.go       what half of the runs are about
//	dice.go         chance, from the seed
//	world.go        virtual time: a heap of events
//	run.go          a run from its start to the judgement; stats.go counts what happened
//	network.go      connections that delay, stall, break and lose
//	coordinator.go  records with versions; late, stale, lost and unknown; wipe.go loses them all
//	server.go       places where processes live, die, pause and return
//	process.go      one life of a server: clock, pauses, inputs and turns of its loop
//	carryout.go     carries out chain.Ready as the runtime does
//	serve.go        the front end: writes, reads through chain.Gate, verify
//	disk.go         the real storage of a durable server, on a model of a disk; power.go takes the power, and spoils bytes
//	client.go       clients that write, read, retry and die; workload.go says what, op.go what became of it
//	library.go      clients for which client/retry decides, as it does for package client; follow.go has them follow the view
//	faults.go       when something goes wrong
//	rot.go          a table that goes wrong
//	checker_*.go    what must be true all the same; they know nothing of chain's insides
//	story.go        the last events before a failure, to be read by people; show.go puts them into words
//	shrink.go       what a failing run can do without
//
// sim/soak runs seeds for as long as one likes, sim/hunt until one fails, and sim/mutants breaks the rules of the protocol.
//
// Nothing here is safe for concurrent use, and nothing needs to be: a Run is one goroutine. The same seed and options
// give the same run, event for event; no map is iterated where its order could matter.
package sim
