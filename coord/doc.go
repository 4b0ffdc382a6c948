// Package coord is what Chaintable needs of a coordinator: who is alive, and what the view is. Client is the
// whole of it; coord/local implements it inside one process, coord/coordtest is the suite of tests that every
// implementation passes. Nothing here decides anything: package chain does, from the answers.
//
// # What is kept
//
// One registration per server and incarnation, and one view. Each is a record with a version: 0 when it is
// created, one more each time it is written. A record that was deleted and created again starts anew at 0.
//
// # What an answer proves
//
// A change (Register, Heartbeat, Delete, Change) that is answered with nil, ErrConflict or ErrMissing was decided
// at one moment between call and answer, on the newest state. That is the only proof of anything: only a write that
// succeeded shows that this server could not have been removed unseen (design.md, section 4).
//
// A read (List, View) shows one state of the store, and perhaps an old one. Within one session reads never go
// back, and they show at least everything that an earlier answer to a change of this client was decided on, its own
// effect included. A read with sync shows at least every change answered before it was asked, to any
// client; but a server of the coordinator that is cut off from the others may not know that it is behind, so safety
// must not rest on it.
//
// A session ends when the coordinator has not heard of the client for too long, and the next one begins by itself,
// with a higher number. Then reads may go back once. Registrations and views belong to no session and outlive it.
//
// # The records
//
// Both are JSON in one line, so that people can read them with any tool:
//
//	server  {"v":1,"protocol":1,"rules":1,"address":"127.0.0.1:7001","durable":true,"boot":"…","last":[41,7],"silent":["000000000000002a.3"],"leaving":false,"timeout_ms":1000}
//	view    {"v":1,"protocol":1,"rules":1,"chain":"…","epoch":7,"members":[{"id":"…","incarnation":3,"address":"…","durable":true}],"learner":null,"target":0}
//
// The name of a server's record is "id.incarnation". Chains and servers are 16 hex digits; last is [seq, epoch] of a complete log, null for another. Decoding
// takes exactly what encoding writes, but for white space: what is different was written by something that
// knows more or less than this release, and guessing what it meant would be worse than an error.
package coord
