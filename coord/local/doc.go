// Package local is a coordinator inside one process: for `table-server demo`, for a server started without
// ZooKeeper, and for tests. Store is the truth; it does what it is told at once, and can be driven by a
// simulator in one goroutine. Client is one server's access to it, with the faults that a real coordinator has: late and
// stale answers, lost watches, outages, sessions that end, changes whose outcome is unknown.
//
// Neither starts a goroutine: a late answer is a caller that waits, whatever comes later is a timer.
package local
