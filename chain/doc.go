// Package chain is the protocol of Chaintable: a pure state machine that decides everything about a chain of
// replicas and does nothing itself. It follows van Renesse & Schneider, "Chain Replication for Supporting High
// Throughput and Availability" (OSDI '04), with reads at every replica after Terrace & Freedman, "Object Storage
// on CRAQ" (ATC '09). docs/divergence.md lists where it leaves them.
//
// A Replica is one server's part. Its owner, a loop (package replica) or a simulator (package sim), hands it what
// happens, one Input at a time with the time at which it did, and then does what each Ready says:
//
//	for {
//		r.Step(now, input)
//		for ready := r.Ready(); !ready.Empty(); ready = r.Ready() {
//			... // do it
//		}
//	}
//
// There is no I/O, clock, goroutine, lock or randomness in here; only the Gate may be read by other goroutines.
//
// # A write
//
// A client's command is a request of the server that it talks to (requests.go), which hands it to the head, in order
// and in a session, so that it can be handed out again. The head gives it the next Seq (head.go). The entry runs down
// the chain (down.go, up.go); with it runs stable, the mark up to which all replicas above hold the log durably. The
// tail commits what is stable (commit.go), acknowledgements carry committed up, and every replica applies what is
// committed. The one that the client asked answers.
//
//	applied <= committed <= stable <= last
//
// # A read
//
// Connections read the table themselves, as the Gate (gate.go) tells them: under a lease that each heartbeat at the
// coordinator renews (registration.go), or behind a barrier, a no-op down the chain (barrier.go).
//
// # The view
//
// Who is in the chain is one record at the coordinator. detector.go watches whose registration stands still;
// change.go proposes the next view; evict.go names those that others cannot reach; leave.go goes in good order;
// operate.go does what operators order; restart.go brings a dead chain back. A newcomer is the learner of the tail (teacher.go and learner.go, the two
// sides), which steps back as tail in fact before it does in name. What it was away for it gets from memory, from the tail's disk (recall.go), or with a snapshot;
// progress.go tells how far it is.
//
// # Messages by role
//
//	message      from                   to                     else
//	Hello        predecessor, tail      successor, learner     ignored
//	Welcome      successor, learner     predecessor, tail      ignored, as one of another link
//	Append       predecessor, tail      successor, learner     ignored; behind a wrong entry the link closes
//	Ack          successor, learner     predecessor, tail      ignored, as one of another link
//	Snapshot     tail                   learner                ignored
//	SnapshotAck  learner                tail                   ignored
//	Propose      member                 head                   ignored
//	Proposed     head                   member                 ignored, as one of another stream
//	Barrier      member                 head                   ignored
//	Ping         member                 member                 ignored
//	Stale        anybody                anybody                read the view
//
// A message of an older epoch, or for another incarnation, is answered with Stale; one of a newer epoch is kept until
// that epoch is adopted (replica.go). No message of a peer may panic, whatever it says.
package chain
