// Package link carries the messages of package chain between servers.
//
// A Transport has one connection for each direction: each side dials the other in order to send, and the other
// never speaks on it. So a connection that ends says which messages may be lost, and a server that is not heard
// can still hear. TCP is the Transport of servers, Memory a network of them inside a test.
//
// # What is promised
//
// Messages of one sender to one receiver arrive in the order sent, once, over reconnects too. Nothing is lost
// without a Reset of the sender's handler; package chain then opens its own link anew and sends again. Nothing is
// authenticated or encrypted.
//
// # What is bounded
//
// What waits for a peer, in bytes and messages: beyond it the peer's queue is dropped, with a Reset. Frames, before
// memory is taken for them; connections of others; the memory of unfinished frames. A receiver that is slow blocks in
// Receive, its kernel's buffers fill, then the sender's queue.
//
// # Bytes
//
// The server that dials writes Preamble, 0xCA 'c' 'h' 'a' 'i' 'n' 0x01, and then frames:
//
//	 0               4               8                        8 + length
//	+---------------+---------------+------------------------+
//	| length        | CRC32C of the | payload: one           |
//	| of payload    | payload       | chaintable.link.v1.    |
//	| big endian    | big endian    | Frame, protobuf        |
//	+---------------+---------------+------------------------+
//
// Every Frame has the protocol version, and those of the chain also chain id, epoch, sender and receiver. The first
// frame says what the connection is for:
//
//	dialler                          listener
//	  Preamble Open(from, number) ->            all frames that follow are messages from `from`;
//	  Append ... Append ... Ping ->             a connection with a higher number ends this one
//
//	  Preamble Probe(to)          ->
//	                              <- Probed(from)   who is there; then it closes
//
// Entries travel in the bytes that the head made. A frame that is too long, does not check or cannot be decoded ends
// the connection. api/chaintable/link/v1/link.proto is the reference for the payload; here it is written and read by
// hand.
//
// # Goroutines
//
// For each peer that is sent to: one that dials and writes (peer.run), and one that notices that the connection has
// ended (connection.watch). For each connection of another server: that of Serve's caller, which calls Receive. All
// end with Stop. A peer to whom nothing was sent for some time is forgotten.
package link
