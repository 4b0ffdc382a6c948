// Package metrics is what a server counts and measures, and how Prometheus reads it (docs/metrics.md lists all of it).
//
// Each server has a Metrics of its own, with a registry of its own: several servers may live in one process. A front end
// makes its Requests with NewRequests, naming its protocol and every command that it knows, and has the Metrics show them
// (Add). From then on it calls, on the connection's goroutine,
//
//	recorder := requests.Connect()             // once a connection; Disconnect at its end
//	recorder.Record(command, outcome, n, took) // once a request, or once for n equal ones that were in flight together
//
// where command is what Requests.Command gave for its name: look it up once, not for every request. A name that is not
// known counts as "other", so that no client can make a label. Record takes no lock and allocates nothing.
//
// A request is timed from when the server took it up to when its reply was made: neither the network nor a client that is
// slow to read counts. Of writes that were in flight together each took as long as all.
//
// Everything that describes the chain is not counted here but read from replica.Status when Prometheus asks.
package metrics
