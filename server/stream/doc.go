// Package stream is a client's connection with bounded memory in both directions, as the front ends of server use it.
//
// Input: the bytes that came and are not consumed yet are kept in one piece, in memory allocated as they arrive. A
// connection that waits with nothing holds no buffer; one that waits with part of a message holds little more than that
// part. What exceeds the small buffers is taken from a Quota that all connections share.
//
// Output: what the socket does not take at once is queued and drained by a goroutine that lives only as long as the queue,
// while the connection's own goroutine goes on reading. So a client that sends a huge pipeline and reads the replies only
// afterwards does not deadlock. Pace keeps the queue bounded; Write waits only within a long reply.
//
// One goroutine owns a Conn's input and may write; Abort may be called by any, Close by the owner.
package stream
