// Package retry decides what a client does about a request until it knows what became of it: which server it asks, for how long, whether it asks
// again, in which session, and what it says in the end. It has no I/O, clock or goroutine; the simulator drives it as package client
// does. Nothing here is safe for concurrent use.
//
// Three parts, each a few rules:
//
//   - Servers: whom to ask first. Whoever of the chain is asked, the answer is right: a wrong guess costs time. A client keeps to the chain that it met
//     first until that is gone, and asks servers of others for nothing but their view.
//   - Request: one request from its first try to its last. It is tried again, under the same number, until it is answered or given up.
//   - Sessions: a session has one request under way at a time, so requests cannot overtake each other in it. One whose request was given up is in doubt:
//     the request may take effect yet. The next write uses that session, with a higher number, and its answer ends the doubt, because a
//     request below one that was executed never takes effect (design.md, section 6). Until then no other write begins. Where several sessions are
//     in doubt, requests that change nothing end the doubt of all but one first. So
//     what a client has given up never takes effect behind a write that it has begun later and seen answered. (While the coordinator has lost
//     everything there may be two chains for some time. A client that meets both takes a session of one for forgotten when it asks the other.)
//
// Times are since any fixed moment.
package retry
