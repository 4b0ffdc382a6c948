// Package table is the state that a chain of replicas keeps: keys with values, and what makes a retried command take
// effect once. It applies the entries of the log, answers reads, and gives and takes snapshots. It does no I/O, knows
// no time and starts no goroutine; equal entries make equal tables, whatever their configuration.
//
// One goroutine applies. Any number of others read meanwhile; no read waits for another, and none that names its keys
// waits for a write:
//
//   - A read of one key follows two pointers and walks a list that never changes.
//   - A read of several keys, and a transaction that only reads, is made again if a write came between (seqlock); after a
//     while it takes a snapshot.
//   - A snapshot is the table after one entry, for as long as it is open.
//
// # Lists
//
// A directory leads to groups of 256 heads, a head to a singly linked list of nodes. Nodes never change: a write makes
// a new list, which shares the end of the old one, and stores its head.
//
//	directory      group          node                      node
//	+--------+     +--------+     +---------+---------+     +---------+---------+
//	| lists  |  +->| head 0 |---->| version |    next |---->| version |     nil |
//	+--------+  |  | head 1 |-nil | data            | |     | data            | |
//	| group 0|--+  |  ...   |     +-----------------|-+     +-----------------|-+
//	| group 1|-nil |head 255|                       v                         v
//	|  ...   |     +--------+           uvarint(len(key)) key value          ...
//	+--------+
//
// A list is numbered by the lowest bits of the hashes of its keys. Where there are more keys than lists, each new key
// parts one list in two; where there are fewer than half as many, each removed key joins two pairs of lists. So no
// write ever waits for a rehash of everything. This is linear hashing, after Litwin, "Linear Hashing: A New Tool for
// File and Table Addressing" (VLDB '80). With six lists:
//
//	list      0    1    2    3    4    5
//	bits    000  001   10   11  100  101      next to be parted: 2, into 010 and 110
//
// A snapshot freezes the directory. The next write copies the directory (8 bytes for each 256 keys), and each group
// before its first change, so what the snapshot sees stays as it is. Nothing is copied that does not change.
//
// # Once only
//
// Sessions, their results, the numbers that were lost (skipped by a new head, or refused) are state like any other:
// see design.md, section 6. A request that is found in its session is answered with the stored result; one below
// done-below or below one that was executed, or of a session that was forgotten, or that is no valid command, is refused.
// (A request that the head refuses for lack of memory, and that is handed to it again when there is some, would else
// take effect behind those that came after it.)
//
// # Encodings
//
// All are messages of Protocol Buffers, described in api/chaintable/storage/v1, written and read by hand. Field
// numbers rise within a message; zero and empty fields are left out; unknown ones are refused, for a command must mean
// the same at every replica. A command that sets key "k" to "v", and the entry that carries it as number 7 of epoch 2,
// request 5 of session 3:
//
//	08 01              1 op         put            08 07              1 seq         7
//	12 06              2 pairs      6 bytes        10 02              2 epoch       2
//	   0a 01 6b           1 key     "k"            18 01              3 kind        command
//	   12 01 76           2 value   "v"            20 03              4 session     3
//	                                               28 05              5 number      5
//	                                               30 05              6 done below  5
//	                                               3a 0a 08 01 12 ... 7 command     10 bytes
//
// A snapshot travels as chunks, cut anywhere between two fields of one long message:
//
//	1 header | 2 item | 2 item | ... | 3 session | ... | 4 lost range | ... | 5 end
//
// The header has format 1, the position, the number of items, sessions and ranges, and the digest's sum; a Restorer
// checks them all. Sessions come in the order of their last use, so that the restored table forgets the same ones.
package table
