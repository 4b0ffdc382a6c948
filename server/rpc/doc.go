// Package rpc speaks gRPC: chaintable.v1, which api/chaintable/v1/*.proto describe, with the health service and reflection.
//
// A server in the chain answers by itself. One outside it forwards each call to one that is in it, once: a forwarded call carries
// the metadata chaintable-forwarded, and is not forwarded again.
//
// # Bounds
//
// gRPC reads a message of up to 64 MiB before anybody here sees it, and keeps what a client does not read. So connections are metered (conn):
//
//	input   what was read since no request was there in part; counted in the quota of all connections, and beyond it the
//	        connection is closed
//	output  replies from when they are made until the socket has taken them; beyond 256 MiB, or after a minute in which
//	        the client has taken nothing, the connection is closed
//
// What all connections have together is bounded, too: 65,536 calls under way, and 1 GiB of replies that nobody reads. Beyond it the connection
// that has most of them is closed. Of transactions under way all compares and steps are counted, because a short one may take a hundred times the memory of
// its bytes: beyond 4,194,304 a transaction is refused, and one that alone has more than it may is not decoded to its end.
//
// All methods of Front may be called concurrently.
package rpc
