// Package lock has a mutex and a leader election on a chain, for processes that share work.
//
// # Fencing
//
// No lock that ends by itself can keep a process that was suspended from believing, for a moment, that it still has it (Kleppmann, "How to do
// distributed locking", 2016; Gray & Cheriton, "Leases", SOSP '89). So each Lease has a Token, the number of the write that took it: a later
// holder's is higher. Give it to what the lock protects, which refuses tokens lower than the highest it has seen. What is protected is in the
// chain itself? Then put Lease.Guard among the conditions of the transaction that changes it.
//
// Tokens are numbers of one chain. If all its servers die, it begins anew, empty, and counts from 1 again: then what refuses low tokens has to be told to
// forget the highest that it has seen.
//
// # How it works
//
// The lock is a key; its value names the holder and this spell of holding, and its version is the heartbeat:
//
//  1. If there is no such key, whoever creates it has the lock. The number of that write is the token.
//  2. The holder writes the same value again every third of TTL.
//  3. Another who has seen the version stand still for the TTL that the value tells, on its own clock, replaces the value at that version: one of several can.
//  4. The holder counts its lease as lost when its last successful write began 0.8 TTL ago, or when it finds another value.
//
// Clocks need not agree, only run at the same speed within one part in five.
package lock
