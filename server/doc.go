// Package server is the one port on which a Chaintable server talks to everybody (design.md, section 8). It accepts
// connections, tells from their first bytes which protocol they speak, and gives each to a front end:
//
//	0x08                       server/wire, the protocol of the course that the project began from
//	'*', or a printable line   server/resp, Redis' protocol
//	0xCA 'chain' 0x01          Config.Links, another server of the chain
//	a line ending in HTTP/1.x  server/web, how the server is
//	'PRI * HTTP/2.0'           server/rpc, gRPC
//	0x16                       TLS: not built yet, closed with a line in the log
//
// A connection's first bytes decide for its whole life. One that has said nothing may stay silent; once a byte came it has
// ten seconds to tell. When the clients are as many as they may be, connections are still accepted for links and HTTP.
package server
